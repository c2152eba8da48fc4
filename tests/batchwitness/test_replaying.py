"""An alert computed anew from the command line, as an auditor would question it by the number its page shows."""

from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner

from analytics.software import software
from batchwitness.cli import app
from store.model.correction import RevisionKind
from tests.analytics.conftest import LIVE_START, Watched, batch_messages
from tests.analytics.test_chart_alerts import take
from tests.analytics.test_charts import begin
from tests.analytics.test_corrections import correct
from tests.batchwitness.conftest import name_database

OLDER = "batchwitness 0.0.1"


@pytest.fixture
def told(with_old: Watched, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A batch of which something of every kind was told."""
    name_database(with_old.database, "analytics", monkeypatch)
    with_old.record.owner.execute(
        "INSERT INTO limit_version (process_version_id, tag, kind, low, high, unit_of_measure, source, effective_from,"
        " known_at) SELECT process_version_id, tag.name, 'proven_acceptable_range', tag.low, tag.high, '1', 'test',"
        " '2026-01-01Z', now() FROM process_version CROSS JOIN (VALUES ('temperature', 30, 40), ('pH', 6, 8))"
        " AS tag (name, low, high) WHERE process_version.name = 'AUTO-2.0'"
    )
    messages = batch_messages("CT-LATE", LIVE_START, seed=41, fault_h=12.0)
    for topic, message in messages:
        assert isinstance(message, dict)
        hour = (datetime.fromisoformat(message["time"]) - LIVE_START) / timedelta(hours=1)
        if topic.endswith("readings"):
            if 16.0 <= hour < 17.0:
                message["values"]["temperature"] = 41.5
            if 5.0 <= hour < 5.1:
                message["values"]["pH"] = 9.5
            if hour >= 20.0:
                del message["values"]["dissolved_oxygen"]
    for first in range(0, len(messages), 50):
        with_old.record.take(*messages[first : first + 50])
    with_old.analyse()
    return with_old


def replay(*arguments: str | int) -> tuple[int, str, str]:
    """Status, standard output and standard error of the command."""
    done = CliRunner().invoke(app, ["replay", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def number(watched: Watched, kind: str) -> int:
    ((alert,),) = watched.record.ask("SELECT max(alert_id) FROM alert WHERE kind = %s", kind)
    return int(alert)


@pytest.mark.parametrize("kind", ["drift", "departure", "range", "silence", "quality"])
def test_DETECT_1_an_alert_is_the_same_and_what_it_rests_on_is_said(told: Watched, kind: str) -> None:
    alert = number(told, kind)
    ((ordinal, detector, sentence, changes, started, position),) = told.record.ask(
        "SELECT ordinal, detector, sentence, (SELECT count(*) FROM alert_update WHERE alert_update.alert_id = %s),"
        " started_ordinal, position FROM alert JOIN monitor USING (monitor_id) WHERE alert_id = %s",
        alert,
        alert,
    )
    digests = dict(told.record.ask("SELECT role, encode(digest, 'hex') FROM reference"))
    assert changes > 0
    assert started < position
    status, shown, _ = replay(alert)
    assert status == 0
    assert shown.splitlines() == [
        f"alert {alert}: {kind} ({detector})",
        f"  {sentence}",
        f"  raised by run 1 of the monitor of CT-LATE, as its alert {ordinal}",
        f"  computed anew from ordinals {started} to {position} of the intake by {software()}",
        f"  reference of the new process: SHA-256 {digests['new']}",
        f"  reference of the old process: SHA-256 {digests['old']}",
        f"  compared: the alert as it was raised, and changes of it: {changes}",
        "the same, bit for bit",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE alert SET score = score * (1 + 1e-15)", "as raised, score:"),
        ("UPDATE alert_update SET limit_value = limit_value * (1 + 1e-15) WHERE version = 1", "change 1, limit:"),
        ("DELETE FROM alert_update WHERE version = 1", "change 1, the alert:\n    recorded not told\n"),
    ],
)
def test_DETECT_1_one_changed_bit_is_named_and_no_other_alert_differs_for_it(
    told: Watched, change: str, said: str
) -> None:
    alert, other = number(told, "drift"), number(told, "range")
    told.record.owner.execute(f"{change}{' AND' if 'WHERE' in change else ' WHERE'} alert_id = {alert}".encode())
    status, shown, _ = replay(alert)
    assert (status, said in shown, shown.endswith("\n1 of its fields differ\n")) == (1, True, True)
    assert replay(other)[0] == 0
    status, shown, _ = replay("--batch", "CT-LATE")
    assert (status, said in shown) == (1, True)


def test_DETECT_1_an_alert_whose_reference_has_other_bytes_differs(told: Watched) -> None:
    told.record.owner.execute("UPDATE reference SET model = set_byte(model, 200, 255 - get_byte(model, 200))")
    status, shown, _ = replay(number(told, "drift"))
    assert status == 1
    assert (
        "the reference:\n    recorded approved\n    computed the stored bytes of its reference are not those" in shown
    )


def test_an_alert_that_another_version_computed_names_it_beside_the_one_that_is_here(told: Watched) -> None:
    alert = number(told, "drift")
    told.record.owner.execute("UPDATE monitor SET software = %s", [OLDER])
    status, shown, error = replay(alert)
    assert (status, shown) == (2, "")
    assert " ".join(error.split()) == (
        f"alert {alert} was computed by {OLDER}; this is {software()}, which may compute otherwise: "
        f"replay it with {OLDER}"
    )


def test_an_alert_nobody_raised_is_named_and_so_is_one_that_no_score_raised(told: Watched) -> None:
    assert replay(4711) == (2, "", "there is no alert 4711\n")
    told.record.owner.execute("UPDATE alert SET detector = 'monitor_failed' WHERE kind = 'silence'")
    alert = number(told, "silence")
    status, _, error = replay(alert)
    assert (status, error.startswith(f"alert {alert} (monitor_failed) says what happened to a batch")) == (2, True)


def test_an_alert_and_a_batch_together_are_refused(told: Watched) -> None:
    status, shown, error = replay(number(told, "drift"), "--batch", "CT-LATE")
    assert (status, shown, "an alert or a batch, not both" in error) == (2, "", True)


def test_DETECT_1_an_alert_of_the_run_after_a_correction_says_what_it_knew(told: Watched) -> None:
    correct(told.database, RevisionKind.INVALIDATED, (3.0, 3.5), tag="pH")
    told.analyse()
    ((run, pinned),) = told.record.ask("SELECT run, corrected_ordinal FROM monitor WHERE until_ordinal IS NULL")
    status, shown, _ = replay(number(told, "drift"))
    assert (status, run) == (0, 2)
    assert "\n  raised by run 2 of the monitor of CT-LATE, " in shown
    assert f"\n  with what was corrected or had come late by ordinal {pinned}\n" in shown


def test_DETECT_1_a_signal_is_computed_anew_with_its_chart(told: Watched) -> None:
    begin(told, rules=["nelson_1", "nelson_2", "ewma", "cusum"])
    take(told, CT_8="60", CT_9="61")
    alert = number(told, "signal")
    status, shown, _ = replay(alert)
    assert status == 0
    assert (
        "\n  raised by the chart of viability, AUTO-2.0, as alert 1 of version 1 of its limits, initial, of 8 batches\n"
    ) in shown
    assert shown.endswith("\n  compared: the alert as it was raised, and changes of it: 1\nthe same, bit for bit\n")
    told.record.owner.execute("UPDATE alert_update SET sentence = 'All is well.' WHERE alert_id = %s", [alert])
    status, shown, _ = replay(alert)
    assert (status, "change 1, sentence:\n    recorded 'All is well.'\n" in shown) == (1, True)
    told.record.owner.execute("UPDATE alert SET software = %s WHERE alert_id = %s", [OLDER, alert])
    status, _, error = replay(alert)
    assert (status, OLDER in error) == (2, True)
