"""Charts are computed anew from the recorded order, and what was changed unseen is found."""

from datetime import timedelta

import psycopg
import pytest

from analytics.chart_replaying import ChartDisagreement, recorded_charts, replay_chart
from store.model.chart import Summary
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.analytics.test_chart_alerts import take
from tests.analytics.test_charts import begin, order, result, use
from tests.analytics.test_corrections import correct_procedure
from tests.analytics.test_self_check import NIGHT, check


@pytest.fixture
def told(watched: Watched) -> Watched:
    """A chart with an episode that grew, was corrected, and ended; the limits were renewed."""
    begin(watched, rules=["nelson_1", "nelson_2", "ewma", "cusum"])
    take(watched, CT_8="94", CT_9="60", CT_10="60", CT_11="91", CT_12="92")
    watched.record.take(result("CT-9", "91", status="corrected", reason="typing error"))
    watched.analyse()
    use(watched, order(watched, batches=[f"CT-{number}" for number in range(9)])[1])
    take(watched, CT_13="20")
    return watched


def replayed(watched: Watched) -> tuple[ChartDisagreement, ...]:
    """What disagrees, in a transaction that cannot write."""
    with psycopg.connect(watched.database.dsn("analytics")) as connection:
        connection.read_only = True
        (chart,) = recorded_charts(connection, "CT-12")
        found = replay_chart(connection, chart)
    assert found.steps > found.alerts >= 1
    return found.disagreements


def test_DETECT_1_the_recorded_order_leads_to_the_points_signals_and_alerts_that_were_told(told: Watched) -> None:
    assert replayed(told) == ()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE alert SET score = score * (1 + 1e-15) WHERE kind = 'signal'", "score"),
        ("UPDATE alert SET onset_time = onset_time + interval '1 day' WHERE kind = 'signal'", "onset"),
        ("UPDATE alert_update SET sentence = 'All is well.' WHERE version = 1", "sentence"),
        ("UPDATE alert_update SET cells = '[]' WHERE version = 1", "evidence"),
        ("DELETE FROM signal_batch WHERE version = 1", "joined"),
        ("UPDATE chart_signal SET holds = NOT holds WHERE chart_signal_id = 1", "holds"),
        ("UPDATE chart_point SET value = value + 1e-12 WHERE revision = 2", "value"),
    ],
)
def test_DETECT_1_what_was_changed_of_a_chart_behind_our_back_is_found(told: Watched, change: str, what: str) -> None:
    told.record.owner.execute(change)
    assert what in {one.what for one in replayed(told)}


def test_DETECT_1_an_alert_of_a_signal_that_was_taken_away_is_found(told: Watched) -> None:
    told.record.owner.execute("DELETE FROM alert_update WHERE version = 1")
    assert ("all of it", "not told") in {(one.what, one.recorded) for one in replayed(told)}


def test_of_a_summary_what_rules_made_of_it_is_computed_anew(watched: Watched) -> None:
    use(watched, order(watched, attribute=None, summary=Summary.MEAN, tag="glucose", phase="expansion")[1])
    watched.record.take(*batch_messages("CT-LOW", LIVE_START, seed=40, fault_h=2.0))
    watched.analyse()
    correct_procedure(watched.database, "CT-LOW", ended=LIVE_START + timedelta(hours=12))
    watched.analyse()
    assert replayed(watched) == ()
    watched.record.owner.execute("UPDATE chart_signal SET statistic = statistic + 1e-12")
    assert {one.what for one in replayed(watched)} == {"statistic"}


def test_a_batch_on_no_chart_has_none_to_replay(told: Watched) -> None:
    with psycopg.connect(told.database.dsn("analytics")) as connection:
        assert recorded_charts(connection, "CT-23") == []


def test_DETECT_1_charts_are_computed_anew_at_night_and_one_that_was_changed_raises_an_alert_once(
    told: Watched,
) -> None:
    checks = (
        "SELECT alerts > 0, jsonb_array_length(disagreements) FROM self_check WHERE control_chart_id IS NOT NULL"
        " ORDER BY self_check_id"
    )
    assert check(told, NIGHT) == 1
    assert told.record.ask(checks) == [(True, 0)]
    told.record.owner.execute("UPDATE chart_signal SET sentence = 'All is well.' WHERE chart_signal_id = 1")
    check(told, NIGHT + timedelta(hours=24))
    check(told, NIGHT + timedelta(hours=48))
    assert [found > 0 for _, found in told.record.ask(checks)] == [False, True, True]
    ((sentence, severity, unit),) = told.record.ask(
        "SELECT sentence, severity, unit_id FROM alert_now WHERE detector = 'self_check'"
    )
    assert sentence.startswith(
        "The record of the chart of viability, AUTO-2.0, does not tell what its journal leads to: "
    )
    assert (severity, unit) == ("high", None)
