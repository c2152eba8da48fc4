"""Old against new, attribute by attribute, as a description: exploratory, because no locked protocol stands behind it.

The difference (the ratio of geometric means for an attribute on a log scale) comes with the 90 % interval of Welch
(1947) and Satterthwaite (1946), the ratio of standard deviations with the 90 % interval from the F distribution. Below
three batches on a side nothing is computed. Values that laboratories stated as bounds are counted, never computed with.

What goes in: of every batch that has ended the newest final or corrected result, of the specimen that its process's
sampling plan draws last for the attribute (of any, where the plan names none). What is left out is counted by reason.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from psycopg import Connection

from analytics.methods.comparison import compare
from api.database import Row, rows
from store.errors import NotFound
from store.model.result import AttributeKind, Scale
from store.sql import queries

CONFIDENCE = 0.90
FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Valid results that are not in the numbers, each counted once, by the first reason that holds."""

    running: int = 0  # the batch has not ended
    preliminary: int = 0
    other_specimen: int = 0  # not the one that the sampling plan draws last
    unusable: int = 0  # no number, or in another unit of measure
    repeated: int = 0  # the batch has a newer one


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The ended batches of one process version with a final number."""

    n: int
    mean: float | None  # geometric on a log scale, None when a value there has no logarithm
    sd: float | None  # of the logarithms on a log scale
    low: float | None
    high: float | None
    stated_as_bound: int  # results such as "<0.5", not in the numbers
    left_out: LeftOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimate with its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One attribute, old and new."""

    attribute: str
    kind: AttributeKind
    criticality: str
    scale: Scale
    unit_of_measure: str
    old: Side
    new: Side
    difference: Estimate | None  # new − old; new / old on a log scale
    in_old_sd: Estimate | None  # the difference (of logarithms on a log scale) in standard deviations of old
    sd_ratio: Estimate | None  # new / old
    why_not: str | None  # when there is no difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How the started batches of a process version ended; every started batch counts."""

    process: str
    started: int
    running: int
    completed: int
    terminated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All attributes of a change."""

    change: str
    product: str
    from_process: str
    to_process: str
    context_of_use: str
    amt_designation: str | None
    reporting_category: str
    regulatory_status: str
    label: str
    confidence: float
    outcomes: list[Outcomes]
    attributes: list[Compared]


def read_comparison(connection: Connection, change: str | None) -> Comparison:
    """The comparison of a manufacturing change; None: of the newest. Raises NotFound."""
    sql = queries("api_record")
    changes = rows(connection, sql["changes"], {"change": change})
    if not changes:
        raise NotFound(f"there is no change named {change!r}" if change else "no manufacturing change is described yet")
    made = changes[0]
    sides = {"from_id": made.pop("from_id"), "to_id": made.pop("to_id")}
    ended = {found["process_version_id"]: found for found in rows(connection, sql["outcomes"], sides)}
    named = ((sides["from_id"], made["from_process"]), (sides["to_id"], made["to_process"]))
    return Comparison(
        **made,
        label="exploratory",
        confidence=CONFIDENCE,
        outcomes=[_outcomes(process, ended.get(number)) for number, process in named],
        attributes=[_compared(found) for found in rows(connection, sql["compared"], sides)],
    )


def _compared(found: Row) -> Compared:
    scale = Scale(found["scale"])
    old: list[float] = found["old_values"]
    new: list[float] = found["new_values"]
    logarithmic = scale is Scale.LOG
    if logarithmic and min(old + new, default=1.0) <= 0:
        return _without_logarithm(found)
    if logarithmic:
        old, new = [math.log(value) for value in old], [math.log(value) for value in new]
    why_not = _why_not(scale, old, new)
    compared = None if why_not else compare(old, new, confidence=CONFIDENCE)
    difference = None if compared is None else _estimate(compared.difference, compared.interval)
    in_old_sd = _scaled(difference, stdev(old)) if difference is not None and stdev(old) > 0 else None
    if difference is not None and logarithmic:
        difference = Estimate(
            value=math.exp(difference.value), low=math.exp(difference.low), high=math.exp(difference.high)
        )
    ratio = None
    if compared is not None and compared.sd_ratio and compared.sd_ratio_interval:
        ratio = _estimate(compared.sd_ratio, compared.sd_ratio_interval)
    return Compared(
        attribute=found["attribute"],
        kind=AttributeKind(found["kind"]),
        criticality=found["criticality"],
        scale=scale,
        unit_of_measure=found["unit_of_measure"],
        old=_side(old, found["old_censored"], found["old_left_out"], logarithmic=logarithmic),
        new=_side(new, found["new_censored"], found["new_left_out"], logarithmic=logarithmic),
        difference=difference,
        in_old_sd=in_old_sd,
        sd_ratio=ratio,
        why_not=why_not,
    )


def _estimate(value: float, interval: tuple[float, float]) -> Estimate:
    return Estimate(value=value, low=interval[0], high=interval[1])


def _scaled(estimate: Estimate, unit: float) -> Estimate:
    return Estimate(value=estimate.value / unit, low=estimate.low / unit, high=estimate.high / unit)


def _why_not(scale: Scale, old: Sequence[float], new: Sequence[float]) -> str | None:
    if scale in (Scale.BINARY, Scale.ORDINAL):
        return f"not compared by means: the scale is {scale}"
    if min(len(old), len(new)) < FEWEST:
        return f"fewer than {FEWEST} batches with a number on a side"
    if stdev(old) == 0 and stdev(new) == 0:
        return "no spread on either side"
    return None


def _without_logarithm(found: Row) -> Compared:
    """A ratio was asked for and cannot be had; computing a difference instead would answer another question."""
    sides = {
        side: Side(
            n=len(found[f"{side}_values"]),
            mean=None,
            sd=None,
            low=min(found[f"{side}_values"], default=None),
            high=max(found[f"{side}_values"], default=None),
            stated_as_bound=found[f"{side}_censored"],
            left_out=LeftOut(**found[f"{side}_left_out"]),
        )
        for side in ("old", "new")
    }
    return Compared(
        attribute=found["attribute"],
        kind=AttributeKind(found["kind"]),
        criticality=found["criticality"],
        scale=Scale.LOG,
        unit_of_measure=found["unit_of_measure"],
        old=sides["old"],
        new=sides["new"],
        difference=None,
        in_old_sd=None,
        sd_ratio=None,
        why_not="not compared on the log scale: a value is zero or below",
    )


def _side(values: Sequence[float], stated_as_bound: int, left_out: Row, *, logarithmic: bool) -> Side:
    def back(value: float) -> float:
        return math.exp(value) if logarithmic else value

    return Side(
        n=len(values),
        mean=back(fmean(values)) if values else None,
        sd=stdev(values) if len(values) > 1 else None,
        low=back(min(values)) if values else None,
        high=back(max(values)) if values else None,
        stated_as_bound=stated_as_bound,
        left_out=LeftOut(**left_out),
    )


def _outcomes(process: str, found: Row | None) -> Outcomes:
    names = ("started", "running", "completed", "terminated")
    return Outcomes(process=process, **{name: found[name] if found else 0 for name in names})
