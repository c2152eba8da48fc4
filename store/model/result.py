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
class QCResult:
    """One reportable result. The text is what the laboratory wrote; the number is what can be calculated with."""

    result: str  # the laboratory's id: LIMS-88121
    batch: str
    specimen: str | None
    attribute: str
    method: str
    value_text: str  # "<0.5", "no growth", "1.2e13"
    value_number: float | None  # None when the text is not a number
    censored: str | None  # "<" or ">" when the text states a bound
    unit_of_measure: str
    sampled_at: datetime | None
    measured_at: datetime
    status: ResultStatus
    replaces: str | None
    stated_by: str
