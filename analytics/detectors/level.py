"""The level of a held tag: where its recipe holds it, minute by minute.

A sudden change is judged by what the tag was before, so that a part of a recipe's step that does not come passes. A tag
that is held has no course of its own: where it must lie after the step, the reference says.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.detectors.bin_memory import BinMemory, in_sd, outside, spoken
from analytics.packing import pack, unpack
from analytics.segment import Floats

NOW = 3  # bins whose median is the level: deaf to one wild reading
WINDOW = NOW + 1  # bins on which a score rests: those of two neighbouring levels
LONGEST = 2 * NOW  # bins: over a longer time, with holes, a level is not that of now


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCourse:
    """Where reference batches held their tags, on bins finer than the cells. Arrays are (positions of bins, tags).

    NaN throughout for a tag that is not held.
    """

    width_us: int  # of a bin
    low: Floats  # the mean level around the bin, the least and the greatest: a recipe is never timed to the bin
    high: Floats
    sd: Floats  # of the levels of batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One of the two levels a score rests on, with its newest bin closed. In the tag's unit, `excess` in SD."""

    level: float
    low: float  # where reference batches hold the tag on average there, at least and at most
    high: float
    sd: float
    excess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLevel:
    """A bin that a score rests on, and the level that was judged when it closed; None: it was not looked at."""

    began_us: int  # after the start
    end_us: int
    value: float
    held: Held | None


class Level:
    """By how many SD the median of the last 3 bins lies beyond where reference batches hold the tag.

    score = sign × the lesser of two neighbouring excesses on one side; excess = (level − high) / sd above,
    (level − low) / sd below, 0 between. A bin is a few minutes; a tag's bins without a reading are passed over. The row
    of a cell holds the largest score of its bins.

    >>> flat = np.zeros((6, 1))
    >>> level = Level(LevelCourse(width_us=1, low=flat, high=flat + 1.0, sd=flat + 0.5))
    >>> [level.note(at, np.array([0.5 if at < 2 else 4.0])).tolist()[0] for at in range(6)]
    [nan, nan, nan, 0.0, 6.0, 6.0]
    """

    def __init__(self, course: LevelCourse) -> None:
        self._course = course
        self._memory = BinMemory(course.sd.shape[1], WINDOW)

    def note(self, at: int, values: Floats, *, position: int | None = None, judged: bool = True) -> Floats:
        """The scores with bin number `at` closed, (tags,), signed; NaN while one is not known. `values` are (tags,).

        `position` is where the bin lies on the course; None: where the clock puts it. What is not `judged` has no part
        in the row of its cell.
        """
        course, last = self._course, self._memory.last
        place = at if position is None else position
        spoke = spoken(values)
        gap = at - last.bins[spoke, -1]
        last.push(spoke, at, place, values[spoke])
        excess = np.full(len(gap), np.nan)
        if 0 <= place < len(course.sd):
            first = last.bins[spoke, -NOW]
            level = np.sort(last.values[spoke, -NOW:], axis=1)[:, NOW // 2]
            off = outside(level, course.low[place, spoke], course.high[place, spoke])
            beyond = in_sd(off, course.sd[place, spoke])
            excess = np.where((first >= 0) & (at - first < LONGEST), beyond, np.nan)
        score = self._memory.confirmed(spoke, excess, gap=gap, tags=len(values))
        if judged:
            self._memory.raise_peaks(score)
        return score

    def update(self, cell: int, row: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The largest scores of the bins since the last cell, (tags,), signed; NaN where there was none."""
        return self._memory.take_peaks()

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is its farthest level since the last cell."""
        self._memory.tell(slot)

    def score_told(self, slot: int) -> float:
        """The score that was last told, signed."""
        return self._memory.score_told(slot)

    def began_us(self, slot: int) -> int:
        """When the first bin of the level that was last told began, µs after the start."""
        return int(self._memory.at_told.bins[slot, -NOW]) * self._course.width_us

    def level(self, slot: int) -> Held:
        """The level that was last told, and where reference batches hold the tag there."""
        told = self._memory.at_told
        return self._held(slot, int(told.places[slot, -1]), told.values[slot, -NOW:])

    def seen(self, slot: int) -> tuple[SeenLevel, ...]:
        """The bins on which that score rests, the newest last; the last two each with the level judged at it."""
        told = self._memory.at_told
        values, bins, places = told.values[slot], told.bins[slot].tolist(), told.places[slot].tolist()
        held = {last: self._held(slot, places[last], values[last + 1 - NOW : last + 1]) for last in (NOW - 1, NOW)}
        return tuple(
            SeenLevel(
                began_us=at * self._course.width_us,
                end_us=(at + 1) * self._course.width_us,
                value=value,
                held=held.get(number),
            )
            for number, (at, value) in enumerate(zip(bins, values.tolist(), strict=True))
        )

    def _held(self, slot: int, place: int, values: Floats) -> Held:
        course, level = self._course, np.sort(values)[NOW // 2 :][:1]
        low, high, sd = (part[place, slot : slot + 1] for part in (course.low, course.high, course.sd))
        return Held(
            level=float(level[0]),
            low=float(low[0]),
            high=float(high[0]),
            sd=float(sd[0]),
            excess=float(in_sd(outside(level, low, high), sd)[0]),
        )

    def to_bytes(self) -> bytes:
        """The last bins of every tag, the newest excess, the peak since the last cell and what was last told."""
        return pack("level", 1, {}, self._memory.to_arrays())

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("level", 1, data)
        self._memory.restore(arrays)
        return self


def levels_of(values: Floats) -> Floats:
    """The level at every bin of one tag, (bins,), as `Level` sees it; NaN where it is not known."""
    levels = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < NOW:
        return levels
    windows = np.lib.stride_tricks.sliding_window_view(values[known], NOW)
    recent = known[NOW - 1 :] - known[: -NOW + 1] < LONGEST
    levels[known[NOW - 1 :]] = np.where(recent, np.median(windows, axis=1), np.nan)
    return levels
