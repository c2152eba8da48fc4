"""Readings become cells: one median per tag and grid interval, however the readings were grouped.

A cell closes when the watermark passes its end plus the allowed lateness. The watermark is the largest source time of a
watched tag taken so far, or the plant time of a tick less what may still be on its way; once a tick was seen, a reading
cannot push it beyond the plant time of the last one, so one clock that is hours ahead does not close the cells of
everybody else. Whether a reading is late is decided by the watermark before it, so cutting the stream into segments
anywhere gives the same cells, bit for bit.
"""

from dataclasses import dataclass
from typing import Self, overload

import numpy as np

from analytics.grid import Grid
from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats, Int32s, Int64s, Segment, Tick
from store.model.reading import Quality

NEVER_US = -(1 << 62)
BAD = int(Quality.BAD)
NOBODY = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedCell:
    """One grid interval of every tag: the median of its good and uncertain readings, NaN where there was none."""

    index: int
    end_us: int
    values: Floats  # (tags,)
    readings: Int64s  # (tags,): how many the median stands on
    middles_us: Floats  # (tags,): the median of when they were read, µs after the start
    closed_at: int  # position in the segment of the reading that closed it; the segment's length for its tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """What a segment did."""

    closed: list[ClosedCell]  # in order of index; values are in order of slot
    usable: Bools  # readings whose quality is not bad
    late: Int64s  # positions of readings whose cell had been closed before them
    watermark_us: Int64s  # after each reading
    ended_us: int  # the watermark after the tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Readings that came after their cell had closed: stored, but not judged. Times are unit time."""

    readings: int
    first_us: int | None  # when the first of them came; None: none has
    last_us: int | None
    reached_us: int  # unit time now


