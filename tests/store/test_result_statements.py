"""Many statements about one result: which of them counts, in whatever order they came, and what was known when."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwitness.embedded.database import create_database, drop_database
from batchwitness.embedded.postgres import EmbeddedPostgres
from tests.fix_postgres import Database
from tests.store.record import Record, at, opened
from tests.store.test_results import result

Statement = dict[str, object]


@pytest.fixture(scope="module")
def shared(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[Record]:
    """One record for all examples: each speaks of a batch of its own."""
    create_database(postgres_server, "test_statements", template=template_database)
    with opened(Database(name="test_statements", server=postgres_server)) as record:
        yield record
    drop_database(postgres_server, "test_statements")


BATCHES = itertools.count(1)


def valid_after(record: Record, statements: list[Statement]) -> list[tuple[Any, ...]]:
    """What is valid of a fresh batch once these statements have come in this order, each by itself."""
    batch = f"P-{next(BATCHES)}"
    for statement in statements:
        taken = record.take(("BR-01/results", result(**{**statement, "batch": batch, "specimen": f"{batch}-S"})))
        assert taken.quarantined == 0
    return record.ask("SELECT result, value_text, status FROM qc_result_now WHERE batch = %s ORDER BY result", batch)


STORIES: dict[str, tuple[list[Statement], list[tuple[str, str, str]]]] = {
    "a correction that overtakes the original": (
        [{"value": "92.1"}, {"value": "91.2", "status": "corrected"}],
        [("LIMS-1", "91.2", "corrected")],
    ),
    "preliminary, final, corrected": (
        [
            {"value": "80", "status": "preliminary"},
            {"value": "92.1"},
            {"value": "91.2", "status": "corrected"},
        ],
        [("LIMS-1", "91.2", "corrected")],
    ),
    "two corrections that say when they were made": (
        [
            {"value": "92.1", "stated_at": at(31)},
            {"value": "91.2", "status": "corrected", "stated_at": at(40)},
            {"value": "91.7", "status": "corrected", "stated_at": at(50)},
        ],
        [("LIMS-1", "91.7", "corrected")],
    ),
    "invalidated, then stated again as it was": (
        [
            {"value": "92.1", "stated_at": at(31)},
            {"value": "92.1", "status": "invalidated", "stated_at": at(40)},
            {"value": "92.1", "stated_at": at(50)},
        ],
        [("LIMS-1", "92.1", "final")],
    ),
    "invalidated for good": (
        [{"value": "92.1"}, {"value": "91.2", "status": "corrected"}, {"status": "invalidated"}],
        [],
    ),
    "a correction without a time beside statements with one": (
        [
            {"value": "92.1", "stated_at": at(31)},
            {"value": "80", "status": "preliminary", "stated_at": at(60)},
            {"value": "91.2", "status": "corrected"},
        ],
        [("LIMS-1", "91.2", "corrected")],
    ),
    "replaced by another result": (
        [{"value": "92.1"}, {"name": "LIMS-7", "value": "90.0", "replaces": "LIMS-1"}],
        [("LIMS-7", "90.0", "final")],
    ),
    "replaced and stated again after that": (
        [
            {"value": "92.1", "stated_at": at(31)},
            {"name": "LIMS-7", "value": "90.0", "replaces": "LIMS-1", "stated_at": at(40)},
            {"value": "92.1", "stated_at": at(50)},
            {"name": "LIMS-7", "value": "90.0", "status": "invalidated", "stated_at": at(49)},
        ],
        [("LIMS-1", "92.1", "final")],
    ),
    "a retest beside the first result": (
        [{"value": "61.0"}, {"name": "LIMS-2", "value": "92.0", "retest_of": "LIMS-1", "reason": "OOS-17"}],
        [("LIMS-1", "61.0", "final"), ("LIMS-2", "92.0", "final")],
    ),
    "a sampling time corrected": (
        [{"value": "92.1"}, {"value": "92.1", "status": "corrected", "sampled_at": at(9)}],
        [("LIMS-1", "92.1", "corrected")],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_record_3_every_order_of_arrival_ends_in_the_same_state(shared: Record, story: str) -> None:
    statements, expected = STORIES[story]
    for order in itertools.permutations(statements):
        assert valid_after(shared, list(order)) == expected, order


statements = st.lists(
    st.builds(
        lambda status, value, stated, other: (
            {"status": status, "value": value}
            | ({} if stated is None else {"stated_at": at(stated)})
            | ({"name": "LIMS-2"} if other else {})
        ),
        st.sampled_from(["preliminary", "final", "corrected", "invalidated"]),
        st.sampled_from(["92.1", "91.2", "<5"]),
        st.integers(1, 9),
        st.booleans(),
    ),
    min_size=2,
    max_size=5,
    unique_by=lambda statement: (statement.get("name"), statement["stated_at"]),
)


@settings(max_examples=30, deadline=None, database=None, derandomize=True)
@given(statements, st.randoms(use_true_random=False))
def test_record_3_statements_that_say_when_they_were_made_may_come_in_any_order_and_twice(
    shared: Record, said: list[Statement], random: Any
) -> None:
    once = valid_after(shared, said)
    shuffled = said + random.choices(said, k=2)
    random.shuffle(shuffled)
    assert valid_after(shared, shuffled) == once
    last: dict[object, Statement] = {}
    for statement in sorted(said, key=lambda one: (one["status"] != "preliminary", str(one["stated_at"]))):
        last[statement.get("name", "LIMS-1")] = statement
    assert [(name, value) for name, value, _ in once] == sorted(
        (name, one["value"]) for name, one in last.items() if one["status"] != "invalidated"
    )


def test_an_earlier_statement_is_reinstated_by_stating_it_again_with_its_time(record: Record) -> None:
    record.take(("BR-01/results", result()))
    record.take(("BR-01/results", result(value="90", status="corrected", stated_at=at(40))))
    assert record.take(("BR-01/results", result())).results == 0, "without a time it is a redelivery"
    assert record.ask("SELECT value_text FROM qc_result_now") == [("90",)]
    received = record.ask("SELECT max(received_time) + interval '1 s' FROM qc_result")[0][0].isoformat()
    again = ("BR-01/results", result(stated_at=received))
    assert record.take(again).results == 1
    assert record.take(again).results == 0
    assert record.ask("SELECT value_text, status FROM qc_result_now") == [("92.1", "final")]


def test_record_3_what_was_known_at_an_instant_stays_what_it_was(record: Record) -> None:
    seen = []
    for statement in (
        result(value="80", status="preliminary"),
        result(),
        result("LIMS-2", "70", replaces="LIMS-1"),
        result("LIMS-2", status="invalidated"),
    ):
        record.take(("BR-01/results", statement))
        seen.append(record.ask("SELECT max(known_at) FROM qc_result")[0][0])
    known = [
        record.ask("SELECT result, value_text FROM qc_result_known(%s) ORDER BY result", instant) for instant in seen
    ]
    assert known == [[("LIMS-1", "80")], [("LIMS-1", "92.1")], [("LIMS-2", "70")], []]


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"retest_of": "LIMS-0"}, "missing_field", "reason is missing: a retest of 'LIMS-0'"),
        ({"retest_of": "LIMS-1", "reason": "OOS-17"}, "retest_unclear", "retest_of 'LIMS-1' is this result itself"),
        (
            {"retest_of": "LIMS-0", "replaces": "LIMS-0", "reason": "OOS-17"},
            "retest_unclear",
            "retest_of and replaces both name 'LIMS-0'",
        ),
        ({"stated_at": "2026-01-05T08:00:00"}, "naive_time", "stated_at"),
        ({"stated_at": "2199-01-05T08:00:00Z"}, "time_ahead", "stated_at"),
        ({"reason": ["x"]}, "wrong_type", "reason must be text, not ['x']"),
        ({"reportable": "mode"}, "unknown_choice", "reportable must be one of declared, mean"),
        ({"replicates": {"value": 1}}, "wrong_type", "replicates must be an array"),
        ({"replicates": [{"value": "1"}] * 101}, "wrong_type", "replicates must be an array of up to 100"),
        ({"replicates": [{"value": "1"}, 7]}, "wrong_type", "replicates[1] must be an object, not 7"),
        ({"replicates": [{}]}, "missing_field", "replicates[0].value"),
        ({"replicates": [{"value": "1", "valid": "no"}]}, "wrong_type", "replicates[0].valid must be true or false"),
        ({"replicates": [{"value": "1", "valid": False}]}, "missing_field", "replicates[0].reason is missing"),
        ({"replicates": [{"value": "1", "reason": ""}]}, "bad_text", "replicates[0].reason"),
    ],
)
def test_ingest_3_a_hostile_statement_is_put_aside_naming_field_and_value(
    record: Record, changed: Statement, code: str, said: str
) -> None:
    committed = record.take(("BR-01/results", [result(**changed), result("LIMS-9")]))
    assert (committed.results, committed.quarantined) == (1, 1)
    ((found, item, reason),) = record.ask("SELECT code, item, reason FROM quarantine")
    assert (found, item) == (code, "[0]")
    assert said in reason


@pytest.mark.parametrize(
    ("rule", "value", "replicates", "figures"),
    [
        ("mean", "92.1", ["91.8", "92.4"], None),
        ("mean", "92.15", ["91.8", "92.4"], ("92.15", "92.1")),
        ("mean", "92", ["91.8", "92.4"], None),
        ("mean", "1.2e13", ["1.14e13", "1.22e13"], None),
        ("mean", "1.2e13", ["1.3e13", "1.4e13"], ("1.2e13", "1.35e+13")),
        ("median", "5", ["1", "5", "900"], None),
        ("median", "302", ["1", "5", "900"], ("302", "5")),
        ("geometric_mean", "10", ["1", "100"], None),
        ("geometric_mean", "50.5", ["1", "100"], ("50.5", "10")),
        ("geometric_mean", "1", ["0", "1"], ("hold 0", "positive")),
        ("mean", "<0.5", ["<0.5", "<0.5"], ("'<0.5'", "no mean")),
        ("mean", "no growth", ["1"], ("'no growth'", "mean")),
        ("mean", "1", [], ("no valid replicate", "mean")),
        ("declared", "no growth", ["no growth", "no growth"], None),
        (None, "<0.5", ["<0.5", "0.7"], None),
    ],
)
def test_a_reportable_value_that_its_rule_does_not_give_is_put_aside_with_both_figures(
    record: Record, rule: str | None, value: str, replicates: list[str], figures: tuple[str, str] | None
) -> None:
    measured = [{"value": one} for one in replicates]
    committed = record.take(("BR-01/results", result(value=value, reportable=rule, replicates=measured)))
    if figures is None:
        assert record.ask("SELECT value_text FROM qc_replicate ORDER BY position") == [(one,) for one in replicates]
        assert record.ask("SELECT value_text FROM qc_result_now") == [(value,)], "replicates are no results"
        return
    assert committed.results == 0
    ((code, reason),) = record.ask("SELECT code, reason FROM quarantine")
    assert code == "not_reportable"
    assert all(figure in reason for figure in figures), reason


def test_a_replicate_that_is_not_valid_stays_visible_and_does_not_count(record: Record) -> None:
    measured = [{"value": "90.0"}, {"value": "92.0"}, {"value": "12", "valid": False, "reason": "clumped"}]
    assert record.take(("BR-01/results", result(value="91.0", reportable="mean", replicates=measured))).results == 1
    assert record.ask("SELECT value_number, valid, reason FROM qc_replicate ORDER BY position") == [
        (90.0, True, None),
        (92.0, True, None),
        (12.0, False, "clumped"),
    ]


def test_results_that_contradict_each_other_about_a_specimen_are_put_aside(record: Record) -> None:
    record.take(("BR-01/results", result(specimen="X-1")))
    fold = {"attribute": "fold", "specimen": "X-1"}
    assert record.take(("BR-01/results", result("L-2", **fold))).results == 1, "the same specimen, drawn then"
    assert record.take(("BR-01/results", result("L-3", **fold, sampled_at=None))).results == 1, "nobody said when"
    assert record.take(("BR-01/results", result("L-4", **fold, sampled_at=at(5)))).quarantined == 1
    assert record.take(("BR-01/results", result("L-5", **fold, batch="CT-2"))).quarantined == 1
    assert record.take(("BR-01/results", result("L-6", **fold, batch="CT-2", sampled_at=at(7)))).results == 1
    reasons = record.ask("SELECT code, reason, item FROM quarantine ORDER BY quarantine_id")
    assert [code for code, _, _ in reasons] == ["specimen_contradicts"] * 2
    assert "'X-1' is said to be of batch CT-1, drawn at 2026-01-05T08:05:00+00:00; by result LIMS-1" in reasons[0][1]
    assert "of batch CT-2" in reasons[1][1]


def test_what_contradicted_an_invalidated_result_is_taken(record: Record) -> None:
    record.take(("BR-01/results", result(specimen="X-1")))
    moved = ("BR-01/results", result("L-5", specimen="X-1", batch="CT-2"))
    assert record.take(moved).quarantined == 1
    record.take(("BR-01/results", result(specimen="X-1", status="invalidated", reason="wrong batch on the label")))
    assert record.take(moved).results == 1


def test_a_name_of_the_sampling_plan_is_a_specimen_of_every_batch(record: Record) -> None:
    record.owner.execute(
        "INSERT INTO sampling_plan (process_version_id, attribute, specimen, at_h, due_h, known_at)"
        " SELECT process_version_id, 'viability', 'S-1', 0, 1, clock_timestamp() FROM process_version LIMIT 1"
    )
    for number in (1, 2):
        assert record.take(("BR-01/results", result(f"L-{number}", batch=f"CT-{number}"))).results == 1
