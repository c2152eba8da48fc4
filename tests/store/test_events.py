"""Events: what each does to batches, unit procedures and phases, and what becomes of those that cannot be applied."""

from typing import Any

import pytest

from tests.store.record import Record, at


def start(batch: str = "CT-1", minute: float = 0.0, **more: object) -> dict[str, object]:
    return {
        "event": "unit_procedure_started",
        "time": at(minute),
        "batch": batch,
        "product": "CT-101",
        "process": "AUTO-2.0",
    } | more


def said(event: str, minute: float, batch: str = "CT-1", **more: object) -> dict[str, object]:
    return {"event": event, "time": at(minute), "batch": batch} | more


def codes(record: Record) -> list[Any]:
    return [row[0] for row in record.ask("SELECT code FROM quarantine ORDER BY quarantine_id")]


def intervals(record: Record) -> list[tuple[Any, ...]]:
    return record.ask(
        "SELECT batch.name, lower(during) = %s::timestamptz, upper(during) = %s::timestamptz, end_inferred"
        " FROM unit_procedure JOIN batch USING (batch_id) ORDER BY unit_procedure_id",
        at(0),
        at(60),
    )


def test_a_start_makes_a_batch_that_occupies_its_position(record: Record) -> None:
    committed = record.take(("BR-01/events", start(donor="D-17", required_by="2026-02-01T08:00:00Z")))
    assert committed.events == 1
    assert record.ask("SELECT name, donor, status, required_by IS NOT NULL FROM batch") == [
        ("CT-1", "D-17", "running", True)
    ]
    assert intervals(record) == [("CT-1", True, None, False)]


def test_the_end_of_a_batch_ends_its_unit_procedure_and_its_phase(record: Record) -> None:
    record.take(
        ("BR-01/events", start()),
        ("BR-01/events", said("phase_started", 1, phase="activation")),
        ("BR-01/events", said("batch_ended", 60)),
    )
    assert intervals(record) == [("CT-1", True, True, False)]
    assert record.ask("SELECT status FROM batch") == [("completed",)]
    assert record.ask("SELECT name, upper(during) = %s::timestamptz FROM phase", at(60)) == [("activation", True)]


def test_the_same_event_twice_changes_nothing(record: Record) -> None:
    message = ("BR-01/events", start())
    record.take(message)
    again = record.take(message, message)
    assert (again.events, again.quarantined) == (0, 0)
    assert record.ask("SELECT count(*) FROM event") == [(1,)]


def test_a_start_at_an_occupied_position_ends_the_old_interval_as_inferred(record: Record) -> None:
    record.take(("BR-01/events", start()), ("BR-01/events", said("phase_started", 1, phase="activation")))
    record.take(("BR-01/events", start("CT-2", 60)))
    assert intervals(record) == [("CT-1", True, True, True), ("CT-2", False, None, False)]
    assert record.ask("SELECT upper(during) IS NOT NULL FROM phase") == [(True,)]
    assert record.ask("SELECT note FROM event ORDER BY event_id DESC LIMIT 1") == [("ended CT-1 as inferred",)]


def test_every_value_an_interval_ever_had_is_kept(record: Record) -> None:
    record.take(("BR-01/events", start()), ("BR-01/events", said("unit_procedure_ended", 60)))
    assert record.ask(
        "SELECT old_during IS NULL, upper_inf(new_during) FROM interval_revision ORDER BY interval_revision_id"
    ) == [(True, True), (False, False)]


def test_a_batch_may_go_on_in_another_unit(record: Record) -> None:
    record.take(
        ("BR-01/events", start()),
        ("BR-01/events", said("unit_procedure_ended", 60)),
        ("BR-02/events", start(minute=60)),
    )
    assert record.ask("SELECT count(*), count(DISTINCT unit_id) FROM unit_procedure") == [(2, 2)]
    assert codes(record) == []


def test_what_a_batch_starts_from_is_taken_from_the_first_start_that_states_it(record: Record) -> None:
    record.take(("BR-01/events", start()), ("BR-01/events", said("unit_procedure_ended", 60)))
    assert record.ask("SELECT starting_material FROM batch") == [(None,)]
    record.take(("BR-02/events", start(minute=60, starting_material="healthy_donor")))
    assert record.ask("SELECT starting_material FROM batch") == [("healthy_donor",)]
    record.take(
        ("BR-02/events", said("unit_procedure_ended", 90)),
        ("BR-01/events", start(minute=90, starting_material="patient")),
        ("BR-01/events", start("CT-2", 95, starting_material="a stranger")),
    )
    assert sorted(codes(record)) == ["batch_material_differs", "unknown_choice"]
    assert record.ask("SELECT name, starting_material FROM batch") == [("CT-1", "healthy_donor")]


def test_a_new_phase_ends_the_running_one(record: Record) -> None:
    record.take(
        ("BR-01/events", start()),
        ("BR-01/events", said("phase_started", 0, phase="activation")),
        ("BR-01/events", said("phase_started", 30, phase="expansion")),
        ("BR-01/events", said("phase_ended", 50, phase="expansion")),
    )
    assert record.ask("SELECT name, upper_inf(during) FROM phase ORDER BY phase_id") == [
        ("activation", False),
        ("expansion", False),
    ]