class CellReducer:
    """The open cells of one batch. Slots number the tags; slot −1 is a reading of a tag nobody watches."""

    def __init__(self, *, grid: Grid, start_us: int, lateness_us: int, slots: int) -> None:
        self.grid = grid
        self.start_us = start_us
        self.lateness_us = lateness_us
        self.slots = slots
        self.watermark_us = NEVER_US
        self.ceiling_us: int | None = None  # the farthest a reading may push the watermark
        self.closed = 0  # cells with a smaller index are closed
        self.late_counts = np.zeros(slots, np.int64)
        self._late_us: tuple[int, int] | None = None  # unit time at which the first and the last of them came
        self._pending: list[tuple[Int64s, Int32s, Floats]] = []  # µs after the start, slots, values

    def feed(self, segment: Segment, slots: Int32s) -> Reduction:
        """Take a segment whose readings belong to `slots` (same length)."""
        usable = segment.qualities != BAD
        reached = late = NOBODY
        if len(segment):
            reached, late = self._take(segment, slots, usable)
        if segment.tick is not None:
            tick = segment.tick
            self.watermark_us = max(self.watermark_us, tick.plant_time_us - tick.transport_allowance_us)
            self.hold_back(tick)
        return Reduction(
            closed=self._close(reached), usable=usable, late=late, watermark_us=reached, ended_us=self.watermark_us
        )

    @property
    def late(self) -> Late:
        """What came too late so far."""
        first_us, last_us = self._late_us or (None, None)
        return Late(
            readings=int(self.late_counts.sum()), first_us=first_us, last_us=last_us, reached_us=self.watermark_us
        )

    def hold_back(self, tick: Tick) -> None:
        """Let no reading push the watermark further beyond a tick than it allows. No time passes by this."""
        self.ceiling_us = max(self.ceiling_us or NEVER_US, tick.plant_time_us + tick.ahead_us)

    def finish(self, ended_us: int) -> list[ClosedCell]:
        """Close every cell that ended before the batch did; what is left of the last one is not judged."""
        until = (ended_us - self.start_us) // self.grid.width_us
        return self._close_until(until, NOBODY)

    def to_bytes(self) -> bytes:
        """Canonical state: pending readings are ordered by cell, slot and value."""
        times_us, slots, values = self._gathered()
        order = np.lexsort((times_us, values, slots, times_us // self.grid.width_us))
        return pack(
            "cells",
            3,
            {
                "watermark_us": self.watermark_us,
                "ceiling_us": self.ceiling_us,
                "closed": self.closed,
                "start_us": self.start_us,
                "lateness_us": self.lateness_us,
                "width_us": self.grid.width_us,
                "cells": self.grid.cells,
                "late_us": self._late_us,
            },
            {
                "times": times_us[order],
                "slots": slots[order],
                "values": values[order],
                "late": self.late_counts,
            },
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The reducer those bytes describe."""
        fields, arrays = unpack("cells", 3, data)
        reducer = cls(
            grid=Grid(width_us=fields["width_us"], cells=fields["cells"]),
            start_us=fields["start_us"],
            lateness_us=fields["lateness_us"],
            slots=len(arrays["late"]),
        )
        reducer.watermark_us = fields["watermark_us"]
        reducer.ceiling_us = fields["ceiling_us"]
        reducer.closed = fields["closed"]
        reducer.late_counts = arrays["late"]
        reducer._late_us = None if fields["late_us"] is None else tuple(fields["late_us"])
        if len(arrays["times"]):
            reducer._pending = [(arrays["times"], arrays["slots"], arrays["values"])]
        return reducer

    def _take(self, segment: Segment, slots: Int32s, usable: Bools) -> tuple[Int64s, Int64s]:
        """The watermark after each reading, and the positions of those whose cell had been closed before them."""
        times = segment.source_times_us
        watched = slots >= 0
        all_watched = np.count_nonzero(watched) == len(slots)
        # A clock that nobody watches, or one that runs ahead of the plant's, must not close everybody's cells.
        told = times if all_watched else np.where(watched, times, NEVER_US)
        capped = told if self.ceiling_us is None else np.minimum(told, self.ceiling_us)
        reached: Int64s = np.maximum(np.maximum.accumulate(capped), self.watermark_us)
        before_us, self.watermark_us = self.watermark_us, int(reached[-1])
        since = times - self.start_us
        cells = since // self.grid.width_us
        late = NOBODY
        taken = usable
        # Nearly always all of a segment is watched and in time, which the watermark behind it tells at once.
        if not all_watched or int(np.minimum.reduce(cells)) < max(self._closed_at(self.watermark_us), self.closed, 0):
            before = np.concatenate(([before_us], reached[:-1]))
            closed_before = np.maximum(self._closed_at(before), self.closed)
            known = watched & (cells >= 0)
            late = np.flatnonzero(known & (cells < closed_before))
            taken = known & (cells >= closed_before) & usable
            if len(late):
                np.add.at(self.late_counts, slots[late], 1)
                first_us, last_us = int(before[late[0]]), int(before[late[-1]])
                self._late_us = (first_us if self._late_us is None else self._late_us[0], last_us)
        # Adding zero turns −0.0 into 0.0, which would otherwise keep the order of arrival in its sign.
        pending = since, slots, segment.values + 0.0
        if np.count_nonzero(taken) < len(taken):
            pending = pending[0][taken], pending[1][taken], pending[2][taken]
        if len(pending[0]):
            self._pending.append(pending)
        return reached, late

    @overload
    def _closed_at(self, watermark_us: int) -> int: ...

    @overload
    def _closed_at(self, watermark_us: Int64s) -> Int64s: ...

    def _closed_at(self, watermark_us: int | Int64s) -> int | Int64s:
        """How many cells are closed at a watermark."""
        return (watermark_us - self.start_us - self.lateness_us) // self.grid.width_us

    def _close(self, reached: Int64s) -> list[ClosedCell]:
        return self._close_until(self._closed_at(self.watermark_us), reached)

    def _close_until(self, until: int, reached: Int64s) -> list[ClosedCell]:
        first = self.closed
        if until <= first:
            return []
        # A batch may outlast its reference's grid, but not by so much that a broken clock makes a million cells.
        last = min(until, max(first, 2 * self.grid.cells))
        self.closed = until
        times_us, slots, values = self._gathered()
        cells = times_us // self.grid.width_us
        self._pending = []
        keep = cells >= until
        if keep.any():
            self._pending = [(times_us[keep], slots[keep], values[keep])]
        inside = (cells >= first) & (cells < last)
        rows, columns = cells[inside] - first, slots[inside]
        medians, counts = cell_medians(rows, columns, values[inside], last - first, self.slots)
        # Whole numbers of µs below 2**53: exact, in whichever order they came.
        middles, _ = cell_medians(rows, columns, times_us[inside].astype(np.float64), last - first, self.slots)
        ends = self.start_us + (np.arange(first, last, dtype=np.int64) + 1) * self.grid.width_us
        positions = np.searchsorted(reached, ends + self.lateness_us, side="left")
        return [
            ClosedCell(
                index=first + row,
                end_us=int(ends[row]),
                values=medians[row],
                readings=counts[row],
                middles_us=middles[row],
                closed_at=int(positions[row]),
            )
            for row in range(last - first)
        ]

    def _gathered(self) -> tuple[Int64s, Int32s, Floats]:
        if not self._pending:
            return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float64)
        if len(self._pending) == 1:
            return self._pending[0]
        return (
            np.concatenate([times_us for times_us, _, _ in self._pending]),
            np.concatenate([slots for _, slots, _ in self._pending]),
            np.concatenate([values for _, _, values in self._pending]),
        )


def cell_medians(cells: Int64s, slots: Int32s, values: Floats, rows: int, columns: int) -> tuple[Floats, Int64s]:
    """Medians of the values by (cell, slot), (rows, columns), and how many values each stands on."""
    group = cells * columns + slots
    counts = np.bincount(group, minlength=rows * columns).astype(np.int64)
    medians = np.full(rows * columns, np.nan)
    if len(group):
        ordered = values[np.lexsort((values, group))]
        ends = np.cumsum(counts)
        filled = np.flatnonzero(counts)
        first = ends[filled] - counts[filled]
        lower = ordered[first + (counts[filled] - 1) // 2]
        upper = ordered[first + counts[filled] // 2]
        medians[filled] = lower + (upper - lower) * 0.5
    return medians.reshape(rows, columns), counts.reshape(rows, columns)
