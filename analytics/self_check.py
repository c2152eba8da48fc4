"""Every night a few runs and charts are computed anew from the journal and held against the record.

The check reads one snapshot and writes one row; it never holds what live scoring needs. A run or a chart that disagrees
raises an alert of its own, once.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg.types.json import Jsonb

from analytics.chart_replaying import ChartDisagreement, RecordedChart, ReplayedChart, replay_chart
from analytics.intake import position_of
from analytics.replaying import Disagreement, RecordedRun, Replayed, replay_run
from analytics.settings import AnalyticsSettings
from analytics.software import software
from store.errors import StoreUnavailable, translated
from store.sql import queries

LOOK_S = 30.0  # between two looks at whether a check is due
LOCK = 0x5E1FC4EC  # advisory; of several workers one checks
MOST_KEPT = 50  # disagreements of a run

log = structlog.get_logger()


class Due(NamedTuple):
    """A run or a chart whose turn it is."""

    recorded: RecordedRun | RecordedChart
    batch_id: int | None  # of a run, as is the unit
    unit_id: int | None
    disagreed: bool  # its last check found a disagreement; an alert says so already


Found = Replayed | ReplayedChart


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """The check as a part of a worker, on a thread and a connection of its own."""

    connect: Callable[[], psycopg.Connection]  # in autocommit
    settings: AnalyticsSettings
    stopping: Callable[[], bool]
    wait: Callable[[float], object]  # seconds; returns early when stopping
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> None:
        """Until stopping."""
        while not self.stopping():
            try:
                with translated(), self.connect() as connection:
                    while not self.stopping():
                        if not self.step(connection):
                            self.wait(LOOK_S)
            except StoreUnavailable as error:
                log.warning("self-check waits for the store", error=str(error))
                self.wait(LOOK_S)
            except Exception:
                # A worker watches batches even where it cannot check itself; the log and the missing checks say so.
                log.exception("self-check failed")
                self.wait(LOOK_S)

    def step(self, connection: psycopg.Connection) -> bool:
        """Check the run or chart whose turn it is; False when none is due or another worker checks."""
        if not _value(connection, "lock", key=LOCK):
            return False
        try:
            due = self._due(connection)
            if due is None:
                return False
            started = self.now()
            found = _replayed(connection, due.recorded)
            with connection.transaction():
                self._write(connection, due, found, started)
            return True
        finally:
            connection.execute(queries("self_check")["unlock"], {"key": LOCK})

    def _due(self, connection: psycopg.Connection) -> Due | None:
        asked = {
            "software": software(),
            "most": self.settings.self_check_runs,
            "due": last_due(self.now(), self.settings.self_check_hour),
        }
        row = connection.execute(queries("self_check")["next"], asked).fetchone()
        if row is None:
            return None
        monitor_id, control_chart_id, name, run, position, batch_id, unit_id, disagreed = row
        recorded: RecordedRun | RecordedChart = (
            RecordedChart(control_chart_id, name, position)
            if monitor_id is None
            else RecordedRun(monitor_id, name, run, software(), position)
        )
        return Due(recorded, batch_id, unit_id, disagreed)

    def _write(self, connection: psycopg.Connection, due: Due, found: Found, started: datetime) -> None:
        finished = self.now()
        differs = bool(found.disagreements)
        recorded = found.run if isinstance(found, Replayed) else found.chart
        number = connection.execute(
            queries("self_check")["insert"],
            {
                "monitor_id": recorded.monitor_id if isinstance(recorded, RecordedRun) else None,
                "control_chart_id": None if isinstance(recorded, RecordedRun) else recorded.control_chart_id,
                "position": recorded.position,
                "software": software(),
                "alerts": found.alerts,
                "steps": found.steps,
                "disagreements": Jsonb([asdict(one) for one in found.disagreements[:MOST_KEPT]]),
                "started_time": started,
                "finished_time": finished,
            },
        ).fetchone()
        assert number is not None
        log.info("computed anew", what=_name(found), differs=differs)
        if differs and not due.disagreed:
            alert = _alert(due, found, recorded.position, number[0], finished)
            connection.execute(queries("analytics")["insert_alert"], alert)


def last_due(now: datetime, hour: int) -> datetime:
    """The last time at which a night's checks were due, in UTC.

    >>> last_due(datetime(2026, 3, 2, 1, 30, tzinfo=UTC), 2)
    datetime.datetime(2026, 3, 1, 2, 0, tzinfo=datetime.timezone.utc)
    """
    today = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _replayed(connection: psycopg.Connection, recorded: RecordedRun | RecordedChart) -> Found:
    """A run or a chart computed anew in one snapshot; that it cannot be is a disagreement too."""
    connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            if isinstance(recorded, RecordedChart):
                return replay_chart(connection, recorded._replace(position=position_of(connection, "charts")))
            position = _value(connection, "position", monitor_id=recorded.monitor_id)
            return replay_run(connection, recorded._replace(position=position))
    except psycopg.OperationalError:
        raise
    except Exception as error:
        log.exception("cannot be computed anew", recorded=recorded)
        why = f"{type(error).__name__}: {error}"[:500]
        if isinstance(recorded, RecordedChart):
            odd = ChartDisagreement(step="the chart", what="all of it", recorded="computed", computed=why)
            return ReplayedChart(chart=recorded, subject="a chart", alerts=0, steps=0, disagreements=(odd,))
        wrong = Disagreement(alert=0, version=0, what="the run", recorded="computed", computed=why)
        return Replayed(run=recorded, alerts=0, steps=0, disagreements=(wrong,))
    finally:
        connection.isolation_level, connection.read_only = None, None


def _name(found: Found) -> str:
    if isinstance(found, Replayed):
        return found.run.batch
    return f"the chart of {found.subject}, {found.chart.process},"


def _first(found: Found) -> str:
    if isinstance(found, ReplayedChart):
        return f"{found.disagreements[0].step}, {found.disagreements[0].what}"
    first = found.disagreements[0]
    return f"alert {first.alert} of its run {found.run.run}, {first.what}" if first.alert else first.what


def _alert(due: Due, found: Found, position: int, number: int, at: datetime) -> dict[str, Any]:
    return {
        "monitor_id": None,
        "batch_id": due.batch_id,
        "unit_id": due.unit_id,
        "ordinal": -number,  # an event that raises an alert without a monitor gives its own number
        "kind": "quality",
        "severity": "high",
        "detector": "self_check",
        "tags": [],
        "raised_time": at,
        "onset_time": at,
        "phase_time_h": 0.0,
        "score": float(len(found.disagreements)),
        "limit_value": 0.0,
        "sentence": f"The record of {_name(found)} does not tell what its journal leads to: "
        f"{len(found.disagreements)} of {max(found.steps, 1)} steps differ, first {_first(found)}. "
        "Somebody may have changed it: call QA, and run the replay.",
        "contributions": Jsonb([]),
        "cells": Jsonb([asdict(one) for one in found.disagreements[:MOST_KEPT]]),
        "reference_digest": None,
        "software": software(),
        "intake_ordinal": position,
        "same_as": None,
    }


def _value(connection: psycopg.Connection, name: str, **parameters: object) -> Any:
    row = connection.execute(queries("self_check")[name], parameters).fetchone()
    assert row is not None
    return row[0]
