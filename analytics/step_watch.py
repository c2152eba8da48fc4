"""Readings become bins of a few minutes, one median each, however the readings were grouped.

A bin closes as a cell does, when unit time passes its end plus the allowed lateness; so when a cell is judged all its
bins have been, and none that lies behind it.
"""

from dataclasses import dataclass
from typing import overload

import numpy as np

from analytics.cells import NEVER_US, NOBODY, Reduction
from analytics.detectors.step import StepCourse
from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats, Int32s, Int64s, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBin:
    """The medians of one bin in which any tag had enough readings."""

    position: int  # in the segment, of the reading that closed it; the segment's length for its tick
    at: int  # its number
    end_us: int
    values: Floats  # (tags,), NaN where too little was read


class StepWatch:
    """The open bins of one batch. What comes when its bin has closed is passed over."""

    def __init__(self, course: StepCourse | None, *, start_us: int, lateness_us: int) -> None:
        """`course` says which tags are watched, and how wide a bin is; None where there are none."""
        self.width_us = 1 if course is None else course.width_us
        unrest = np.empty((1, 0)) if course is None else course.unrest
        self._tags = unrest.shape[1]
        self._fewest = np.empty(0) if course is None else course.fewest[0]
        self._watched = np.append(~np.isnan(unrest).all(axis=0), np.False_)  # slot −1 is nobody's
        self._any = bool(self._watched.any())
        self._start_us = start_us
        self._lateness_us = lateness_us
        self._watermark_us = NEVER_US
        self._closed = 0  # bins with a smaller number are closed
        self._open: list[tuple[Int64s, Floats]] = []  # bin × tags + slot, and the value, as they came
        self._waiting: list[tuple[Int64s, Int32s, Floats, Bools]] = []  # times, slots, values, usable: not looked at

    def closed(self, segment: Segment, reduction: Reduction, *, slots: Int32s) -> list[ClosedBin]:
        """The bins that a segment in journal order closes, by the time to which it was reduced."""
        if not self._any:
            return []
        before_us, self._watermark_us = self._watermark_us, reduction.ended_us
        if len(segment):
            self._waiting.append((segment.source_times_us, slots, segment.values, reduction.usable))
        until = self._closed_at(self._watermark_us)
        if until <= self._closed:
            return []
        reached_us = reduction.watermark_us
        if len(segment):
            self._look(self._closed_at(np.concatenate(([before_us], reached_us[:-1]))))
        return self._close_until(until, reached_us)

    def finish(self, ended_us: int) -> list[ClosedBin]:
        """Close every bin that ended before the batch did."""
        return self._close_until((ended_us - self._start_us) // self.width_us, NOBODY)

    def to_bytes(self) -> bytes:
        """Unit time and the open bins; values in order, because that of their arrival does not matter."""
        keys, values = self._in_order()
        first, counts = _runs(keys)
        return pack(
            "step watch",
            2,
            {"watermark_us": self._watermark_us, "closed": self._closed},
            {"keys": keys[first], "counts": counts, "values": values},
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("step watch", 2, data)
        self._watermark_us, self._closed = fields["watermark_us"], fields["closed"]
        self._open = [(np.repeat(arrays["keys"], arrays["counts"]), arrays["values"])]

    def _look(self, closed_before: Int64s) -> None:
        """Take what waits into its bins, unless they are closed. No bin closed since it came but for the last of it.

        For those readings `closed_before` says how many bins were closed before each.
        """
        times_us, slots, values, usable = (np.concatenate(column) for column in zip(*self._waiting, strict=True))
        self._waiting = []
        bins = (times_us - self._start_us) // self.width_us
        closed = np.full(len(bins), self._closed)
        last = closed[len(bins) - len(closed_before) :]
        np.maximum(last, closed_before, out=last)
        taken = self._watched[slots] & usable & (bins >= closed)
        self._open.append(((bins * self._tags + slots)[taken], values[taken] + 0.0))

    def _in_order(self) -> tuple[Int64s, Floats]:
        """What is open, ordered by bin, slot and value, so that the order of arrival does not matter."""
        if self._waiting:
            self._look(NOBODY)
        if not self._open:
            return NOBODY, np.empty(0)
        keys, values = (np.concatenate(column) for column in zip(*self._open, strict=True))
        order = np.lexsort((values, keys))
        return keys[order], values[order]

    @overload
    def _closed_at(self, watermark_us: int) -> int: ...

    @overload
    def _closed_at(self, watermark_us: Int64s) -> Int64s: ...

    def _closed_at(self, watermark_us: int | Int64s) -> int | Int64s:
        """How many bins are closed at a watermark."""
        return (watermark_us - self._start_us - self._lateness_us) // self.width_us

    def _close_until(self, until: int, reached_us: Int64s) -> list[ClosedBin]:
        if until <= self._closed:
            return []
        keys, values = self._in_order()  # what waits came while these bins were open
        self._closed = until
        due = int(keys.searchsorted(until * self._tags))
        self._open = [(keys[due:], values[due:])]
        first, counts = _runs(keys[:due])
        enough = counts >= self._fewest[keys[first] % self._tags]
        first, counts = first[enough], counts[enough]
        bins = keys[first] // self._tags
        begins, _ = _runs(bins)
        numbers = bins[begins]
        rows = np.full((len(numbers), self._tags), np.nan)
        lower, upper = values[first + (counts - 1) // 2], values[first + counts // 2]
        at = numbers.searchsorted(bins) * self._tags + keys[first] % self._tags
        rows.ravel()[at] = lower + (upper - lower) * 0.5  # the median as cells have it
        ends = self._start_us + (numbers + 1) * self.width_us
        positions = reached_us.searchsorted(ends + self._lateness_us)
        return [
            ClosedBin(position=position, at=at, end_us=end_us, values=values_now)
            for position, at, end_us, values_now in zip(
                positions.tolist(), numbers.tolist(), ends.tolist(), rows, strict=True
            )
        ]


def _runs(keys: Int64s) -> tuple[Int64s, Int64s]:
    """Where each of some ordered keys begins, and how often it comes."""
    begins = np.ones(len(keys), np.bool_)
    begins[1:] = keys[1:] != keys[:-1]
    first = begins.nonzero()[0]
    counts = np.empty_like(first)
    counts[:-1], counts[-1:] = first[1:] - first[:-1], len(keys) - first[-1:]
    return first, counts
