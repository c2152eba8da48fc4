"""While a batch runs, what came late is judged by a run beside the one that watches, which then takes its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from analytics import runner
from analytics.cells import Late
from analytics.replaying import recorded_runs, replay_run
from analytics.revisions import is_due
from analytics.runner import Runner
from analytics.settings import AnalyticsSettings
from store.model.correction import RevisionKind
from store.model.times import US_PER_H, from_us
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.analytics.test_corrections import correct
from tests.analytics.test_late import Message, held_back, same_batch, told

RUNS = (
    "SELECT run, cause, closed, until_ordinal IS NULL, beside FROM monitor JOIN batch USING (batch_id)"
    " WHERE batch.name = %s ORDER BY run"
)
CAME_H = 14.0
SETTLED_H = 14.5
LATER = LIVE_START + timedelta(hours=16)
JUDGED = [(1, None, True, False, False), (2, "late_readings", False, True, False)]


def running(messages: list[Message], *, until_h: float = 24.0, from_h: float = -1.0) -> list[Message]:
    """What came from an hour of the batch up to another, without its end; what was held back came with what follows."""
    since, until = (LIVE_START + timedelta(hours=hour) for hour in (from_h, until_h))
    newest = LIVE_START
    found = []
    for message in messages:
        newest = max(newest, datetime.fromisoformat(message[1]["time"]))
        if since <= newest < until and "ended" not in message[1].get("event", ""):
            found.append(message)
    return found


def with_buffer(name: str = "CT-LATE", unit: str = "BR-02") -> list[Message]:
    """A batch whose glucose of six hours, with the change at hour nine, comes at hour 14."""
    return held_back(same_batch(unit, name), from_h=8.0, until_h=CAME_H, came_h=CAME_H)


def take(watched: Watched, messages: list[Message], *, size: int = 6) -> None:
    """Messages in blocks of some."""
    for first in range(0, len(messages), size):
        watched.record.take(*messages[first : first + size])


def runs(watched: Watched, batch: str = "CT-LATE") -> list[tuple[Any, ...]]:
    return watched.record.ask(RUNS, batch)


@contextmanager
def worker(watched: Watched, **settings: Any) -> Iterator[Runner]:
    """A worker with nothing in memory."""
    with psycopg.connect(watched.database.dsn("analytics"), autocommit=True) as connection:
        made = Runner(
            connect=lambda: connection,
            settings=AnalyticsSettings(**settings),
            stopping=lambda: False,
            wait=lambda _within_s: None,
        )
        yield made


def rounds(made: Runner, most: int) -> bool:
    """So many rounds of a worker; False when there was nothing left to do."""
    return all(made.step(made.connect()) for _ in range(most))


@pytest.fixture
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of one move each, as where every move takes long."""
    clock = count(step=0.6 * runner.ROUND_S)
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: next(clock)))


def begun(watched: Watched) -> int:
    """Let workers go on until a revision has begun; the position that it has come to."""
    with worker(watched, analytics_blocks=2) as made:
        while not (found := watched.record.ask("SELECT position FROM monitor WHERE beside AND NOT closed")):
            assert made.step(made.connect())
    return int(found[0][0])


@pytest.mark.parametrize("size", [7, 12])
def test_a_drift_that_only_late_readings_show_is_told_while_the_batch_runs(watched: Watched, size: int) -> None:
    messages: list[Message] = [*batch_messages("CT-LATE", LIVE_START, seed=41, unit="BR-02")]
    for _, message in messages:
        time = datetime.fromisoformat(message["time"])
        if "values" in message and LIVE_START + timedelta(hours=9) <= time < LIVE_START + timedelta(hours=12):
            message["values"]["glucose"] -= 4.0
    buffered = held_back(messages, from_h=8.0, until_h=CAME_H, came_h=CAME_H)
    take(watched, running(buffered, until_h=SETTLED_H), size=size)
    watched.analyse()
    assert runs(watched) == JUDGED
    drifts = [row for row in told(watched, "CT-LATE") if row[0] == "drift"]
    assert drifts
    assert LIVE_START + timedelta(hours=9) < drifts[0][4] < LIVE_START + timedelta(hours=12)
    outcome = "SELECT DISTINCT outcome FROM alert_outcome JOIN alert USING (alert_id) WHERE kind = 'drift' AND run = 2"
    assert watched.record.ask(outcome) == [("new",)]


