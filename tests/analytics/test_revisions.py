"""While a batch runs, what came late is judged by a run beside the one that watches, which then takes its place."""

from typing import Any

import psycopg
import pytest

from analytics.replaying import recorded_runs, replay_run
from tests.analytics.conftest import Watched
from tests.analytics.test_late import Message, held_back, same_batch, told

RUNS = (
    "SELECT run, cause, closed, until_ordinal IS NULL, beside FROM monitor JOIN batch USING (batch_id)"
    " WHERE batch.name = %s ORDER BY run"
)
CAME_H = 14.0


def running(messages: list[Message]) -> list[Message]:
    """All but the end."""
    return [message for message in messages if "ended" not in message[1].get("event", "")]


def with_buffer(name: str = "CT-LATE", unit: str = "BR-02") -> list[Message]:
    """A batch whose glucose of six hours, with the change at hour nine, comes at hour 14."""
    return held_back(same_batch(unit, name), from_h=8.0, until_h=CAME_H, came_h=CAME_H)


def in_steps(watched: Watched, messages: list[Message], *, size: int, **settings: Any) -> None:
    for first in range(0, len(messages), size):
        watched.record.take(*messages[first : first + size])
        watched.analyse(**settings)


def runs(watched: Watched, batch: str = "CT-LATE") -> list[tuple[Any, ...]]:
    return watched.record.ask(RUNS, batch)


@pytest.mark.parametrize("size", [7, 12])
def test_late_readings_of_a_running_batch_are_judged_as_if_they_had_come_in_time(watched: Watched, size: int) -> None:
    watched.record.take(*running(same_batch("BR-01", "CT-INTIME")))
    watched.analyse()
    in_steps(watched, running(with_buffer()), size=size)
    assert runs(watched) == [(1, None, True, False, False), (2, "late_readings", False, True, False)]
    in_time = told(watched, "CT-INTIME")
    assert in_time
    assert told(watched, "CT-LATE") == in_time
    assert told(watched, "CT-LATE", "run = 1") != in_time, "what was told at the time stays in the record"


def test_DETECT_1_a_run_that_watched_and_its_revision_are_the_same_when_they_are_computed_anew(
    watched: Watched,
) -> None:
    in_steps(watched, running(with_buffer()), size=10)
    with psycopg.connect(watched.database.dsn("analytics")) as connection:
        connection.read_only = True
        replayed = [replay_run(connection, run) for run in recorded_runs(connection, "CT-LATE")]
    assert [one.run.run for one in replayed] == [1, 2]
    assert [one.disagreements for one in replayed] == [(), ()]
    assert all(one.alerts for one in replayed)
