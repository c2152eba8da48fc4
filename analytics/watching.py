"""Move a monitor on through the intake: state, position, snapshot and alerts in one transaction."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import psycopg
import structlog
from psycopg.types.json import Jsonb

from analytics.alert_rows import write_alert
from analytics.claims import Claim, next_claim
from analytics.departures import ComparedPoint, Departure
from analytics.intake import Stretch, position_of
from analytics.monitor import BatchMonitor
from analytics.pinned import Search, play_beyond
from analytics.playing import Played, model_of, play, read_run
from analytics.reruns import Cause, end_run, run_again, run_on_under_this_version
from analytics.revisions import begin_revision, is_due, take_over, tried_so_far, turn_of, watching_run
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
    searches: dict[int, Search] = field(default_factory=dict)  # what came late is being looked for


def advance_monitor(
    connection: psycopg.Connection, head: int, settings: AnalyticsSettings, cache: MonitorCache
) -> bool:
    """Move the monitor that is farthest behind on; False when none needs it.

    Those that keep up come before those that catch up after a correction, and these before revisions. One that cannot
    go on is set aside with an alert, so that one batch never blinds the others.
    """
    with connection.transaction():
        claimed = next_claim(connection, head)
        if claimed is None:
            return False
        try:
            with connection.transaction():
                _advance(connection, claimed, settings, cache)
        except psycopg.OperationalError:
            raise  # the store is unavailable, the monitor is not to blame
        except Exception as error:
            log.exception("monitor failed", batch=claimed.batch, run=claimed.run, position=claimed.position)
            cache.kept.pop(claimed.monitor_id, None)
            cache.searches.pop(claimed.monitor_id, None)
            _set_aside(connection, claimed, error)
    return True


def _advance(connection: psycopg.Connection, claim: Claim, settings: AnalyticsSettings, cache: MonitorCache) -> None:
    kept = _taken_up(connection, claim, settings, cache)
    if kept is None:
        return
    monitor, played = kept.monitor, kept.played
    until = min(claim.reach, claim.position + settings.analytics_blocks)
    if claim.beside:
        until = turn_of(connection, position=claim.position, until=until)
    closed = until == claim.until_ordinal and not claim.beside
    again = revised = False
    for ordinal, alerts, ended in play(connection, monitor, Stretch(after=claim.position, until=until), played):
        for alert in alerts:
            write_alert(connection, alert, claim, ordinal=ordinal)
        if ended:
            _write_departures(connection, monitor.departures, claim, ordinal=ordinal)
        closed = closed or ended
        if ended and claim.watches:
            _note_what_came_after(connection, monitor, played, claim, ordinal)
            again = monitor.late.readings > 0 and ordinal > played.corrections.ordinal
            until = ordinal if again else until
        elif claim.watches and not revised and is_due(monitor.late, claim.late_until, settings):
            revised = True
            if begin_revision(connection, claim, ordinal, monitor.late, settings):
                log.info(
                    "late readings are scored beside", batch=claim.batch, run=claim.run, late=monitor.late.readings
                )
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
            "late readings are scored by another run", batch=claim.batch, run=claim.run, late=monitor.late.readings
        )
        end_run(connection, claim.monitor_id, until)
        run_again(connection, claim.monitor_id, until, settings, Cause.LATE_READINGS)
    if claim.beside and until == claim.reach:
        ended_run = take_over(connection, claim, until)
        if ended_run is not None:
            log.info("a revision watches now", batch=claim.batch, run=claim.run, position=until)
            cache.kept.pop(ended_run, None)
    if not closed:
        cache.kept[claim.monitor_id] = Kept(until, monitor, played)


def _taken_up(
    connection: psycopg.Connection, claim: Claim, settings: AnalyticsSettings, cache: MonitorCache
) -> Kept | None:
    """The monitor where it stands; None when another run begins in its place, or what came late is still looked for."""
    kept = cache.kept.pop(claim.monitor_id, None)
    if kept is not None:
        return kept if kept.position == claim.position else _caught_up(connection, claim, kept)
    search = cache.searches.pop(claim.monitor_id, None)
    if search is None:
        if run_on_under_this_version(connection, claim.monitor_id, superseded=not claim.watches, settings=settings):
            log.info("watched anew by another version", batch=claim.batch, run=claim.run, position=claim.position)
            return None
        search = Search(connection, read_run(connection, claim.monitor_id))
    until = search.position + settings.analytics_blocks  # not only as far as the run may go: its correction lies beyond
    played = search.go_on(connection, turn_of(connection, position=search.position, until=until))
    if played is None:
        cache.searches[claim.monitor_id] = search
        return None
    return _read(connection, claim, played)


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


def _caught_up(connection: psycopg.Connection, claim: Claim, kept: Kept) -> Kept:
    """A monitor that another worker moved on: its state is read; what its run is pinned to has not changed."""
    state = _state(connection, claim)
    monitor = BatchMonitor.from_bytes(
        state, reference_new=kept.monitor.reference_new, reference_old=kept.monitor.reference_old
    )
    return Kept(claim.position, monitor, kept.played)


def _read(connection: psycopg.Connection, claim: Claim, played: Played) -> Kept:
    """A monitor as it is stored."""
    run = read_run(connection, claim.monitor_id)
    run.verify()
    monitor = BatchMonitor.from_bytes(
        _state(connection, claim), reference_new=model_of(run.model_new), reference_old=model_of(run.model_old)
    )
    return Kept(claim.position, monitor, played)


def _state(connection: psycopg.Connection, claim: Claim) -> bytes:
    row = connection.execute(queries("analytics")["monitor_state"], {"monitor_id": claim.monitor_id}).fetchone()
    assert row is not None
    state: bytes = row[0]
    return state


def _write_scored(connection: psycopg.Connection, scored: Sequence[ScoredCell], claim: Claim) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            queries("score")["insert"],
            [
                {
                    "monitor_id": claim.monitor_id,
                    "cell": cell.cell,
                    "ended_time": from_us(cell.ended_us),
                    "tags": [one.tag for one in cell.nearest],
                    "ratio": [_drawable(one.ratio) for one in cell.nearest],
                    "layer": [one.layer for one in cell.nearest],
                    "further_tag": [one.tag for one in cell.further],
                    "further_ratio": [_drawable(one.ratio) for one in cell.further],
                    "further_layer": [one.layer for one in cell.further],
                }
                for cell in scored
                if cell.nearest
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
    if claim.beside:
        tried = tried_so_far(connection, claim.unit_procedure_id)
        if tried.again_from is not None:
            log.warning("late readings will be scored again", batch=claim.batch, failed=tried.failed)
            return  # the page of the batch says so
        what = f"What came late for {claim.batch} is not judged before it ends: each of {tried.failed} runs that were "
        what += f"to judge it failed (last {why}). "
        what += "It is watched as before, without the late readings; report the failure."
        told_by = claim._replace(monitor_id=watching_run(connection, claim.unit_procedure_id))
    else:
        what = f"Nobody watches {claim.batch} any more: its monitor failed ({why}). Its data are recorded as before; "
        what += "judge it by hand and report the failure."
        told_by = claim
    now_us = time.time_ns() // 1000
    alert = Alert(
        ordinal=0,
        kind=AlertKind.SILENCE,
        severity=AlertSeverity.MEDIUM if claim.beside else AlertSeverity.HIGH,
        detector="monitor_failed",
        tags=(),
        raised_us=now_us,
        onset_us=now_us,
        phase_time_h=0.0,
        score=1.0,
        limit=0.0,
        sentence=what,
        software=software(),
    )
    write_alert(connection, alert, told_by, ordinal=claim.position)