@pytest.mark.parametrize("size", [7, 12])
def test_late_readings_of_a_running_batch_are_judged_as_if_they_had_come_in_time(watched: Watched, size: int) -> None:
    watched.record.take(*running(same_batch("BR-01", "CT-INTIME")))
    watched.analyse()
    messages = running(with_buffer())
    for first in range(0, len(messages), size):
        watched.record.take(*messages[first : first + size])
        watched.analyse()
    assert runs(watched) == JUDGED
    in_time = told(watched, "CT-INTIME")
    assert in_time
    assert told(watched, "CT-LATE") == in_time
    assert told(watched, "CT-LATE", "run = 1") != in_time, "what was told at the time stays in the record"
    with psycopg.connect(watched.database.dsn("analytics")) as connection:
        connection.read_only = True
        replayed = [replay_run(connection, run) for run in recorded_runs(connection, "CT-LATE")]
    assert [(one.run.run, one.disagreements) for one in replayed] == [(1, ()), (2, ())]
    assert all(one.alerts for one in replayed)


def test_until_late_readings_have_settled_they_are_counted_and_the_run_goes_on(watched: Watched) -> None:
    take(watched, running(with_buffer(), until_h=SETTLED_H))
    watched.analyse(late_settling_s=3600.0)
    assert runs(watched) == [(1, None, False, True, False)]
    late = "SELECT sum((tag ->> 'late_readings')::int) FROM monitor, jsonb_array_elements(snapshot -> 'tags') AS tag"
    assert watched.record.ask(late)[0][0] > 0


@pytest.mark.usefixtures("short_rounds")
def test_while_a_revision_catches_up_its_batch_is_watched_and_nothing_of_the_revision_is_told(watched: Watched) -> None:
    messages = with_buffer()
    for _, message in messages:  # something else goes wrong later
        if "pH" in message.get("values", {}) and datetime.fromisoformat(message["time"]) > LATER:
            message["values"]["pH"] = 6.0
    take(watched, running(messages, until_h=SETTLED_H))
    begun(watched)
    with watched.database.connect("owner", autocommit=False) as other:
        other.execute("SELECT FROM monitor WHERE beside FOR UPDATE")  # another process has it, and is slow
        take(watched, running(messages, from_h=SETTLED_H, until_h=20.0))
        watched.analyse(analytics_blocks=2)
        assert runs(watched)[0] == (1, None, False, True, False)
        said = told(watched, "CT-LATE")
        assert any("pH" in row[3] for row in said if row[0] == "drift")
        assert told(watched, "CT-LATE", "run = 2 AND NOT superseded") == []
    watched.analyse(analytics_blocks=2)
    assert runs(watched) == JUDGED
    assert told(watched, "CT-LATE", "run = 2") == told(watched, "CT-LATE") != said


@pytest.mark.usefixtures("short_rounds")
@pytest.mark.parametrize("every", [8, 11])
def test_killed_again_and_again_while_a_revision_catches_up_the_end_is_the_same(watched: Watched, every: int) -> None:
    take(watched, running(same_batch("BR-01", "CT-INTIME")))
    take(watched, running(with_buffer()))
    goes_on = True
    moves = 0
    while goes_on:
        with worker(watched, analytics_blocks=3) as made:
            goes_on = rounds(made, every)
        moves += 1
    assert moves > 5
    assert runs(watched) == JUDGED
    assert told(watched, "CT-LATE") == told(watched, "CT-INTIME")


@pytest.mark.usefixtures("short_rounds")
def test_several_workers_share_a_revision(watched: Watched) -> None:
    take(watched, running(same_batch("BR-01", "CT-INTIME")))
    take(watched, running(with_buffer()))
    with worker(watched, analytics_blocks=3) as one, worker(watched, analytics_blocks=3) as other:
        while one.step(one.connect()) | other.step(other.connect()):
            pass
    assert runs(watched) == JUDGED
    assert told(watched, "CT-LATE") == told(watched, "CT-INTIME")


@pytest.mark.usefixtures("short_rounds")
def test_a_revision_does_not_take_over_while_corrections_are_followed(watched: Watched) -> None:
    messages = with_buffer()
    take(watched, running(messages, until_h=SETTLED_H))
    begun(watched)
    with watched.database.connect("owner", autocommit=False) as other:
        other.execute("SELECT FROM consumer WHERE name = 'batches' FOR UPDATE")  # another process follows them
        watched.analyse()
        assert runs(watched)[1] == (2, "late_readings", False, False, True)
    take(watched, running(messages, from_h=SETTLED_H, until_h=15.0))
    watched.analyse()
    assert runs(watched) == JUDGED


