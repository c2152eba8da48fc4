"""QC results: the laboratory's words kept, every statement visible, nothing overwritten."""

import pytest

from tests.store.record import Record, at


def result(name: object = "LIMS-1", value: object = "92.1", **more: object) -> dict[str, object]:
    return {
        "result": name,
        "batch": "CT-1",
        "specimen": "S-1",
        "attribute": "viability",
        "method": "NC-200 v3",
        "value": value,
        "unit_of_measure": "%",
        "sampled_at": at(0),
        "measured_at": at(30),
        "status": "final",
        "replaces": None,
        "stated_by": "analyst-4",
    } | more


def start_batch(record: Record) -> None:
    record.take(
        ("BR-01/events", {"event": "unit_procedure_started", "time": at(0), "batch": "CT-1", "process": "AUTO-2.0"})
    )


@pytest.mark.parametrize(
    ("value", "text", "number", "censored"),
    [
        ("92.1", "92.1", 92.1, None),
        ("<0.5", "<0.5", 0.5, "<"),
        ("> 1e3", "> 1e3", 1000.0, ">"),
        ("1.2e13", "1.2e13", 1.2e13, None),
        ("no growth", "no growth", None, None),
        (92.1, "92.1", 92.1, None),
        ("1e999", "1e999", None, None),
        ("≤ 5", "≤ 5", 5.0, "<="),
        (">=1.2×10^13", ">=1.2×10^13", 1.2e13, ">="),
        ("-.5", "-.5", -0.5, None),
        ("0,5", "0,5", None, None),
        ("10*6", "10*6", None, None),
        ("conforms", "conforms", None, None),
        (10**400, None, None, None),
    ],
)
def test_a_result_keeps_its_text_beside_the_number(
    record: Record, value: object, text: str | None, number: float | None, censored: str | None
) -> None:
    start_batch(record)
    taken = record.take(("BR-01/results", result(value=value)))
    if text is None:
        assert record.ask("SELECT code FROM quarantine") == [("not_finite",)]
        return
    assert taken.results == 1
    rows = record.ask("SELECT value_text, value_number, censored, batch_id IS NOT NULL FROM qc_result")
    assert rows == [(text, number, censored, True)]


def test_a_result_for_an_unknown_batch_is_kept_and_finds_its_batch_later(record: Record) -> None:
    record.take(("BR-01/results", result()))
    assert record.ask("SELECT batch, batch_id FROM qc_result") == [("CT-1", None)]
    start_batch(record)
    assert record.ask("SELECT batch_id IS NOT NULL FROM qc_result") == [(True,)]


def test_record_3_a_correction_is_a_new_row_and_known_at_increases(record: Record) -> None:
    record.take(("BR-01/results", result()), ("BR-01/results", result("LIMS-2", "3.0", attribute="fold")))
    record.take(("BR-01/results", result(value="91.2", status="corrected")))
    assert record.ask("SELECT value_text FROM qc_result WHERE result = 'LIMS-1' ORDER BY known_at") == [
        ("92.1",),
        ("91.2",),
    ]
    assert record.ask("SELECT value_text FROM qc_result_now WHERE result = 'LIMS-1'") == [("91.2",)]
    assert record.ask("SELECT count(DISTINCT known_at) = count(*) FROM qc_result") == [(True,)]


def test_an_invalidated_result_counts_no_more_and_stays_visible(record: Record) -> None:
    record.take(("BR-01/results", result()), ("BR-01/results", result(status="invalidated")))
    assert record.ask("SELECT count(*) FROM qc_result") == [(2,)]
    assert record.ask("SELECT count(*) FROM qc_result_now") == [(0,)]


def test_a_result_that_replaces_another_takes_its_place(record: Record) -> None:
    record.take(("BR-01/results", result()), ("BR-01/results", result("LIMS-7", "90.0", replaces="LIMS-1")))
    assert record.ask("SELECT result FROM qc_result_now") == [("LIMS-7",)]


def test_the_same_statement_twice_changes_nothing(record: Record) -> None:
    message = ("BR-01/results", result())
    record.take(message)
    assert record.take(message, message).results == 0
    assert record.ask("SELECT count(*) FROM audit_event WHERE action = 'result stated'") == [(1,)]


def test_record_1_a_result_leaves_an_audit_event_with_what_it_changes(record: Record) -> None:
    record.take(("BR-01/results", result()))
    record.take(("BR-01/results", result(value="91.2", status="corrected")))
    rows = record.ask(
        "SELECT subject, body::jsonb #>> '{old,value_text}', body::jsonb #>> '{new,value_text}'"
        " FROM audit_event WHERE action = 'result stated' ORDER BY seq"
    )
    assert rows == [("result:LIMS-1", None, "92.1"), ("result:LIMS-1", "92.1", "91.2")]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"status": "guessed"}, "unknown_choice"),
        ({"value": None}, "missing_field"),
        ({"value": ""}, "bad_text"),
        ({"measured_at": "2026-01-05T08:00:00"}, "naive_time"),
        ({"method": 5}, "wrong_type"),
        ({"unit_of_measure": None}, "missing_field"),
    ],
)
def test_a_bad_result_is_quarantined_with_its_field(record: Record, changed: dict[str, object], code: str) -> None:
    assert record.take(("BR-01/results", result(**changed))).quarantined == 1
    field = next(iter(changed))
    assert record.ask("SELECT code, reason LIKE %s FROM quarantine", f"{field}%") == [(code, True)]


def test_a_late_preliminary_statement_does_not_replace_a_final_one(record: Record) -> None:
    record.take(("BR-01/results", result(value="95.0")))
    record.take(("BR-01/results", result(value="80.0", status="preliminary")))
    assert record.ask("SELECT value_text, status FROM qc_result_now") == [("95.0", "final")]


def test_laboratories_may_number_their_results_by_batch(record: Record) -> None:
    record.take(
        ("BR-01/results", result(value="95.0")), ("BR-01/results", result(value="70.0", batch="CT-2", specimen="S-2"))
    )
    assert record.ask("SELECT batch, value_text FROM qc_result_now ORDER BY batch") == [
        ("CT-1", "95.0"),
        ("CT-2", "70.0"),
    ]


def test_a_value_that_is_no_number_and_no_text_is_quarantined(record: Record) -> None:
    assert record.take(("BR-01/results", result(value=float("nan")))).quarantined == 1
    assert record.ask("SELECT code FROM quarantine") == [("not_finite",)]
