"""Assays against the online tag they check: what a control loop hides from its own sensor, a sample shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.exact import exp
from analytics.packing import pack, unpack
from analytics.segment import Floats, Int64s
from store.model.times import US_PER_H

CLIP = 10.0  # SD of one difference
NEAR_H = 6.0  # assays this far around an hour tell the spread there
FEWEST_NEAR = 6
KEEP_H = 48.0  # a result that is told later than this after its draw is not compared any more


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedAssay:
    """A declared pair with what reference batches taught about its differences."""

    assay: str  # tag
    checks: str  # the online tag
    drawn_before_h: float
    within_h: float
    mean: float  # of assay − online
    sd: Floats  # (positions,): by where the batch was at the draw


class OnlineReadings:
    """The online readings of one tag around instants of the last two days, as means of short intervals.

    >>> online = OnlineReadings(0.2)
    >>> online.add(np.array([11.9, 12.1, 12.3]) * US_PER_H, np.array([7.0, 7.1, 9.9]))
    >>> online.at(12 * US_PER_H)
    7.1
    """

    def __init__(self, within_h: float, *, keep_h: float = KEEP_H) -> None:
        """`within_h` is the width of an interval, `keep_h` how long intervals are kept, hours."""
        self._width_us = max(1, round(within_h * US_PER_H))
        self._kept = math.ceil(keep_h / within_h)
        self._means: dict[int, tuple[float, int]] = {}  # interval → sum, count

    def add(self, times_us: Int64s, values: Floats) -> None:
        """Take readings in order of the journal."""
        for time_us, value in zip(times_us.tolist(), values.tolist(), strict=True):
            interval = time_us // self._width_us
            total, count = self._means.get(interval, (0.0, 0))
            self._means[interval] = total + value, count + 1
        if len(self._means) > 2 * self._kept:
            self._means = self._newest()

    def at(self, time_us: int) -> float:
        """The median of the interval's mean and its neighbours', deaf to one wild reading; NaN without readings."""
        interval = time_us // self._width_us
        kept = self._newest()
        near = sorted(
            total / count for total, count in (kept.get(interval + step, (0.0, 0)) for step in (-1, 0, 1)) if count
        )
        if not near:
            return math.nan
        return (near[(len(near) - 1) // 2] + near[len(near) // 2]) / 2.0

    def to_bytes(self) -> bytes:
        """The intervals that are kept."""
        self._means = self._newest()
        intervals = sorted(self._means)
        return pack(
            "online readings",
            1,
            {},
            {
                "intervals": np.array(intervals, np.int64),
                "sums": np.array([self._means[interval][0] for interval in intervals], np.float64),
                "counts": np.array([self._means[interval][1] for interval in intervals], np.int64),
            },
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        _, arrays = unpack("online readings", 1, data)
        pairs = zip(arrays["sums"].tolist(), arrays["counts"].tolist(), strict=True)
        self._means = dict(zip(arrays["intervals"].tolist(), pairs, strict=True))

    def _newest(self) -> dict[int, tuple[float, int]]:
        """The intervals that count: by number and not by age, so that one clock that is ahead costs one interval."""
        return {interval: self._means[interval] for interval in sorted(self._means)[-self._kept :]}


class AssayDifference:
    """The level of scaled differences assay − online, one column per checked tag.

    `tau_h` = 0 judges every assay alone; otherwise an EWMA whose memory is process time (Roberts 1959). The level
    holds until the next assay.

    >>> alone, slow = AssayDifference(tags=1, tau_h=0.0), AssayDifference(tags=1, tau_h=42.0)
    >>> for drawn_h in (12.0, 24.0):
    ...     alone.note(0, drawn_h, 3.0)
    ...     slow.note(0, drawn_h, 3.0)
    >>> [round(float(level.update(24, np.zeros(1))[0]), 2) for level in (alone, slow)]
    [3.0, 1.31]
    """

    def __init__(self, *, tags: int, tau_h: float) -> None:
        self._tau_h = tau_h
        self._level = np.full(tags, np.nan)
        self._drawn_h = np.zeros(tags)  # of the last assay; the first is counted from the start
        self._told: list[tuple[int, float, float]] = []  # slot, hour of the draw, scaled difference

    def note(self, slot: int, drawn_h: float, scaled: float) -> None:
        """An assay of a slot: its draw in process hours and the difference in SD."""
        passed_h = max(0.0, drawn_h - float(self._drawn_h[slot]))
        weight = 1.0 if self._tau_h == 0.0 else min(0.5, 1.0 - exp(-passed_h / self._tau_h))
        level = 0.0 if np.isnan(self._level[slot]) else float(self._level[slot])
        clipped = min(max(scaled, -CLIP), CLIP)
        self._level[slot] = level + weight * (clipped - level)
        self._drawn_h[slot] = max(drawn_h, float(self._drawn_h[slot]))
        self._told.append((slot, drawn_h, clipped))

    def update(self, cell: int, row: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The level after this cell, (tags,), signed; NaN before the first assay of a tag."""
        return self._level.copy()

    def differences(self, slot: int, sign: float) -> list[tuple[float, float]]:
        """Hour and scaled difference of the assays of a slot since the last one on the other side, oldest first."""
        run: list[tuple[float, float]] = []
        for told, hour, scaled in reversed(self._told):
            if told == slot:
                if scaled * sign <= 0 and run:
                    break
                run.append((hour, scaled))
        return run[::-1]

    def to_bytes(self) -> bytes:
        """Levels and the assays told so far."""
        return pack(
            "assay difference",
            1,
            {"told": self._told},
            {"level": self._level, "drawn": self._drawn_h},
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        fields, arrays = unpack("assay difference", 1, data)
        self._told = [(slot, hour, scaled) for slot, hour, scaled in fields["told"]]
        self._level, self._drawn_h = arrays["level"], arrays["drawn"]
        return self


def scaled_difference(pair: FittedAssay, difference: float, position: int) -> float:
    """A difference assay − online in SD of the reference where the sample was drawn; beyond its course, at its end."""
    return (difference - pair.mean) / float(pair.sd[min(position, len(pair.sd) - 1)])


def cell_of_draw(drawn_h: float, width_h: float) -> int:
    """The cell in which a sample was drawn; the first for one from before the start."""
    return max(int(drawn_h / width_h), 0)


def sd_by_hour(hours: Sequence[float], differences: Sequence[float], *, mean: float, middles_h: Floats) -> Floats:
    """SD of differences around each hour, never below that of all of them, (cells,).

    What was drawn within `NEAR_H` of an hour counts for it.
    """
    at, off = np.asarray(hours, np.float64), np.asarray(differences, np.float64) - mean
    whole = math.sqrt(float((off**2).mean()))
    sd = np.full(len(middles_h), whole)
    for cell, middle in enumerate(middles_h):
        near = off[np.abs(at - middle) <= NEAR_H]
        if len(near) >= FEWEST_NEAR:
            sd[cell] = max(whole, math.sqrt(float((near**2).mean())))
    return sd
