"""Every night a few runs are computed anew from the journal and held against the record.

The check reads one snapshot and writes one row; it never holds what live scoring needs. A run that disagrees raises an
alert of its own, once.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg.types.json import Jsonb

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
    """A run whose turn it is."""

    run: RecordedRun
    batch_id: int
    unit_id: int
    disagreed: bool  # its last check found a disagreement; an alert says so already


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
        """Check the run whose turn it is; False when none is due or another worker checks."""
        if not _value(connection, "lock", key=LOCK):
            return False
        try:
            due = self._due(connection)
            if due is None:
                return False
            started = self.now()
            replayed = _replayed(connection, due.run)
            with connection.transaction():
                self._write(connection, due, replayed, started)
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
        return None if row is None else Due(RecordedRun(*row[:5]), row[5], row[6], bool(row[7]))

    def _write(self, connection: psycopg.Connection, due: Due, replayed: Replayed, started: datetime) -> None:
        finished = self.now()
        differs = bool(replayed.disagreements)
        number = connection.execute(
            queries("self_check")["insert"],
            {
                "monitor_id": due.run.monitor_id,
                "position": replayed.run.position,
                "software": software(),
                "alerts": replayed.alerts,
                "steps": replayed.steps,
                "disagreements": Jsonb([asdict(one) for one in replayed.disagreements[:MOST_KEPT]]),
                "started_time": started,
                "finished_time": finished,
            },
        ).fetchone()
        assert number is not None
        log.info("run computed anew", batch=due.run.batch, run=due.run.run, differs=differs)
        if differs and not due.disagreed:
            connection.execute(queries("analytics")["insert_alert"], _alert(due, replayed, number[0], finished))


def last_due(now: datetime, hour: int) -> datetime:
    """The last time at which a night's checks were due, in UTC.

    >>> last_due(datetime(2026, 3, 2, 1, 30, tzinfo=UTC), 2)
    datetime.datetime(2026, 3, 1, 2, 0, tzinfo=datetime.timezone.utc)
    """
    today = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _replayed(connection: psycopg.Connection, run: RecordedRun) -> Replayed:
    """A run computed anew in one snapshot; that it cannot be is a disagreement too."""
    connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            position = _value(connection, "position", monitor_id=run.monitor_id)
            return replay_run(connection, run._replace(position=position))
    except psycopg.OperationalError:
        raise
    except Exception as error:
        log.exception("run cannot be computed anew", batch=run.batch, run=run.run)
        why = f"{type(error).__name__}: {error}"[:500]
        wrong = Disagreement(alert=0, version=0, what="the run", recorded="computed", computed=why)
        return Replayed(run=run, alerts=0, steps=0, disagreements=(wrong,))
    finally:
        connection.isolation_level, connection.read_only = None, None


def _alert(due: Due, replayed: Replayed, number: int, at: datetime) -> dict[str, Any]:
    first = replayed.disagreements[0]
    step = f"alert {first.alert} of its run {due.run.run}, {first.what}" if first.alert else first.what
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
        "score": float(len(replayed.disagreements)),
        "limit_value": 0.0,
        "sentence": f"The record of {due.run.batch} does not tell what its journal leads to: "
        f"{len(replayed.disagreements)} of {max(replayed.steps, 1)} steps differ, first {step}. "
        "Somebody may have changed it: call QA, and run the replay of this batch.",
        "contributions": Jsonb([]),
        "cells": Jsonb([asdict(one) for one in replayed.disagreements[:MOST_KEPT]]),
        "reference_digest": None,
        "software": software(),
        "intake_ordinal": replayed.run.position,
        "same_as": None,
    }


def _value(connection: psycopg.Connection, name: str, **parameters: object) -> Any:
    row = connection.execute(queries("self_check")[name], parameters).fetchone()
    assert row is not None
    return row[0]
