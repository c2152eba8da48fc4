"""Move a monitor on through the intake: state, position, snapshot and alerts in one transaction."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg.types.json import Jsonb

from analytics.departures import ComparedPoint, Departure
from analytics.intake import Stretch, position_of
from analytics.monitor import BatchMonitor
from analytics.playing import Played, model_of, play, play_beyond, played_by, read_run
from analytics.reruns import Cause, end_run, run_again, run_on_under_this_version
from analytics.scored import ScoredCell
from analytics.settings import AnalyticsSettings
from analytics.software import software
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.times import from_us
from store.sql import queries

SMALLEST_RATIO, LARGEST_RATIO = 1e-30, 1e30

log = structlog.get_logger()


class Kept(NamedTuple):
    """A monitor in memory: the position its state belongs to, and what it watches."""

    position: int
    monitor: BatchMonitor
    played: Played


@dataclass(slots=True)
class MonitorCache:
    """Monitors in memory by number: saves reading run, models and state, never decides anything."""

    kept: dict[int, Kept] = field(default_factory=dict)


def advance_monitor(
    connection: psycopg.Connection, head: int, settings: AnalyticsSettings, cache: MonitorCache
) -> bool:
    """Move the monitor that is farthest behind on; False when none needs it.

    Those that keep up come before those that catch up after a correction. One that cannot go on is set aside with an
    alert, so that one batch never blinds the others.
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
            cache.kept.pop(claim.monitor_id, None)
            _set_aside(connection, claim, error)
    return True


class Claim(NamedTuple):
    """A locked monitor row with what is needed to go on."""

    monitor_id: int
    unit_procedure_id: int
    run: int
    batch_id: int
    batch: str
    unit_id: int
    position: int
    until_ordinal: int | None


def _advance(
    connection: psycopg.Connection, claim: Claim, head: int, settings: AnalyticsSettings, cache: MonitorCache
) -> None:
    kept = cache.kept.pop(claim.monitor_id, None)
    if kept is None or kept.position != claim.position:
        superseded = claim.until_ordinal is not None
        if run_on_under_this_version(connection, claim.monitor_id, superseded=superseded, settings=settings):
            log.info("watched anew by another version", batch=claim.batch, run=claim.run, position=claim.position)
            return
        kept = _read(connection, claim)
    monitor, played = kept.monitor, kept.played
    until = min(head, claim.position + settings.analytics_blocks)
    if claim.until_ordinal is not None:
        until = min(until, claim.until_ordinal)
    closed = until == claim.until_ordinal
    again = False
    for ordinal, alerts, ended in play(connection, monitor, Stretch(after=claim.position, until=until), played):
        for alert in alerts:
            write_alert(connection, alert, claim, ordinal=ordinal)
        if ended:
            _write_departures(connection, monitor.departures, claim, ordinal=ordinal)
        closed = closed or ended
        if ended and claim.until_ordinal is None:
            _note_what_came_after(connection, monitor, played, claim, ordinal)
            # Not while it runs: until another run had caught up, nobody would say how the batch stands.
            again = monitor.late_readings > 0 and ordinal > played.corrections.ordinal
            until = ordinal if again else until
    _write_scored(connection, monitor.take_scored(), claim)
    _write_compared(connection, monitor.take_compared(), claim)
    connection.execute(
        queries("analytics")["save_monitor"],
        {
            "monitor_id": claim.monitor_id,
            "position": until,
            "closed": closed,
            "state": monitor.to_bytes(),
            "snapshot": Jsonb(asdict(monitor.units_now())),
        },
    )
    if again:
        log.info(
            "late readings are scored by another run", batch=claim.batch, run=claim.run, late=monitor.late_readings
        )
        end_run(connection, claim.monitor_id, until)
        run_again(connection, claim.monitor_id, until, settings, Cause.LATE_READINGS)
    if not closed:
        cache.kept[claim.monitor_id] = Kept(until, monitor, played)


def _note_what_came_after(
    connection: psycopg.Connection, monitor: BatchMonitor, played: Played, claim: Claim, ordinal: int
) -> None:
    """Readings behind the end, in blocks that had been followed before this run came to it."""
    assert monitor.ended_us is not None
    reach = position_of(connection, "overviews")
    seeker = monitor.seeker()
    seeker.close(monitor.ended_us)
    judged = max(ordinal, played.corrections.ordinal)  # what came late by then is in its place
    play_beyond(connection, seeker, Stretch(after=judged, until=reach), played)
    if seeker.found or (monitor.missed_the_end and ordinal > played.corrections.ordinal):
        connection.execute(queries("rerun")["note_late"], {"monitor_id": claim.monitor_id, "ordinal": reach})


