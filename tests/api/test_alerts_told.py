"""Who asks for what was told after a cursor misses no alert, in whatever order transactions and runs come to an end."""

import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from records.alerts import acknowledge
from store.model.correction import RevisionKind
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.analytics.test_corrections import correct
from tests.analytics.test_late import held_back
from tests.analytics.test_revisions import CAME_H, SETTLED_H, begun, running, runs, take, with_buffer, worker
from tests.fix_postgres import Database
from tests.people import somebody
from tests.support import eventually

RAISE = (
    "INSERT INTO alert (unit_id, ordinal, kind, severity, detector, tags, raised_time, onset_time, phase_time_h, score,"
    " limit_value, sentence, contributions, cells, software, intake_ordinal)"
    " SELECT unit_id, %s, 'silence', 'low', 'missing_end', '{}', now(), now(), 1, 1, 0, 'x', '[]', '[]', 'x', 1"
    " FROM unit ORDER BY unit_id LIMIT 1 RETURNING alert_id"
)
STANDS = ("superseded", "version", "state", "severity")
STANDING = (
    "SELECT alert_id, superseded, version, alert_now.state, severity"
    " FROM alert_now LEFT JOIN monitor USING (monitor_id) WHERE monitor.beside IS NOT TRUE"
)
NOT_TOLD = "SELECT alert_id FROM alert JOIN monitor USING (monitor_id) WHERE beside ORDER BY alert_id"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Standing = tuple[Any, ...]


@dataclass(slots=True)
class Poller:
    """Asks again and again with the cursor it was given last."""

    client: TestClient
    cursor: int = 0
    seen: list[int] = field(default_factory=list)
    kept: dict[int, Standing] = field(default_factory=dict)  # what came again is written over

    def ask(self, limit: int = 500) -> list[dict[str, Any]]:
        """What was told since."""
        page = self.client.get("/v1/alerts/told", params={"cursor": self.cursor, "limit": limit}).json()
        places = [self.cursor, *(item["told"] for item in page["items"])]
        assert places == sorted(set(places)), "each lies behind the one before"
        assert page["next_cursor"] == places[-1]
        self.cursor = page["next_cursor"]
        self.seen += [item["alert"] for item in page["items"]]
        self.kept |= {item["alert"]: tuple(item[what] for what in STANDS) for item in page["items"]}
        return list(page["items"])

    def numbers(self) -> list[int]:
        """The numbers of the alerts that were told since."""
        return [item["alert"] for item in self.ask()]


@pytest.fixture
def database(watched: Watched) -> Database:
    """What the API serves: a plant whose batches are watched."""
    return watched.database


@pytest.fixture
def poller(review: TestClient) -> Poller:
    return Poller(client=review)


