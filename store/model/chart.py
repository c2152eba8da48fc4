"""Charts over batches: what they show of each, and how their limits live."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.model.result import Scale


class Summary(StrEnum):
    """The few numbers of a whole batch that a chart may show besides QC results."""

    MEAN = "mean"  # of a tag's usable readings in a phase
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    DURATION = "duration"  # of a phase, in hours; of no tag


class LimitsState(StrEnum):
    """The life of control limits. Each version judges the batches that came to be known while it was in use."""

    DRAFT = "draft"
    IN_USE = "in_use"
    RETIRED = "retired"


class WithoutNumber(StrEnum):
    """Why a point is on a chart without a number that limits and rules could calculate with."""

    BOUND = "bound"  # the laboratory states a bound: "<0.5"
    NO_NUMBER = "no_number"
    NO_LOGARITHM = "no_logarithm"  # zero or below on a chart with a log scale
    WITHDRAWN = "withdrawn"  # it had a number once; the result was invalidated, or the phase corrected away


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What one chart shows of every batch of a process version: an attribute, or a summary of a tag or a phase."""

    control_chart_id: int
    process_version_id: int
    attribute: str | None
    tag: str | None
    phase: str | None
    summary: Summary | None
    scale: Scale  # linear or log; an attribute of scale censored is charted linearly
    unit_of_measure: str

    @property
    def subject(self) -> str:
        """What it shows, in words.

        >>> common = {"control_chart_id": 1, "process_version_id": 1, "scale": Scale.LINEAR, "unit_of_measure": "Cel"}
        >>> Chart(attribute=None, tag="temperature", phase="expansion", summary=Summary.MEAN, **common).subject
        'mean of temperature in expansion'
        """
        if self.attribute is not None:
            return self.attribute
        of = f"{self.summary} of {self.tag} in {self.phase}"
        return f"duration of {self.phase}" if self.summary is Summary.DURATION else of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One batch on a chart."""

    batch_id: int
    batch: str
    started: datetime  # places it among the others
    value: float | None  # in the chart's unit; None: `without` says why. Of a bound the number it states
    value_text: str  # as the laboratory wrote it, or as calculated
    without: WithoutNumber | None = None
    bound: str | None = None  # "<", "<=", ">" or ">="
    qc_result_id: int | None = None
    since: datetime | None = None  # of a summary: the phase it is taken from
    until: datetime | None = None
    readings: int | None = None
