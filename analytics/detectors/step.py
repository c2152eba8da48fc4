"""Sudden changes of tags that equipment holds: gas flow, stirring, feed, pressure.

Such a tag is a set-point and noise. Its own last hour tells more of it than other batches do, so a change is seen
within a few readings. What the recipe changes, the reference changes too.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Floats

NOW = 3  # bins whose median is the level now: deaf to one wild reading
BEFORE = 5  # bins before them, whose median is the level it is compared with
KEPT = NOW + BEFORE
LONGEST = 2 * KEPT  # bins: over a longer time, with holes, a change is not sudden
CONFIRM_WITHIN = 2  # bins after which the change before confirms nothing any more
CLIP = 30.0  # SD


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCourse:
    """The changes that reference batches made, on bins finer than the cells. Arrays are (positions of bins, tags)."""

    width_us: int  # of a bin
    low: Floats  # the mean change around the bin, the least and the greatest: a recipe is never timed to the bin
    high: Floats
    sd: Floats


class Step:
    """By how many SD the median of the last 3 bins left that of the 5 before them, beyond what the reference does.

    score = sign × the lesser of two neighbouring excesses on one side, so that wild readings with good ones between
    raise nothing; excess = (change − high) / sd above, (change − low) / sd below, 0 between. A bin is a few minutes of
    one tag; bins without a reading are passed over. The row of a cell holds the largest score of its bins.
    """

    def __init__(self, course: StepCourse) -> None:
        self._course = course
        tags = course.sd.shape[1]
        self._values = np.full((tags, KEPT), np.nan)  # of the last known bins, the newest last
        self._bins = np.full((tags, KEPT), -1, np.int64)
        self._excess = np.full(tags, np.nan)  # of the newest bin
        self._peak = np.full(tags, np.nan)  # since the last cell
        self._at_peak = np.full((tags, 3), np.nan)  # level before, level then, number of the first bin of that level
        self._told = np.full((tags, 3), np.nan)  # the same of what was last said

    def note(self, slot: int, at: int, value: float, *, position: int | None = None, judged: bool = True) -> float:
        """The score of a slot with its bin number `at` closed, signed; NaN while it is not known.

        `position` is where the bin lies on the course; None: where the clock puts it. What is not `judged` has no part
        in the row of its cell.
        """
        place = at if position is None else position
        before = int(self._bins[slot, -1])
        self._values[slot, :-1], self._values[slot, -1] = self._values[slot, 1:].copy(), value
        self._bins[slot, :-1], self._bins[slot, -1] = self._bins[slot, 1:].copy(), at
        last, self._excess[slot] = float(self._excess[slot]), np.nan
        first = int(self._bins[slot, 0])
        if first < 0 or at - first >= LONGEST or not 0 <= place < len(self._course.sd):
            return float("nan")
        course = self._course
        level_before, level_now = self._levels(slot)
        excess = excess_of(
            level_now - level_before,
            float(course.low[place, slot]),
            float(course.high[place, slot]),
            float(course.sd[place, slot]),
        )
        self._excess[slot] = excess
        if at - before > CONFIRM_WITHIN:
            return float("nan")
        score = lesser(last, excess)
        if judged and not math.isnan(score) and not abs(score) <= abs(self._peak[slot]):  # no peak yet is NaN
            self._peak[slot] = score
            self._at_peak[slot] = (*self._levels(slot), float(self._bins[slot, BEFORE]))
        return score

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

    def _levels(self, slot: int) -> tuple[float, float]:
        values = self._values[slot].tolist()
        return sorted(values[:BEFORE])[BEFORE // 2], sorted(values[BEFORE:])[NOW // 2]

    def to_bytes(self) -> bytes:
        """The last bins of every tag, the newest excess, the peak since the last cell and what the last one was."""
        return pack(
            "step",
            1,
            {},
            {
                "values": self._values,
                "bins": self._bins,
                "excess": self._excess,
                "peak": self._peak,
                "at peak": self._at_peak,
                "told": self._told,
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("step", 1, data)
        self._values, self._bins = arrays["values"], arrays["bins"]
        self._excess, self._peak = arrays["excess"], arrays["peak"]
        self._at_peak, self._told = arrays["at peak"], arrays["told"]
        return self


def excess_of(change: float, low: float, high: float, sd: float) -> float:
    """How many SD a change lies outside [low, high], signed; NaN where one of them is.

    >>> excess_of(3.0, -1.0, 1.0, 0.5), excess_of(-1.5, -1.0, 1.0, 0.5), excess_of(0.5, -1.0, 1.0, 0.5)
    (4.0, -1.0, 0.0)
    """
    beyond = change - min(max(change, low), high)
    return min(max(beyond / sd, -CLIP), CLIP)


def lesser(one: float, other: float) -> float:
    """The lesser of two neighbouring excesses on one side, 0 when they are on two, NaN where one is.

    >>> lesser(4.0, 3.0), lesser(-4.0, -5.0), lesser(4.0, -3.0)
    (3.0, -4.0, 0.0)
    """
    if one * other < 0.0:
        return 0.0
    return one if abs(one) < abs(other) else other + 0.0 * one


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


def scores_of(values: Floats, course: tuple[Floats, Floats, Floats]) -> Floats:
    """The scores of one tag of one batch, (bins,), as `Step` gives them; `course` is low, high and SD of changes."""
    low, high, sd = course
    changes = changes_of(values)
    excess = np.clip((changes - np.clip(changes, low, high)) / sd, -CLIP, CLIP)
    known = np.flatnonzero(np.isfinite(values))
    scores = np.full(len(changes), np.nan)
    for before, at in pairwise(known.tolist()):
        if at - before <= CONFIRM_WITHIN:
            scores[at] = lesser(float(excess[before]), float(excess[at]))
    return scores
