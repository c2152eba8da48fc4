"""Readings that came after their time: what a run could not judge any more, the next run sees where it belongs.

A run is pinned to an ordinal of the intake. What had come late by then is moved to the entry of the journal by which
unit time had reached it, and is not seen a second time where it came. So the next run judges it as if it had come in
time, and is itself the same whenever it is played again.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analytics.cells import NEVER_US, CellReducer
from analytics.grid import Grid
from analytics.segment import Int64s, Segment, Tick
from analytics.slots import Slots
from store.model.alert import Alert
from store.model.plant import Tag
from store.rows import UnitRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Late readings in their place."""

    rows: Mapping[int, UnitRows] = field(default_factory=dict)  # by the ordinal of the block they belong to
    times_us: Mapping[int, Int64s] = field(default_factory=dict)  # by tag, in order: which readings were moved

    def block(self, ordinal: int, rows: UnitRows | None) -> UnitRows | None:
        """A block without what was moved away and with what belongs to it."""
        if rows is not None and self.times_us:
            rows = self._left(rows)
        own = self.rows.get(ordinal)
        if own is None or rows is None:
            return own or rows
        return own.joined(rows)

    def _left(self, rows: UnitRows) -> UnitRows:
        gone = np.zeros(len(rows.tag_id), np.bool_)
        for tag_id, times in self.times_us.items():
            mine = np.flatnonzero(rows.tag_id == tag_id)
            at = np.minimum(np.searchsorted(times, rows.time_us[mine]), len(times) - 1)
            gone[mine] = times[at] == rows.time_us[mine]
        return rows.where(~gone) if gone.any() else rows


NOTHING_MOVED = Moved()


class LateSeeker:
    """Stands where a monitor stands, and only notes which readings came too late for it."""

    def __init__(self, *, tags: Sequence[Tag], grid: Grid, start_us: int, lateness_us: int) -> None:
        """As the monitor of the same run reduces readings to cells."""
        self._slots = Slots(tags=tags, start_us=start_us)
        self._reducer = CellReducer(grid=grid, start_us=start_us, lateness_us=lateness_us, slots=len(tags))
        self._late: list[Segment] = []
        self._fed: list[tuple[Int64s, Int64s]] = []  # of the block that is being fed: entries, unit time after each
        # Where unit time moved on, of a long batch one row for each second: ordinals, entries, unit time after each.
        self._ordinals, self._entries, self._reached = array("q"), array("q"), array("q")
        self._last = (0, 0)  # ordinal and entry of what was fed last
        self.ended_us: int | None = None

    def hold_back(self, tick: Tick) -> None:
        """As the monitor is held back by what the plant's clock last said before."""
        self._reducer.hold_back(tick)

    def feed(self, segment: Segment) -> list[Alert]:
        """Note what is late in a segment. Raises no alerts."""
        segment = segment.in_journal_order()
        reduction = self._reducer.feed(segment, self._slots.of(segment))
        if len(reduction.late):
            self._late.append(segment.at(reduction.late))
        if len(segment):
            self._fed.append((segment.ordinals, reduction.watermark_us))
        return []

    def phase(self, name: str, started_us: int) -> None:
        """Phases make no reading late."""

    def close(self, ended_us: int) -> list[Alert]:
        """The batch ended."""
        self.ended_us = ended_us
        return []

    def passed(self, ordinal: int) -> None:
        """A block has been fed whole."""
        last = int(self._fed[-1][0][-1]) if self._fed else 0
        self._fed.append((np.array([last], np.int64), np.array([self._reducer.watermark_us], np.int64)))
        entries, reached = (np.concatenate(column) for column in zip(*self._fed, strict=True))
        before = np.concatenate(([self._reached[-1] if self._reached else NEVER_US], reached[:-1]))
        moved = np.flatnonzero(reached > before)
        self._ordinals.extend([ordinal] * len(moved))
        self._entries.frombytes(entries[moved].tobytes())
        self._reached.frombytes(reached[moved].tobytes())
        self._last = (ordinal, last)
        self._fed = []

    def after_the_end(self, segment: Segment) -> None:
        """Readings of a block that came when the batch had ended already: all that belong to it are late."""
        assert self.ended_us is not None
        mine = (self._slots.of(segment) >= 0) & (segment.source_times_us < self.ended_us)
        if mine.any():
            self._late.append(segment.at(np.flatnonzero(mine)))

    @property
    def found(self) -> bool:
        """Whether anything came late."""
        return bool(self._late)

    def moved(self) -> Moved:
        """Everything late in the place where it belongs."""
        if not self._late:
            return NOTHING_MOVED
        tag_id = np.concatenate([part.tag_ids for part in self._late])
        time_us = np.concatenate([part.source_times_us for part in self._late])
        # What unit time never reached belongs to the last entry before the end.
        ordinals, entries = (
            np.append(np.frombuffer(column, np.int64), last)
            for column, last in zip((self._ordinals, self._entries), self._last, strict=True)
        )
        place = np.searchsorted(np.frombuffer(self._reached, np.int64), time_us)
        rows = UnitRows(
            entry=entries[place].astype(np.uint32),
            tag_id=tag_id,
            time_us=time_us,
            value=np.concatenate([part.values for part in self._late]),
            quality=np.concatenate([part.qualities for part in self._late]),
        )
        return Moved(
            rows={ordinal: rows.where(ordinals[place] == ordinal) for ordinal in np.unique(ordinals[place]).tolist()},
            times_us={tag: np.sort(time_us[tag_id == tag]) for tag in np.unique(tag_id).tolist()},
        )
