"""The pure state machine that watches one batch: segments in, alerts out.

The promise (DETECT-1): the same readings, ticks and phases in the same order, the same references and the same
software give the same alerts, bit for bit, however the stream was cut into segments and wherever the state was stored
and taken up again. Readings become cells; closed cells are scored in order; nothing is learned from a running batch.
Nothing here knows a database, a broker or a clock. A reference other than the one it started with is refused.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, assert_never

import numpy as np

from analytics.cells import BAD, CellReducer, ClosedCell
from analytics.departure_judge import DepartureJudge
from analytics.departures import Departure
from analytics.detectors.ranges import Bound, Excursion, RangeWatch
from analytics.detectors.silence import Hush, SilenceWatch
from analytics.drift_judge import Context, DriftJudge
from analytics.episodes import AlertBook
from analytics.floor_judge import FloorJudge
from analytics.grid import Grid
from analytics.packing import pack, unpack
from analytics.plan import ApprovedRange, TagCorrespondence
from analytics.reference import ReferenceModel
from analytics.scored import ScoredCell
from analytics.segment import Int32s, Segment
from store.model.alert import Alert
from store.model.ids import PositionId, TagId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.result import LimitKind
from store.model.times import US_PER_H, US_PER_S

FORMAT = 3
GRID_WITHOUT_REFERENCE = Grid(width_us=US_PER_H // 2, cells=1000)
MISSED_BEFORE_SILENT = 5  # a lost reading or two is transport, five in a row is silence
LONGEST_SILENCES = 2  # of a tag that speaks on change
LEAST_DELAY_S = 120.0  # reconnecting to a broker takes that long on a bad day
ENVELOPE_Z = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TagNow:
    """What is known of one tag at the last closed cell."""

    tag: str
    cell: int | None  # index of the last closed cell that held a reading
    value: float | None  # its median
    z: float | None  # distance from the new reference in SD, clipped at ±6
    in_envelope: bool | None  # None: nothing to compare with
    worst_ratio: float | None  # largest score over limit among the layers that judge this tag
    late_readings: int
    silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitNow:
    """The batch at a glance."""

    batch: str
    process_hour: float | None  # of the watermark
    data_until_us: int | None  # the watermark
    in_envelope: bool | None
    worst_ratio: float | None
    tags: tuple[TagNow, ...]
    open_alerts: tuple[int, ...]  # ordinals


class BatchMonitor:
    """Watches one batch. Deterministic: the same segments, phases and close give the same alerts."""

    def __init__(
        self, start: "_Start", reference_new: ReferenceModel | None, reference_old: ReferenceModel | None
    ) -> None:
        """Use `start` or `from_bytes`."""
        self._start = start
        self._tags = start.tags
        tags = len(start.tags)
        context = Context(start_us=start.start_us, software=start.software)
        self.book = AlertBook()
        reference = reference_new or reference_old
        self._grid = reference.grid if reference is not None else GRID_WITHOUT_REFERENCE
        self._reducer = CellReducer(grid=self._grid, start_us=start.start_us, lateness_us=start.lateness_us, slots=tags)
        ids = np.array([tag.tag_id for tag in start.tags], np.int32)
        self._slot_order = np.argsort(ids).astype(np.int32)
        self._sorted_ids = ids[self._slot_order]
        delays_us = [_delay_us(tag) for tag in start.tags]
        slots = {tag.name: slot for slot, tag in enumerate(start.tags)}
        ranges = tuple(item for item in start.ranges if item.tag in slots)
        self._silence = SilenceWatch(delays_us=np.array(delays_us, np.int64), start_us=start.start_us)
        self._ranges = RangeWatch(
            bounds=[_bound(item, slots[item.tag], start.tags) for item in ranges],
            slots=tags,
            hold_us=self._grid.width_us,
        )
        self._floor = FloorJudge(tags=start.tags, ranges=ranges, delays_us=delays_us, context=context, book=self.book)
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
        start = _Start(
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
    def late_readings(self) -> int:
        """Readings that came after their cell had closed. They are stored, but were not judged."""
        return int(self._reducer.late_counts.sum())

    def feed(self, segment: Segment) -> list[Alert]:
        """Alerts newly raised or changed, in order; the same ordinal again is an update or an end of that alert."""
        segment = segment.in_journal_order()
        slots = self._slots_of(segment)
        reduction = self._reducer.feed(segment, slots)
        hushes = self._silence.update(
            slots=slots,
            times_us=segment.source_times_us,
            reached_us=reduction.watermark_us,
            watermark_us=self._reducer.watermark_us,
        )
        if self._drift is not None:
            self._drift.assays.offer(
                slots=slots,
                times_us=segment.source_times_us,
                values=segment.values,
                usable=segment.qualities != BAD,
            )
        excursions = self._ranges.update(
            slots=slots,
            times_us=segment.source_times_us,
            values=segment.values,
            usable=segment.qualities != BAD,
        )
        if hushes or excursions:
            told = self._in_journal_order(hushes, excursions, reduction.closed)
        else:
            told = self._judge_all(reduction.closed)
        if self._drift is not None:
            self._drift.assays.take_all()
        return told

    def phase(self, name: str, started_us: int) -> None:
        """A phase started; declared blind times count from it."""
        if self._drift is not None:
            self._drift.phase(name, started_us)
        if self._departure is not None:
            self._departure.phase(name, started_us)

    def close(self, ended_us: int) -> list[Alert]:
        """The batch ended: judge the cells that are complete and end what is open."""
        told = self._judge_all(self._reducer.finish(ended_us))
        for episode in list(self.book.open):
            told.append(self.book.end(episode, max(ended_us, episode.alert.onset_us)))
        if self._departure is not None:
            self.departures = self._departure.statement(ended_us)
        return told

    def take_scored(self) -> list[ScoredCell]:
        """The cells judged since this was last asked, in order; nothing of them is in the state."""
        if self._drift is None:
            return []
        taken, self._drift.scored = self._drift.scored, []
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
        )

    def to_bytes(self) -> bytes:
        """Canonical state, without the references."""
        parts = {
            "reducer": self._reducer.to_bytes(),
            "silence": self._silence.to_bytes(),
            "ranges": self._ranges.to_bytes(),
        }
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
        start = _Start.from_fields(fields["start"])
        for wanted, given in ((start.digest_new, reference_new), (start.digest_old, reference_old)):
            found = None if given is None else given.digest.hex()
            if wanted != found:
                raise ValueError(f"this monitor started with reference {wanted}, not with {found}")
        monitor = cls(start, reference_new, reference_old)
        monitor._reducer = CellReducer.from_bytes(arrays["part reducer"].tobytes())
        monitor._silence.restore(arrays["part silence"].tobytes())
        monitor._ranges.restore(arrays["part ranges"].tobytes())
        if monitor._drift is not None:
            monitor._drift.restore(arrays["part drift"].tobytes())
        if monitor._departure is not None:
            monitor._departure.restore(arrays["part departure"].tobytes())
        monitor._last_cell, monitor._last_value = arrays["last cell"], arrays["last value"]
        restored = AlertBook.from_fields(fields["book"])
        # The judges hold this very book: it takes over what the restored one says.
        monitor.book.raised, monitor.book.open = restored.raised, restored.open
        return monitor

    def _slots_of(self, segment: Segment) -> Int32s:
        """The slot of every reading, −1 for tags nobody watches and for readings before the batch."""
        if not len(self._sorted_ids):
            return np.full(len(segment), -1, np.int32)
        at = np.minimum(np.searchsorted(self._sorted_ids, segment.tag_ids), len(self._sorted_ids) - 1)
        watched = (self._sorted_ids[at] == segment.tag_ids) & (segment.source_times_us >= self._start.start_us)
        return np.where(watched, self._slot_order[at], np.int32(-1))

    def _judge_all(self, closed: Sequence[ClosedCell]) -> list[Alert]:
        told: list[Alert] = []
        for cell in closed:
            told += self._judge(cell)
        return told

    def _judge(self, cell: ClosedCell) -> list[Alert]:
        known = cell.readings > 0
        self._last_cell[known] = cell.index
        self._last_value[known] = cell.values[known]
        told: list[Alert] = []
        if self._drift is not None:
            self._drift.assays.take(cell.closed_at + 1)
            told += self._drift.update(cell.index, cell.end_us, cell.values)
        if self._departure is not None:
            told += self._departure.update(cell.index, cell.end_us, cell.values)
        return told

    def _in_journal_order(
        self, hushes: Sequence[Hush], excursions: Sequence[Excursion], closed: Sequence[ClosedCell]
    ) -> list[Alert]:
        """Whatever happened at one position is told in a fixed order, so that ordinals never depend on the cut."""
        silent: dict[int, list[Hush]] = {}
        for hush in hushes:
            silent.setdefault(hush.position, []).append(hush)
        steps: list[tuple[int, int, int]] = [(position, 0, position) for position in silent]
        steps += [(event.position, 1, number) for number, event in enumerate(excursions)]
        steps += [(cell.closed_at, 2, number) for number, cell in enumerate(closed)]
        told: list[Alert] = []
        for _, rank, number in sorted(steps):
            if rank == 0:
                told += self._floor.hushes(silent[number])
            elif rank == 1:
                told += self._floor.excursion(excursions[number])
            else:
                told += self._judge(closed[number])
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
            silent=bool(self._silence.silent[slot]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What a monitor was started with; it never changes."""

    batch: str
    start_us: int
    tags: tuple[Tag, ...]
    ranges: tuple[ApprovedRange, ...]
    correspondences: tuple[TagCorrespondence, ...]
    software: str
    lateness_us: int
    digest_new: str | None
    digest_old: str | None

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """The start those fields describe."""
        return cls(
            **{
                **fields,
                "tags": tuple(_tag_from(item) for item in fields["tags"]),
                "ranges": tuple(
                    ApprovedRange(**{**item, "kind": LimitKind(item["kind"])}) for item in fields["ranges"]
                ),
                "correspondences": tuple(TagCorrespondence(**item) for item in fields["correspondences"]),
            }
        )