def _read(connection: psycopg.Connection, claim: Claim) -> Kept:
    """A monitor as it is stored, with the corrections its run is pinned to."""
    run = read_run(connection, claim.monitor_id)
    run.verify()
    row = connection.execute(queries("analytics")["monitor_state"], {"monitor_id": claim.monitor_id}).fetchone()
    assert row is not None
    monitor = BatchMonitor.from_bytes(
        row[0], reference_new=model_of(run.model_new), reference_old=model_of(run.model_old)
    )
    return Kept(claim.position, monitor, played_by(connection, run))


def _write_scored(connection: psycopg.Connection, scored: Sequence[ScoredCell], claim: Claim) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            queries("score")["insert"],
            [
                {
                    "monitor_id": claim.monitor_id,
                    "cell": cell.cell,
                    "ended_time": from_us(cell.ended_us),
                    "tags": list(cell.tags),
                    "ratio": [_drawable(ratio) for ratio in cell.ratios],
                    "layer": list(cell.layers),
                }
                for cell in scored
                if cell.tags
            ],
        )


def _drawable(ratio: float) -> float:
    """A ratio as single precision holds it: one that decays for days would become too small for that.

    >>> [_drawable(ratio) for ratio in (1e-60, 0.5, 1e60)]
    [0.0, 0.5, 1e+30]
    """
    return 0.0 if ratio < SMALLEST_RATIO else min(ratio, LARGEST_RATIO)


def _write_compared(connection: psycopg.Connection, compared: Sequence[ComparedPoint], claim: Claim) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            queries("departure")["insert_point"],
            [
                {
                    "monitor_id": claim.monitor_id,
                    "point": one.point,
                    "point_time": from_us(one.at_us),
                    "tags": list(one.tags),
                    "value": list(one.values),
                    "expected": list(one.expected),
                    "sd": list(one.sd),
                    "reach": list(one.reach),
                    "limit_value": list(one.limits),
                }
                for one in compared
            ],
        )


def _write_departures(
    connection: psycopg.Connection, departures: Sequence[Departure], claim: Claim, *, ordinal: int
) -> None:
    for departure in departures:
        stated = asdict(departure) | {"monitor_id": claim.monitor_id, "intake_ordinal": ordinal}
        connection.execute(queries("departure")["insert"], stated)


def _set_aside(connection: psycopg.Connection, claim: Claim, error: Exception) -> None:
    sql = queries("analytics")
    why = f"{type(error).__name__}: {error}"[:500]
    connection.execute(sql["fail_monitor"], {"monitor_id": claim.monitor_id, "failure": why})
    now_us = time.time_ns() // 1000
    alert = Alert(
        ordinal=0,
        kind=AlertKind.SILENCE,
        severity=AlertSeverity.HIGH,
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
    write_alert(connection, alert, claim, ordinal=claim.position)


def write_alert(connection: psycopg.Connection, alert: Alert, claim: Claim, *, ordinal: int) -> None:
    """Raise an alert, or add what became of it, in the caller's transaction."""
    sql = queries("analytics")
    asked = {"monitor_id": claim.monitor_id, "ordinal": alert.ordinal}
    known = connection.execute(sql["alert_of_monitor"], asked).fetchone()
    common: dict[str, Any] = {
        "severity": str(alert.severity),
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
        raised = common | {
            "monitor_id": claim.monitor_id,
            "batch_id": claim.batch_id,
            "unit_id": claim.unit_id,
            "ordinal": alert.ordinal,
            "kind": str(alert.kind),
            "raised_time": from_us(alert.raised_us),
            "onset_time": from_us(alert.onset_us),
            "phase_time_h": alert.phase_time_h,
            "reference_digest": alert.reference_digest,
            "software": alert.software,
        }
        raised |= {"same_as": _same_as(connection, raised, claim)}
        known = connection.execute(sql["insert_alert"], raised).fetchone()
        if alert.ended_us is None:
            return
        assert known is not None
        known = (known[0], 0)
    ended = None if alert.ended_us is None else from_us(alert.ended_us)
    connection.execute(
        sql["update_alert"], common | {"alert_id": known[0], "version": known[1] + 1, "ended_time": ended}
    )


def _same_as(connection: psycopg.Connection, raised: dict[str, Any], claim: Claim) -> int | None:
    """The alert of an earlier run that is raised again just as it was."""
    if claim.run == 1:
        return None
    asked = raised | {"unit_procedure_id": claim.unit_procedure_id, "run": claim.run}
    row = connection.execute(queries("rerun")["same_as"], asked).fetchone()
    return None if row is None else int(row[0])
