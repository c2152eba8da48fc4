"""What the record tells of alerts is computed anew from the journal, and what was changed unseen is found."""

import psycopg
import pytest

from analytics.replaying import recorded_runs, replay_run
from tests.analytics.conftest import LIVE_START, Watched, batch_messages


@pytest.fixture
def told(watched: Watched) -> Watched:
    """A batch whose glucose fell behind, watched to its end."""
    watched.record.take(*batch_messages("CT-LATE", LIVE_START, seed=41, fault_h=12.0))
    watched.analyse()
    return watched


def found(watched: Watched) -> list[tuple[int, int, str]]:
    """What disagrees, in a transaction that cannot write."""
    with psycopg.connect(watched.database.dsn("analytics")) as connection:
        connection.read_only = True
        (run,) = recorded_runs(connection, "CT-LATE")
        replayed = replay_run(connection, run)
    assert replayed.alerts >= 1
    assert replayed.steps > replayed.alerts
    return [(one.alert, one.version, one.what) for one in replayed.disagreements]


def test_DETECT_1_the_journal_leads_to_the_alerts_that_were_told(told: Watched) -> None:
    assert found(told) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE alert SET score = score * (1 + 1e-15)", "score"),
        ("UPDATE alert SET sentence = 'All is well.'", "sentence"),
        ("UPDATE alert SET onset_time = onset_time + interval '1 microsecond'", "onset_time"),
        ("UPDATE alert SET contributions = '[]'", "contributions"),
    ],
)
def test_DETECT_1_an_alert_that_was_changed_behind_our_back_is_found(told: Watched, change: str, what: str) -> None:
    told.record.owner.execute(change)
    assert {(version, field) for _, version, field in found(told)} == {(0, what)}


def test_DETECT_1_an_alert_that_was_taken_away_or_put_in_is_found(told: Watched) -> None:
    told.record.owner.execute("DELETE FROM alert_update WHERE version = 1")
    assert (1, 1, "the alert") in found(told)


def test_a_batch_nobody_watched_has_no_runs(told: Watched) -> None:
    with psycopg.connect(told.database.dsn("analytics")) as connection:
        assert recorded_runs(connection, "CT-NOBODY") == []
