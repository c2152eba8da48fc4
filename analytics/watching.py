"""Move a monitor on through the intake: state, position, snapshot and alerts in one transaction."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import psycopg
import structlog
from psycopg.types.json import Jsonb

from analytics.intake import Stretch
from analytics.monitor import BatchMonitor
from analytics.reference import ReferenceModel
from analytics.segment import Segment, Tick
from analytics.settings import AnalyticsSettings
from analytics.software import software
from store.model.alert import Alert, AlertKind
from store.model.times import US_PER_S, from_us, to_us
from store.rows import UnitRows, decode_rows
from store.sql import queries

log = structlog.get_logger()
ENDS = ("unit_procedure_ended", "batch_ended", "batch_terminated")


@dataclass(slots=True)
class MonitorCache:
    """Monitors in memory, with the position their state belongs to: saves reading the state, never decides anything."""

    monitors: dict[int, tuple[int, BatchMonitor]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event of the unit as one monitor sees it."""

    entry: int
    kind: str  # of ENDS, "phase_started" or ""
    time_us: int
    phase: str


def advance_monitor(
    connection: psycopg.Connection, head: int, settings: AnalyticsSettings, cache: MonitorCache
) -> bool:
    """Move the monitor that is farthest behind on; False when none needs it.

    One that cannot go on is set aside with an alert, so that one batch never blinds the others.
    """
    with connection.transaction():
        row = connection.execute(queries("analytics")["claim_monitor"], {"head": head}).fetchone()
        if row is None:
            return False
        claim = Claim(*row)
        try:
            with connection.transaction():
                _advance(connection, claim, head, settings, cache)
        except psycopg.OperationalError:
            raise  # the store is unavailable, the monitor is not to blame
        except Exception as error:
            log.exception("monitor failed", batch=claim.batch, position=claim.position)
            cache.monitors.pop(claim.monitor_id, None)
            _set_aside(connection, claim, error)
    return True


class Claim(NamedTuple):
    """A locked monitor row with what is needed to go on."""

    monitor_id: int
    batch_id: int
    batch: str
    unit_id: int
    position: int
    state: bytes
    transport_allowance_s: float
    started_event_id: int
    model_new: bytes | None
    model_old: bytes | None


def _advance(
    connection: psycopg.Connection, claim: Claim, head: int, settings: AnalyticsSettings, cache: MonitorCache
) -> None:
    cached = cache.monitors.pop(claim.monitor_id, None)
    if cached is not None and cached[0] == claim.position:
        monitor = cached[1]
    else:
        monitor = BatchMonitor.from_bytes(
            claim.state, reference_new=_model(claim.model_new), reference_old=_model(claim.model_old)
        )
    stretch = Stretch(after=claim.position, until=min(head, claim.position + settings.analytics_blocks))
    closed = False
    for ordinal, alerts, ended in play(
        connection,
        monitor,
        stretch,
        batch_id=claim.batch_id,
        batch=claim.batch,
        unit_id=claim.unit_id,
        transport_allowance_s=claim.transport_allowance_s,
        started_event_id=claim.started_event_id,
    ):
        for alert in alerts:
            write_alert(
                connection,
                alert,
                monitor_id=claim.monitor_id,
                batch_id=claim.batch_id,
                unit_id=claim.unit_id,
                ordinal=ordinal,
            )
        closed = closed or ended
    connection.execute(
        queries("analytics")["save_monitor"],
        {
            "monitor_id": claim.monitor_id,
            "position": stretch.until,
            "closed": closed,
            "state": monitor.to_bytes(),
            "snapshot": Jsonb(asdict(monitor.units_now())),
        },
    )
    if not closed:
        cache.monitors[claim.monitor_id] = (stretch.until, monitor)


def _set_aside(connection: psycopg.Connection, claim: Claim, error: Exception) -> None:
    sql = queries("analytics")
    why = f"{type(error).__name__}: {error}"[:500]
    connection.execute(sql["fail_monitor"], {"monitor_id": claim.monitor_id, "failure": why})
    now_us = time.time_ns() // 1000
    alert = Alert(
        ordinal=0,
        kind=AlertKind.SILENCE,
        detector="monitor_failed",
        tags=(),
        raised_us=now_us,
        onset_us=now_us,
        phase_time_h=0.0,
        score=1.0,
        limit=0.0,
        sentence=f"Nobody watches {claim.batch} any more: its monitor failed ({why}). Its data are recorded as before; "
        "judge it by hand and report the failure.",
        software=software(),
    )
    write_alert(
        connection,
        alert,
        monitor_id=claim.monitor_id,
        batch_id=claim.batch_id,
        unit_id=claim.unit_id,
        ordinal=claim.position,
    )


