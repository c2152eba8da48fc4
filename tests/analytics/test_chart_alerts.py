"""A signal between batches reaches people: one alert an episode, reproducible, and never taken back silently."""

from typing import Any

import pytest

from records.alerts import acknowledge, assess
from records.control_limits import put_limits_to_use, retire_limits
from store.errors import Conflict, InputInvalid, NotFound
from store.model.alert import AlertCause, AlertImpact
from tests.analytics.conftest import LIVE_START, Watched
from tests.analytics.test_charts import begin, order, result, signals, use
from tests.people import somebody

TOLD = (
    "SELECT alert_now.ordinal, severity, detector, batches, state, ended_time IS NOT NULL, jsonb_array_length(cells)"
    " FROM alert_now WHERE kind = 'signal' ORDER BY alert_id"
)
# Everything a signal's alert ever said, but for the numbers that the database gives.
EVERYTHING = (
    "SELECT alert.control_limit_id, alert.ordinal, 0 AS version, severity, detector, tags, raised_time, onset_time,"
    " NULL AS ended_time, float8send(score), float8send(limit_value), sentence, cells, software, intake_ordinal"
    " FROM alert WHERE kind = 'signal' UNION ALL"
    " SELECT alert.control_limit_id, alert.ordinal, later.version, later.severity, later.detector, later.tags,"
    " NULL, NULL, later.ended_time, float8send(later.score), float8send(later.limit_value), later.sentence,"
    " later.cells, NULL, later.intake_ordinal FROM alert_update AS later JOIN alert USING (alert_id)"
    " WHERE kind = 'signal' ORDER BY 1, 2, 3"
)
BATCHES = (
    "SELECT alert.control_limit_id, alert.ordinal, signal_batch.batch_id, version"
    " FROM signal_batch JOIN alert USING (alert_id) ORDER BY 1, 2, 3"
)


def take(watched: Watched, **values: str) -> None:
    """The viability of batches one after the other, each in a stretch of its own: CT_8="60"."""
    for name, value in values.items():
        watched.record.take(result(name.replace("_", "-"), value))
        watched.analyse()


def told(watched: Watched) -> list[tuple[Any, ...]]:
    return watched.record.ask(TOLD)


def sentence(watched: Watched) -> str:
    text: str = watched.record.ask("SELECT sentence FROM alert_now WHERE kind = 'signal' ORDER BY alert_id DESC")[0][0]
    return text


def test_a_signal_raises_one_alert_that_names_rule_batch_limits_its_error_and_what_to_check(watched: Watched) -> None:
    begin(watched, rules=["nelson_1", "nelson_2", "ewma"])
    watched.record.tick(int((LIVE_START.timestamp() + 3600) * 1e6))
    take(watched, CT_8="60")
    assert {rule for _, rule, *_ in signals(watched)} == {"nelson_1", "ewma"}
    assert told(watched) == [(1, "medium", "nelson_1", ["CT-8"], "raised", False, 2)]
    assert sentence(watched) == (
        "viability of CT-8 is 60 %, below the lower control limit of 87.26 % (nelson_1); in control this rule errs "
        "once in about 370 batches. Since CT-8, it breaks several rules: CT-8 (nelson_1, ewma). Judged by version 1 of "
        "the limits, initial, of 8 batches. Check the result and how its sample was drawn, then what was other in this "
        "batch: lots, donor, equipment, people."
    )
    ((raised, onset, started),) = watched.record.ask(
        "SELECT raised_time, onset_time, lower(during) FROM alert_now JOIN batch ON name = 'CT-8'"
        " JOIN unit_procedure ON unit_procedure.batch_id = batch.batch_id WHERE kind = 'signal'"
    )
    assert (raised, onset) == (LIVE_START.replace(hour=9), started)


def test_a_chart_that_stays_beyond_its_limits_adds_to_its_alert_and_whoever_decided_is_asked_again(
    watched: Watched,
) -> None:
    begin(watched)
    take(watched, CT_8="60")
    ((alert,),) = watched.record.ask("SELECT alert_id FROM alert WHERE kind = 'signal'")
    with watched.database.connect("api", autocommit=False) as connection:
        acknowledge(connection, alert_id=alert, version=0, actor=somebody("msat", name="mia"), comment="asked the lab")
    assert told(watched)[0][4] == "acknowledged"
    take(watched, CT_9="91", CT_10="61")
    assert told(watched) == [(1, "medium", "nelson_1", ["CT-8", "CT-10"], "raised", False, 2)]
    assert watched.record.ask("SELECT spread_to FROM alert_now WHERE kind = 'signal'") == [(["CT-10"],)]
    assert "Since CT-8, 2 batches break a rule: CT-8, CT-10 (nelson_1)" in sentence(watched)


