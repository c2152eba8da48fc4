"""Sudden changes: of gas flow, stirring, feed or pressure, and of a sensor beside which nothing else changes.

Such a tag's own last hour tells more of it than other batches do, so a change is seen within a few readings. What the
recipe changes, the reference changes too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.detectors.bin_memory import CONFIRM_WITHIN, BinMemory, Slots, in_sd, outside
from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats

NOW = 3  # bins whose median is the level now: deaf to one wild reading
BEFORE = 5  # bins before them, whose median is the level it is compared with
KEPT = NOW + BEFORE
WINDOW = KEPT + 1  # bins on which a score rests: those of two neighbouring changes
LONGEST = 2 * KEPT  # bins: over a longer time, with holes, a change is not sudden
CALM = KEPT // 2  # bins for which no other tag may have changed: what one tag does, others follow
NEVER = -1_000_000  # bins ago


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCourse:
    """The changes that reference batches made, on bins finer than the cells. Arrays are (positions of bins, tags)."""

    width_us: int  # of a bin
    low: Floats  # the mean change around the bin, the least and the greatest: a recipe is never timed to the bin
    high: Floats
    sd: Floats
    unrest: Floats  # the change beyond which a tag is said to change beside another; NaN: nobody asks it
    alone: Floats  # (1, tags): 1 for a tag that is judged only while no other changes
    asked: int  # tags that are asked; where a batch has fewer, no tag is judged that is judged alone


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

    began_us: int  # after the start
    end_us: int
    value: float
    change: Change | None


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
        self._memory = BinMemory(tags, WINDOW)
        self._changed = np.full(tags, NEVER, np.int64)  # the last bin in which a tag had changed beside the others
        self._heard = np.full(tags, NEVER, np.int64)  # the last bin in which it could be told

    def note(self, at: int, values: Floats, *, position: int | None = None, judged: bool = True) -> Floats:
        """The scores with bin number `at` closed, (tags,), signed; NaN while one is not known. `values` are (tags,).

        `position` is where the bin lies on the course; None: where the clock puts it. What is not `judged` has no part
        in the row of its cell.
        """
        place = at if position is None else position
        last = self._memory.last
        spoke = np.flatnonzero(~np.isnan(values))
        gap = at - last.bins[spoke, -1]
        last.push(spoke, at, place, values[spoke])
        excess = np.full(len(spoke), np.nan)
        first = last.bins[spoke, -KEPT]
        if 0 <= place < len(self._course.sd):
            can = (first >= 0) & (at - first < LONGEST)
            excess[can] = self._excesses(at, place, spoke[can])
        score = self._memory.confirmed(spoke, excess, gap=gap, tags=len(values))
        if judged:
            self._memory.raise_peaks(score)
        return score

    def _excesses(self, at: int, place: int, slots: Slots) -> Floats:
        course = self._course
        values = self._memory.last.values[slots, -KEPT:]
        before = np.sort(values[:, :BEFORE], axis=1)[:, BEFORE // 2]
        now = np.sort(values[:, BEFORE:], axis=1)[:, NOW // 2]
        low, high = course.low[place, slots], course.high[place, slots]
        beyond = outside(now - before, low, high)
        self._heard[slots[~np.isnan(beyond)]] = at
        self._changed[slots[np.abs(beyond) > course.unrest[place, slots]]] = at
        excess = in_sd(beyond, course.sd[place, slots])
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

    def update(self, cell: int, row: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The largest scores of the bins since the last cell, (tags,), signed; NaN where there was none."""
        return self._memory.take_peaks()

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is the largest change since the last cell."""
        self._memory.tell(slot)

    def levels(self, slot: int) -> tuple[float, float]:
        """The level before and after the change that was last told, in the tag's unit."""
        return levels_of(self._memory.at_told.values[slot, -KEPT:].tolist())

    def began_us(self, slot: int) -> int:
        """When the first bin of the level after that change began, µs after the start."""
        return int(self._memory.at_told.bins[slot, -NOW]) * self._course.width_us

    def score_told(self, slot: int) -> float:
        """The score of that change, signed."""
        return self._memory.score_told(slot)

    def seen(self, slot: int) -> tuple[SeenBin, ...]:
        """The bins on which that score rests, the newest last; the last two each with the change judged at it."""
        told = self._memory.at_told
        values, bins, places = (part[slot].tolist() for part in (told.values, told.bins, told.places))
        changes = {
            last: self._change(slot, places[last], values[last + 1 - KEPT : last + 1])
            for last in (WINDOW - 2, WINDOW - 1)
        }
        return tuple(
            SeenBin(
                began_us=at * self._course.width_us,
                end_us=(at + 1) * self._course.width_us,
                value=value,
                change=changes.get(number),
            )
            for number, (at, value) in enumerate(zip(bins, values, strict=True))
        )

    def is_alone(self, slot: int) -> bool:
        """Whether a slot is judged only while no other tag changes."""
        return bool(self._alone[slot])

    def _change(self, slot: int, place: int, values: list[float]) -> Change:
        low, high, sd = (part[place, [slot]] for part in (self._course.low, self._course.high, self._course.sd))
        before, after = levels_of(values)
        excess = in_sd(outside(np.array([after - before]), low, high), sd)
        return Change(
            before=before, after=after, low=float(low[0]), high=float(high[0]), sd=float(sd[0]), excess=float(excess[0])
        )

    def to_bytes(self) -> bytes:
        """The last bins of every tag, who changed when, the newest excess, the peak since the last cell."""
        return pack("step", 2, {}, {**self._memory.to_arrays(), "changed": self._changed, "heard": self._heard})

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("step", 2, data)
        self._memory.restore(arrays)
        self._changed, self._heard = arrays["changed"], arrays["heard"]
        return self


def levels_of(values: list[float]) -> tuple[float, float]:
    """The level before and the level now of the last bins of a tag.

    >>> levels_of([1.0, 1.0, 9.0, 1.0, 1.0, 5.0, 5.0, 0.0])
    (1.0, 5.0)
    """
    return sorted(values[:BEFORE])[BEFORE // 2], sorted(values[BEFORE:])[NOW // 2]


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