@pytest.mark.usefixtures("short_rounds")
def test_a_batch_that_ends_while_a_revision_catches_up_is_judged_by_a_run_over_all_of_it(watched: Watched) -> None:
    take(watched, same_batch("BR-01", "CT-INTIME"))
    messages = with_buffer()
    first = running(messages, until_h=SETTLED_H)
    take(watched, first)
    begun(watched)
    take(watched, messages[len(first) :])
    watched.analyse(analytics_blocks=500)
    assert runs(watched) == [
        (1, None, True, False, False),
        (2, "late_readings", True, False, True),
        (3, "late_readings", True, True, False),
    ]
    assert told(watched, "CT-LATE") == told(watched, "CT-INTIME")


@pytest.mark.usefixtures("short_rounds")
def test_a_correction_gives_up_a_revision_because_its_own_run_judges_the_same(watched: Watched) -> None:
    take(watched, running(with_buffer(), until_h=20.0))
    begun(watched)
    with worker(watched, analytics_blocks=4) as made:
        rounds(made, 8)
    correct(watched.database, RevisionKind.INVALIDATED, (3.0, 3.5), tag="pH", unit="BR-02")
    watched.analyse(analytics_blocks=4)
    assert runs(watched) == [
        (1, None, True, False, False),
        (2, "late_readings", True, False, True),
        (3, "correction", False, True, False),
    ]
    assert told(watched, "CT-LATE")
    assert told(watched, "CT-LATE", "run = 2 AND NOT superseded") == []
    outcomes = "SELECT DISTINCT run, outcome FROM alert_outcome WHERE run > 1 ORDER BY run"
    assert [row for row in watched.record.ask(outcomes) if row[0] == 2] in ([], [(2, "not_told")])
    with psycopg.connect(watched.database.dsn("analytics")) as connection:
        connection.read_only = True
        replayed = [replay_run(connection, run) for run in recorded_runs(connection, "CT-LATE")]
    assert [one.disagreements for one in replayed] == [(), (), ()]


@pytest.mark.usefixtures("short_rounds")
def test_an_upgrade_gives_up_a_revision_of_the_older_version_and_judges_what_came_late(watched: Watched) -> None:
    take(watched, running(same_batch("BR-01", "CT-INTIME")))
    messages = with_buffer()
    take(watched, running(messages, until_h=SETTLED_H))
    begun(watched)
    older = "UPDATE monitor SET software = 'batchwitness 0.0.1' FROM batch WHERE batch.batch_id = monitor.batch_id"
    watched.record.owner.execute(f"{older} AND batch.name = 'CT-LATE'")
    take(watched, running(messages, from_h=SETTLED_H))
    watched.analyse()
    assert runs(watched) == [
        (1, None, True, False, False),
        (2, "late_readings", True, False, True),
        (3, "upgrade", False, True, False),
    ]
    assert told(watched, "CT-LATE") == told(watched, "CT-INTIME")


FAILED = "SELECT severity, run, superseded, sentence FROM alert_now WHERE detector = 'monitor_failed'"
POISONED = "UPDATE monitor SET state = 'rubbish' WHERE beside AND NOT closed RETURNING run"


def fail(watched: Watched) -> int:
    """Let the next revision begin and break what it knows; the number of its run, which has failed."""
    begun(watched)
    ((run,),) = watched.record.owner.execute(POISONED).fetchall()
    watched.analyse(analytics_blocks=2)
    failures = "SELECT failure FROM monitor JOIN batch USING (batch_id) WHERE batch.name = 'CT-LATE' AND run = %s"
    assert watched.record.ask(failures, run)[0][0].startswith("UnknownFormat")
    return int(run)


@pytest.mark.usefixtures("short_rounds")
def test_a_revision_that_failed_is_begun_again_an_hour_later_and_takes_over(watched: Watched) -> None:
    take(watched, running(same_batch("BR-01", "CT-INTIME")))
    messages = with_buffer()
    take(watched, running(messages, until_h=SETTLED_H))
    assert fail(watched) == 2
    take(watched, running(messages, from_h=SETTLED_H, until_h=15.25))
    watched.analyse(analytics_blocks=2)
    assert [run[:3] for run in runs(watched)] == [(1, None, False), (2, "late_readings", True)], "it waits for an hour"
    take(watched, running(messages, from_h=15.25))
    watched.analyse(analytics_blocks=2)
    assert runs(watched) == [
        (1, None, True, False, False),
        (2, "late_readings", True, False, True),
        (3, "late_readings", False, True, False),
    ]
    assert watched.record.ask(FAILED) == []
    assert told(watched, "CT-LATE") == told(watched, "CT-INTIME")