def test_two_batches_that_break_no_rule_end_an_episode_and_the_next_one_is_another_alert(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60", CT_9="91")
    assert [row[5] for row in told(watched)] == [False]
    take(watched, CT_10="92")
    assert [row[5] for row in told(watched)] == [True]
    assert "Over: CT-9 and CT-10 break no rule" in sentence(watched)
    take(watched, CT_11="61")
    assert [(row[0], row[3], row[5]) for row in told(watched)] == [(1, ["CT-8"], True), (2, ["CT-11"], False)]


def test_a_batch_without_a_number_does_not_say_that_all_is_quiet(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60", CT_9="not done", CT_10="91")
    assert [row[5] for row in told(watched)] == [False]


def test_a_process_that_creeps_has_time_and_its_alert_began_with_the_first_batch_of_the_run(watched: Watched) -> None:
    begin(watched)
    take(watched, **{f"CT_{number}": "92" for number in range(8, 17)})
    assert told(watched) == [(1, "low", "nelson_2", ["CT-16"], "raised", False, 1)]
    started = (
        "SELECT name FROM alert_now JOIN unit_procedure ON lower(during) = onset_time"
        " JOIN batch ON batch.batch_id = unit_procedure.batch_id WHERE kind = 'signal'"
    )
    assert watched.record.ask(started) == [("CT-8",)]
    assert "Check what has lasted since the first of these batches" in sentence(watched)


def test_a_corrected_result_that_takes_a_signal_back_withdraws_its_alert_in_words(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60")
    before = sentence(watched)
    watched.record.take(result("CT-8", "90", status="corrected", reason="typing error"))
    watched.analyse()
    assert told(watched) == [(1, "medium", "nelson_1", ["CT-8"], "raised", True, 0)]
    assert sentence(watched) == f"Withdrawn: by what is known now no rule is broken. It said: {before}"
    watched.record.take(result("CT-8", "59", number=2, status="corrected", reason="the right one after all"))
    watched.analyse()
    assert [(row[0], row[3], row[6]) for row in told(watched)] == [(1, ["CT-8"], 0), (2, ["CT-8"], 1)]


def test_whoever_decided_about_a_signal_is_asked_again_when_a_correction_takes_it_back(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60")
    ((alert,),) = watched.record.ask("SELECT alert_id FROM alert WHERE kind = 'signal'")
    mia = somebody("msat", name="mia")
    with watched.database.connect("api", autocommit=False) as connection:
        acknowledge(connection, alert_id=alert, version=0, actor=mia, comment="asked the lab")
    take(watched, CT_9="91", CT_10="92")
    assert told(watched)[0][4:6] == ("acknowledged", True)
    watched.record.take(result("CT-8", "90", status="corrected", reason="typing error"))
    watched.analyse()
    assert told(watched)[0][4] == "raised"
    with watched.database.connect("api", autocommit=False) as connection:
        acknowledge(connection, alert_id=alert, version=2, actor=mia, comment="seen the corrected report")
    assert told(watched)[0][4] == "acknowledged"


def test_an_alert_of_two_batches_says_which_of_them_was_taken_back_and_stays(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60", CT_9="60")
    watched.record.take(result("CT-8", "60", status="invalidated", reason="another patient's sample"))
    watched.analyse()
    assert told(watched) == [(1, "medium", "nelson_1", ["CT-8", "CT-9"], "raised", False, 1)]
    assert "By what is known now no longer CT-8" in sentence(watched)


def test_a_late_result_of_an_earlier_batch_joins_the_episode_after_it(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_10="60", CT_9="91", CT_8="60")
    assert [(row[0], row[3]) for row in told(watched)] == [(1, ["CT-10", "CT-8"])]


def test_what_was_over_when_it_came_to_be_known_is_raised_and_ended_at_once(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_9="91", CT_10="92", CT_8="60")
    assert told(watched) == [(1, "medium", "nelson_1", ["CT-8"], "raised", True, 1)]
    assert watched.record.ask("SELECT version FROM alert_update JOIN alert USING (alert_id)") == [(1,)]


def test_new_limits_end_the_episodes_of_those_before_them(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60")
    _, control_limit = order(watched, batches=[f"CT-{number}" for number in range(9)])
    use(watched, control_limit)
    watched.analyse()
    assert [(row[3], row[5]) for row in told(watched)] == [(["CT-8"], True)]
    assert "Over: these limits judge no further batch" in sentence(watched)
    take(watched, CT_9="20")
    assert [(row[0], row[3], row[5]) for row in told(watched)] == [(1, ["CT-8"], True), (1, ["CT-9"], False)]
    assert "Judged by version 2 of the limits, initial, of 9 batches" in sentence(watched)


def test_retired_limits_judge_no_further_batch_and_what_they_said_stays(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60")
    ((control_limit,),) = watched.record.ask("SELECT control_limit_id FROM control_limit")
    with watched.database.connect("api", autocommit=False) as connection:
        retire_limits(connection, control_limit, by="quinn", reason="the method was changed")
    watched.analyse()
    take(watched, CT_9="60")
    assert signals(watched) == [("CT-8", "nelson_1", "below", 1, True)]
    assert [(row[3], row[5]) for row in told(watched)] == [(["CT-8"], True)]
    assert watched.record.ask("SELECT count(*) FROM chart_point") == [(10,)]
    with watched.database.connect("api", autocommit=False) as connection:
        with pytest.raises(Conflict, match="version 1 of the limits of viability is retired already"):
            retire_limits(connection, control_limit, by="quinn", reason="again")
        with pytest.raises(InputInvalid, match="reason: "):
            retire_limits(connection, control_limit, by="quinn", reason=" ")
        with pytest.raises(NotFound, match="there are no control limits 99"):
            retire_limits(connection, 99, by="quinn", reason="x")


def test_a_draft_that_nobody_will_use_is_retired_and_cannot_be_put_to_use(watched: Watched) -> None:
    begin(watched)
    _, control_limit = order(watched)
    with watched.database.connect("api", autocommit=False) as connection:
        retire_limits(connection, control_limit, by="mia", reason="rests on the wrong batches")
        with pytest.raises(Conflict, match="is retired, not a draft"):
            put_limits_to_use(connection, control_limit, by="mia", reason="x")
    states = watched.record.ask("SELECT version, state, used_from IS NULL, retired_by FROM control_limit ORDER BY 1")
    assert states == [(1, "in_use", False, None), (2, "retired", True, "mia")]
    take(watched, CT_8="60")
    assert [row[3] for row in told(watched)] == [["CT-8"]]


def test_detect_1_the_recorded_order_leads_to_the_same_alerts_whatever_the_stretches(watched: Watched) -> None:
    begin(watched, rules=["nelson_1", "nelson_2", "ewma", "cusum"])
    values = {"CT_8": "94", "CT_9": "93.5", "CT_10": "60", "CT_12": "91", "CT_13": "92", "CT_14": "60", "CT_11": "94"}
    take(watched, **values)
    watched.record.take(result("CT-10", "91", status="corrected", reason="typing error"))
    watched.analyse()
    first = [watched.record.ask(EVERYTHING), watched.record.ask(BATCHES)]
    assert len(first[0]) > 3
    watched.record.owner.execute(
        "TRUNCATE chart_point, chart_signal, signal_batch, alert_told, alert_update, alert_decision, alert"
    )
    watched.record.owner.execute("UPDATE consumer SET position = 0 WHERE name = 'charts'")
    watched.analyse()
    assert [watched.record.ask(EVERYTHING), watched.record.ask(BATCHES)] == first


def test_an_alert_of_a_signal_lives_as_every_alert_does(watched: Watched) -> None:
    begin(watched)
    take(watched, CT_8="60")
    ((alert,),) = watched.record.ask("SELECT alert_id FROM alert WHERE kind = 'signal'")
    mia = somebody("msat", name="mia")
    with watched.database.connect("api", autocommit=False) as connection:
        acknowledge(connection, alert_id=alert, version=0, actor=mia, comment="asked the lab")
        assess(
            connection,
            alert_id=alert,
            version=0,
            impact=AlertImpact.POSSIBLE,
            cause=AlertCause.MATERIAL,
            actor=mia,
            comment="a lot of medium",
        )
    assert told(watched)[0][4] == "assessed"
