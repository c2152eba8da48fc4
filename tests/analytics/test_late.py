"""Readings that came too late to be judged are scored by another run, and what was told before stays beside it."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from analytics.replaying import recorded_runs, replay_run
from tests.analytics.conftest import LIVE_START, Watched, batch_messages

Message = tuple[str, Any]
RUNS = (
    "SELECT run, cause, closed, until_ordinal IS NULL, corrected_ordinal FROM monitor JOIN batch USING (batch_id)"
    " WHERE batch.name = %s ORDER BY run"
)
TOLD = (
    "SELECT kind, severity, detector, tags, raised_time, onset_time, ended_time, float8send(score), sentence"
    " FROM alert_now JOIN batch USING (batch_id) WHERE batch.name = %s AND kind <> 'silence' AND {} ORDER BY ordinal"
)


def held_back(messages: list[Message], *, from_h: float, until_h: float, came_h: float | None) -> list[Message]:
    """The glucose of some hours comes at a later one, None: after the end; everything else in time."""
    first, last = (LIVE_START + timedelta(hours=hour) for hour in (from_h, until_h))
    came = None if came_h is None else LIVE_START + timedelta(hours=came_h)
    waiting: list[Message] = []
    said: list[Message] = []
    for topic, message in messages:
        time = datetime.fromisoformat(message["time"])
        if waiting and came is not None and time >= came:
            said += waiting
            waiting = []
        if "values" in message and first <= time < last:
            kept = {name: value for name, value in message["values"].items() if name != "glucose"}
            waiting.append((topic, message | {"values": {"glucose": message["values"]["glucose"]}}))
            message = message | {"values": kept}  # noqa: PLW2901 -- what is left of it
        said.append((topic, message))
    return said + waiting


def told(watched: Watched, batch: str, which: str = "NOT superseded") -> list[tuple[Any, ...]]:
    return watched.record.ask(TOLD.format(which), batch)


def same_batch(unit: str, name: str) -> list[Message]:
    return batch_messages(name, LIVE_START, seed=41, fault_h=9.0, unit=unit)


@pytest.mark.parametrize("blocks", [1, 500])
def test_late_readings_are_judged_by_another_run_as_if_they_had_come_in_time(watched: Watched, blocks: int) -> None:
    watched.record.take(*same_batch("BR-01", "CT-INTIME"))
    watched.record.take(*held_back(same_batch("BR-02", "CT-LATE"), from_h=8.0, until_h=14.0, came_h=14.0))
    watched.analyse(analytics_blocks=blocks)
    first, *_, last = watched.record.ask(RUNS, "CT-LATE")
    assert first[:4] == (1, None, True, False)
    assert last[1:4] == ("late_readings", True, True)
    in_time = told(watched, "CT-INTIME")
    assert in_time
    assert told(watched, "CT-LATE") == in_time
    assert told(watched, "CT-LATE", "run = 1") != in_time, "what was told at the time stays in the record"
    assert watched.record.ask(RUNS, "CT-INTIME") == [(1, None, True, True, None)]


def test_readings_that_come_after_the_end_of_a_batch_are_judged_too(watched: Watched) -> None:
    watched.record.take(*same_batch("BR-01", "CT-INTIME"))
    late = held_back(same_batch("BR-02", "CT-LATE"), from_h=8.0, until_h=14.0, came_h=None)
    watched.record.take(*late[:-36])
    watched.analyse()
    assert len(watched.record.ask(RUNS, "CT-LATE")) == 1
    for message in late[-36:]:  # a block each
        watched.record.take(message)
    watched.analyse()
    assert [(run, cause) for run, cause, *_ in watched.record.ask(RUNS, "CT-LATE")] == [(1, None), (2, "late_readings")]
    assert told(watched, "CT-LATE") == told(watched, "CT-INTIME")


def test_DETECT_1_runs_over_late_readings_are_the_same_when_they_are_computed_anew(watched: Watched) -> None:
    watched.record.take(*held_back(same_batch("BR-02", "CT-LATE"), from_h=8.0, until_h=14.0, came_h=None))
    watched.analyse()
    with psycopg.connect(watched.database.dsn("analytics")) as connection:
        connection.read_only = True
        replayed = [replay_run(connection, run) for run in recorded_runs(connection, "CT-LATE")]
    assert [one.disagreements for one in replayed] == [()] * len(replayed)
    assert len(replayed) >= 2
    assert sum(one.alerts for one in replayed) >= 2