def _tag_from(fields: dict[str, Any]) -> Tag:
    position = fields["position_id"]
    return Tag(
        **{
            **fields,
            "tag_id": TagId(fields["tag_id"]),
            "unit_id": UnitId(fields["unit_id"]),
            "position_id": None if position is None else PositionId(position),
            "reporting_mode": ReportingMode(fields["reporting_mode"]),
        }
    )


def _delay_us(tag: Tag) -> int:
    """How long after its last reading a tag counts as silent; −1 when it owes no regular reading."""
    if tag.interval_s is None:
        return -1
    match tag.reporting_mode:
        case ReportingMode.PERIODIC:
            delay_s = max(MISSED_BEFORE_SILENT * tag.interval_s, LEAST_DELAY_S)
        case ReportingMode.ON_CHANGE:
            delay_s = max(LONGEST_SILENCES * tag.interval_s, LEAST_DELAY_S)
        case ReportingMode.MANUAL:
            return -1
        case _:
            assert_never(tag.reporting_mode)
    return round(delay_s * US_PER_S)


def _bound(approved: ApprovedRange, slot: int, tags: Sequence[Tag]) -> Bound:
    return Bound(
        slot=slot,
        low=float("-inf") if approved.low is None else approved.low,
        high=float("inf") if approved.high is None else approved.high,
        confirm=1 if tags[slot].reporting_mode is ReportingMode.MANUAL else 2,
    )
