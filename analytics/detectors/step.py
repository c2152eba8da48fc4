"""Sudden changes: of gas flow, stirring, feed or pressure, and of a sensor beside which nothing else changes.

Such a tag's own last hour tells more of it than other batches do, so a change is seen within a few readings. What the
recipe changes, the reference changes too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.packing import Array, pack, unpack
from analytics.segment import Bools, Floats, Int64s

NOW = 3  # bins whose median is the level now: deaf to one wild reading
BEFORE = 5  # bins before them, whose median is the level it is compared with
KEPT = NOW + BEFORE
WINDOW = KEPT + 1  # bins on which a score rests: those of two neighbouring changes
LONGEST = 2 * KEPT  # bins: over a longer time, with holes, a change is not sudden
CONFIRM_WITHIN = 2  # bins after which the change before confirms nothing any more
CLIP = 30.0  # SD
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

    end_us: int  # after the start
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
        self._values = np.full((tags, WINDOW), np.nan)  # of the last known bins, the newest last
        self._bins = np.full((tags, WINDOW), -1, np.int64)
        self._places = np.full((tags, WINDOW), -1, np.int64)  # where they lie on the course
        self._excess = np.full(tags, np.nan)  # of the newest bin
        self._changed = np.full(tags, NEVER, np.int64)  # the last bin in which a tag had changed beside the others
        self._heard = np.full(tags, NEVER, np.int64)  # the last bin in which it could be told
        self._peak = np.full(tags, np.nan)  # largest score since the last cell, and the bins then
        self._at_peak = _Bins.of(self._values, self._bins, self._places)
        self._told = np.full(tags, np.nan)  # the same of what was last said
        self._at_told = _Bins.of(self._values, self._bins, self._places)

    def note(self, at: int, values: Floats, *, position: int | None = None, judged: bool = True) -> Floats:
        """The scores with bin number `at` closed, (tags,), signed; NaN while one is not known. `values` are (tags,).

        `position` is where the bin lies on the course; None: where the clock puts it. What is not `judged` has no part
        in the row of its cell.
        """
        place = at if position is None else position
        spoke = np.flatnonzero(~np.isnan(values))
        score = np.full(len(values), np.nan)
        gap = at - self._bins[spoke, -1]
        self._values[spoke, :-1], self._values[spoke, -1] = self._values[spoke, 1:], values[spoke]
        self._bins[spoke, :-1], self._bins[spoke, -1] = self._bins[spoke, 1:], at
        self._places[spoke, :-1], self._places[spoke, -1] = self._places[spoke, 1:], place
        last, excess = self._excess[spoke], np.full(len(spoke), np.nan)
        first = self._bins[spoke, -KEPT]
        if 0 <= place < len(self._course.sd):
            can = (first >= 0) & (at - first < LONGEST)
            excess[can] = self._excesses(at, place, spoke[can])
        self._excess[spoke] = excess
        score[spoke] = np.where(gap <= CONFIRM_WITHIN, lesser(last, excess), np.nan)
        if judged:
            self._raise_peaks(score)
        return score

    def _excesses(self, at: int, place: int, slots: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
        course = self._course
        values = self._values[slots, -KEPT:]
        before = np.sort(values[:, :BEFORE], axis=1)[:, BEFORE // 2]
        now = np.sort(values[:, BEFORE:], axis=1)[:, NOW // 2]
        low, high = course.low[place, slots], course.high[place, slots]
        beyond = now - before
        beyond = beyond - np.minimum(np.maximum(beyond, low), high)
        self._heard[slots[~np.isnan(beyond)]] = at
        self._changed[slots[np.abs(beyond) > course.unrest[place, slots]]] = at
        excess: Floats = np.minimum(np.maximum(beyond / course.sd[place, slots], -CLIP), CLIP)
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
        self._peak[above] = score[above]
        self._at_peak.take(above, self._values, self._bins, self._places)

    def update(self, cell: int, row: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The largest scores of the bins since the last cell, (tags,), signed; NaN where there was none."""
        peak, self._peak = self._peak, np.full(len(self._peak), np.nan)
        self._say(np.flatnonzero(~np.isnan(peak)), peak)
        return peak

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is the largest change since the last cell."""
        self._say(np.array([slot]), self._peak)

    def levels(self, slot: int) -> tuple[float, float]:
        """The level before and after the change that was last told, in the tag's unit."""
        return levels_of(self._at_told.values[slot, -KEPT:].tolist())

    def began_us(self, slot: int) -> int:
        """When the first bin of the level after that change began, µs after the start."""
        return int(self._at_told.bins[slot, -NOW]) * self._course.width_us

    def score_told(self, slot: int) -> float:
        """The score of that change, signed."""
        return float(self._told[slot])

    def seen(self, slot: int) -> tuple[SeenBin, ...]:
        """The bins on which that score rests, the newest last; the last two each with the change judged at it."""
        values, bins, places = (part[slot].tolist() for part in self._at_told.parts())
        changes = {
            last: self._change(slot, places[last], values[last + 1 - KEPT : last + 1])
            for last in (WINDOW - 2, WINDOW - 1)
        }
        return tuple(
            SeenBin(end_us=(at + 1) * self._course.width_us, value=value, change=changes.get(number))
            for number, (at, value) in enumerate(zip(bins, values, strict=True))
        )

    def is_alone(self, slot: int) -> bool:
        """Whether a slot is judged only while no other tag changes."""
        return bool(self._alone[slot])

    def _say(self, slots: np.ndarray[tuple[int], np.dtype[np.intp]], scores: Floats) -> None:
        self._told[slots] = scores[slots]
        self._at_told.take(slots, *self._at_peak.parts())

    def _change(self, slot: int, place: int, values: list[float]) -> Change:
        low, high, sd = (float(part[place, slot]) for part in (self._course.low, self._course.high, self._course.sd))
        before, after = levels_of(values)
        beyond = after - before - min(max(after - before, low), high)
        excess = min(max(beyond / sd, -CLIP), CLIP)
        return Change(before=before, after=after, low=low, high=high, sd=sd, excess=excess)

    def to_bytes(self) -> bytes:
        """The last bins of every tag, who changed when, the newest excess, the peak since the last cell."""
        return pack(
            "step",
            2,
            {},
            {
                "values": self._values,
                "bins": self._bins,
                "places": self._places,
                "excess": self._excess,
                "changed": self._changed,
                "heard": self._heard,
                "peak": self._peak,
                "told": self._told,
                **self._at_peak.to_arrays("peak"),
                **self._at_told.to_arrays("told"),
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("step", 2, data)
        self._values, self._bins, self._places = arrays["values"], arrays["bins"], arrays["places"]
        self._excess, self._changed, self._heard = arrays["excess"], arrays["changed"], arrays["heard"]
        self._peak, self._told = arrays["peak"], arrays["told"]
        self._at_peak, self._at_told = _Bins.from_arrays("peak", arrays), _Bins.from_arrays("told", arrays)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bins:
    """The last bins of every tag at some time, (tags, WINDOW), the newest last."""

    values: Floats
    bins: Int64s
    places: Int64s

    @classmethod
    def of(cls, values: Floats, bins: Int64s, places: Int64s) -> Self:
        """As they are now."""
        return cls(values=values.copy(), bins=bins.copy(), places=places.copy())

    def parts(self) -> tuple[Floats, Int64s, Int64s]:
        """Values, numbers of bins and their places."""
        return self.values, self.bins, self.places

    def take(
        self, slots: np.ndarray[tuple[int], np.dtype[np.intp]], values: Floats, bins: Int64s, places: Int64s
    ) -> None:
        """Take over those of some slots."""
        self.values[slots], self.bins[slots], self.places[slots] = values[slots], bins[slots], places[slots]

    def to_arrays(self, name: str) -> dict[str, Array]:
        """By name."""
        return {f"{name} values": self.values, f"{name} bins": self.bins, f"{name} places": self.places}

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, Array]) -> Self:
        """What `to_arrays` gave."""
        return cls.of(arrays[f"{name} values"], arrays[f"{name} bins"], arrays[f"{name} places"])


def levels_of(values: list[float]) -> tuple[float, float]:
    """The level before and the level now of the last bins of a tag.

    >>> levels_of([1.0, 1.0, 9.0, 1.0, 1.0, 5.0, 5.0, 0.0])
    (1.0, 5.0)
    """
    return sorted(values[:BEFORE])[BEFORE // 2], sorted(values[BEFORE:])[NOW // 2]


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
