"""Two workers on one journal: whatever one of them holds in memory, it goes on from where the other one stood."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg.conninfo import conninfo_to_dict

from analytics.runner import Runner
from analytics.settings import AnalyticsSettings
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.support import eventually

VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "passfile": "PGPASSFILE"}
KILLS = 3


@contextmanager
def worker(watched: Watched) -> Iterator["subprocess.Popen[bytes]"]:
    """`batchwitness analytics`, a block at a time, so that a kill falls into the middle of its work."""
    told = conninfo_to_dict(watched.database.dsn("analytics"))
    variables = {VARIABLES[key]: str(value) for key, value in told.items() if key in VARIABLES}
    environment = {**os.environ, **variables, "BATCHWITNESS_ANALYTICS_BLOCKS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "batchwitness", "analytics"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def taken(watched: Watched) -> int:
    """How far all monitors have come together."""
    return int(watched.record.ask("SELECT coalesce(sum(position - started_ordinal + 1), 0) FROM monitor")[0][0])


def reached(watched: Watched, goal: int) -> bool:
    return taken(watched) >= goal


def connected(watched: Watched) -> int:
    """How many workers are at the database."""
    with watched.database.connect("postgres") as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'batchwitness analytics' AND datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(str(row[0]))


def test_detect_1_a_killed_worker_is_taken_over_by_another_and_no_alert_is_lost_or_repeated(watched: Watched) -> None:
    batches = [
        batch_messages(f"CT-T{number}", LIVE_START, seed=300 + number, fault_h=fault_h, unit=f"BR-0{number + 1}")
        for number, fault_h in enumerate((12.0, None))
    ]
    mixed = [message for pair in zip(*batches, strict=True) for message in pair]
    size = len(mixed) // (KILLS + 1)

    def take(part: int) -> None:
        messages = mixed[part * size : (part + 1) * size] if part < KILLS else mixed[part * size :]
        for first in range(0, len(messages), 3):
            watched.record.take(*messages[first : first + 3])

    with worker(watched) as survivor:
        for part in range(KILLS):
            with worker(watched) as killed:
                eventually(lambda: connected(watched) == 2, within_s=60, what="both workers are at the database")
                goal = taken(watched) + 1
                take(part)
                eventually(partial(reached, watched, goal), within_s=60, what="the workers are at work")
                killed.kill()
        take(KILLS)
        eventually(
            lambda: watched.record.ask("SELECT count(*), bool_and(closed) FROM monitor") == [(2, True)],
            within_s=60,
            what="the one that is left has come to the end of both batches",
        )
        assert survivor.poll() is None
    shared = watched.alerts()
    assert any(row[2] == "drift" for row in shared)
    watched.record.owner.execute("TRUNCATE monitor, alert, alert_update, intake CASCADE")
    watched.record.owner.execute("UPDATE consumer SET position = 0")
    watched.analyse()
    assert watched.alerts() == shared


def test_detect_1_workers_that_move_a_monitor_in_turn_raise_what_one_alone_raises(watched: Watched) -> None:
    messages = batch_messages("CT-TURN", LIVE_START, seed=303, fault_h=12.0)
    with watched.database.connect("analytics") as first, watched.database.connect("analytics") as second:
        workers = [in_turn(first), in_turn(second)]
        for number, begin in enumerate(range(0, len(messages), 7)):
            watched.record.take(*messages[begin : begin + 7])
            worked_off(workers[number % 2])
    told = watched.alerts()
    assert any(row[2] == "drift" for row in told)
    watched.record.owner.execute("TRUNCATE monitor, alert, alert_update, intake CASCADE")
    watched.record.owner.execute("UPDATE consumer SET position = 0")
    watched.analyse()
    assert watched.alerts() == told


def in_turn(connection: psycopg.Connection) -> Runner:
    """A worker that keeps what it holds from one turn to the next."""
    return Runner(
        connect=lambda: connection,
        settings=AnalyticsSettings(),
        stopping=lambda: False,
        wait=lambda _within_s: None,
    )


def worked_off(worker: Runner) -> None:
    """Let a worker take everything there is."""
    connection = worker.connect()
    while worker.step(connection):
        pass
