"""Readings become bins of a few minutes, one median each, however the readings were grouped.

A bin closes as a cell does, when unit time passes its end plus the allowed lateness; so when a cell is judged all its
bins have been, and none that lies behind it.
"""

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
        self._open: list[tuple[Int64s, Int64s, Floats]] = []  # bins, slots and values, as they came

    def closed(self, segment: Segment, reduction: Reduction, *, slots: Int32s, usable: Bools) -> list[ClosedBin]:
        """The bins that a segment in journal order closes, by the time to which it was reduced."""
        if not self._any:
            return []
        positions = np.flatnonzero(self._watched[slots] & usable)
        if len(positions):
            bins = (segment.source_times_us[positions] - self._start_us) // self.width_us
            # Nearly always the whole segment is in time, which the watermark behind it tells at once.
            if bins.min() < max(self._closed_at(int(reduction.watermark_us[-1])), self._closed):
                before = np.where(positions > 0, reduction.watermark_us[positions - 1], self._watermark_us)
                closed = (before - self._start_us - self._lateness_us) // self.width_us
                in_time = bins >= np.maximum(closed, self._closed)
                positions, bins = positions[in_time], bins[in_time]
            self._open.append((bins, slots[positions].astype(np.int64), segment.values[positions] + 0.0))
        self._watermark_us = reduction.ended_us
        return self._close_until(self._closed_at(self._watermark_us), reduction.watermark_us)

    def finish(self, ended_us: int) -> list[ClosedBin]:
        """Close every bin that ended before the batch did."""
        return self._close_until((ended_us - self._start_us) // self.width_us, np.empty(0, np.int64))

    def to_bytes(self) -> bytes:
        """Unit time and the open bins; values in order, because that of their arrival does not matter."""
        bins, slots, values = self._in_order()
        first, counts = _runs(bins, slots)
        return pack(
            "step watch",
            1,
            {"watermark_us": self._watermark_us, "closed": self._closed},
            {"keys": np.array([bins[first], slots[first]]).T, "counts": counts, "values": values},
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("step watch", 1, data)
        self._watermark_us, self._closed = fields["watermark_us"], fields["closed"]
        keys = np.repeat(arrays["keys"], arrays["counts"], axis=0)
        self._open = [(keys[:, 0], keys[:, 1], arrays["values"])]

    def _in_order(self) -> tuple[Int64s, Int64s, Floats]:
        """What is open, ordered by bin, slot and value, so that the order of arrival does not matter."""
        if not self._open:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        bins, slots, values = (np.concatenate(column) for column in zip(*self._open, strict=True))
        order = np.lexsort((values, slots, bins))
        return bins[order], slots[order], values[order]

    def _closed_at(self, watermark_us: int) -> int:
        """How many bins are closed at a watermark."""
        return (watermark_us - self._start_us - self._lateness_us) // self.width_us

    def _close_until(self, until: int, reached_us: Int64s) -> list[ClosedBin]:
        if until <= self._closed:
            return []
        self._closed = until
        bins, slots, values = self._in_order()
        due = int(np.searchsorted(bins, until))
        self._open = [(bins[due:], slots[due:], values[due:])]
        first, counts = _runs(bins[:due], slots[:due])
        numbers, row = np.unique(bins[first], return_inverse=True)
        rows = np.full((len(numbers), self._tags), np.nan)
        lower, upper = values[first + (counts - 1) // 2], values[first + counts // 2]
        rows[row, slots[first]] = lower + (upper - lower) * 0.5  # the median as cells have it
        ends = self._start_us + (numbers + 1) * self.width_us
        positions = np.searchsorted(reached_us, ends + self._lateness_us, side="left")
        return [
            ClosedBin(position=position, at=at, end_us=end_us, values=values_now)
            for position, at, end_us, values_now in zip(
                positions.tolist(), numbers.tolist(), ends.tolist(), rows, strict=True
            )
        ]


def _runs(bins: Int64s, slots: Int64s) -> tuple[Int64s, Int64s]:
    """Where the values of each slot in each bin begin, of ordered ones, and how many they are."""
    begins = np.ones(len(bins), np.bool_)
    begins[1:] = (bins[1:] != bins[:-1]) | (slots[1:] != slots[:-1])
    first = np.flatnonzero(begins).astype(np.int64)
    return first, np.diff(np.append(first, len(bins)))
