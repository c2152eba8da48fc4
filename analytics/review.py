"""The review packet of a reference: what a person has to see before approving it, computed once when it is drafted.

Every batch of the process that ever started is in it: learned from, or not and why. Of each batch that was learned
from: its largest score over limits it did not set, and how far its absence would move any limit. Both come from the
scores that the limits were made of, which belong to references without the batch; the relations are not learned anew
for each absence. Of each tag: where its course is known, and the smallest lasting offset that must alert.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from analytics.layers import EWMA
from analytics.limits import Family, in_force, share_budget
from analytics.methods.binomial import exact_interval
from analytics.reference import ReferenceModel
from analytics.segment import Floats

CERTAIN_AT = 1.5  # times the smallest offset that must alert: how long that takes is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What limits were made of: per family the largest scores of every batch under references without it."""

    batches: tuple[str, ...]
    families: Mapping[str, Family]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReview:
    """One batch of the process."""

    batch: str
    included: bool
    why: str  # it is left out; "" where it is not
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

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return asdict(self)


def review_of(model: ReferenceModel, evidence: Evidence | None, left_out: Mapping[str, str]) -> Review:
    """The packet of a model; `left_out` names every other batch of the process with the reason."""
    judged = {} if evidence is None else _judged(evidence, model.alpha)
    aside = {one.batch: one.reason for one in model.set_aside}
    batches = [_of_batch(one.batch, judged) for one in model.inputs]
    batches += [BatchReview(batch=batch, included=False, why=why) for batch, why in {**left_out, **aside}.items()]
    beyond = sum(one.ratio >= 1.0 for one in judged.values()) if judged else None
    low, high = (None, None) if beyond is None else exact_interval(beyond, len(judged))
    return Review(
        rule=model.rule.value,
        alpha=model.alpha,
        batches=tuple(sorted(batches, key=lambda one: one.batch)),
        beyond=beyond,
        judged=len(judged) or None,
        low=low,
        high=high,
        blind=() if model.trajectory is None else tuple((one.phase or "", one.hours) for one in model.trajectory.blind),
        tags=tuple(_of_tag(model, slot) for slot in range(len(model.tags))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """One batch under the limits of the others."""

    ratio: float
    family: str
    effect: float
    largest_effect: float


def _of_batch(batch: str, judged: Mapping[str, _Judged]) -> BatchReview:
    one = judged.get(batch)
    if one is None:
        return BatchReview(batch=batch, included=True, why="")
    return BatchReview(
        batch=batch,
        included=True,
        why="",
        largest_ratio=one.ratio,
        family=one.family,
        effect=one.effect,
        largest_effect=one.largest_effect,
    )


def _judged(evidence: Evidence, alpha: float) -> dict[str, _Judged]:
    """What each batch does under limits it did not set, and what its absence does to them."""
    whole = _limits(evidence.families, alpha)
    found = {}
    for row, batch in enumerate(evidence.batches):
        others = {
            name: replace(one, maxima=np.delete(one.maxima, row, axis=0)) for name, one in evidence.families.items()
        }
        limits = _limits(others, alpha)
        ratios = {name: _largest(one.maxima[row] / limits[name]) for name, one in evidence.families.items()}
        top = max(ratios, key=lambda name: ratios[name])
        moves = np.abs(np.concatenate([limits[name] / whole[name] - 1.0 for name in whole]))
        moves = moves[np.isfinite(moves)]
        found[batch] = _Judged(
            ratio=ratios[top], family=top, effect=float(np.median(moves)), largest_effect=_largest(moves)
        )
    return found


def _limits(families: Mapping[str, Family], alpha: float) -> dict[str, Floats]:
    return in_force(families, share_budget(list(families.values()), alpha).limits)


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
    sd = course.sd[:, slot]
    cells = np.flatnonzero(np.isfinite(sd))
    limit = float(course.limits[EWMA][slot]) if EWMA in course.limits else math.nan
    # An EWMA of clipped values never passes the clip: beyond it the level of a tag raises nothing by itself.
    certain = math.isfinite(limit) and limit < course.clip and len(cells) > 0
    return TagReview(
        tag=model.tags[slot],
        known=len(cells) / len(sd),
        from_h=float(cells[0]) * model.grid.width_h if len(cells) else None,
        to_h=float(cells[-1] + 1) * model.grid.width_h if len(cells) else None,
        smallest_offset_sd=limit if certain else None,
        smallest_offset=limit * float(np.median(sd[cells])) if certain else None,
        found_within_h=-course.constants.ewma_h * math.log(1.0 - 1.0 / CERTAIN_AT) if certain else None,
    )


def _largest(ratios: Floats) -> float:
    known = ratios[np.isfinite(ratios)]
    return float(known.max()) if len(known) else 0.0


def not_learned_from(
    started: Sequence[tuple[str, str]], chosen: Sequence[str], reasons: Mapping[str, str]
) -> dict[str, str]:
    """Why each batch that started, (name, status), was not offered to the learning.

    Raises ValueError for a completed batch that somebody left out without a reason.
    """
    left_out = {}
    for name, status in started:
        if name in chosen:
            continue
        if status == "completed" and not reasons.get(name, "").strip():
            raise ValueError(f"batch {name} is completed and left out: say why")
        left_out[name] = reasons.get(name, "").strip() or f"it is {status}"
    return left_out
