"""Where things are made and what is measured there."""

from dataclasses import dataclass
from enum import StrEnum

from store.model.ids import PositionId, TagId, UnitId


class ReportingMode(StrEnum):
    """When a tag is expected to speak; completeness is judged by it."""

    PERIODIC = "periodic"  # every interval_s
    ON_CHANGE = "on_change"  # on leaving the deadband, at the latest after longest_silence_s
    MANUAL = "manual"  # by a schedule, by hand


class CaptureMode(StrEnum):
    """How a value came to be written down."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One piece of equipment, such as a bioreactor or an incubator."""

    unit_id: UnitId
    site: str
    area: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a unit. Several batches may share a unit, one batch a position."""

    position_id: PositionId
    unit_id: UnitId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One measured series of a unit, or of a position in it, with the configuration in force."""

    tag_id: TagId
    unit_id: UnitId
    position_id: PositionId | None  # None: it speaks for every position of the unit
    name: str
    measurand: str  # what is measured: "dissolved oxygen"
    unit_of_measure: str  # UCUM; "1" when it has none
    physical_low: float | None  # below it a value is stored with quality bad
    physical_high: float | None
    reporting_mode: ReportingMode
    interval_s: float | None  # periodic: between readings; on_change: the longest silence
    mapped: bool  # False while nobody has said what this tag is
