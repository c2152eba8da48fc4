"""Charts over batches: what comes to be known is judged in recorded order, and what was said before stays."""

from datetime import timedelta
from typing import Any

import pytest

from api.control_limits import Order, order_limits
from records.control_limits import put_limits_to_use
from store.errors import Conflict, InputInvalid, NotFound
from store.model.chart import Summary
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.analytics.test_corrections import correct_procedure

VIABILITY = [92.0, 90.0, 91.0, 93.0, 90.5, 91.5, 92.5, 91.0]  # of CT-0 … CT-7: mean 91.4, sigma 1.4


def result(batch: str, value: str, *, number: int = 1, **fields: object) -> tuple[str, object]:
    said = {
        "result": f"LIMS-{batch}-{number}",
        "batch": batch,
        "attribute": "viability",
        "method": "NC-200",
        "value": value,
        "unit_of_measure": "%",
        "measured_at": (LIVE_START - timedelta(days=1)).isoformat(),
        "status": "final",
        "stated_by": "lims",
    }
    return ("BR-01/results", said | fields)


def enter_results(watched: Watched) -> None:
    watched.record.take(*(result(f"CT-{number}", str(value)) for number, value in enumerate(VIABILITY)))


def order(watched: Watched, **what: Any) -> tuple[int, int]:
    """The chart and its newly drafted limits."""
    with watched.database.connect("api", autocommit=False) as connection:
        wanted = Order(**{"process": "AUTO-2.0", "attribute": "viability"} | what)
        drafted = order_limits(connection, wanted, by="mia", reason="eight batches since the switch")
    return drafted.chart, drafted.control_limit


def use(watched: Watched, control_limit: int) -> None:
    with watched.database.connect("api", autocommit=False) as connection:
        put_limits_to_use(connection, control_limit, by="mia", reason="reviewed")


def begin(watched: Watched, **what: Any) -> int:
    """Limits of the viability of CT-0 to CT-7 in use; the chart."""
    enter_results(watched)
    chart, control_limit = order(watched, **what)
    use(watched, control_limit)
    watched.analyse()
    return chart


def signals(watched: Watched) -> list[tuple[Any, ...]]:
    return watched.record.ask(
        "SELECT batch.name, rule, side, revision, holds FROM chart_signal JOIN batch USING (batch_id)"
        " ORDER BY chart_signal_id"
    )


def everything(watched: Watched) -> list[list[tuple[Any, ...]]]:
    """All that was ever written down of charts."""
    point = (
        "SELECT control_chart_id, batch_id, revision, started, float8send(value), value_text, without, bound,"
        " qc_result_id, intake_ordinal FROM chart_point ORDER BY 1, 2, 3"
    )
    signal = (
        "SELECT control_chart_id, batch_id, rule, side, revision, holds, control_limit_id, float8send(statistic),"
        " float8send(limit_value), points, sentence, intake_ordinal FROM chart_signal ORDER BY 1, 2, 3, 4, 5"
    )
    return [watched.record.ask(question) for question in (point, signal)]


def test_limits_judge_what_comes_to_be_known_once_somebody_put_them_to_use(watched: Watched) -> None:
    enter_results(watched)
    watched.analyse()
    _, control_limit = order(watched)
    watched.record.take(result("CT-8", "60"))
    watched.analyse()
    assert watched.record.ask("SELECT count(*) FROM chart_point") == [(0,)]
    use(watched, control_limit)
    watched.analyse()
    assert watched.record.ask("SELECT count(*) FROM chart_point") == [(9,)]
    assert signals(watched) == [("CT-8", "nelson_1", "below", 1, True)]
    sentence = watched.record.ask("SELECT sentence FROM chart_signal")[0][0]
    assert sentence == "viability of CT-8 is 60 %, below the lower control limit of 87.26 % (nelson_1)"


def test_a_batch_that_the_limits_rest_on_is_not_judged_by_them(watched: Watched) -> None:
    enter_results(watched)
    watched.record.take(result("CT-8", "60"))
    _, control_limit = order(watched)
    use(watched, control_limit)
    watched.analyse()
    assert signals(watched) == []
    assert watched.record.ask("SELECT jsonb_array_length(points) FROM control_limit") == [(9,)]


def test_a_corrected_result_changes_the_point_and_its_signal_and_both_stay_in_the_record(watched: Watched) -> None:
    begin(watched)
    watched.record.take(result("CT-8", "60"))
    watched.analyse()
    watched.record.take(result("CT-8", "90", status="corrected", reason="typing error"))
    watched.analyse()
    assert signals(watched) == [("CT-8", "nelson_1", "below", 1, True), ("CT-8", "nelson_1", "below", 2, False)]
    points = (
        "SELECT revision, value, without FROM chart_point JOIN batch USING (batch_id) WHERE name = 'CT-8' ORDER BY 1"
    )
    assert watched.record.ask(points) == [(1, 60.0, None), (2, 90.0, None)]
    watched.record.take(result("CT-8", "90", status="invalidated", reason="wrong specimen"))
    watched.analyse()
    assert watched.record.ask(points)[-1] == (3, None, "withdrawn")


def test_a_late_result_of_an_earlier_batch_joins_the_run_where_the_batch_was(watched: Watched) -> None:
    begin(watched)
    for number in (*range(8, 12), *range(13, 17)):
        watched.record.take(result(f"CT-{number}", "92"))
        watched.analyse()
    assert signals(watched) == []
    watched.record.take(result("CT-12", "92"))
    watched.analyse()
    assert signals(watched) == [("CT-16", "nelson_2", "above", 1, True)]


