"""Readings become bins of a few minutes, one median each, however the readings were grouped.

A bin closes as a cell does, when unit time passes its end plus the allowed lateness; so when a cell is judged all its
bins have been, and none that lies behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.cells import NEVER_US, Reduction
from analytics.detectors.step import StepCourse
from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats, Int32s, Int64s, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBin:
    """The medians of one bin."""

    position: int  # in the segment, of the reading that closed it; the segment's length for its tick
    at: int  # its number
    end_us: int
    values: Floats  # (tags,), NaN where nothing was read


class StepWatch:
    """The open bins of one batch. What comes when its bin has closed is passed over."""

    def __init__(self, course: StepCourse | None, *, start_us: int, lateness_us: int) -> None:
        """`course` says which tags are watched, and how wide a bin is; None where there are none."""
        self.width_us = 1 if course is None else course.width_us
        unrest = np.empty((1, 0)) if course is None else course.unrest
        self._tags = unrest.shape[1]
        self._watched = np.append(~np.isnan(unrest).all(axis=0), np.False_)  # slot −1 is nobody's
        self._any = bool(self._watched.any())
        self._start_us = start_us
        self._lateness_us = lateness_us
        self._watermark_us = NEVER_US
        self._closed = 0  # bins with a smaller number are closed
        self._open: dict[tuple[int, int], list[float]] = {}  # (bin, slot) → its values

    def closed(self, segment: Segment, reduction: Reduction, *, slots: Int32s, usable: Bools) -> list[ClosedBin]:
        """The bins that a segment in journal order closes, by the time to which it was reduced."""
        if not self._any:
            return []
        positions = np.flatnonzero(self._watched[slots] & usable)
        if len(positions):
            bins = (segment.source_times_us[positions] - self._start_us) // self.width_us
            before = np.where(positions > 0, reduction.watermark_us[positions - 1], self._watermark_us)
            in_time = bins >= np.maximum(self._closed_at(before), self._closed)
            for slot, at, value in zip(
                slots[positions[in_time]].tolist(),
                bins[in_time].tolist(),
                segment.values[positions[in_time]].tolist(),
                strict=True,
            ):
                self._open.setdefault((at, slot), []).append(value + 0.0)
        self._watermark_us = reduction.ended_us
        until = (self._watermark_us - self._start_us - self._lateness_us) // self.width_us
        return self._close_until(until, reduction.watermark_us)

    def finish(self, ended_us: int) -> list[ClosedBin]:
        """Close every bin that ended before the batch did."""
        return self._close_until((ended_us - self._start_us) // self.width_us, np.empty(0, np.int64))

    def to_bytes(self) -> bytes:
        """Unit time and the open bins; values in order, because that of their arrival does not matter."""
        keys = sorted(self._open)
        kept = [sorted(self._open[key]) for key in keys]
        return pack(
            "step watch",
            1,
            {"watermark_us": self._watermark_us, "closed": self._closed},
            {
                "keys": np.array(keys, np.int64).reshape(len(keys), 2),
                "counts": np.array([len(part) for part in kept], np.int64),
                "values": np.array([value for part in kept for value in part], np.float64),
            },
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("step watch", 1, data)
        self._watermark_us, self._closed = fields["watermark_us"], fields["closed"]
        parts = np.split(arrays["values"], np.cumsum(arrays["counts"])[:-1]) if len(arrays["counts"]) else []
        self._open = {
            (at, slot): part.tolist() for (at, slot), part in zip(arrays["keys"].tolist(), parts, strict=True)
        }

    def _closed_at(self, watermark_us: Int64s) -> Int64s:
        """How many bins are closed at each watermark."""
        return (watermark_us - self._start_us - self._lateness_us) // self.width_us

    def _close_until(self, until: int, reached_us: Int64s) -> list[ClosedBin]:
        if until <= self._closed:
            return []
        self._closed = until
        bins: dict[int, Floats] = {}
        for at, slot in sorted(key for key in self._open if key[0] < until):
            row = bins.setdefault(at, np.full(self._tags, np.nan))
            row[slot] = median(self._open.pop((at, slot)))
        ends = [self._start_us + (at + 1) * self.width_us for at in bins]
        positions = np.searchsorted(reached_us, np.array(ends, np.int64) + self._lateness_us, side="left")
        return [
            ClosedBin(position=position, at=at, end_us=end_us, values=row)
            for position, end_us, (at, row) in zip(positions.tolist(), ends, bins.items(), strict=True)
        ]


def median(values: Sequence[float]) -> float:
    """The median as cells have it.

    >>> median([3.0, 1.0, 2.0, 4.0])
    2.5
    """
    ordered = sorted(values)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return lower + (upper - lower) * 0.5
