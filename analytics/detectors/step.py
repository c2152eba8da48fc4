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
from analytics.segment import Floats, Int64s

NOW = 3  # bins whose median is the level now: deaf to one wild reading
BEFORE = 5  # bins before them, whose median is the level it is compared with
KEPT = NOW + BEFORE
WINDOW = KEPT + 1  # bins on which a score rests: those of two neighbouring changes
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One of the two changes a score rests on, with its newest bin closed. In the tag's unit, `excess` in SD."""

    before: float
    after: float
    low: float  # what reference batches change there at least, and at most
    high: float
    sd: float
    excess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBin:
    """A bin that a score rests on, and the change that was judged when it closed; None: it was not looked at."""

    end_us: int  # after the start
    value: float
    change: Change | None


class Step:
    """By how many SD the median of the last 3 bins left that of the 5 before them, beyond what the reference does.

    score = sign × the lesser of two neighbouring excesses on one side, so that wild readings with good ones between
    raise nothing; excess = (change − high) / sd above, (change − low) / sd below, 0 between. A bin is a few minutes of
    one tag; bins without a reading are passed over. The row of a cell holds the largest score of its bins.
    """

    def __init__(self, course: StepCourse) -> None:
        self._course = course
        tags = course.sd.shape[1]
        self._values = np.full((tags, WINDOW), np.nan)  # of the last known bins, the newest last
        self._bins = np.full((tags, WINDOW), -1, np.int64)
        self._places = np.full((tags, WINDOW), -1, np.int64)  # where they lie on the course
        self._excess = np.full(tags, np.nan)  # of the newest bin
        self._peak = np.full(tags, np.nan)  # largest score since the last cell, and the bins then
        self._peak_values, self._peak_bins, self._peak_places = self._kept()
        self._told = np.full(tags, np.nan)  # the same of what was last said
        self._told_values, self._told_bins, self._told_places = self._kept()

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
        self._places[slot, :-1], self._places[slot, -1] = self._places[slot, 1:].copy(), place
        first = int(self._bins[slot, -KEPT])
        if first < 0 or at - first >= LONGEST or not 0 <= place < len(self._course.sd):
            return float("nan")
        excess = self._change(slot, place, self._values[slot, -KEPT:].tolist()).excess
        self._excess[slot] = excess
        if at - before > CONFIRM_WITHIN:
            return float("nan")
        score = lesser(last, excess)
        if judged and not math.isnan(score) and not abs(score) <= abs(self._peak[slot]):  # no peak yet is NaN
            self._peak[slot] = score
            self._peak_values[slot], self._peak_bins[slot] = self._values[slot], self._bins[slot]
            self._peak_places[slot] = self._places[slot]
        return score

    def update(self, cell: int, row: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The largest scores of the bins since the last cell, (tags,), signed; NaN where there was none."""
        peak, self._peak = self._peak, np.full(len(self._peak), np.nan)
        for slot in np.flatnonzero(~np.isnan(peak)).tolist():
            self._say(slot, float(peak[slot]))
        return peak

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is the largest change since the last cell."""
        self._say(slot, float(self._peak[slot]))

    def levels(self, slot: int) -> tuple[float, float]:
        """The level before and after the change that was last told, in the tag's unit."""
        return levels_of(self._told_values[slot, -KEPT:].tolist())

    def began_us(self, slot: int) -> int:
        """When the first bin of the level after that change began, µs after the start."""
        return int(self._told_bins[slot, -NOW]) * self._course.width_us

    def score_told(self, slot: int) -> float:
        """The score of that change, signed."""
        return float(self._told[slot])

    def seen(self, slot: int) -> tuple[SeenBin, ...]:
        """The bins on which that score rests, the newest last; the last two each with the change judged at it."""
        values, bins = self._told_values[slot].tolist(), self._told_bins[slot].tolist()
        places = self._told_places[slot].tolist()
        changes = {
            last: self._change(slot, places[last], values[last + 1 - KEPT : last + 1])
            for last in (WINDOW - 2, WINDOW - 1)
        }
        return tuple(
            SeenBin(end_us=(at + 1) * self._course.width_us, value=value, change=changes.get(number))
            for number, (at, value) in enumerate(zip(bins, values, strict=True))
        )

    def _say(self, slot: int, score: float) -> None:
        self._told[slot] = score
        self._told_values[slot], self._told_bins[slot] = self._peak_values[slot], self._peak_bins[slot]
        self._told_places[slot] = self._peak_places[slot]

    def _kept(self) -> tuple[Floats, Int64s, Int64s]:
        return self._values.copy(), self._bins.copy(), self._places.copy()

    def _change(self, slot: int, place: int, values: list[float]) -> Change:
        low, high, sd = (float(part[place, slot]) for part in (self._course.low, self._course.high, self._course.sd))
        before, after = levels_of(values)
        excess = excess_of(after - before, low, high, sd)
        return Change(before=before, after=after, low=low, high=high, sd=sd, excess=excess)

    def to_bytes(self) -> bytes:
        """The last bins of every tag, the newest excess, the peak since the last cell and what was last said."""
        return pack(
            "step",
            2,
            {},
            {
                "values": self._values,
                "bins": self._bins,
                "places": self._places,
                "excess": self._excess,
                "peak": self._peak,
                "peak values": self._peak_values,
                "peak bins": self._peak_bins,
                "peak places": self._peak_places,
                "told": self._told,
                "told values": self._told_values,
                "told bins": self._told_bins,
                "told places": self._told_places,
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("step", 2, data)
        self._values, self._bins, self._places = arrays["values"], arrays["bins"], arrays["places"]
        self._excess, self._peak = arrays["excess"], arrays["peak"]
        self._peak_values, self._peak_bins = arrays["peak values"], arrays["peak bins"]
        self._peak_places = arrays["peak places"]
        self._told = arrays["told"]
        self._told_values, self._told_bins = arrays["told values"], arrays["told bins"]
        self._told_places = arrays["told places"]
        return self


def levels_of(values: list[float]) -> tuple[float, float]:
    """The level before and the level now of the last bins of a tag.

    >>> levels_of([1.0, 1.0, 9.0, 1.0, 1.0, 5.0, 5.0, 0.0])
    (1.0, 5.0)
    """
    return sorted(values[:BEFORE])[BEFORE // 2], sorted(values[BEFORE:])[NOW // 2]


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
