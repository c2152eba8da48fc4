"""What depends on the record is recomputed when somebody corrects it, and what was said before stays beside it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from analytics.pinned import replay
from analytics.playing import read_run
from analytics.software import software
from records.audit import verify
from records.corrections_intervals import IntervalChange, correct_intervals
from records.corrections_readings import ReadingChange, correct_readings, see_selection
from store.model.correction import RevisionKind
from store.model.ids import TagId
from tests.analytics.conftest import LIVE_START, NAMES, Watched, batch_messages
from tests.fix_postgres import Database
from tests.people import somebody
from tests.store.record import opened

MIA = somebody("msat", name="mia")
STUCK = (10.0, 16.0)  # hours between which the glucose probe of CT-STUCK showed nonsense


def stuck(name: str = "CT-STUCK") -> list[tuple[str, object]]:
    """A batch like any other, but for some hours of nonsense from one probe."""
    messages = batch_messages(name, LIVE_START, seed=31)
    for _, message in messages:
        if isinstance(message, dict) and "values" in message:
            hour = (datetime.fromisoformat(message["time"]) - LIVE_START) / timedelta(hours=1)
            if STUCK[0] <= hour < STUCK[1]:
                message["values"]["glucose"] = 2.0
    return messages


def until_hour(messages: list[tuple[str, object]], hour: float) -> int:
    """How many messages were sent before an hour of the batch."""
    return 2 + int(hour * 6)


def correct(
    database: Database,
    kind: RevisionKind,
    hours: tuple[float, float],
    *,
    tag: str = "glucose",
    unit: str = "BR-01",
    **change: Any,
) -> None:
    """Correct the readings of a tag between two hours of the live batch."""
    with database.connect("api", autocommit=False) as connection:
        row = connection.execute(
            "SELECT tag_id FROM tag JOIN unit USING (unit_id) WHERE unit.name = %s AND tag.name = %s", [unit, tag]
        ).fetchone()
        assert row is not None
        since, until = (LIVE_START + timedelta(hours=hour) for hour in hours)
        selection = see_selection(connection, TagId(int(str(row[0]))), since, until)
        correct_readings(
            connection, selection, ReadingChange(kind=kind, **change), actor=MIA, reason="the probe was stuck"
        )


def correct_procedure(
    database: Database,
    batch: str,
    *,
    started: datetime | None = None,
    ended: datetime | None = None,
    to: str | None = None,
) -> None:
    """Correct the unit procedure of a batch."""
    with database.connect("api", autocommit=False) as connection:
        row = connection.execute(
            "SELECT unit_procedure_id, lower(during), upper(during),"
            " (SELECT count(*) FROM interval_revision AS r WHERE r.unit_procedure_id = u.unit_procedure_id)"
            " FROM unit_procedure AS u JOIN batch USING (batch_id) WHERE name = %s",
            [batch],
        ).fetchone()
        assert row is not None
        key, was_started, was_ended, version = row
        change = IntervalChange(
            unit_procedure_id=key,  # type: ignore[arg-type]
            started=started or was_started,  # type: ignore[arg-type]
            ended=ended or was_ended,  # type: ignore[arg-type]
            batch=to,
            version=version,  # type: ignore[arg-type]
        )
        correct_intervals(connection, [change], actor=MIA, reason="the log book says so")


def correct_phase(database: Database, batch: str, *, started: datetime) -> None:
    """Correct when the one phase of a batch began."""
    with database.connect("api", autocommit=False) as connection:
        row = connection.execute(
            "SELECT phase_id, upper(phase.during),"
            " (SELECT count(*) FROM interval_revision WHERE interval_revision.phase_id = phase.phase_id)"
            " FROM phase JOIN unit_procedure USING (unit_procedure_id) JOIN batch USING (batch_id)"
            " WHERE batch.name = %s",
            [batch],
        ).fetchone()
        assert row is not None
        phase_id, ended, version = row
        change = IntervalChange(
            phase_id=phase_id,  # type: ignore[arg-type]
            started=started,
            ended=ended,  # type: ignore[arg-type]
            version=version,  # type: ignore[arg-type]
        )
        correct_intervals(connection, [change], actor=MIA, reason="the operator's note says so")


def outcomes(watched: Watched) -> list[tuple[Any, ...]]:
    return watched.record.ask(
        "SELECT run, kind, outcome, superseded FROM alert_outcome JOIN alert_now USING (alert_id, run)"
        " WHERE kind = 'drift' ORDER BY run, ordinal"
    )


def everything(watched: Watched) -> list[list[tuple[Any, ...]]]:
    """Every alert of every run with everything it carries, and what became of it."""
    alert = (
        "SELECT unit_procedure_id, run, ordinal, batch.name, kind, detector, alert.tags, raised_time, onset_time,"
        " float8send(score), float8send(limit_value), sentence, contributions, cells, alert.intake_ordinal"
        " FROM alert JOIN monitor USING (monitor_id) JOIN batch ON batch.batch_id = alert.batch_id ORDER BY 1, 2, 3"
    )
    update = (
        "SELECT unit_procedure_id, run, ordinal, alert_update.version, alert_update.ended_time, alert_update.tags,"
        " float8send(alert_update.score), alert_update.sentence, alert_update.intake_ordinal"
        " FROM alert_update JOIN alert USING (alert_id) JOIN monitor USING (monitor_id) ORDER BY 1, 2, 3, 4"
    )
    run = (
        "SELECT unit_procedure_id, run, corrected_ordinal, until_ordinal, closed, started_ordinal"
        " FROM monitor ORDER BY 1, 2"
    )
    return [watched.record.ask(question) for question in (alert, update, run)]


def test_a_correction_removes_a_false_alert_and_the_record_shows_both(watched: Watched) -> None:
    watched.record.take(*stuck())
    watched.analyse()
    before = watched.alerts()
    assert [row[2] for row in before].count("drift") >= 1
    correct(watched.database, RevisionKind.INVALIDATED, STUCK)
    watched.analyse()
    drifts = outcomes(watched)
    assert drifts
    assert all(row == (1, "drift", "no_longer_raised", True) for row in drifts)
    assert [row for row in watched.alerts() if row in before] == before, "what was said before has been altered"
    assert watched.record.ask("SELECT run, closed, until_ordinal IS NULL FROM monitor ORDER BY run") == [
        (1, True, False),
        (2, True, True),
    ]


def test_what_was_said_of_everything_else_is_raised_again_unchanged(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-DRIFT", LIVE_START, seed=101, fault_h=12.0))
    watched.analyse()
    count = len(outcomes(watched))
    correct(watched.database, RevisionKind.INVALIDATED, (23.0, 24.0), tag="pH")
    watched.analyse()
    assert (
        outcomes(watched) == [(1, "drift", "raised_again", True)] * count + [(2, "drift", "unchanged", False)] * count
    )


def test_detect_1_another_version_of_the_software_watches_an_open_batch_anew_beside_what_was_said(
    watched: Watched,
) -> None:
    messages = batch_messages("CT-DRIFT", LIVE_START, seed=101, fault_h=12.0)
    cut = until_hour(messages, 20.0)
    watched.record.take(*messages[:cut])
    watched.analyse()
    said = watched.alerts()
    count = len(outcomes(watched))
    assert count
    watched.record.owner.execute("UPDATE monitor SET software = 'batchwitness 0.0.1' WHERE NOT closed")

    watched.record.take(*messages[cut:])
    watched.analyse()

    runs = (
        "SELECT run, closed, software, until_ordinal IS NULL, position < (SELECT max(ordinal) FROM intake) FROM monitor"
    )
    assert watched.record.ask(f"{runs} ORDER BY run") == [
        (1, True, "batchwitness 0.0.1", False, True),
        (2, True, software(), True, False),
    ]
    assert outcomes(watched)[:count] == [(1, "drift", "raised_again", True)] * count
    assert [row[0] for row in outcomes(watched)[count:]] == [2] * (len(outcomes(watched)) - count)
    assert {row[2] for row in outcomes(watched)[count:]} <= {"unchanged", "new"}
    assert [row for row in watched.alerts() if row in said] == said, "what was said before has been altered"
    newest = watched.record.ask("SELECT monitor_id FROM monitor WHERE run = 2")[0][0]
    with watched.database.connect("analytics") as connection:
        told = [alert.sentence for _, alerts, _ in replay(connection, read_run(connection, newest)) for alert in alerts]
    assert told, "the run can be played again"


def test_a_decision_about_an_alert_that_is_raised_again_just_as_it_was_goes_on(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-DRIFT", LIVE_START, seed=101, fault_h=12.0))
    watched.analyse()
    watched.record.owner.execute(
        "INSERT INTO alert_decision (alert_id, version, state, actor, comment, known_at)"
        " SELECT alert_id, version, 'acknowledged', 'mia', 'seen', now() FROM alert_now WHERE kind = 'drift'"
    )
    correct(watched.database, RevisionKind.INVALIDATED, (23.0, 24.0), tag="pH")
    watched.analyse()
    assert set(watched.record.ask("SELECT state FROM alert_now WHERE kind = 'drift' AND NOT superseded")) == {
        ("acknowledged",)
    }


def test_a_corrected_value_raises_what_the_wrong_one_hid(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-GOOD", LIVE_START, seed=32))
    watched.analyse()
    assert outcomes(watched) == []
    correct(watched.database, RevisionKind.CORRECTED, (8.0, 24.0), add=-4.0)
    watched.analyse()
    drifts = outcomes(watched)
    assert drifts
    assert all(row == (2, "drift", "new", False) for row in drifts)


def test_detect_1_every_run_can_be_played_again_bit_for_bit_and_cutting_the_journal_changes_nothing(
    watched: Watched,
) -> None:
    messages = stuck()
    cut = until_hour(messages, 18.0)
    for first in range(0, cut, 9):
        watched.record.take(*messages[first : min(first + 9, cut)])
        watched.analyse(analytics_blocks=1)
    correct(watched.database, RevisionKind.INVALIDATED, (STUCK[0], 13.0))
    watched.analyse(analytics_blocks=1)
    watched.record.take(*messages[cut : cut + 20])
    correct(watched.database, RevisionKind.CORRECTED, (13.0, STUCK[1]), multiply=7.0)
    watched.analyse()
    for first in range(cut + 20, len(messages), 9):
        watched.record.take(*messages[first : first + 9])
        watched.analyse(analytics_blocks=2)
    stepwise = everything(watched)
    assert {row[1] for row in stepwise[2]} == {1, 2, 3}
    assert {row[1] for row in stepwise[0]} >= {1, 2}
    with psycopg.connect(watched.database.dsn("analytics"), autocommit=True) as connection:
        played = [
            (run.run, alert.ordinal, alert.sentence, alert.score.hex())
            for (monitor_id,) in watched.record.ask("SELECT monitor_id FROM monitor ORDER BY run")
            for run in [read_run(connection, monitor_id)]
            for alert in _raised(run, connection)
        ]
    stored = watched.record.ask("SELECT run, ordinal, sentence, score FROM alert JOIN monitor USING (monitor_id)")
    assert sorted(played) == sorted((*row[:3], row[3].hex()) for row in stored)
    watched.record.owner.execute("TRUNCATE monitor, alert, alert_update, intake CASCADE")
    watched.record.owner.execute("UPDATE consumer SET position = 0")
    watched.analyse()  # everything at once
    assert everything(watched) == stepwise


def _raised(run: Any, connection: psycopg.Connection) -> Sequence[Any]:
    told: dict[int, Any] = {}
    for _, alerts, _ in replay(connection, run):
        for alert in alerts:
            told.setdefault(alert.ordinal, alert)
    return list(told.values())


def test_killed_in_the_middle_of_the_recompute_the_next_worker_finishes_it(watched: Watched) -> None:
    messages = stuck()
    for first in range(0, len(messages), 10):
        watched.record.take(*messages[first : first + 10])
    watched.analyse()
    correct(watched.database, RevisionKind.INVALIDATED, (12.0, STUCK[1]))
    watched.record.owner.execute(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'the connection is gone' USING ERRCODE = '08006'; END$$;"
        " CREATE TRIGGER broken BEFORE INSERT ON alert FOR EACH ROW EXECUTE FUNCTION broken()"
    )
    with pytest.raises(psycopg.OperationalError):
        watched.analyse(analytics_blocks=2)
    assert watched.record.ask("SELECT bool_or(run = 2 AND closed) FROM monitor") == [(False,)]
    watched.record.owner.execute("DROP TRIGGER broken ON alert")
    watched.analyse(analytics_blocks=2)
    interrupted = everything(watched)
    watched.record.owner.execute("TRUNCATE monitor, alert, alert_update, intake CASCADE")
    watched.record.owner.execute("UPDATE consumer SET position = 0")
    watched.analyse()
    assert everything(watched) == interrupted
    assert watched.record.ask("SELECT max(run), bool_and(closed) FROM monitor") == [(2, True)]


def test_a_run_begins_although_the_overviews_have_not_come_to_its_correction(watched: Watched) -> None:
    messages = stuck()
    for first in range(0, len(messages), 10):
        watched.record.take(*messages[first : first + 10])
    watched.analyse()
    correct(watched.database, RevisionKind.INVALIDATED, STUCK)
    with watched.database.connect("owner", autocommit=False) as other:
        other.execute("SELECT FROM consumer WHERE name = 'overviews' FOR UPDATE")  # another process derives them
        watched.analyse(analytics_blocks=1)
    watched.analyse(analytics_blocks=1)
    assert watched.record.ask("SELECT run, closed, failure FROM monitor ORDER BY run") == [
        (1, True, None),
        (2, True, None),
    ]
    assert {row[2] for row in outcomes(watched)} == {"no_longer_raised"}


def test_overviews_equal_what_holds_of_the_readings_after_a_correction(watched: Watched) -> None:
    watched.record.take(*stuck())
    watched.analyse()
    correct(watched.database, RevisionKind.INVALIDATED, (10.0, 13.0))
    correct(watched.database, RevisionKind.CORRECTED, (13.0, 16.0), multiply=7.0)
    correct(watched.database, RevisionKind.CORRECTED, (23.8, 24.0), tag="pH", value=7.0)
    watched.analyse()
    wrong = watched.record.ask(
        "SELECT tag_id, resolution_s, bucket, overview.count, derived.count FROM overview LEFT JOIN LATERAL ("
        "   SELECT count(*), min(value), avg(value), max(value) FROM reading_now"
        "   WHERE reading_now.tag_id = overview.tag_id AND quality > 0 AND source_time >= bucket"
        "   AND source_time < bucket + make_interval(secs => resolution_s)"
        ") AS derived ON true WHERE (overview.count, minimum, maximum) IS DISTINCT FROM (derived.count, min, max)"
        " OR abs(mean - avg) > 1e-9"
    )
    assert wrong == []
    assert watched.record.ask("SELECT count(*) FROM overview WHERE count = 0") == [(3 + 18,)]
    assert watched.record.ask(
        "SELECT value FROM tag_latest JOIN tag USING (tag_id) JOIN unit USING (unit_id)"
        " WHERE tag.name = 'pH' AND unit.name = 'BR-01'"
    ) == [(7.0,)]


def test_a_batch_whose_end_is_corrected_is_judged_up_to_that_end(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-DRIFT", LIVE_START, seed=101, fault_h=16.0))
    watched.analyse()
    assert outcomes(watched)
    correct_procedure(watched.database, "CT-DRIFT", ended=LIVE_START + timedelta(hours=15))
    watched.analyse()
    assert {row[2] for row in outcomes(watched)} == {"no_longer_raised"}
    assert watched.record.ask("SELECT run, closed FROM monitor ORDER BY run") == [(1, True), (2, True)]


def test_a_wrong_end_taken_back_is_watched_on(watched: Watched) -> None:
    messages = batch_messages("CT-DRIFT", LIVE_START, seed=101, fault_h=12.0)
    cut = until_hour(messages, 10.0)
    ended = {
        "event": "unit_procedure_ended",
        "time": (LIVE_START + timedelta(hours=9)).isoformat(),
        "batch": "CT-DRIFT",
    }
    watched.record.take(*messages[:cut], ("BR-01/events", ended))
    watched.analyse()
    with watched.database.connect("api", autocommit=False) as connection:
        row = connection.execute(
            "SELECT unit_procedure_id, lower(during) FROM unit_procedure ORDER BY 1 DESC"
        ).fetchone()
        assert row is not None
        change = IntervalChange(
            unit_procedure_id=row[0],  # type: ignore[arg-type]
            started=row[1],  # type: ignore[arg-type]
            ended=None,
            version=2,
        )
        correct_intervals(connection, [change], actor=MIA, reason="nobody had ended it")
    watched.record.take(*messages[cut:])
    watched.analyse()
    assert {row[:3] for row in outcomes(watched)} == {(2, "drift", "new")}
    assert watched.record.ask("SELECT run, closed FROM monitor ORDER BY run") == [(1, True), (2, True)]


def test_a_start_told_too_late_is_corrected_and_the_hours_before_it_are_judged(watched: Watched) -> None:
    messages = batch_messages("CT-DRIFT", LIVE_START, seed=101, fault_h=4.0)
    for _, message in messages[:2]:
        assert isinstance(message, dict)
        message["time"] = (LIVE_START + timedelta(hours=20)).isoformat()
    watched.record.take(*messages[2:50])
    watched.analyse()
    watched.record.take(*messages[:2], *messages[50:])
    watched.analyse()
    first = {row[2] for row in outcomes(watched)}
    correct_procedure(watched.database, "CT-DRIFT", started=LIVE_START)
    watched.analyse()
    assert watched.record.ask("SELECT run, started_ordinal < 30 FROM monitor ORDER BY run")[1:] == [(2, True)]
    assert watched.record.ask(
        "SELECT min(raised_time) < %s FROM alert_now WHERE kind = 'drift' AND NOT superseded",
        LIVE_START + timedelta(hours=12),
    ) == [(True,)], first


def test_readings_moved_to_another_batch_are_judged_as_that_batchs(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-A", LIVE_START, seed=101, fault_h=12.0))
    later = LIVE_START + timedelta(days=2)
    watched.record.take(*batch_messages("CT-B", later, seed=55))
    watched.analyse()
    assert {row[0] for row in watched.alerts() if row[2] == "drift"} == {"CT-A"}
    with watched.database.connect("api", autocommit=False) as connection:
        rows = connection.execute(
            "SELECT unit_procedure_id, lower(during), upper(during), batch.name FROM unit_procedure"
            " JOIN batch USING (batch_id) WHERE batch.name IN ('CT-A', 'CT-B') ORDER BY batch.name"
        ).fetchall()
        changes = [
            IntervalChange(
                unit_procedure_id=key,  # type: ignore[arg-type]
                started=started,  # type: ignore[arg-type]
                ended=ended,  # type: ignore[arg-type]
                batch="CT-B" if name == "CT-A" else "CT-A",
                version=2,
            )
            for key, started, ended, name in rows
        ]
        correct_intervals(connection, changes, actor=MIA, reason="the labels were swapped")
    watched.analyse()
    assert watched.record.ask(
        "SELECT DISTINCT batch.name, run, outcome FROM alert_outcome JOIN alert USING (alert_id)"
        " JOIN batch ON batch.batch_id = alert.batch_id WHERE kind = 'drift' ORDER BY 1"
    ) == [("CT-A", 1, "no_longer_raised"), ("CT-B", 2, "new")]


def test_a_reference_is_marked_when_its_input_was_corrected_and_not_learned_again(watched: Watched) -> None:
    model = watched.record.ask("SELECT digest, model FROM reference")
    with opened(watched.database) as record:
        (started, ended) = record.ask("SELECT lower(during), upper(during) FROM unit_procedure ORDER BY 1 LIMIT 1")[0]
    hours = ((started - LIVE_START) / timedelta(hours=1) + 3.0, (ended - LIVE_START) / timedelta(hours=1) - 20.0)
    changed = "SELECT batch.name FROM reference_input_changed JOIN batch USING (batch_id)"
    correct(watched.database, RevisionKind.INVALIDATED, hours)
    watched.analyse()
    assert watched.record.ask(changed) == [("CT-0",)]
    assert watched.record.ask("SELECT digest, model FROM reference") == model
    correct(watched.database, RevisionKind.REINSTATED, hours)
    watched.analyse()
    assert watched.record.ask(changed) == [], "what was reinstated is what was learned from"


def test_a_batch_is_laid_over_its_reference_anew_when_the_start_of_a_phase_was_corrected(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-A", LIVE_START, seed=41))
    watched.analyse()
    correct_phase(watched.database, "CT-A", started=LIVE_START + timedelta(hours=3))
    watched.analyse()
    assert watched.record.ask("SELECT run, snapshot -> 'path' FROM monitor ORDER BY run") == [
        (1, [[0, 48, 0]]),
        (2, [[0, 6, 0], [6, 48, 0]]),
    ]


def test_a_reference_is_marked_when_the_start_of_a_phase_it_was_learned_by_was_corrected(watched: Watched) -> None:
    with opened(watched.database) as record:
        ((started,),) = record.ask("SELECT lower(during) FROM unit_procedure ORDER BY 1 LIMIT 1")
    correct_phase(watched.database, "CT-0", started=started + timedelta(hours=1))
    watched.analyse()
    changed = "SELECT batch.name FROM reference_input_changed JOIN batch USING (batch_id)"
    assert watched.record.ask(changed) == [("CT-0",)]


def test_other_batches_of_the_unit_are_not_watched_anew(watched: Watched) -> None:
    watched.record.take(*batch_messages("CT-A", LIVE_START, seed=41))
    watched.record.take(*batch_messages("CT-B", LIVE_START + timedelta(hours=30), seed=42))
    watched.record.take(*batch_messages("CT-C", LIVE_START, seed=43, unit="BR-02"))
    watched.analyse()
    correct(watched.database, RevisionKind.INVALIDATED, (31.0, 33.0))
    watched.analyse()
    assert watched.record.ask(
        "SELECT batch.name, count(*) FROM monitor JOIN batch USING (batch_id) GROUP BY 1 ORDER BY 1"
    ) == [("CT-A", 1), ("CT-B", 2), ("CT-C", 1)]


def test_record_1_corrections_leave_the_audit_chain_whole(watched: Watched) -> None:
    watched.record.take(*stuck())
    for name in NAMES:
        correct(watched.database, RevisionKind.INVALIDATED, (1.0, 2.0), tag=name)
    correct(watched.database, RevisionKind.REINSTATED, (1.0, 2.0), tag="pH")
    with watched.database.connect("api") as connection:
        assert verify(connection) == []
        events = connection.execute(
            "SELECT action, audit_event.reason, audit_event.known_at = correction.known_at FROM correction"
            " JOIN audit_event USING (known_at) ORDER BY correction_id"
        ).fetchall()
    assert events == [("readings_corrected", "the probe was stuck", True)] * 5