def test_only_final_reportable_numbers_are_points(watched: Watched) -> None:
    begin(watched)
    watched.record.take(
        result("CT-8", "60", status="preliminary"),
        result("CT-9", "not done"),
        result("CT-10", "0.6", unit_of_measure="1"),
    )
    watched.analyse()
    new = "SELECT name, value, without FROM chart_point JOIN batch USING (batch_id) WHERE batch_id > 8 ORDER BY name"
    assert watched.record.ask(new) == [("CT-9", None, "no_number")]
    assert signals(watched) == []


def test_a_bound_enters_no_run_and_signals_only_where_it_lies_beyond_a_limit_itself(watched: Watched) -> None:
    begin(watched)
    watched.record.take(result("CT-8", "<95"), result("CT-9", "<80"), result("CT-10", ">80"))
    watched.analyse()
    assert signals(watched) == [("CT-9", "nelson_1", "below", 1, True)]


def test_detect_1_charts_are_the_same_whatever_the_stretches_and_when_derived_once_more(watched: Watched) -> None:
    begin(watched, rules=["nelson_1", "nelson_2", "ewma", "cusum"])
    for number, value in enumerate(["94", "93.5", "95", "94", "60", "94", "93"], 8):
        watched.record.take(result(f"CT-{number}", value))
        watched.analyse()
    watched.record.take(result("CT-12", "94", status="corrected", reason="typing error"))
    watched.analyse()
    first = everything(watched)
    assert {row[2] for row in first[1]} == {"nelson_1", "ewma", "cusum"}
    watched.record.owner.execute("TRUNCATE chart_point, chart_signal")
    watched.record.owner.execute("UPDATE consumer SET position = 0 WHERE name = 'charts'")
    watched.analyse()
    assert everything(watched) == first


def test_new_limits_judge_the_batches_known_from_then_on_and_what_was_said_by_the_old_ones_stays(
    watched: Watched,
) -> None:
    begin(watched)
    watched.record.take(result("CT-8", "60"))
    watched.analyse()
    _, control_limit = order(watched, batches=[f"CT-{number}" for number in range(9)])
    use(watched, control_limit)
    watched.record.take(result("CT-9", "76"), result("CT-10", "60"))
    watched.analyse()
    assert signals(watched) == [("CT-8", "nelson_1", "below", 1, True), ("CT-10", "nelson_1", "below", 1, True)]
    states = watched.record.ask("SELECT version, state, n FROM control_limit ORDER BY version")
    assert states == [(1, "retired", 8), (2, "in_use", 9)]
    with pytest.raises(Conflict, match="version 2 of the limits of viability is in_use, not a draft"):
        use(watched, control_limit)


def test_every_step_in_the_life_of_limits_is_audited_with_its_reason(watched: Watched) -> None:
    begin(watched)
    trail = watched.record.ask(
        "SELECT action, actor, reason FROM audit_event WHERE subject = 'chart:viability' ORDER BY seq"
    )
    assert trail == [
        ("chart opened", "mia", "eight batches since the switch"),
        ("control limits drafted", "mia", "eight batches since the switch"),
        ("control limits put to use", "mia", "reviewed"),
    ]


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ({"process": "X"}, NotFound, "there is no process 'X'"),
        ({"attribute": "X"}, NotFound, "there is no attribute 'X' of AUTO-2.0"),
        ({"attribute": None}, InputInvalid, "attribute, summary: a chart shows one of them"),
        ({"attribute": None, "summary": Summary.MEAN, "tag": "pH"}, InputInvalid, "phase: a summary is of a phase"),
        ({"batches": ["CT-0", "CT-77"]}, InputInvalid, "batches: CT-77 has no point"),
        ({"batches": ["CT-0", "CT-1"]}, InputInvalid, "viability: limits need 6 points, there are 2"),
        ({"rules": ["nelson_9"]}, InputInvalid, "rules: 'nelson_9' is none of nelson_1"),
    ],
)
def test_limits_that_cannot_be_are_refused_in_words(
    watched: Watched, what: dict[str, Any], error: type[Exception], message: str
) -> None:
    enter_results(watched)
    with pytest.raises(error, match=message):
        order(watched, **what)
    assert watched.record.ask("SELECT count(*) FROM control_chart") == [(0,)]


def test_summaries_of_completed_batches_are_charted_and_follow_corrections_of_their_phase(watched: Watched) -> None:
    _, control_limit = order(watched, attribute=None, summary=Summary.MEAN, tag="glucose", phase="expansion")
    use(watched, control_limit)
    watched.record.take(*batch_messages("CT-LOW", LIVE_START, seed=40, fault_h=2.0))
    watched.analyse()
    assert ("CT-LOW", "nelson_1", "below", 1, True) in signals(watched)
    point = (
        "SELECT revision, round(value::numeric, 1), readings FROM chart_point JOIN batch USING (batch_id)"
        " WHERE name = 'CT-LOW' ORDER BY revision"
    )
    before = watched.record.ask(point)
    assert before[0][2] == 144
    correct_procedure(watched.database, "CT-LOW", ended=LIVE_START + timedelta(hours=12))
    watched.analyse()
    after = watched.record.ask(point)
    assert [row[2] for row in after] == [144, 72]
