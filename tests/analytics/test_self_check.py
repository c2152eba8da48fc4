"""Every night some runs are computed anew, and a record that was changed unseen raises an alert."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from analytics.self_check import LOCK, SelfCheck
from analytics.settings import AnalyticsSettings
from tests.analytics.conftest import LIVE_START, Watched, batch_messages

NIGHT = datetime(2026, 6, 2, 2, 5, tzinfo=UTC)
CHECKED = (
    "SELECT batch.name, self_check.alerts > 0, jsonb_array_length(disagreements) FROM self_check"
    " JOIN monitor USING (monitor_id) JOIN batch USING (batch_id) ORDER BY self_check_id"
)
TOLD = "SELECT sentence, severity, detector FROM alert_now WHERE detector = 'self_check'"


@pytest.fixture
def told(watched: Watched) -> Watched:
    """Two batches, one of which drifted."""
    for name, fault_h in (("CT-LATE", 12.0), ("CT-EVEN", None)):
        unit = "BR-01" if fault_h else "BR-02"
        watched.record.take(*batch_messages(name, LIVE_START, seed=41, fault_h=fault_h, unit=unit))
    watched.analyse()
    return watched


def check(watched: Watched, now: datetime, **settings: int) -> int:
    """How many runs were checked until none was due."""
    checked = 0
    with psycopg.connect(watched.database.dsn("analytics"), autocommit=True) as connection:
        night = SelfCheck(
            connect=lambda: connection,
            settings=AnalyticsSettings(**settings),
            stopping=lambda: False,
            wait=lambda _within_s: None,
            now=lambda: now,
        )
        while night.step(connection):
            checked += 1
            assert checked < 10
    return checked


def test_DETECT_1_each_run_is_computed_anew_once_a_night(told: Watched) -> None:
    assert check(told, NIGHT) == 2
    assert told.record.ask(CHECKED) == [("CT-LATE", True, 0), ("CT-EVEN", False, 0)]
    assert check(told, NIGHT + timedelta(hours=20)) == 0
    assert check(told, NIGHT + timedelta(hours=24)) == 2
    assert told.record.ask(TOLD) == []


def test_no_more_runs_are_checked_than_asked_for_and_those_left_over_come_first_the_next_night(told: Watched) -> None:
    assert check(told, NIGHT, self_check_runs=1) == 1
    assert check(told, NIGHT + timedelta(hours=24), self_check_runs=1) == 1
    assert [name for name, *_ in told.record.ask(CHECKED)] == ["CT-LATE", "CT-EVEN"]
    assert check(told, NIGHT + timedelta(hours=48), self_check_runs=0) == 0


def test_DETECT_1_a_record_that_was_changed_raises_an_alert_once(told: Watched) -> None:
    told.record.owner.execute("UPDATE alert SET sentence = 'All is well.'")
    check(told, NIGHT)
    check(told, NIGHT + timedelta(hours=24))
    ((sentence, severity, _),) = told.record.ask(TOLD)
    assert sentence.startswith("The record of CT-LATE does not tell what its journal leads to: 1 of ")
    assert severity == "high"
    assert [found for name, _, found in told.record.ask(CHECKED) if name == "CT-LATE"] == [1, 1]


def test_a_run_whose_reference_was_altered_is_found(told: Watched) -> None:
    told.record.owner.execute("UPDATE reference SET model = set_byte(model, length(model) - 1, 1)")
    check(told, NIGHT)
    assert len(told.record.ask(TOLD)) == 2
    disagreement = told.record.ask("SELECT disagreements -> 0 ->> 'computed' FROM self_check")[0][0]
    assert "are not those of the hash" in disagreement


def test_of_several_workers_one_checks(told: Watched) -> None:
    with psycopg.connect(told.database.dsn("analytics"), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        assert check(told, NIGHT) == 0
    assert check(told, NIGHT) == 2
