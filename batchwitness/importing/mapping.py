"""What a mapping file says: which files there are, what their columns mean and which tags their names stand for."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from store.errors import InputInvalid
from store.model.plant import CaptureMode

MAPPING_FILE = "mapping.toml"


class Kind(StrEnum):
    """What the rows of a file are."""

    READINGS = "readings"  # of an historian
    PAPER = "paper"  # taken by hand and typed in later
    INTERVALS = "intervals"  # in which batches occupied equipment, with their phases
    EVENTS = "events"  # one a row, with the fields of the topic contract
    RESULTS = "results"  # the same


class Layout(StrEnum):
    """How readings stand in a table."""

    LONG = "long"  # one value a row: time, tag, value
    WIDE = "wide"  # one instant a row, one column a tag


class OtherNames(StrEnum):
    """What becomes of a name that the mapping does not list."""

    PUT_ASIDE = "put_aside"  # its rows go into quarantine
    SKIP = "skip"  # its rows are counted and left in the file
    TAKE = "take"  # it is a tag of the file's unit under its own name


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Name(_Said):
    """The tag that a name of the file stands for; what is not said is the file's."""

    tag: str
    unit: str | None = None  # site/area/unit
    position: str | None = None
    unit_of_measure: str | None = None  # UCUM, of the values in the file; None: that of the tag
    value_resolution: float | None = Field(default=None, gt=0)  # of a display that was read; None: the last place
    measurand: str | None = None  # must be said, and be the tag's, where units of measure differ


def _as_name(said: object) -> object:
    return {"tag": said} if isinstance(said, str) else said


class FileMapping(_Said):
    """What is said of the files that `path` finds."""

    path: str  # a glob, relative to the directory
    kind: Kind = Kind.READINGS
    layout: Layout = Layout.LONG
    columns: dict[str, str] = {}  # field to heading; a field that is not listed stands under its own name
    unit: str | None = None  # site/area/unit, of rows that name none
    units: dict[str, str] = {}  # what stands in the column `unit`, to site/area/unit
    position: str | None = None
    names: dict[str, Annotated[Name, BeforeValidator(_as_name)]] = {}  # by name in the file: tag column or heading
    other_names: OtherNames = OtherNames.PUT_ASIDE
    time_zone: str | None = None  # IANA name; for times that carry no offset
    time_format: str = "iso"  # iso, epoch_s, epoch_ms, or the directives of strptime
    ambiguous: Literal["put_aside", "first", "second"] = "put_aside"  # an hour that a clock showed twice
    nonexistent: Literal["put_aside", "offset_before", "offset_after"] = "put_aside"  # one that it skipped
    decimal: Literal[".", ","] = "."
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    skip_lines: int = Field(default=0, ge=0)  # before the headings
    missing: tuple[str, ...] = ()  # texts that stand where nothing was recorded
    second: str | None = None  # of paper: where the second person's entries are; * as in path
    pages: str = "."  # of paper: where the images of pages are
    capture_mode: CaptureMode = CaptureMode.MANUAL  # of paper; automatic: printouts that were typed in
    time_resolution_s: float | None = Field(default=None, gt=0)  # of paper: how finely the clock was read
    qualities: dict[str, Literal["good", "uncertain", "bad"]] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.time_zone is not None:
            try:
                ZoneInfo(self.time_zone)
            except (ValueError, OSError):
                raise ValueError(f"time_zone {self.time_zone!r} is no name of a time zone") from None
        try:
            line_ends_alike = "\n".encode(self.encoding) == b"\n"
        except LookupError:
            raise ValueError(f"encoding {self.encoding!r} is not known") from None
        if not line_ends_alike:
            raise ValueError(f"encoding {self.encoding!r} does not write a line end as one byte: convert the file")
        if self.kind is not Kind.PAPER and (self.second is not None or self.time_resolution_s is not None):
            raise ValueError("second and time_resolution_s are said of paper alone")
        if self.second is not None and (self.second.count("*") != self.path.count("*") or self.path.count("*") > 1):
            raise ValueError(f"second {self.second!r} and path {self.path!r} need one * each, or none")
        for path in (*self.units.values(), self.unit, *(name.unit for name in self.names.values())):
            if path is not None and path.count("/") != 2:
                raise ValueError(f"unit {path!r} is not site/area/unit")
        return self

    def heading(self, field: str) -> str:
        """The column in which a field stands."""
        return self.columns.get(field, field)


class Mapping(_Said):
    """The whole mapping file. What stands under [defaults] holds for every file that does not say otherwise."""

    file: tuple[FileMapping, ...] = Field(min_length=1)


def load_mapping(file: Path) -> Mapping:
    """Read a mapping file. Raises InputInvalid with every problem: where it stands and what is wrong."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputInvalid(f"no mapping: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{file} is not TOML: {error}") from error
    defaults = said.pop("defaults", {})
    files = said.get("file")
    if isinstance(defaults, dict) and isinstance(files, list):
        said["file"] = [defaults | one if isinstance(one, dict) else one for one in files]
    try:
        return Mapping.model_validate(said)
    except ValidationError as error:
        problems = "\n".join(
            f"{file}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        )
        raise InputInvalid(problems) from error
