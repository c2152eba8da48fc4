"""What the detectors of minutes keep of every tag: its last bins, the newest excess, and the bins that were told."""

from collections.abc import Mapping
from typing import Self

import numpy as np

from analytics.packing import Array
from analytics.segment import Floats, Int64s

CONFIRM_WITHIN = 2  # bins after which the excess before confirms nothing any more
CLIP = 30.0  # SD
Slots = np.ndarray[tuple[int], np.dtype[np.intp]] | slice


class LastBins:
    """The last bins of every tag at some time, (tags, window), the newest last; NaN and −1 where none was."""

    def __init__(self, values: Floats, bins: Int64s, places: Int64s) -> None:
        """`bins` are their numbers, `places` where they lie on the course."""
        self.values, self.bins, self.places = values.copy(), bins.copy(), places.copy()

    @classmethod
    def none(cls, tags: int, window: int) -> Self:
        """Before anything was read."""
        return cls(
            np.full((tags, window), np.nan),
            np.full((tags, window), -1, np.int64),
            np.full((tags, window), -1, np.int64),
        )

    def push(self, slots: Slots, at: int, place: int, values: Floats) -> None:
        """A bin closed in which these slots spoke."""
        for part, newest in ((self.values, values), (self.bins, at), (self.places, place)):
            part[slots, :-1], part[slots, -1] = part[slots, 1:], newest

    def take(self, slots: Slots, other: Self) -> None:
        """Take over those of some slots."""
        self.values[slots], self.bins[slots] = other.values[slots], other.bins[slots]
        self.places[slots] = other.places[slots]

    def to_arrays(self, prefix: str = "") -> dict[str, Array]:
        """By name."""
        return {f"{prefix}values": self.values, f"{prefix}bins": self.bins, f"{prefix}places": self.places}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], prefix: str = "") -> Self:
        """What `to_arrays` gave."""
        return cls(arrays[f"{prefix}values"], arrays[f"{prefix}bins"], arrays[f"{prefix}places"])


class BinMemory:
    """The last bins, the excess of the newest, the largest score since the last cell, and what was last told."""

    def __init__(self, tags: int, window: int) -> None:
        """`window` is how many bins a score rests on."""
        self.last = LastBins.none(tags, window)
        self._excess = np.full(tags, np.nan)
        self._peak = np.full(tags, np.nan)
        self._at_peak = LastBins.none(tags, window)
        self._told = np.full(tags, np.nan)
        self.at_told = LastBins.none(tags, window)

    def confirmed(self, slots: Slots, excess: Floats, *, gap: Int64s, tags: int) -> Floats:
        """The scores, (tags,), of slots whose newest excess is this; `gap` is how many bins ago they spoke before."""
        score = np.full(tags, np.nan)
        score[slots] = np.where(gap <= CONFIRM_WITHIN, lesser(self._excess[slots], excess), np.nan)
        self._excess[slots] = excess
        return score

    def raise_peaks(self, score: Floats) -> None:
        """Remember what is the largest since the last cell."""
        above = np.flatnonzero(~np.isnan(score) & ~(np.abs(score) <= np.abs(self._peak)))  # no peak yet is NaN
        self._peak[above] = score[above]
        self._at_peak.take(above, self.last)

    def take_peaks(self) -> Floats:
        """The largest scores since the last cell, (tags,), signed, which are told now; NaN where there was none."""
        peak = self._peak.copy()
        self._say(np.flatnonzero(~np.isnan(peak)))
        self._peak[:] = np.nan
        return peak

    def tell(self, slot: int) -> None:
        """What is said of a slot from now on is the largest score since the last cell."""
        self._say(np.array([slot]))

    def score_told(self, slot: int) -> float:
        """The score that was last told, signed."""
        return float(self._told[slot])

    def _say(self, slots: Slots) -> None:
        self._told[slots] = self._peak[slots]
        self.at_told.take(slots, self._at_peak)

    def to_arrays(self) -> dict[str, Array]:
        """By name."""
        return {
            **self.last.to_arrays(),
            "excess": self._excess,
            "peak": self._peak,
            **self._at_peak.to_arrays("peak "),
            "told": self._told,
            **self.at_told.to_arrays("told "),
        }

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take the state that `to_arrays` gave."""
        self.last = LastBins.from_arrays(arrays)
        self._excess, self._peak, self._told = arrays["excess"], arrays["peak"], arrays["told"]
        self._at_peak = LastBins.from_arrays(arrays, "peak ")
        self.at_told = LastBins.from_arrays(arrays, "told ")


def spoken(values: Floats) -> Slots:
    """The slots that have a value; nearly always all, which a slice names without copying what they hold."""
    known = ~np.isnan(values)
    return slice(None) if np.count_nonzero(known) == len(values) else known.nonzero()[0]


def outside(values: Floats, low: Floats, high: Floats) -> Floats:
    """How far values lie outside what reference batches do, signed; 0 within, NaN where it is not known.

    >>> outside(np.array([4.0, 0.5, -1.0]), np.zeros(3), np.ones(3)).tolist()
    [3.0, 0.0, -1.0]
    """
    off: Floats = values - np.minimum(np.maximum(values, low), high)
    return off


def in_sd(off: Floats, sd: Floats) -> Floats:
    """Distances in SD, clipped."""
    clipped: Floats = np.minimum(np.maximum(off / sd, -CLIP), CLIP)
    return clipped


def lesser(one: Floats, other: Floats) -> Floats:
    """The lesser of neighbouring excesses on one side, 0 when they are on two, NaN where one is.

    >>> lesser(np.array([4.0, -4.0, 4.0]), np.array([3.0, -5.0, -3.0])).tolist()
    [3.0, -4.0, 0.0]
    """
    smaller = np.where(np.abs(one) < np.abs(other), one, other + 0.0 * one)
    return np.where(one * other < 0.0, 0.0, smaller)