def raised(connection: psycopg.Connection[Any], ordinal: int) -> int:
    """An alert in the connection's transaction."""
    row = connection.execute(RAISE, [ordinal]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.usefixtures("short_rounds")
def test_a_revision_that_takes_over_and_a_slow_transaction_of_a_lower_number_are_told_behind_what_was_seen(
    watched: Watched, poller: Poller
) -> None:
    messages = with_buffer()
    take(watched, running(messages, until_h=SETTLED_H))
    begun(watched)
    with watched.database.connect(autocommit=False) as slow:
        lowest = raised(slow, 1)
        with watched.database.connect(autocommit=False) as other:
            other.execute("SELECT FROM consumer WHERE name = 'batches' FOR UPDATE")  # nothing takes over meanwhile
            watched.analyse()
        of_revision = [alert for (alert,) in watched.record.ask(NOT_TOLD)]
        highest = raised(watched.record.owner, 2)
        assert lowest < min(of_revision) <= max(of_revision) < highest

        before = poller.numbers()
        assert highest in before
        assert not {lowest, *of_revision} & set(before)
        take(watched, running(messages, from_h=SETTLED_H, until_h=15.0))
        watched.analyse()
        taken_over = poller.ask()
        assert {item["alert"] for item in taken_over if item["run"] == 2} >= set(of_revision)
        ended = {item["alert"]: item["superseded"] for item in taken_over if item["run"] == 1}
        assert ended.keys() >= {alert for alert in before if alert != highest}
        assert all(ended.values()), "what the run before told is told again as superseded"
    assert poller.numbers() == [lowest]
    assert poller.numbers() == []
    assert set(poller.seen) == {alert for (alert,) in watched.record.ask("SELECT alert_id FROM alert")}


def test_a_transaction_that_comes_second_waits_and_takes_the_higher_place(watched: Watched, poller: Poller) -> None:
    with watched.database.connect(autocommit=False) as first, watched.database.connect(autocommit=False) as second:
        lower, higher = raised(second, 1), raised(first, 2)
        first.execute("SET CONSTRAINTS ALL IMMEDIATE")  # it has its place and has not committed
        commit = threading.Thread(target=second.commit)
        commit.start()
        eventually(lambda: watched.record.ask(WAITS) == [(1,)], within_s=20, what="the second waits for the first")
        assert poller.numbers() == []
        first.commit()
        commit.join(20)
        assert poller.numbers() == [higher, lower]


def test_a_transaction_that_is_taken_back_tells_nothing(watched: Watched, poller: Poller) -> None:
    with watched.database.connect(autocommit=False) as gone:
        raised(gone, 1)
        gone.execute("SET CONSTRAINTS ALL IMMEDIATE")
        gone.rollback()
    told = raised(watched.record.owner, 2)
    assert poller.numbers() == [told]


def test_an_alert_is_told_again_when_it_changes_is_decided_about_or_superseded(
    watched: Watched, poller: Poller
) -> None:
    drifts = [*batch_messages("CT-LATE", LIVE_START, seed=41, fault_h=5.0, unit="BR-02")]
    take(watched, running(held_back(drifts, from_h=8.0, until_h=14.0, came_h=14.0), until_h=12.0), size=50)
    watched.analyse()
    first = poller.ask(limit=1) + poller.ask()
    assert len(first) > 1
    assert {item["superseded"] for item in first} == {False}
    assert poller.numbers() == []
    alert = first[0]
    watched.record.owner.execute(
        "INSERT INTO alert_update SELECT alert_id, 99, now(), detector, tags, score, limit_value, sentence,"
        " contributions, cells, intake_ordinal, now(), severity FROM alert WHERE alert_id = %s",
        [alert["alert"]],
    )
    assert [(item["alert"], item["version"]) for item in poller.ask()] == [(alert["alert"], 99)]
    with watched.database.connect("api", autocommit=False) as otto:
        acknowledge(otto, alert_id=alert["alert"], version=99, actor=somebody("operator", name="otto"), comment="seen")
    assert [(item["alert"], item["state"]) for item in poller.ask()] == [(alert["alert"], "acknowledged")]
    correct(watched.database, RevisionKind.INVALIDATED, (3.0, 3.5), tag="pH", unit="BR-02")
    watched.analyse()
    again = poller.ask()
    assert {item["alert"] for item in again if item["superseded"]} == {item["alert"] for item in first}
    assert {item["run"] for item in again if not item["superseded"]} == {2}


def standing(watched: Watched) -> dict[int, Standing]:
    """How every alert stands that was told."""
    return {alert: tuple(stands) for alert, *stands in watched.record.ask(STANDING)}


def follow(watched: Watched, poller: Poller, *, until_run: int | None = None) -> None:
    """Let a worker go on until nothing is left, or a run has come a little way, and ask after each of its rounds."""
    on_its_way = "SELECT count(*) > 0 FROM monitor WHERE run = %s AND position > started_ordinal + 3"
    with worker(watched, analytics_blocks=1) as made:
        while made.step(made.connect()):
            poller.ask()
            assert poller.kept == standing(watched)
            if until_run is not None and watched.record.ask(on_its_way, until_run) == [(True,)]:
                return


@pytest.mark.usefixtures("short_rounds")
@pytest.mark.parametrize("second", ["while the run of the first catches up", "once it has caught up"])
def test_who_writes_over_what_comes_again_knows_at_any_time_how_every_alert_stands(
    watched: Watched, poller: Poller, second: str
) -> None:
    caught_up = second == "once it has caught up"
    drifts = [*batch_messages("CT-LATE", LIVE_START, seed=41, fault_h=5.0, unit="BR-02")]
    take(watched, running(held_back(drifts, from_h=8.0, until_h=CAME_H, came_h=CAME_H), until_h=16.0))
    follow(watched, poller)
    correct(watched.database, RevisionKind.INVALIDATED, (3.0, 3.5), tag="pH", unit="BR-02")
    follow(watched, poller, until_run=None if caught_up else 3)
    ((behind,),) = watched.record.ask("SELECT count(*) FROM alert_now WHERE NOT superseded AND run < 3")
    assert (behind == 0) is caught_up
    correct(watched.database, RevisionKind.INVALIDATED, (4.0, 4.5), tag="pH", unit="BR-02")
    follow(watched, poller)
    assert [run for run, *_ in runs(watched)] == [1, 2, 3, 4]
    assert {run for (run,) in watched.record.ask("SELECT run FROM alert_now WHERE NOT superseded")} == {4}
    assert [superseded for superseded, *_ in poller.kept.values()].count(True) >= 3


@pytest.mark.usefixtures("short_rounds")
def test_what_a_correction_superseded_stays_so_while_the_run_of_the_next_one_catches_up(
    watched: Watched, poller: Poller
) -> None:
    take(watched, running([*batch_messages("CT-LATE", LIVE_START, seed=41, fault_h=5.0, unit="BR-02")], until_h=12.0))
    watched.analyse()
    first = set(poller.numbers())
    correct(watched.database, RevisionKind.INVALIDATED, (3.0, 3.5), tag="pH", unit="BR-02")
    watched.analyse()
    second = {item["alert"] for item in poller.ask() if item["run"] == 2}
    assert first
    assert second
    correct(watched.database, RevisionKind.INVALIDATED, (4.0, 4.5), tag="pH", unit="BR-02")
    with worker(watched, analytics_blocks=1) as made:
        while watched.record.ask("SELECT max(run) FROM monitor") != [(3,)]:
            assert made.step(made.connect())
    assert {alert for alert, (superseded, *_) in standing(watched).items() if superseded} == first
    watched.analyse()
    told = {item["alert"]: item["superseded"] for item in poller.ask()}
    assert {alert for alert, superseded in told.items() if superseded} == second, "and is not told once more"