def play(
    connection: psycopg.Connection,
    monitor: BatchMonitor,
    stretch: Stretch,
    *,
    batch_id: int,
    batch: str,
    unit_id: int,
    transport_allowance_s: float,
    started_event_id: int,
) -> Iterator[tuple[int, list[Alert], bool]]:
    """Feed a stretch of the intake to a monitor: per block its ordinal, the alerts it changed, whether it ended.

    The allowance, in host seconds, is the one the monitor started with, whatever the settings say today. Events up to
    the one that started the unit procedure are not its own.
    """
    sql = queries("analytics")
    parameters = {"after": stretch.after, "until": stretch.until, "unit_id": unit_id}
    happenings: dict[int, list[Happening]] = {}
    for ordinal, event_id, entry, kind, at, of_batch, note, phase in connection.execute(sql["unit_events"], parameters):
        if event_id <= started_event_id:
            continue  # of the time before this batch came here, even where it shares a block with its start
        mine = of_batch == batch_id and (kind in ENDS or kind == "phase_started")
        inferred = note == f"ended {batch} as inferred"
        if mine or inferred:
            happenings.setdefault(ordinal, []).append(
                Happening(
                    entry=entry,
                    kind="unit_procedure_ended" if inferred else kind,
                    time_us=to_us(at),
                    phase=phase or "",
                )
            )
    blocks = {row[0]: row[1:] for row in connection.execute(sql["unit_blocks"], parameters)}
    for ordinal in sorted(blocks.keys() | happenings.keys()):
        rows, plant_time, rate = blocks.get(ordinal, (None, None, None))
        tick = None if plant_time is None else tick_of(to_us(plant_time), rate, transport_allowance_s)
        alerts, ended = feed_block(
            monitor,
            None if rows is None else decode_rows(rows),
            happenings.get(ordinal, []),
            tick,
        )
        yield ordinal, alerts, ended
        if ended:
            return


def feed_block(
    monitor: BatchMonitor, rows: UnitRows | None, happenings: list[Happening], tick: Tick | None
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
            return alerts + monitor.close(happening.time_us), True
    if rows is not None:
        alerts += _feed(monitor, rows, first, len(rows.entry))
    if tick is not None:
        alerts += monitor.feed(Segment.of_tick(tick))
    return alerts, False


def write_alert(
    connection: psycopg.Connection, alert: Alert, *, monitor_id: int, batch_id: int, unit_id: int, ordinal: int
) -> None:
    """Raise an alert, or add what became of it, in the caller's transaction."""
    sql = queries("analytics")
    known = connection.execute(sql["alert_of_monitor"], {"monitor_id": monitor_id, "ordinal": alert.ordinal}).fetchone()
    common: dict[str, Any] = {
        "detector": alert.detector,
        "tags": list(alert.tags),
        "score": alert.score,
        "limit_value": alert.limit,
        "sentence": alert.sentence,
        "contributions": Jsonb(alert.contributions),
        "cells": Jsonb(alert.cells),
        "intake_ordinal": ordinal,
    }
    if known is None:
        known = connection.execute(
            sql["insert_alert"],
            common
            | {
                "monitor_id": monitor_id,
                "batch_id": batch_id,
                "unit_id": unit_id,
                "ordinal": alert.ordinal,
                "kind": str(alert.kind),
                "raised_time": from_us(alert.raised_us),
                "onset_time": from_us(alert.onset_us),
                "phase_time_h": alert.phase_time_h,
                "reference_digest": alert.reference_digest,
                "software": alert.software,
            },
        ).fetchone()
        if alert.ended_us is None:
            return
        assert known is not None
        known = (known[0], 0)
    ended = None if alert.ended_us is None else from_us(alert.ended_us)
    connection.execute(
        sql["update_alert"], common | {"alert_id": known[0], "version": known[1] + 1, "ended_time": ended}
    )


def _feed(monitor: BatchMonitor, rows: UnitRows, first: int, last: int) -> list[Alert]:
    if first == last:
        return []
    return monitor.feed(
        Segment(
            ordinals=rows.entry[first:last].astype(np.int64),
            tag_ids=rows.tag_id[first:last],
            source_times_us=rows.time_us[first:last],
            values=rows.value[first:last],
            qualities=rows.quality[first:last],
        )
    )


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


def _model(data: bytes | None) -> ReferenceModel | None:
    return None if data is None else ReferenceModel.from_bytes(data)
