"""The review packet of a reference: what a person has to see before approving it, computed once when it is drafted.

Every batch of the process that ever started is in it: learned from, or not and why, with the gates it failed. Of each
batch that was learned from: its largest score over limits it did not set, and how far its absence would move any limit.
Both come from the scores that the limits were made of, which belong to references without the batch; the relations are
not learned anew for each absence. Of each tag: where its course is known, and the smallest lasting offset that must
alert. Beside these: how the batches of old and new process came out, what they started from, in which hours of each
phase drift can be judged, which offsets were found in batches, and what was declared for the product.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from analytics.coverage import PhaseCoverage, coverage_of
from analytics.evidence import Evidence
from analytics.gates import LEAST_COMPLETE, Candidate, Choice, materials_of
from analytics.layers import EWMA
from analytics.learning_phases import LaidPhase, laid_phases
from analytics.limits import in_force, limits_without, share_budget
from analytics.methods.binomial import exact_interval
from analytics.outcomes import Outcomes
from analytics.power import Power
from analytics.reference import ReferenceModel
from analytics.runs import CompletedRun
from analytics.segment import Floats

CERTAIN_AT = 1.5  # times the smallest offset that must alert: how long that takes is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What whoever drafts a reference knows of its batches beside their readings."""

    candidates: Sequence[Candidate] = ()  # every batch of the process that started
    choice: Choice = field(default_factory=Choice)
    pooled: str = ""  # why kinds of starting material are pooled; "": they are not
    outcomes: tuple[Outcomes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReview:
    """One batch of the process."""

    batch: str
    included: bool
    why: str  # it is left out, or in although it fails a gate; "" where neither is so
    failures: tuple[str, ...] = ()  # gates it fails, in words
    material: str | None = None
    complete: float | None = None  # usable share of what its worst tag owed
    worst_tag: str = ""
    largest_ratio: float | None = None  # of its scores over the limits that the others set; 1 and more would alert
    family: str | None = None  # which gave it
    effect: float | None = None  # the relative move of limits when it is left out: the median of all
    largest_effect: float | None = None  # and the largest of any


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReview:
    """What the reference knows of a tag."""

    tag: str
    known: float  # share of the cells
    from_h: float | None
    to_h: float | None
    smallest_offset_sd: float | None  # that lasts and must alert
    smallest_offset: float | None  # in the tag's own unit, at its usual spread
    found_within_h: float | None  # of an offset half as large again
    points: int = 0  # at which the old process is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The packet."""

    rule: str
    alpha: float  # the share of unchanged batches that the limits may let alert
    batches: tuple[BatchReview, ...]
    beyond: int | None  # batches that would have alerted under limits they did not set
    judged: int | None
    low: float | None  # exact 95 % interval of that share
    high: float | None
    blind: tuple[tuple[str, float], ...]  # phase ("": the start) and hours
    tags: tuple[TagReview, ...]
    phases: tuple[PhaseCoverage, ...]
    course: tuple[LaidPhase, ...]  # how cells are placed; empty: by the clock, no batch had phases
    power: Power | None
    least_complete: float  # below it a batch fails the gate of its record
    materials: Mapping[str, int]  # batches learned from by kind
    pooled: str
    outcomes: tuple[Outcomes, ...]
    template: str  # as it was declared; "": nothing was

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return asdict(self)


def review_of(
    model: ReferenceModel,
    evidence: Evidence | None,
    runs: Sequence[CompletedRun],
    brief: Brief,
    power: Power | None = None,
) -> Review:
    """The packet of a model that was learned from these runs, or set some of them aside."""
    judged = {} if evidence is None else _judged(evidence, model.alpha)
    aside = {one.batch: one.reason for one in model.set_aside}
    known = {one.batch: one for one in brief.candidates}
    inside = [one.batch for one in model.inputs]
    batches = [
        _of_batch(batch, known.get(batch), judged.get(batch), why=brief.choice.let_in.get(batch, ""))
        for batch in inside
    ]
    batches += [
        _of_batch(batch, known.get(batch), None, why=why, included=False)
        for batch, why in {**brief.choice.left_out, **aside}.items()
    ]
    beyond = sum(one.ratio >= 1.0 for one in judged.values()) if judged else None
    low, high = (None, None) if beyond is None else exact_interval(beyond, len(judged))
    course = model.trajectory
    learned = [run for run in runs if run.batch in set(inside)]
    return Review(
        rule=model.rule.value,
        alpha=model.alpha,
        batches=tuple(sorted(batches, key=lambda one: one.batch)),
        beyond=beyond,
        judged=len(judged) or None,
        low=low,
        high=high,
        blind=() if course is None else tuple((one.phase or "", one.hours) for one in course.blind),
        tags=tuple(_of_tag(model, slot) for slot in range(len(model.tags))),
        phases=() if course is None else coverage_of(course, model.grid, model.tags, learned),
        course=() if course is None else laid_phases(learned, model.grid),
        power=power,
        least_complete=LEAST_COMPLETE,
        materials=materials_of(brief.candidates, inside),
        pooled=brief.pooled,
        outcomes=brief.outcomes,
        template=model.template,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """One batch under the limits of the others."""

    ratio: float
    family: str
    effect: float
    largest_effect: float


def _of_batch(
    batch: str, known: Candidate | None, judged: _Judged | None, *, why: str, included: bool = True
) -> BatchReview:
    return BatchReview(
        batch=batch,
        included=included,
        why=why,
        failures=() if known is None else known.failures(),
        material=None if known is None or known.material is None else known.material.value,
        complete=None if known is None else known.complete,
        worst_tag="" if known is None else known.worst_tag,
        largest_ratio=None if judged is None else judged.ratio,
        family=None if judged is None else judged.family,
        effect=None if judged is None else judged.effect,
        largest_effect=None if judged is None else judged.largest_effect,
    )


def _judged(evidence: Evidence, alpha: float) -> dict[str, _Judged]:
    """What each batch does under limits it did not set, and what its absence does to them."""
    whole = in_force(evidence.families, share_budget(list(evidence.families.values()), alpha).limits)
    found = {}
    for row, batch in enumerate(evidence.batches):
        limits = limits_without(evidence.families, row, alpha)
        ratios = {name: _largest(one.maxima[row] / limits[name]) for name, one in evidence.families.items()}
        top = max(ratios, key=lambda name: ratios[name])
        moves = np.abs(np.concatenate([limits[name] / whole[name] - 1.0 for name in whole]))
        moves = moves[np.isfinite(moves) & (moves > 0.0)]  # one at the least or the most it may be says nothing
        found[batch] = _Judged(
            ratio=ratios[top],
            family=top,
            effect=float(np.median(moves)) if len(moves) else 0.0,
            largest_effect=_largest(moves),
        )
    return found


def _of_tag(model: ReferenceModel, slot: int) -> TagReview:
    if model.trajectory is None:
        assert model.points is not None
        known = np.isfinite(model.points.mean[:, slot])
        hours = model.points.hours[known]
        return TagReview(
            tag=model.tags[slot],
            known=float(known.mean()),
            from_h=float(hours[0]) if len(hours) else None,
            to_h=float(hours[-1]) if len(hours) else None,
            smallest_offset_sd=None,
            smallest_offset=None,
            found_within_h=None,
            points=int(known.sum()),
        )
    course = model.trajectory
    usual = np.arange(model.grid.cells) if course.phases is None else course.phases.usual_cells()
    sd = course.sd[:, slot]
    places = np.flatnonzero(np.isfinite(sd))
    cells = np.sort(usual[places][usual[places] >= 0])
    limit = float(course.limits[EWMA][slot]) if EWMA in course.limits else math.nan
    # An EWMA of clipped values never passes the clip: beyond it the level of a tag raises nothing by itself.
    certain = math.isfinite(limit) and limit < course.clip and len(cells) > 0
    return TagReview(
        tag=model.tags[slot],
        known=len(cells) / int((usual >= 0).sum()),
        from_h=float(cells[0]) * model.grid.width_h if len(cells) else None,
        to_h=float(cells[-1] + 1) * model.grid.width_h if len(cells) else None,
        smallest_offset_sd=limit if certain else None,
        smallest_offset=limit * float(np.median(sd[places])) if certain else None,
        found_within_h=-course.constants.ewma_h * math.log(1.0 - 1.0 / CERTAIN_AT) if certain else None,
    )


def _largest(ratios: Floats) -> float:
    known = ratios[np.isfinite(ratios)]
    return float(known.max()) if len(known) else 0.0
