"""What a chart over batches tells: its points, the versions of its limits, the signals of its rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from store.model.chart import LimitsState, Summary, WithoutNumber
from store.model.result import Scale


class ChartRow(BaseModel):
    """One chart at a glance."""

    chart: int
    process: str
    attribute: str | None
    tag: str | None
    phase: str | None
    summary: Summary | None
    scale: Scale
    unit_of_measure: str
    failure: str | None  # why it could not be judged at last
    limits_version: int | None  # in use
    limits_kind: str | None
    limits_n: int | None
    drafts: int
    batches: int
    signals: int  # that hold
    data_until: datetime | None  # start of the newest batch on it
    known_until: datetime | None  # when the newest value on it came to be known

    @property
    def subject(self) -> str:
        """What it shows, in words."""
        if self.attribute is not None:
            return self.attribute
        of = f"{self.summary} of {self.tag} in {self.phase}"
        return f"duration of {self.phase}" if self.summary is Summary.DURATION else of


class LimitPoint(BaseModel):
    """A batch that limits rest on, with the value it had when they were drafted."""

    batch_id: int
    batch: str
    value: float


class LeftOut(BaseModel):
    """A batch that was named for limits and has no number."""

    batch: str
    why: str


class LimitsRow(BaseModel):
    """A version of a chart's limits; centre and sigma are of logarithms on a log scale."""

    control_limit: int
    version: int
    kind: str
    state: LimitsState
    centre: float
    sigma: float
    n: int
    autocorrelation: float
    rules: list[str]
    points: list[LimitPoint]
    left_out: list[LeftOut]
    drafted_by: str
    reason: str
    known_at: datetime
    used_from: datetime | None
    used_by: str | None
    retired_from: datetime | None
    retired_by: str | None
    used_ordinal: int | None = Field(exclude=True)  # of the intake; None also while analytics has yet to take it
    retired_ordinal: int | None = Field(exclude=True)  # the same


class SignalRow(BaseModel):
    """What a rule said of a batch; `newest` false: a later revision takes its place."""

    signal: int
    batch: str
    rule: str
    side: str
    revision: int
    holds: bool
    limits_version: int
    statistic: float
    limit: float
    points: int
    sentence: str
    committed_time: datetime
    newest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """One batch on a chart, in the chart's unit; of a CUSUM in sigma. What has no limits yet has no lines."""

    batch: str
    started: datetime
    value: float | None
    value_text: str
    without: WithoutNumber | None
    bound: str | None
    readings: int | None
    revision: int
    earlier: Sequence[str]  # values it had before
    limits_version: int | None  # the limits that rest on it or judge it
    reference: bool  # phase I: these limits rest on it
    centre: float | None
    lower: float | None
    upper: float | None
    moving_range: float | None
    moving_range_upper: float | None
    average: float | None
    average_lower: float | None
    average_upper: float | None
    high_sum: float | None
    low_sum: float | None
    signals: Sequence[str]  # rules it breaks by what is known now


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityRow:
    """Ppk of all batches with a number against the specification; without enough of them `hidden` says why."""

    low: float | None
    high: float | None
    n: int
    ppk: float | None
    lower: float | None  # one-sided 95 % bound
    hidden: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule that is applied, and how often it errs in a process in control of independent normal values."""

    rule: str
    batches_a_false_signal: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesRow:
    """Centre and three sigma below and above it, in the chart's unit."""

    version: int
    lower: float
    centre: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPointRow:
    """A batch beside drafted limits: what these would have said of it, and what those in use say."""

    batch: str
    started: datetime
    value: float | None
    value_text: str
    without: WithoutNumber | None
    phase_one: bool  # the draft rests on it
    would_signal: Sequence[str]  # rules, as if the draft had judged all batches in order
    sentences: Sequence[str]  # of these
    signals: Sequence[str]  # rules of the limits in use, over the same batches


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """Drafted limits beside those in use, over every batch that is known, phase I included."""

    control_limit: int
    draft: LinesRow
    in_use: LinesRow | None
    points: Sequence[DraftPointRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartDetail:
    """A chart with everything that is known of it."""

    chart: ChartRow
    points: Sequence[PointRow]
    limits: Sequence[LimitsRow]
    signals: Sequence[SignalRow]
    rules: Sequence[RuleRow]
    capability: CapabilityRow | None  # None: there is no specification
    drafts: Sequence[DraftRow]
