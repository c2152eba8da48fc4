"""Sudden changes: of gas flow, stirring, feed or pressure, and of a sensor beside which nothing else changes.

Such a tag's own last hour tells more of it than other batches do, so a change is seen within a few readings. What the
recipe changes, the reference changes too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.detectors.bin_memory import CONFIRM_WITHIN, BinMemory, Slots, in_sd, outside, spoken
from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats, Int64s

NOW = 3  # bins whose median is the level now: deaf to one wild reading
BEFORE = 5  # bins before them, whose median is the level it is compared with
KEPT = NOW + BEFORE
WINDOW = KEPT + 1  # bins on which a score rests: those of two neighbouring changes
APART = 4  # bins between the middles of both levels, without holes
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
    fewest: Floats  # (1, tags): readings on which a bin must stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One of the two changes a score rests on, with its newest bin closed. In the tag's unit, `excess` in SD.

    excess = (after − before − high) / sd above, with `low` below. What is expected is that of the time which lies
    between the levels: longer than usual where bins held too few readings.
    """

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
    a tag's bins without enough readings are passed over, and of the change over the longer time its part counts: what
    climbs all the time climbs farther over a hole. A tag that is judged alone has no excess while any other tag has
    changed within the last bins by more than 5 of its usual changes, or has not spoken. The row of a cell holds the
    largest score of its bins.

    >>> flat = np.zeros((12, 1))
    >>> course = StepCourse(
    ...     width_us=1, low=flat, high=flat, sd=flat + 0.5, unrest=flat + 0.5, alone=np.zeros((1, 1)), asked=1,
    ...     fewest=np.ones((1, 1)),
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
        spoke = spoken(values)
        gap = at - last.bins[spoke, -1]
        last.push(spoke, at, place, values[spoke])
        known = 0 <= place < len(self._course.sd)
        excess = self._excesses(at, place, spoke) if known else np.full(len(gap), np.nan)
        score = self._memory.confirmed(spoke, excess, gap=gap, tags=len(values))
        if judged:
            self._memory.raise_peaks(score)
        return score

    def _excesses(self, at: int, place: int, slots: Slots) -> Floats:
        course = self._course
        values, bins = self._memory.last.values[slots, -KEPT:], self._memory.last.bins[slots, -KEPT:]
        before = np.sort(values[:, :BEFORE], axis=1)[:, BEFORE // 2]
        now = np.sort(values[:, BEFORE:], axis=1)[:, NOW // 2]
        low, high = expected(course, place, slots, holes_of(bins))
        can = (bins[:, 0] >= 0) & (at - bins[:, 0] < LONGEST)
        beyond = np.where(can, outside(in_time(now - before, apart_of(bins)), low, high), np.nan)
        self._heard[slots] = np.where(np.isnan(beyond), self._heard[slots], at)
        changed = np.abs(beyond) > course.unrest[place, slots]
        self._changed[slots] = np.where(changed, at, self._changed[slots])
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
            last: self._change(
                slot, places[last], values[last + 1 - KEPT : last + 1], told.bins[slot, last + 1 - KEPT : last + 1]
            )
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

    def _change(self, slot: int, place: int, values: list[float], bins: Int64s) -> Change:
        low, high = expected(self._course, place, slice(slot, slot + 1), holes_of(bins[None]))
        sd = self._course.sd[place, [slot]]
        before, after = levels_of(values)
        apart = apart_of(bins[None])
        excess = in_sd(outside(in_time(np.array([after - before]), apart), low, high), sd)
        longer = float(apart[0]) / APART
        return Change(
            before=before,
            after=after,
            low=float(low[0]) * longer,
            high=float(high[0]) * longer,
            sd=float(sd[0]) * longer,
            excess=float(excess[0]),
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


def apart_of(bins: Int64s) -> Int64s:
    """How many bins lie between the middles of both levels; `bins` are the numbers of the last ones, (tags, 8)."""
    apart: Int64s = bins[:, BEFORE + NOW // 2] - bins[:, BEFORE // 2]
    return apart


def holes_of(bins: Int64s) -> Int64s:
    """How many bins are missing between the last ones, whose numbers are (tags, 8)."""
    holes: Int64s = bins[:, -1] - bins[:, 0] - (KEPT - 1)
    return holes


def expected(course: StepCourse, place: int | Int64s, slots: Slots, holes: Int64s) -> tuple[Floats, Floats]:
    """The least and the greatest change that reference batches make, with what they make within the holes before."""
    here = low, high = course.low[place, slots], course.high[place, slots]
    most = min(int(holes.max(initial=0)), LONGEST - KEPT)
    if not most:
        return here
    for back in range(1, most + 1):
        earlier, over = np.maximum(place - back, 0), holes >= back
        low = np.where(over, np.fmin(low, course.low[earlier, slots]), low)
        high = np.where(over, np.fmax(high, course.high[earlier, slots]), high)
    return np.where(np.isnan(here[0]), np.nan, low), np.where(np.isnan(here[1]), np.nan, high)


def in_time(changes: Floats, apart: Int64s) -> Floats:
    """The part of changes that comes in the time in which they are judged.

    >>> in_time(np.array([3.0, 3.0]), np.array([4, 6])).tolist()
    [3.0, 2.0]
    """
    part: Floats = changes * APART / apart
    return part


def changes_of(values: Floats) -> tuple[Floats, Int64s]:
    """The change at every bin of one tag, (bins,), as `Step` sees it, NaN where it is not known; and its holes."""
    changes, holes = np.full(len(values), np.nan), np.zeros(len(values), np.int64)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < KEPT:
        return changes, holes
    windows = np.lib.stride_tricks.sliding_window_view(values[known], KEPT)
    sudden = known[KEPT - 1 :] - known[: -KEPT + 1] < LONGEST
    found = np.median(windows[:, BEFORE:], axis=1) - np.median(windows[:, :BEFORE], axis=1)
    numbers = np.lib.stride_tricks.sliding_window_view(known, KEPT)
    changes[known[KEPT - 1 :]] = np.where(sudden, in_time(found, apart_of(numbers)), np.nan)
    holes[known[KEPT - 1 :]] = np.where(sudden, holes_of(numbers), 0)
    return changes, holes
