"""The parameters that several routes take, with their ranges."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from store.model.times import to_us

BIGGEST_ID = 2**63 - 1
BATCH_NAME = r"^[^\x00-\x1f/]+$"  # ingest takes no other
NAME = r"^[^\x00-\x1f]+$"
LONGEST_NAME = 200  # characters, as ingest takes them
LATEST_MS = 4_102_444_800_000  # the year 2100
LONGEST_H = 100_000.0  # eleven years of process time
LONGEST_STEP_S = 30 * 86_400
LARGEST = 1e300  # of a value
MOST_VALUES = 64  # of a comma-separated parameter

BatchName = Annotated[str, Path(max_length=LONGEST_NAME, pattern=BATCH_NAME, description="name of a batch")]
AlertNumber = Annotated[int, Path(ge=1, le=BIGGEST_ID, description="number of an alert")]
Cursor = Annotated[int, Query(ge=1, le=BIGGEST_ID, description="next_cursor of the page before")]
AscendingCursor = Annotated[int, Query(ge=0, le=BIGGEST_ID, description="next_cursor of the page before")]
RunNumber = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="run of the batch's monitor; absent: the one that stands")
]
FromH = Annotated[float, Query(ge=0, le=LONGEST_H, description="process hours to begin at")]
StepS = Annotated[
    int | None,
    Query(ge=0, le=LONGEST_STEP_S, description="seconds a step; 0: every reading; absent: as a chart needs"),
]
TagName = Annotated[str, Query(min_length=1, max_length=LONGEST_NAME, pattern=NAME, description="name of a tag")]
Limit = Annotated[int, Query(ge=1, le=500, description="rows on a page")]
OptionalName = Annotated[str | None, Query(min_length=1, max_length=LONGEST_NAME, pattern=NAME)]
Names = Annotated[str, Query(max_length=4000, pattern=r"^[^\x00-\x1f]*$", description="names, separated by commas")]
Milliseconds = Annotated[int, Query(ge=0, le=LATEST_MS, description="milliseconds since 1970-01-01T00:00Z")]


def _exact(given: object) -> object:
    if isinstance(given, int) and abs(given) <= LARGEST and float(given) != given:
        raise ValueError("is a whole number beyond 2^53 that cannot be held exactly")
    return given


def _in_range(time: datetime) -> datetime:
    if not EARLIEST <= time <= LATEST:
        raise ValueError("must lie between the years 1970 and 2100")
    return time


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime.fromtimestamp(LATEST_MS / 1000, UTC)
Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]
KnownAt = Annotated[
    Instant | None, Query(description="an instant: what the record held then; absent: what it holds now")
]
# A form that nobody has filled in sends an empty text.
KnownOrEmpty = Annotated[Instant | None, BeforeValidator(lambda said: said or None), Query()]
Reason = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
Number = Annotated[float, BeforeValidator(_exact), Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=BIGGEST_ID)]


def split(names: str) -> list[str]:
    """The values of a comma-separated parameter, each once, without empty ones, at most MOST_VALUES.

    >>> split("pH, temperature,,pH")
    ['pH', 'temperature']
    """
    once = dict.fromkeys(part.strip() for part in names.split(","))
    return [name for name in once if name][:MOST_VALUES]


def to_ms(time: datetime | None) -> int | None:
    """Whole milliseconds since 1970, as Grafana wants times, never later than `time`; None stays None."""
    return None if time is None else to_us(time) // 1000


def from_ms(milliseconds: int) -> datetime:
    """The aware datetime of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
