"""Play a stretch of the intake to one run of a monitor: the same live, after a restart or in a year."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import psycopg

from analytics.configuration import Configuration
from analytics.corrections import Corrections
from analytics.intake import Stretch
from analytics.late import NOTHING_MOVED, Moved
from analytics.monitor import BatchMonitor
from analytics.packing import UnknownFormat
from analytics.reference import ReferenceModel, digest_of
from analytics.segment import Segment, Tick
from store.model.alert import Alert
from store.model.times import US_PER_S, to_us
from store.rows import UnitRows, decode_rows
from store.sql import queries

ENDS = ("unit_procedure_ended", "batch_ended", "batch_terminated")


class Run(NamedTuple):
    """A run of a monitor as it is stored."""

    monitor_id: int
    unit_procedure_id: int
    run: int
    batch_id: int
    batch: str
    unit_id: int
    configuration: Configuration
    software: str
    started_ordinal: int
    position: int
    corrected_ordinal: int | None
    reference_new_id: int | None
    reference_old_id: int | None
    model_new: bytes | None
    model_old: bytes | None
    digest_new: bytes | None
    digest_old: bytes | None

    def verify(self) -> None:
        """Raises ValueError when the bytes of a reference are not those that were approved."""
        for model, digest in ((self.model_new, self.digest_new), (self.model_old, self.digest_old)):
            if model is not None and (digest is None or _readable_digest(model) != digest):
                shown = "none" if digest is None else digest.hex()
                raise ValueError(f"the stored bytes of its reference are not those of the hash {shown}")

    def begin(self) -> BatchMonitor:
        """Its monitor as it was before the first block."""
        return self.configuration.begin(
            batch=self.batch, new=model_of(self.model_new), old=model_of(self.model_old), software=self.software
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Which part of the plant a run watches, and what it takes to be so."""

    unit_id: int
    unit_procedure_id: int
    transport_allowance_s: float  # host seconds; the one the run began with, whatever the settings say today
    corrections: Corrections
    moved: Moved = NOTHING_MOVED


class Watching(Protocol):
    """What can be played to."""

    def feed(self, segment: Segment) -> list[Alert]:
        """Take readings, and the tick after them."""

    def phase(self, name: str, started_us: int) -> None:
        """A phase started."""

    def close(self, ended_us: int) -> list[Alert]:
        """The batch ended."""

    def after_the_end(self, segment: Segment) -> None:
        """What came behind the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event as the monitor of its unit procedure sees it."""

    entry: int
    kind: str  # of ENDS, or "phase_started"
    time_us: int
    phase: str


def read_run(connection: psycopg.Connection, monitor_id: int) -> Run:
    """A run with all it is pinned to."""
    row = connection.execute(queries("rerun")["run"], {"monitor_id": monitor_id}).fetchone()
    assert row is not None
    run = Run(*row)
    return run._replace(configuration=Configuration.from_fields(row[Run._fields.index("configuration")]))


def play(
    connection: psycopg.Connection, monitor: Watching, stretch: Stretch, played: Played
) -> Iterator[tuple[int, list[Alert], bool]]:
    """Feed a stretch of the intake to a monitor: per block its ordinal, the alerts it changed, whether it ended.

    Where the end was corrected to an instant the run ends at the correction: by then all of it is known.
    """
    sql = queries("analytics")
    corrections = played.corrections
    ends_at = corrections.ordinal if corrections.ended_us is not None else None
    if ends_at is not None:
        stretch = Stretch(after=stretch.after, until=min(stretch.until, ends_at))
    parameters = {"after": stretch.after, "until": stretch.until, "unit_id": played.unit_id}
    happenings = _happenings(connection, stretch, played)
    blocks = {row[0]: row[1:] for row in connection.execute(sql["unit_blocks"], parameters)}
    for ordinal in sorted(blocks.keys() | happenings.keys()):
        rows, plant_time, rate = blocks.get(ordinal, (None, None, None))
        tick = None
        if plant_time is not None and corrections.tells(to_us(plant_time)):
            tick = tick_of(to_us(plant_time), rate, played.transport_allowance_s)
        came = None if rows is None else corrections.readings(decode_rows(rows))
        alerts, ended = feed_block(monitor, played.moved.block(ordinal, came), happenings.get(ordinal, []), tick)
        yield ordinal, alerts, ended
        if ended:
            return
    if ends_at is not None and stretch.until == ends_at:
        assert corrections.ended_us is not None
        rows_left = played.moved.block(ends_at, None)
        alerts = [] if rows_left is None else monitor.feed(segment_of(rows_left))
        yield ends_at, alerts + monitor.close(corrections.ended_us), True


