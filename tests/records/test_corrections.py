"""What people put right: nothing is written over, nobody undoes what they have not seen, all of it is in the trail."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import psycopg
import pytest

from records.audit import trail, verify
from records.corrections import Correction
from records.corrections_intervals import IntervalChange, correct_intervals
from records.corrections_readings import (
    ReadingChange,
    Selection,
    correct_readings,
    see_selection,
    settle_conflict,
)
from records.starting_material import correct_starting_material
from store.errors import Conflict, InputInvalid, NotAllowed, NotFound
from store.model.batch import StartingMaterial
from store.model.correction import RevisionKind
from store.model.ids import TagId
from store.model.reading import Quality
from tests.fix_postgres import Database
from tests.people import somebody
from tests.store.record import Record, at, opened

MIA = somebody("msat", name="mia")
INVALID = ReadingChange(kind=RevisionKind.INVALIDATED)


@pytest.fixture
def record(database: Database) -> Iterator[Record]:
    """CT-1 from minute 0 to 60 in BR-01 with a reading of pH a minute, and CT-2 from 60 on."""
    with opened(database) as made:
        made.take(
            ("BR-01/events", event("unit_procedure_started", 0)),
            ("BR-01/events", event("phase_started", 0, phase="activation")),
            ("BR-01/events", event("phase_started", 30, phase="expansion")),
            *(("BR-01/readings", {"time": at(minute), "values": {"pH": 7.0 + minute / 100}}) for minute in range(90)),
            ("BR-01/events", event("batch_ended", 60)),
            ("BR-01/events", event("unit_procedure_started", 60, "CT-2")),
        )
        yield made


@pytest.fixture
def api(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect("api", autocommit=False) as connection:
        yield connection


def event(kind: str, minute: float, batch: str = "CT-1", **more: object) -> dict[str, object]:
    return {"event": kind, "time": at(minute), "batch": batch, "process": "AUTO-2.0"} | more


def time(minute: float) -> datetime:
    return datetime.fromisoformat(at(minute))


def selected(api: psycopg.Connection[Any], first: float, last: float, tag: str = "pH") -> Selection:
    """The readings of a tag of BR-01 between two minutes."""
    row = api.execute(
        "SELECT tag_id FROM tag JOIN unit USING (unit_id) WHERE unit.name = 'BR-01' AND tag.name = %s", [tag]
    ).fetchone()
    assert row is not None
    return see_selection(api, TagId(row[0]), time(first), time(last))


def correct(api: psycopg.Connection[Any], selection: Selection, change: ReadingChange, **more: Any) -> Correction:
    told: dict[str, Any] = {"actor": MIA, "reason": "probe fouled"}
    return correct_readings(api, selection, change, **told | more)


def holds(record: Record, minute: float) -> tuple[Any, ...]:
    (row,) = record.ask(
        "SELECT value, quality, original_value, revised FROM reading_now WHERE source_time = %s", at(minute)
    )
    return row


def procedures(record: Record) -> list[tuple[Any, ...]]:
    """Batch, start and end in minutes of every unit procedure in order of time."""
    return record.ask(
        "SELECT batch.name, (extract(epoch FROM lower(during) - %(zero)s) / 60)::float,"
        " (extract(epoch FROM upper(during) - %(zero)s) / 60)::float, unit_procedure_id"
        " FROM unit_procedure JOIN batch USING (batch_id) ORDER BY lower(during)".replace(
            "%(zero)s", "%s::timestamptz"
        ),
        at(0),
        at(0),
    )


def change(record: Record, of: str, started: float, ended: float | None, **more: Any) -> IntervalChange:
    """The unit procedure of a batch, from and to other minutes."""
    ((key, version),) = record.ask(
        "SELECT unit_procedure_id, (SELECT count(*) FROM interval_revision AS r"
        " WHERE r.unit_procedure_id = u.unit_procedure_id) FROM unit_procedure AS u JOIN batch USING (batch_id)"
        " WHERE batch.name = %s",
        of,
    )
    fields: dict[str, Any] = {
        "unit_procedure_id": key,
        "started": time(started),
        "ended": None if ended is None else time(ended),
        "version": version,
    }
    return IntervalChange(**fields | more)


def test_a_correction_says_what_holds_and_leaves_what_arrived(record: Record, api: psycopg.Connection[Any]) -> None:
    correct(api, selected(api, 10, 11), ReadingChange(kind=RevisionKind.CORRECTED, value=6.9))
    correct(api, selected(api, 20, 22), INVALID)
    api.commit()
    assert holds(record, 10) == (6.9, Quality.GOOD, 7.1, "corrected")
    assert holds(record, 20) == (7.2, Quality.BAD, 7.2, "invalidated")
    assert holds(record, 30) == (7.3, Quality.GOOD, 7.3, None)
    assert record.ask("SELECT count(*), min(value) FROM reading WHERE quality = 192") == [(90, 7.0)]
    correct(api, selected(api, 0, 60), ReadingChange(kind=RevisionKind.REINSTATED))
    api.commit()
    assert holds(record, 10) == (7.1, Quality.GOOD, 7.1, "reinstated")
    assert holds(record, 20) == (7.2, Quality.GOOD, 7.2, "reinstated")
    assert record.ask("SELECT sequence, count(*) FROM reading_revision GROUP BY 1 ORDER BY 1") == [(1, 3), (2, 3)]


def test_many_readings_are_corrected_by_a_factor_and_an_offset_from_what_holds(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    by = ReadingChange(kind=RevisionKind.CORRECTED, multiply=0.5, add=1.0, quality=Quality.UNCERTAIN)
    correct(api, selected(api, 0, 60), by)
    correct(api, selected(api, 0, 60), ReadingChange(kind=RevisionKind.CORRECTED, add=1.0))
    api.commit()
    assert holds(record, 40) == (7.4 * 0.5 + 1.0 + 1.0, Quality.GOOD, 7.4, "corrected")


def test_record_3_what_held_before_a_correction_can_be_told_after_it(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    first = correct(api, selected(api, 10, 11), ReadingChange(kind=RevisionKind.CORRECTED, value=6.9))
    second = correct(api, selected(api, 10, 11), ReadingChange(kind=RevisionKind.CORRECTED, value=6.8))
    api.commit()
    assert second.known_at > first.known_at
    then = (
        "SELECT value FROM reading_revision WHERE known_at <= %s ORDER BY sequence DESC LIMIT 1",
        first.known_at,
    )
    assert record.ask(*then) == [(6.9,)]


@pytest.mark.parametrize(
    ("first", "last", "by", "said"),
    [
        (10, 11, ReadingChange(kind=RevisionKind.CORRECTED, value=15.0), "0 to 14"),
        (10, 11, ReadingChange(kind=RevisionKind.CORRECTED), "value"),
        (10, 11, ReadingChange(kind=RevisionKind.CORRECTED, value=float("nan")), "finite"),
        (10, 11, ReadingChange(kind=RevisionKind.CORRECTED, value=1.0, add=1.0), "not both"),
        (10, 12, ReadingChange(kind=RevisionKind.CORRECTED, value=7.0), "2 readings"),
        (10, 11, ReadingChange(kind=RevisionKind.CORRECTED, value=7.0, quality=Quality.BAD), "invalidated"),
        (10, 11, ReadingChange(kind=RevisionKind.REINSTATED), "already"),
        (10, 11, ReadingChange(kind=RevisionKind.INVALIDATED, value=7.0), "gets no other value"),
        (10, 11, ReadingChange(kind=RevisionKind.SETTLED), "settled"),
        (10.2, 10.4, INVALID, "0 readings"),
        (11, 10, INVALID, "does not lie after"),
    ],
)
def test_what_cannot_be_is_refused_by_field_and_value_and_leaves_nothing(
    record: Record, api: psycopg.Connection[Any], first: float, last: float, by: ReadingChange, said: str
) -> None:
    with pytest.raises(InputInvalid, match=said):
        correct(api, selected(api, first, last), by)
    api.commit()
    assert record.ask("SELECT count(*) FROM correction") == [(0,)]
    assert record.ask("SELECT count(*) FROM audit_event WHERE action = 'readings_corrected'") == [(0,)]


@pytest.mark.parametrize("roles", [("viewer",), ("operator",), ("admin", "identity"), ()])
def test_only_msat_and_qa_correct_and_only_with_a_reason(
    record: Record, api: psycopg.Connection[Any], roles: tuple[str, ...]
) -> None:
    selection = selected(api, 10, 11)
    with pytest.raises(NotAllowed):
        correct(api, selection, INVALID, actor=somebody(*roles))
    with pytest.raises(NotAllowed):
        correct_intervals(api, [change(record, "CT-1", 0, 50)], actor=somebody(*roles), reason="x")
    with pytest.raises(NotAllowed):
        settle_conflict(api, conflict_id=1, keep_stored=True, version=0, actor=somebody(*roles), reason="x")
    with pytest.raises(InputInvalid, match="reason"):
        correct(api, selection, INVALID, reason="  ")


def test_of_two_people_at_once_the_second_is_told(record: Record, database: Database) -> None:
    barrier = Barrier(2)

    def act(name: str) -> str:
        with database.connect("api", autocommit=False) as connection:
            selection = selected(connection, 10, 20)
            barrier.wait(20)
            try:
                correct(connection, selection, INVALID, actor=somebody("qa", name=name))
            except Conflict:
                return "conflict"
            return "done"

    with ThreadPoolExecutor(2) as people:
        assert sorted(people.map(act, ("ada", "bob"))) == ["conflict", "done"]
    assert record.ask("SELECT count(*), max(sequence) FROM reading_revision") == [(10, 1)]


def test_what_arrived_after_it_was_seen_is_not_corrected_unseen(record: Record, api: psycopg.Connection[Any]) -> None:
    selection = selected(api, 80, 95)
    api.commit()
    record.take(("BR-01/readings", {"time": at(92), "values": {"pH": 7.0}}))
    with pytest.raises(Conflict, match="11 readings where there were 10"):
        correct(api, selection, INVALID)


def test_a_conflict_is_settled_for_either_value_and_a_third_value_opens_it_again(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    def conflicts() -> list[tuple[Any, ...]]:
        return record.ask("SELECT reading_conflict_id, settled FROM reading_conflict_now ORDER BY 1")

    record.take(("BR-01/readings", {"time": at(10), "values": {"pH": 6.0}}))
    ((conflict_id, settled),) = conflicts()
    assert not settled
    settle_conflict(api, conflict_id=conflict_id, keep_stored=False, version=0, actor=MIA, reason="the second probe")
    api.commit()
    assert holds(record, 10) == (6.0, Quality.GOOD, 7.1, "settled")
    with pytest.raises(Conflict):
        settle_conflict(api, conflict_id=conflict_id, keep_stored=True, version=1, actor=MIA, reason="no")
    api.rollback()
    record.take(("BR-01/readings", {"time": at(10), "values": {"pH": 5.0}}))
    (_, (third, settled)) = conflicts()
    assert not settled
    settle_conflict(api, conflict_id=third, keep_stored=True, version=1, actor=MIA, reason="the first was right")
    api.commit()
    assert holds(record, 10) == (7.1, Quality.GOOD, 7.1, "settled")
    assert [row[1] for row in conflicts()] == [True, True]
    with pytest.raises(NotFound):
        settle_conflict(api, conflict_id=99, keep_stored=True, version=1, actor=MIA, reason="no")


def test_an_end_that_was_told_too_late_moves_readings_to_the_next_batch_in_one_act(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    changes = [change(record, "CT-1", 0, 50), change(record, "CT-2", 50, None)]
    made = correct_intervals(api, changes, actor=MIA, reason="the log book")
    api.commit()
    assert [row[:3] for row in procedures(record)] == [("CT-1", 0.0, 50.0), ("CT-2", 50.0, None)]
    assert record.ask("SELECT name, upper(during) = %s FROM phase ORDER BY lower(during)", time(50))[-1] == (
        "expansion",
        True,
    ), "a phase that ended with its unit procedure moves along"
    assert (
        record.ask(
            "SELECT actor, reason, known_at = %s FROM interval_revision WHERE correction_id IS NOT NULL", made.known_at
        )
        == [("mia", "the log book", True)] * 3
    )
    assert record.ask("SELECT DISTINCT actor, reason FROM interval_revision WHERE correction_id IS NULL") == [
        ("ingest", "event")
    ]
    record.take(("BR-01/events", event("unit_procedure_ended", 85, "CT-2")))
    assert record.ask("SELECT actor FROM interval_revision ORDER BY interval_revision_id DESC LIMIT 1") == [
        ("ingest",)
    ], "an event after a correction is no correction"


def test_two_batches_that_were_mixed_up_trade_places(record: Record, api: psycopg.Connection[Any]) -> None:
    record.take(("BR-01/events", event("batch_ended", 80, "CT-2")))
    swap = [change(record, "CT-1", 0, 60, batch="CT-2"), change(record, "CT-2", 60, 80, batch="CT-1")]
    correct_intervals(api, swap, actor=MIA, reason="the labels were swapped")
    api.commit()
    assert [row[:3] for row in procedures(record)] == [("CT-2", 0.0, 60.0), ("CT-1", 60.0, 80.0)]
    assert record.ask(
        "SELECT old.name, new.name FROM interval_revision JOIN batch AS old ON old.batch_id = old_batch_id"
        " JOIN batch AS new ON new.batch_id = new_batch_id WHERE correction_id IS NOT NULL ORDER BY 1"
    ) == [("CT-1", "CT-2"), ("CT-2", "CT-1")]


@pytest.mark.parametrize(
    ("batch", "started", "ended", "more", "said"),
    [
        ("CT-1", 0, 70, {}, "CT-1 at BR-01/A .* would overlap CT-2"),
        ("CT-2", 40, None, {}, "CT-2 at BR-01/A .* would overlap CT-1"),
        ("CT-1", 10, 20, {}, "phase expansion would end before it starts"),
        ("CT-1", 20, 10, {}, "does not lie after"),
        ("CT-1", 0, None, {}, "CT-1 cannot still be running here: it is completed"),
        ("CT-1", 0, 60, {}, "nothing changes"),
        ("CT-1", -10_000_000, 60, {}, "commissioning"),
        ("CT-1", 0, 600_000_000, {}, "24 h ahead"),
        ("CT-2", 60, None, {"batch": "CT-1"}, "CT-1 cannot still be running here"),
        ("CT-1", 0, 50, {"phase_id": 1}, "one unit procedure or of one phase"),
    ],
)
def test_an_interval_that_cannot_be_is_refused_in_words_and_leaves_nothing(
    record: Record,
    api: psycopg.Connection[Any],
    batch: str,
    started: float,
    ended: float | None,
    more: dict[str, Any],
    said: str,
) -> None:
    before = procedures(record)
    with pytest.raises(InputInvalid, match=said):
        correct_intervals(api, [change(record, batch, started, ended, **more)], actor=MIA, reason="the log book")
    api.commit()
    assert procedures(record) == before
    assert record.ask("SELECT count(*) FROM correction") == [(0,)]


def test_a_phase_is_corrected_within_its_unit_procedure(record: Record, api: psycopg.Connection[Any]) -> None:
    (first, second) = record.ask("SELECT phase_id FROM phase ORDER BY lower(during)")
    moved = [
        IntervalChange(phase_id=first[0], started=time(0), ended=time(25), version=2),
        IntervalChange(phase_id=second[0], started=time(25), ended=time(60), version=2),
    ]
    with pytest.raises(InputInvalid, match="would overlap phase activation"):
        correct_intervals(api, moved[1:], actor=MIA, reason="the log book")
    api.rollback()
    correct_intervals(api, moved, actor=MIA, reason="the log book")
    api.commit()
    assert record.ask("SELECT lower(during) = %s FROM phase WHERE name = 'expansion'", time(25)) == [(True,)]


def test_an_interval_that_changed_since_it_was_seen_is_not_corrected(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    seen = change(record, "CT-2", 70, None)
    record.take(("BR-01/events", event("unit_procedure_ended", 85, "CT-2")))
    with pytest.raises(Conflict, match="look again"):
        correct_intervals(api, [seen], actor=MIA, reason="the log book")


def test_record_1_an_act_is_in_the_trail_and_in_the_journal_or_nowhere(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    correct(api, selected(api, 10, 11), INVALID)
    api.rollback()
    assert record.ask("SELECT count(*) FROM correction") == [(0,)]
    assert record.ask("SELECT count(*) FROM chain JOIN block USING (chain_id) WHERE name = 'control'") == [(0,)]
    made = correct(api, selected(api, 10, 11), INVALID)
    correct_intervals(api, [change(record, "CT-1", 0, 55)], actor=MIA, reason="the log book")
    api.commit()
    assert verify(api) == []
    (told,) = trail(api, subject="readings:BR-01/pH", limit=10)
    assert (told.actor, told.reason, told.known_at) == ("mia", "probe fouled", made.known_at)
    assert told.new is not None
    assert (told.new["kind"], told.new["readings"]) == ("invalidated", 1)
    assert record.ask(
        "SELECT kind, committed_time < known_at FROM correction JOIN block ON block.chain_id = correction.chain_id"
        " AND block.seq = correction.block_seq ORDER BY correction_id"
    ) == [("readings", True), ("intervals", True)]


def test_a_day_of_readings_a_second_is_corrected_in_one_act(record: Record, api: psycopg.Connection[Any]) -> None:
    record.owner.execute(
        "INSERT INTO reading SELECT tag_id, %s::timestamptz + second * interval '1 s', 37, 192, now(), 1, 1"
        " FROM tag JOIN unit USING (unit_id), generate_series(1, 86400) AS second"
        " WHERE tag.name = 'temperature' AND unit.name = 'BR-01'",
        [at(0)],
    )
    selection = selected(api, 0, 1440 + 1, tag="temperature")
    assert selection.readings == 86_400
    correct(api, selection, ReadingChange(kind=RevisionKind.CORRECTED, add=0.5))
    api.commit()
    assert record.ask("SELECT count(*) FROM reading_now WHERE value = 37.5") == [(86_400,)]
    late = time(1441) + timedelta(seconds=100_000)
    record.owner.execute(
        "INSERT INTO reading SELECT tag_id, %s::timestamptz + second * interval '1 s', 37, 192, now(), 1, 1"
        " FROM tag JOIN unit USING (unit_id), generate_series(1, 20000) AS second"
        " WHERE tag.name = 'temperature' AND unit.name = 'BR-01'",
        [time(1441)],
    )
    with pytest.raises(InputInvalid, match="1 to 100000 can be corrected"):
        correct(api, see_selection(api, selection.tag_id, time(0), late), INVALID)


def test_record_1_what_a_batch_started_from_is_stated_by_people_and_what_it_was_before_stays(
    record: Record, api: "psycopg.Connection[Any]"
) -> None:
    for seen, material, reason in (
        (None, StartingMaterial.PATIENT, "the order"),
        (StartingMaterial.PATIENT, StartingMaterial.HEALTHY_DONOR, "an engineering run"),
    ):
        with api.transaction():
            correct_starting_material(api, "CT-1", material, seen=seen, actor=MIA, reason=reason)
    assert record.ask("SELECT name, starting_material FROM batch ORDER BY name") == [
        ("CT-1", "healthy_donor"),
        ("CT-2", None),
    ]
    assert record.ask("SELECT old_material, new_material FROM starting_material_revision ORDER BY correction_id") == [
        (None, "patient"),
        ("patient", "healthy_donor"),
    ]
    events = [event for event in trail(api, subject="batch:CT-1", limit=10) if event.actor == "mia"]
    assert [(event.action, event.reason) for event in events] == [
        ("starting_material_corrected", "the order"),
        ("starting_material_corrected", "an engineering run"),
    ]


def test_record_1_a_starting_material_that_was_stated_is_not_changed_without_a_correction(
    record: Record, api: "psycopg.Connection[Any]"
) -> None:
    correct_starting_material(api, "CT-1", StartingMaterial.PATIENT, seen=None, actor=MIA, reason="the order")
    api.commit()
    api.execute("UPDATE batch SET starting_material = 'cell_bank' WHERE name = 'CT-1'")
    with pytest.raises(psycopg.errors.CheckViolation, match="CT-1 is changed without a correction"):
        api.commit()
    assert record.ask("SELECT starting_material FROM batch WHERE name = 'CT-1'") == [("patient",)]


def test_nobody_states_a_starting_material_unseen_unchanged_or_without_the_role(
    record: Record, api: "psycopg.Connection[Any]"
) -> None:
    patient = StartingMaterial.PATIENT
    for actor in (somebody("operator"), somebody("viewer")):
        with pytest.raises(NotAllowed):
            correct_starting_material(api, "CT-1", patient, seen=None, actor=actor, reason="x")
    with pytest.raises(InputInvalid, match="reason"):
        correct_starting_material(api, "CT-1", patient, seen=None, actor=MIA, reason=" ")
    with pytest.raises(NotFound, match="CT-9"):
        correct_starting_material(api, "CT-9", patient, seen=None, actor=MIA, reason="x")
    with pytest.raises(Conflict, match="not stated by now"):
        correct_starting_material(api, "CT-1", patient, seen=patient, actor=MIA, reason="x")
    correct_starting_material(api, "CT-1", patient, seen=None, actor=MIA, reason="x")
    with pytest.raises(InputInvalid, match="CT-1 starts from patient already"):
        correct_starting_material(api, "CT-1", patient, seen=patient, actor=MIA, reason="x")