def test_two_positions_of_a_unit_hold_two_batches(record: Record) -> None:
    record.take(
        ("INC-1/events", start("CT-1", position="A", process="MAN-1.0")),
        ("INC-1/events", start("CT-2", position="B", process="MAN-1.0")),
    )
    assert record.ask("SELECT count(*) FROM unit_procedure WHERE upper_inf(during)") == [(2,)]


def test_an_alarm_of_the_plant_is_noted_beside_its_batch(record: Record) -> None:
    record.take(("BR-01/events", start()))
    record.take(("BR-01/events", said("plant_alarm", 5, tag="pH", comment="low")))
    assert record.ask(
        "SELECT kind, batch_id IS NOT NULL, body ->> 'comment' FROM event WHERE kind = 'plant_alarm'"
    ) == [("plant_alarm", True, "low")]


@pytest.mark.parametrize(
    ("unit", "event", "code"),
    [
        ("BR-02", start("CT-2", process="AUTO-9"), "unknown_process"),
        ("BR-02", start("CT-2", process=None), "missing_field"),
        ("BR-02", start("CT-2", position="Z"), "unknown_position"),
        ("INC-1", start("CT-2"), "missing_field"),
        ("BR-02", start("CT-1", 5), "batch_started_twice"),
        ("BR-02", start("CT-1", 5, process="MAN-1.0"), "batch_process_differs"),
        ("BR-01", start("CT-2", -5), "position_occupied"),
        ("BR-01", said("unit_procedure_ended", -1), "end_before_start"),
        ("BR-02", said("unit_procedure_ended", 5), "other_unit"),
        ("BR-01", said("batch_ended", 5, batch="CT-9"), "unknown_batch"),
        ("BR-01", said("phase_ended", 5, phase="expansion"), "not_running"),
        ("BR-01", said("phase_started", -5, phase="activation"), "before_start"),
        ("BR-01", said("phase_started", 5), "missing_field"),
        ("BR-02", said("batch_ended", 5), "other_unit"),
        ("BR-01", start("CT-2", 5, required_by="9999-12-31T23:59:59-01:00"), "bad_time"),
    ],
)
def test_an_event_that_cannot_be_applied_is_quarantined_and_changes_nothing(
    record: Record, unit: str, event: dict[str, object], code: str
) -> None:
    record.take(("BR-01/events", start()))
    before = intervals(record)
    committed = record.take((f"{unit}/events", event))
    assert (committed.events, committed.quarantined) == (0, 1)
    assert codes(record) == [code]
    assert intervals(record) == before


def test_a_whole_number_of_an_event_is_kept_whole_beyond_64_bits(record: Record) -> None:
    message = ("BR-01/events", start(order=10**30, serial=2**64 - 1))
    assert record.take(message).events == 1
    assert record.take(message).events == 0, "the same event"
    assert record.ask("SELECT body ->> 'order', body ->> 'serial' FROM event") == [(str(10**30), str(2**64 - 1))]
    assert record.take(("BR-01/events", start("CT-1", 5, order=10**30 + 1))).quarantined == 1
    assert record.ask("SELECT position(%s in excerpt) > 0 FROM quarantine", str(10**30 + 1)) == [(True,)]


def test_a_batch_that_is_over_cannot_start_again(record: Record) -> None:
    record.take(("BR-01/events", start()), ("BR-01/events", said("batch_terminated", 60, reason="contamination")))
    record.take(("BR-01/events", start(minute=120)))
    assert codes(record) == ["batch_over"]
    assert record.ask("SELECT status, end_reason FROM batch") == [("terminated", "contamination")]


def test_a_backdated_start_inside_a_finished_interval_is_quarantined(record: Record) -> None:
    record.take(("BR-01/events", start()), ("BR-01/events", said("batch_ended", 60)))
    record.take(("BR-01/events", start("CT-2", 30)))
    assert codes(record) == ["interval_overlaps"]


def test_one_bad_event_does_not_undo_the_block(record: Record) -> None:
    record.take(("BR-01/events", start()), ("BR-01/events", said("batch_ended", 60)))
    committed = record.take(
        ("BR-01/readings", {"time": at(61), "values": {"pH": 7.0}}),
        ("BR-01/events", start("CT-2", 30)),
        ("BR-01/events", start("CT-3", 90)),
    )
    assert (committed.stored, committed.events, committed.quarantined) == (1, 1, 1)


def test_a_terminated_batch_stays_terminated(record: Record) -> None:
    record.take(("BR-01/events", start()), ("BR-01/events", said("batch_terminated", 60, reason="contamination")))
    record.take(("BR-01/events", said("batch_ended", 90)))
    assert codes(record) == ["batch_over"]
    assert record.ask("SELECT status, end_reason FROM batch") == [("terminated", "contamination")]


def test_every_refused_event_of_an_array_is_a_row_with_its_own_words(record: Record) -> None:
    record.take(("BR-01/events", [start(f"CT-{number}", process="AUTO-9") for number in range(4)]))
    assert record.ask("SELECT item, excerpt LIKE '%%CT-' || substr(item, 2, 1) || '%%' FROM quarantine ORDER BY 1") == [
        (f"[{number}].unit_procedure_started", True) for number in range(4)
    ]