def feed_block(
    monitor: Watching, rows: UnitRows | None, happenings: list[Happening], tick: Tick | None
) -> tuple[list[Alert], bool]:
    """Feed one block in the order of its entries; True when the batch ended in it."""
    alerts: list[Alert] = []
    first = 0
    for happening in happenings:
        if rows is not None:
            last = int(np.searchsorted(rows.entry, happening.entry, side="left"))
            alerts += _feed(monitor, rows, first, last)
            first = last
        if happening.kind == "phase_started":
            monitor.phase(happening.phase, happening.time_us)
        else:
            alerts += monitor.close(happening.time_us)
            if rows is not None and first < len(rows.entry):
                monitor.after_the_end(segment_of(rows.between(first, len(rows.entry))))
            return alerts, True
    if rows is not None:
        alerts += _feed(monitor, rows, first, len(rows.entry))
    if tick is not None:
        alerts += monitor.feed(Segment.of_tick(tick))
    return alerts, False


def tick_of(plant_us: int, rate: float, transport_allowance_s: float) -> Tick:
    """A tick as the monitors see it.

    A message takes host seconds to arrive, and ticks are host seconds apart: on an accelerated plant clock both are a
    long time, at the plant's own pace readings are held to the tick.
    """
    return Tick(
        plant_time_us=plant_us,
        transport_allowance_us=int(transport_allowance_s * rate * US_PER_S),
        ahead_us=int(transport_allowance_s * max(rate - 1.0, 0.0) * US_PER_S),
    )


def _readable_digest(model: bytes) -> bytes | None:
    try:
        return digest_of(model)
    except UnknownFormat:
        return None


def first_state(begin: Callable[[], BatchMonitor]) -> bytes:
    """The state of a monitor before its first block, empty where the bytes of a reference cannot be read.

    Whoever takes that monitor up sets it aside with an alert (`Run.verify`); here it would stop every other batch too.
    """
    try:
        return begin().to_bytes()
    except UnknownFormat:
        return b""


def model_of(data: bytes | None) -> ReferenceModel | None:
    """The reference of those bytes."""
    return None if data is None else ReferenceModel.from_bytes(data)


def _happenings(connection: psycopg.Connection, stretch: Stretch, played: Played) -> dict[int, list[Happening]]:
    corrections = played.corrections
    parameters = {"after": stretch.after, "until": stretch.until, "unit_procedure_id": played.unit_procedure_id}
    found: dict[int, list[Happening]] = {}
    for ordinal, entry, kind, at, phase, inferred in connection.execute(
        queries("analytics")["procedure_events"], parameters
    ):
        time_us = to_us(at)
        if kind == "phase_started" and not inferred:
            time_us = corrections.phases.get((phase, time_us), time_us)
        elif not (inferred or kind in ENDS) or corrections.ignores_end(ordinal):
            continue
        happening = Happening(
            entry=entry, kind="unit_procedure_ended" if inferred else kind, time_us=time_us, phase=phase or ""
        )
        found.setdefault(ordinal, []).append(happening)
    return found


def _feed(monitor: Watching, rows: UnitRows, first: int, last: int) -> list[Alert]:
    if first == last:
        return []
    return monitor.feed(segment_of(rows.between(first, last)))


def segment_of(rows: UnitRows) -> Segment:
    """Rows of a unit as the analytics take them."""
    return Segment(
        ordinals=rows.entry.astype(np.int64),
        tag_ids=rows.tag_id,
        source_times_us=rows.time_us,
        values=rows.value,
        qualities=rows.quality,
    )
