"""What is raised when something needs a person."""

from dataclasses import dataclass, field
from enum import StrEnum


class AlertKind(StrEnum):
    """Why an alert was raised. Plant alarms are input, never alerts."""

    DRIFT = "drift"  # against the new process's own reference or an approved range
    DEPARTURE = "departure"  # from the old process, at matched points only
    RANGE = "range"  # outside an approved range
    SILENCE = "silence"  # a tag or a unit stopped speaking
    QUALITY = "quality"  # readings that cannot be used: bad for a while, or single ones far off
    SIGNAL = "signal"  # between batches


class AlertSeverity(StrEnum):
    """How soon somebody has to look (`analytics.severity` says by which rule). No statement about the product."""

    LOW = "low"  # when there is time: it is kept, and leaves a tile of the board as it is
    MEDIUM = "medium"  # today
    HIGH = "high"  # now


class AlertState(StrEnum):
    """The life cycle of an alert."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    ASSESSED = "assessed"
    CLOSED = "closed"


class AlertImpact(StrEnum):
    """What an assessed alert means for the batch."""

    NONE = "none"
    POSSIBLE = "possible"  # has to be weighed where the batch is released
    CONFIRMED = "confirmed"


class AlertCause(StrEnum):
    """Where the cause of an assessed alert lies."""

    EQUIPMENT = "equipment"
    SENSOR = "sensor"
    MATERIAL = "material"
    PROCEDURE = "procedure"  # how people or the control system ran it
    PROCESS = "process"  # the process itself has moved
    REFERENCE = "reference"  # nothing was wrong: what it was held against does not fit
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of one kind in one batch, with what is needed to question it."""

    ordinal: int  # 1, 2, … inside its monitor: the same journal gives the same numbers
    kind: AlertKind
    severity: AlertSeverity  # never falls while an episode lasts
    detector: str  # the layer whose score and limit are told: "ewma", "balance", "departure", "range", "silence", …
    tags: tuple[str, ...]  # names, largest contribution first
    raised_us: int  # the instant in unit time at which it could be known: the end of the cell that raised it
    onset_us: int  # estimate of when it began
    ended_us: int | None = None  # None while it lasts
    phase_time_h: float  # hours since the start of the unit procedure
    score: float  # the statistic that crossed its limit
    limit: float
    sentence: str  # for a person, complete: what, how much, since when
    contributions: tuple[tuple[str, float], ...] = ()  # tag, share of the score; shares sum to 1
    cells: tuple[dict[str, float | int | str], ...] = field(default=())  # tag, cell, value, z, score of the evidence
    reference_digest: str | None = None  # hex; None for alerts that need no reference
    software: str = ""  # version that computed it
