"""Sudden changes: of gas flow, stirring, feed or pressure, and of a sensor beside which nothing else changes.

Such a tag's own last hour tells more of it than other batches do, so a change is seen within a few readings. What the
recipe changes, the reference changes too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats

NOW = 3  # bins whose median is the level now: deaf to one wild reading
BEFORE = 5  # bins before them, whose median is the level it is compared with
KEPT = NOW + BEFORE
LONGEST = 2 * KEPT  # bins: over a longer time, with holes, a change is not sudden
CONFIRM_WITHIN = 2  # bins after which the change before confirms nothing any more
CLIP = 30.0  # SD
CALM = KEPT // 2  # bins for which no other tag may have changed: what one tag does, others follow
NEVER = -1_000_000  # bins ago


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCourse:
    """The changes that reference batches made, on bins finer than the cells. Arrays are (bins, tags)."""

    width_us: int  # of a bin
    low: Floats  # the mean change around the bin, the least and the greatest: a recipe is never timed to the bin
    high: Floats
    sd: Floats
    unrest: Floats  # the change beyond which a tag is said to change beside another; NaN: nobody asks it
    alone: Floats  # (1, tags): 1 for a tag that is judged only while no other changes
    asked: int  # tags that are asked; where a batch has fewer, no tag is judged that is judged alone


class Step:
    """By how many SD the median of the last 3 bins left that of the 5 before them, beyond what the reference does.

    score = sign × the lesser of two neighbouring excesses on one side, so that wild readings with good ones between
    raise nothing; excess = (change − high) / sd above, (change − low) / sd below, 0 between. A bin is a few minutes;
    a tag's bins without a reading are passed over. A tag that is judged alone has no excess while any other tag has
    changed within the last bins by more than 5 of its usual changes, or has not spoken. The row of a cell holds the
    largest score of its bins.

    >>> flat = np.zeros((12, 1))
    >>> course = StepCourse(
    ...     width_us=1, low=flat, high=flat, sd=flat + 0.5, unrest=flat + 0.5, alone=np.zeros((1, 1)), asked=1
    ... )
    >>> step = Step(course)
    >>> [step.note(at, np.array([4.0 if at < 8 else 7.0])).tolist()[0] for at in range(7, 12)][-1]
    nan
    >>> step = Step(course)
    >>> [step.note(at, np.array([4.0 if at < 8 else 7.0])).tolist()[0] for at in range(11)][-2:]
    [0.0, 6.0]
    """

    def __init__(self, course: StepCourse) -> None:
        self._course = course
        tags = course.sd.shape[1]
        self._alone = course.alone[0] > 0.0
        self._asked = ~np.isnan(course.unrest).all(axis=0)
        self._askable = int(self._asked.sum()) >= course.asked
        self._values = np.full((tags, KEPT), np.nan)  # of the last known bins, the newest last
        self._bins = np.full((tags, KEPT), -1, np.int64)
        self._excess = np.full(tags, np.nan)  # of the newest bin
        self._changed = np.full(tags, NEVER, np.int64)  # the last bin in which a tag had changed beside the others
        self._heard = np.full(tags, NEVER, np.int64)  # the last bin in which it could be told
        self._peak = np.full(tags, np.nan)  # since the last cell
        self._at_peak = np.full((tags, 3), np.nan)  # level before, level then, number of the first bin of that level
        self._told = np.full((tags, 3), np.nan)  # the same of what was last said

    def note(self, at: int, values: Floats, *, judged: bool = True) -> Floats:
        """The scores with bin number `at` closed, (tags,), signed; NaN while one is not known. `values` are (tags,).

        What is not `judged` has no part in the row of its cell.
        """
        spoke = np.flatnonzero(~np.isnan(values))
        score = np.full(len(values), np.nan)
        gap = at - self._bins[spoke, -1]
        self._values[spoke, :-1], self._values[spoke, -1] = self._values[spoke, 1:], values[spoke]
        self._bins[spoke, :-1], self._bins[spoke, -1] = self._bins[spoke, 1:], at
        last, excess = self._excess[spoke], np.full(len(spoke), np.nan)
        first = self._bins[spoke, 0]
        if 0 <= at < len(self._course.sd):
            can = (first >= 0) & (at - first < LONGEST)
            excess[can] = self._excesses(at, spoke[can])
        self._excess[spoke] = excess
        score[spoke] = np.where(gap <= CONFIRM_WITHIN, lesser(last, excess), np.nan)
        if judged:
            self._raise_peaks(score)
        return score

    def _excesses(self, at: int, slots: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
        course = self._course
        before, now = self._levels(slots)
        low, high = course.low[at, slots], course.high[at, slots]
        beyond = now - before
        beyond = beyond - np.minimum(np.maximum(beyond, low), high)
        self._heard[slots] = at
        self._changed[slots[np.abs(beyond) > course.unrest[at, slots]]] = at
        excess: Floats = np.minimum(np.maximum(beyond / course.sd[at, slots], -CLIP), CLIP)
        if self._alone.any():
            excess = np.where(self._alone[slots] & ~self.calm(at)[slots], np.nan, excess)
        return excess

    def calm(self, at: int) -> Bools:
        """By tag, (tags,): whether all others that are asked spoke lately and none of them changed."""
        restless = self.restless(at)
        calm: Bools = int(restless.sum()) - restless.astype(np.int64) == 0
        return calm & self._askable

    def restless(self, at: int) -> Bools:
        """The tags that changed within the last bins, or of which it is not known, (tags,)."""
        restless: Bools = self._asked & ((at - self._changed <= CALM) | (at - self._heard > CONFIRM_WITHIN))
        return restless

    def _raise_peaks(self, score: Floats) -> None:
        above = np.flatnonzero(~np.isnan(score) & ~(np.abs(score) <= np.abs(self._peak)))  # no peak yet is NaN
        if len(above):
            self._peak[above] = score[above]
            before, now = self._levels(above)
            self._at_peak[above] = np.array([before, now, self._bins[above, BEFORE]]).T

    def update(self, cell: int, row: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The largest scores of the bins since the last cell, (tags,), signed; NaN where there was none."""
        peak, self._peak = self._peak, np.full(len(self._peak), np.nan)
        self._told = np.where(np.isnan(peak)[:, None], self._told, self._at_peak)
        return peak

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is the largest change since the last cell."""
        self._told[slot] = self._at_peak[slot]

    def levels(self, slot: int) -> tuple[float, float]:
        """The level before and after the change that was last told, in the tag's unit."""
        before, after, _ = self._told[slot].tolist()
        return before, after

    def began_us(self, slot: int) -> int:
        """When the first bin of the level after that change began, µs after the start."""
        return int(self._told[slot, 2]) * self._course.width_us

    def is_alone(self, slot: int) -> bool:
        """Whether a slot is judged only while no other tag changes."""
        return bool(self._alone[slot])

    def _levels(self, slots: np.ndarray[tuple[int], np.dtype[np.intp]]) -> tuple[Floats, Floats]:
        values = self._values[slots]
        before: Floats = np.sort(values[:, :BEFORE], axis=1)[:, BEFORE // 2]
        now: Floats = np.sort(values[:, BEFORE:], axis=1)[:, NOW // 2]
        return before, now

    def to_bytes(self) -> bytes:
        """The last bins of every tag, who changed when, the newest excess, the peak since the last cell."""
        return pack(
            "step",
            2,
            {},
            {
                "values": self._values,
                "bins": self._bins,
                "excess": self._excess,
                "changed": self._changed,
                "heard": self._heard,
                "peak": self._peak,
                "at peak": self._at_peak,
                "told": self._told,
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("step", 2, data)
        self._values, self._bins = arrays["values"], arrays["bins"]
        self._excess, self._changed, self._heard = arrays["excess"], arrays["changed"], arrays["heard"]
        self._peak, self._at_peak, self._told = arrays["peak"], arrays["at peak"], arrays["told"]
        return self


def lesser(one: Floats, other: Floats) -> Floats:
    """The lesser of neighbouring excesses on one side, 0 when they are on two, NaN where one is.

    >>> lesser(np.array([4.0, -4.0, 4.0]), np.array([3.0, -5.0, -3.0])).tolist()
    [3.0, -4.0, 0.0]
    """
    smaller = np.where(np.abs(one) < np.abs(other), one, other + 0.0 * one)
    return np.where(one * other < 0.0, 0.0, smaller)


def changes_of(values: Floats) -> Floats:
    """The change at every bin of one tag, (bins,), as `Step` sees it; NaN where it is not known."""
    changes = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < KEPT:
        return changes
    windows = np.lib.stride_tricks.sliding_window_view(values[known], KEPT)
    sudden = known[KEPT - 1 :] - known[: -KEPT + 1] < LONGEST
    found = np.median(windows[:, BEFORE:], axis=1) - np.median(windows[:, :BEFORE], axis=1)
    changes[known[KEPT - 1 :]] = np.where(sudden, found, np.nan)
    return changes
