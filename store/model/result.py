"""Specimens, results and what is judged by them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AttributeKind(StrEnum):
    """What an attribute is to the process."""

    QUALITY_ATTRIBUTE = "quality_attribute"
    PROCESS_PARAMETER = "process_parameter"
    IN_PROCESS_CONTROL = "in_process_control"
    RELEASE_TEST = "release_test"


class Scale(StrEnum):
    """How an attribute's values may be calculated with."""

    LINEAR = "linear"
    LOG = "log"
    BINARY = "binary"
    ORDINAL = "ordinal"
    CENSORED = "censored"


class ResultStatus(StrEnum):
    """Where a reported result stands."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"
    INVALIDATED = "invalidated"


class Expectation(StrEnum):
    """Where a line of the sampling plan stands for a batch. A preliminary result answers nothing."""

    NOT_YET_DRAWN = "not_yet_drawn"
    AWAITED = "awaited"  # drawn, or to be drawn now; the result is not due yet
    OVERDUE = "overdue"
    RECEIVED = "received"
    NOT_DRAWN = "not_drawn"  # the batch was terminated before


class ReportableRule(StrEnum):
    """How a reportable value comes from its valid replicates."""

    DECLARED = "declared"  # somebody judged; nothing is calculated
    MEAN = "mean"
    MEDIAN = "median"
    GEOMETRIC_MEAN = "geometric_mean"


class LimitKind(StrEnum):
    """The kinds of limit; they are never mixed up."""

    SETPOINT = "setpoint"
    NORMAL_OPERATING_RANGE = "normal_operating_range"
    PROVEN_ACCEPTABLE_RANGE = "proven_acceptable_range"
    ALERT_LIMIT = "alert_limit"
    ACTION_LIMIT = "action_limit"
    CONTROL_LIMIT = "control_limit"
    SPECIFICATION_LIMIT = "specification_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """What is judged: how critical it is and on which scale it is calculated with."""

    name: str
    kind: AttributeKind
    criticality: str
    scale: Scale
    measurand: str
    unit_of_measure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicate:
    """One measurement behind a reportable result; never a result itself."""

    value_text: str
    value_number: float | None
    censored: str | None
    valid: bool
    reason: str | None  # why it does not count


@dataclass(frozen=True, slots=True, kw_only=True)
class QCResult:
    """One statement of a reportable result. The text is what the laboratory wrote; the number is for calculation."""

    result: str  # the laboratory's id: LIMS-88121
    batch: str
    specimen: str | None
    attribute: str
    method: str
    value_text: str  # "<0.5", "no growth", "1.2e13"
    value_number: float | None  # None when the text is not a number
    censored: str | None  # "<", "<=", ">" or ">=" when the text states a bound
    unit_of_measure: str
    sampled_at: datetime | None
    measured_at: datetime
    status: ResultStatus
    replaces: str | None
    retest_of: str | None  # the result it repeats and stands beside
    reason: str | None  # why it was corrected, invalidated, replaced or repeated
    stated_by: str
    stated_at: datetime | None  # when the laboratory said so; None: it does not tell
    reportable: ReportableRule
    replicates: tuple[Replicate, ...]
