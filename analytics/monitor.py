"""The pure state machine that watches one batch: segments in, alerts out.

The promise (DETECT-1): the same readings, ticks and phases in the same order, the same references and the same
software give the same alerts, bit for bit, however the stream was cut into segments and wherever the state was stored
and taken up again. Readings become cells; closed cells are scored in order; nothing is learned from a running batch.
Nothing here knows a database, a broker or a clock. A reference other than the one it started with is refused.
"""

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import Self

import numpy as np

from analytics.cells import CellReducer, ClosedCell, Late
from analytics.context import Context
from analytics.departure_judge import DepartureJudge
from analytics.departures import ComparedPoint, Departure
from analytics.drift_judge import DriftJudge
from analytics.episodes import AlertBook
from analytics.floor_watch import FloorWatch, Step
from analytics.grid import Grid
from analytics.late import LateSeeker
from analytics.packing import pack, unpack
from analytics.plan import ApprovedRange, TagCorrespondence
from analytics.reference import ReferenceModel
from analytics.scored import ScoredCell
from analytics.segment import Segment, Tick
from analytics.slots import Slots
from analytics.start import Start
from analytics.unit_now import TagNow, UnitNow
from store.model.alert import Alert
from store.model.plant import Tag
from store.model.times import US_PER_H

FORMAT = 5
GRID_WITHOUT_REFERENCE = Grid(width_us=US_PER_H // 2, cells=1000)
ENVELOPE_Z = 3.0
STEP_RANK = 8  # a bin of minutes is judged before the cell of which it is the end,
CELL_RANK = 9  # and a cell after whatever else happened at the position that closed it


class BatchMonitor:
    """Watches one batch. Deterministic: the same segments, phases and close give the same alerts."""

    def __init__(
        self, start: Start, reference_new: ReferenceModel | None, reference_old: ReferenceModel | None
    ) -> None:
        """Use `start` or `from_bytes`."""
        self.reference_new, self.reference_old = reference_new, reference_old
        self._start = start
        self._tags = start.tags
        tags = len(start.tags)
        context = Context(start_us=start.start_us, software=start.software, lateness_us=start.lateness_us)
        self.book = AlertBook()
        reference = reference_new or reference_old
        self._grid = reference.grid if reference is not None else GRID_WITHOUT_REFERENCE
        self._reducer = CellReducer(grid=self._grid, start_us=start.start_us, lateness_us=start.lateness_us, slots=tags)
        self._slots = Slots(tags=start.tags, start_us=start.start_us)
        self._floor = FloorWatch(
            tags=start.tags,
            ranges=start.ranges,
            start_us=start.start_us,
            hold_us=self._grid.width_us,
            context=context,
            book=self.book,
        )
        self._drift: DriftJudge | None = None
        if tags and reference_new is not None and reference_new.trajectory is not None:
            self._drift = DriftJudge(
                reference=reference_new, tags=start.tags, grid=self._grid, context=context, book=self.book
            )
        self._departure: DepartureJudge | None = None
        if tags and reference_old is not None and reference_old.points is not None:
            self._departure = DepartureJudge(
                reference=reference_old,
                correspondences=start.correspondences,
                tags=start.tags,
                grid=self._grid,
                context=context,
                book=self.book,
            )
        self.departures: tuple[Departure, ...] = ()  # once the batch has ended
        self.ended_us: int | None = None
        self.missed_the_end = False  # readings of this batch came behind its end, in the same block
        self._last_cell = np.full(tags, -1, np.int64)
        self._last_value = np.full(tags, np.nan)

    @classmethod
    def start(
        cls,
        *,
        batch: str,
        start_us: int,
        tags: Sequence[Tag],
        reference_new: ReferenceModel | None,
        reference_old: ReferenceModel | None,
        ranges: Sequence[ApprovedRange],
        correspondences: Sequence[TagCorrespondence],
        software: str,
        lateness_us: int = 0,
    ) -> Self:
        """A monitor for a batch that starts at `start_us`.

        `tags` are those of its unit and position; their order does not matter, their names match the references'.
        `lateness_us` is how long after its end a cell waits for readings that come late.
        """
        start = Start(
            batch=batch,
            start_us=start_us,
            tags=tuple(sorted(tags, key=lambda tag: (tag.name, tag.tag_id))),
            ranges=tuple(ranges),
            correspondences=tuple(correspondences),
            software=software,
            lateness_us=lateness_us,
            digest_new=None if reference_new is None else reference_new.digest.hex(),
            digest_old=None if reference_old is None else reference_old.digest.hex(),
        )
        return cls(start, reference_new, reference_old)

    @property
    def late(self) -> Late:
        """Readings that came after their cell had closed. They are stored, but were not judged."""
        return self._reducer.late

    def seeker(self) -> LateSeeker:
        """What finds the readings that come too late for this monitor, from its beginning."""
        start = self._start
        return LateSeeker(tags=start.tags, grid=self._grid, start_us=start.start_us, lateness_us=start.lateness_us)

    def hold_back(self, tick: Tick) -> None:
        """What the plant's clock last said before the first block: a clock that is ahead moves time no further.

        What was silent by then is told by the first block, with everything else that it says.
        """
        self._reducer.hold_back(tick)

    def feed(self, segment: Segment) -> list[Alert]:
        """Alerts newly raised or changed, in order; the same ordinal again is an update or an end of that alert."""
        segment = segment.in_journal_order()
        slots = self._slots.of(segment)
        reduction = self._reducer.feed(segment, slots)
        usable = reduction.usable
        steps = self._floor.look(
            segment,
            slots=slots,
            usable=usable,
            reached_us=reduction.watermark_us,
            watermark_us=self._reducer.watermark_us,
        )
        if self._drift is not None:
            self._drift.assays.offer(
                slots=slots, times_us=segment.source_times_us, values=segment.values, usable=usable
            )
            steps += [
                Step(closed.position, STEP_RANK, number, partial(self._drift.stepped, closed))
                for number, closed in enumerate(self._drift.steps.closed(segment, reduction, slots=slots))
            ]
        steps += [
            Step(cell.closed_at, CELL_RANK, number, partial(self._judge, cell))
            for number, cell in enumerate(reduction.closed)
        ]
        told = [alert for step in sorted(steps, key=itemgetter(0, 1, 2)) for alert in step.tell()]
        if self._drift is not None:
            self._drift.assays.take_all()
        return told

    def phase(self, name: str, started_us: int) -> None:
        """A phase started: declared blind times count from it, and it places the cells that close from now on."""
        if self._drift is not None:
            self._drift.phase(name, started_us)
        if self._departure is not None:
            self._departure.phase(name, started_us)

    def close(self, ended_us: int) -> list[Alert]:
        """The batch ended: judge the cells that are complete and end what is open."""
        self.ended_us = ended_us
        told: list[Alert] = []
        if self._drift is not None:
            told += [alert for closed in self._drift.steps.finish(ended_us) for alert in self._drift.stepped(closed)]
        told += [alert for cell in self._reducer.finish(ended_us) for alert in self._judge(cell)]
        told += [self.book.end(episode, max(ended_us, episode.alert.onset_us)) for episode in list(self.book.open)]
        if self._departure is not None:
            self.departures = self._departure.statement(ended_us)
        return told

    def after_the_end(self, segment: Segment) -> None:
        """Note whether any of these readings belongs to the batch."""
        assert self.ended_us is not None
        mine = (self._slots.of(segment) >= 0) & (segment.source_times_us < self.ended_us)
        self.missed_the_end = self.missed_the_end or bool(mine.any())

    def take_scored(self) -> list[ScoredCell]:
        """The cells judged since this was last asked, in order; nothing of them is in the state."""
        if self._drift is None:
            return []
        taken, self._drift.scored = self._drift.scored, []
        return taken

    def take_compared(self) -> list[ComparedPoint]:
        """The matched points compared since this was last asked, in order; nothing of them is in the state."""
        if self._departure is None:
            return []
        taken, self._departure.compared = self._departure.compared, []
        return taken

    def units_now(self) -> UnitNow:
        """What a board shows of this batch."""
        watermark_us = self._reducer.watermark_us
        begun = watermark_us >= self._start.start_us
        tags = tuple(self._tag_now(slot) for slot in range(len(self._tags)))
        judged = [tag for tag in tags if tag.in_envelope is not None]
        ratios = [tag.worst_ratio for tag in tags if tag.worst_ratio is not None]
        return UnitNow(
            batch=self._start.batch,
            process_hour=(watermark_us - self._start.start_us) / US_PER_H if begun else None,
            data_until_us=watermark_us if begun else None,
            in_envelope=all(tag.in_envelope for tag in judged) if judged else None,
            worst_ratio=max(ratios) if ratios else None,
            tags=tags,
            open_alerts=tuple(episode.alert.ordinal for episode in self.book.open),
            path=() if self._drift is None else tuple(self._drift.path.pieces()),
            passed_over=() if self._drift is None else self._drift.path.passed_over,
        )

    def to_bytes(self) -> bytes:
        """Canonical state, without the references."""
        parts = {"reducer": self._reducer.to_bytes(), "floor": self._floor.to_bytes()}
        if self._drift is not None:
            parts["drift"] = self._drift.to_bytes()
        if self._departure is not None:
            parts["departure"] = self._departure.to_bytes()
        return pack(
            "monitor",
            FORMAT,
            {"start": self._start.to_fields(), "book": self.book.to_fields()},
            {
                **{f"part {name}": np.frombuffer(data, np.uint8) for name, data in parts.items()},
                "last cell": self._last_cell,
                "last value": self._last_value,
            },
        )

    @classmethod
    def from_bytes(
        cls, data: bytes, *, reference_new: ReferenceModel | None, reference_old: ReferenceModel | None
    ) -> Self:
        """The monitor whose state this is.

        Raises ValueError when the references are not those it started with, UnknownFormat for other bytes.
        """
        fields, arrays = unpack("monitor", FORMAT, data)
        start = Start.from_fields(fields["start"])
        for wanted, given in ((start.digest_new, reference_new), (start.digest_old, reference_old)):
            found = None if given is None else given.digest.hex()
            if wanted != found:
                raise ValueError(f"this monitor started with reference {wanted}, not with {found}")
        monitor = cls(start, reference_new, reference_old)
        monitor._reducer = CellReducer.from_bytes(arrays["part reducer"].tobytes())
        monitor._floor.restore(arrays["part floor"].tobytes())
        if monitor._drift is not None:
            monitor._drift.restore(arrays["part drift"].tobytes())
        if monitor._departure is not None:
            monitor._departure.restore(arrays["part departure"].tobytes())
        monitor._last_cell, monitor._last_value = arrays["last cell"], arrays["last value"]
        restored = AlertBook.from_fields(fields["book"])
        # The judges hold this very book: it takes over what the restored one says.
        monitor.book.raised, monitor.book.open = restored.raised, restored.open
        return monitor

    def _judge(self, cell: ClosedCell) -> list[Alert]:
        known = cell.readings > 0
        self._last_cell[known] = cell.index
        self._last_value[known] = cell.values[known]
        told = self._floor.closed(cell.end_us)
        if self._drift is not None:
            self._drift.assays.take(cell.closed_at + 1)
            told += self._drift.update(cell)
        if self._departure is not None:
            told += self._departure.update(cell.index, cell.end_us, cell.values)
        return told

    def _tag_now(self, slot: int) -> TagNow:
        cell = int(self._last_cell[slot])
        last = None if self._drift is None else self._drift.course.last_z(slot)
        z = None if last is None or np.isnan(last[2]) else last[2]
        ratio = float("nan") if self._drift is None else float(self._drift.ratios[slot])
        return TagNow(
            tag=self._tags[slot].name,
            cell=cell if cell >= 0 else None,
            value=float(self._last_value[slot]) if cell >= 0 else None,
            z=z,
            in_envelope=None if z is None else abs(z) <= ENVELOPE_Z,
            worst_ratio=None if np.isnan(ratio) else ratio,
            late_readings=int(self._reducer.late_counts[slot]),
            silent=bool(self._floor.silent[slot]),
        )