@pytest.mark.usefixtures("short_rounds")
def test_a_revision_that_failed_three_times_is_told_and_the_batch_is_watched_as_before(watched: Watched) -> None:
    messages = with_buffer()
    said = []
    for run, (from_h, until_h) in enumerate([(-1.0, SETTLED_H), (SETTLED_H, 16.0), (16.0, 20.5)], start=2):
        take(watched, running(messages, from_h=from_h, until_h=until_h))
        assert watched.record.ask(FAILED) == []
        assert fail(watched) == run
        said.append(watched.record.ask(FAILED))
    ((severity, told_by, superseded, sentence),) = said.pop()
    assert said == [[], []]
    assert (severity, told_by, superseded) == ("medium", 1, False)
    assert sentence.startswith(
        "What came late for CT-LATE is not judged before it ends: each of 3 runs that were to judge it failed (last "
        "UnknownFormat: "
    )
    pinned = [at for (at,) in watched.record.ask("SELECT late_until FROM monitor WHERE beside ORDER BY run")]
    first, second, third = pinned
    assert second - first >= timedelta(hours=1)
    assert third - second >= timedelta(hours=4)
    take(watched, running(messages, from_h=20.5))
    watched.analyse()
    assert len(runs(watched)) == 4, "no other begins"
    ((position, head),) = watched.record.ask(
        "SELECT position, (SELECT max(ordinal) FROM intake) FROM monitor WHERE run = 1 AND NOT closed"
    )
    assert position == head, "the run that watches goes on"
    watched.record.take(messages[-1])
    watched.analyse()
    assert runs(watched)[-1] == (5, "late_readings", True, True, False)


@pytest.mark.usefixtures("short_rounds")
def test_a_revision_takes_over_from_a_run_that_failed_meanwhile(watched: Watched) -> None:
    take(watched, running(same_batch("BR-01", "CT-INTIME")))
    messages = with_buffer()
    take(watched, running(messages, until_h=SETTLED_H))
    begun(watched)
    watched.record.owner.execute("UPDATE monitor SET state = 'rubbish' WHERE late_until IS NULL AND run = 1")
    take(watched, running(messages, from_h=SETTLED_H))
    watched.analyse()
    assert runs(watched) == JUDGED
    asked = (
        "SELECT run, superseded FROM alert_now JOIN batch USING (batch_id)"
        " WHERE detector = 'monitor_failed' AND batch.name = %s"
    )
    assert watched.record.ask(asked, "CT-LATE") == [(1, True)]
    assert told(watched, "CT-LATE") != []


def test_a_tag_that_is_always_late_leads_to_one_revision_a_pause(watched: Watched) -> None:
    said: list[Message] = []
    waiting: list[Message] = []
    for topic, message in same_batch("BR-02", "CT-LATE"):
        if "values" not in message:
            said.append((topic, message))
            continue
        waiting.append((topic, message | {"values": {"glucose": message["values"].pop("glucose")}}))
        said.append((topic, message))
        if len(waiting) > 9:  # an hour and a half late
            said.append(waiting.pop(0))
    for first in range(0, len(said), 6):
        watched.record.take(*said[first : first + 6])
        watched.analyse()
    found = watched.record.ask(
        "SELECT late_until FROM monitor JOIN batch USING (batch_id) WHERE batch.name = 'CT-LATE' "
        " AND late_until IS NOT NULL ORDER BY run"
    )
    apart = [(later - earlier) / timedelta(hours=1) for (earlier,), (later,) in pairwise(found)]
    assert 2 <= len(found) <= 24 / 6
    assert all(hours >= 6.0 for hours in apart)


@pytest.mark.parametrize(
    ("first_h", "last_h", "now_h", "pinned_h", "found"),
    [
        (None, None, 20.0, None, "nothing came late"),
        (14.0, 14.1, 14.3, None, "more may be on its way"),
        (14.0, 14.1, 14.4, None, "due"),
        (14.0, 19.9, 19.95, None, "more keeps coming"),
        (14.0, 19.99, 20.0, None, "due"),  # nobody waits for longer than this
        (14.0, 14.1, 14.4, 9.0, "the last revision is not long ago"),
        (14.0, 14.1, 15.0, 9.0, "due"),
    ],
)
def test_late_readings_are_judged_when_they_have_settled_or_waited_for_long_enough(
    first_h: float | None, last_h: float | None, now_h: float, pinned_h: float | None, found: str
) -> None:
    def at(hour: float | None) -> int | None:
        return None if hour is None else round(hour * US_PER_H)

    late = Late(readings=9, first_us=at(first_h), last_us=at(last_h), reached_us=round(now_h * US_PER_H))
    pinned = None if pinned_h is None else from_us(round(pinned_h * US_PER_H))
    assert is_due(late, pinned, AnalyticsSettings()) is (found == "due")
