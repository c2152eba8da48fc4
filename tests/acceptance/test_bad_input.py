"""Bad input from the broker to the record: each has a defined outcome, and nothing is dropped."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.acceptance.saying import put_aside, say_and_wait
from tests.acceptance.system import System
from tests.support import eventually

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)


def at(hour: float) -> str:
    """A source time of today's tests."""
    return (T0 + timedelta(hours=hour)).isoformat()


def start(batch: str, hour: float, **fields: object) -> dict[str, Any]:
    """The start of a batch."""
    body = {"event": "unit_procedure_started", "time": at(hour), "batch": batch, "position": "A"}
    return body | {"product": "CT-101", "process": "AUTO-2.0"} | fields


def end(batch: str, hour: float) -> dict[str, Any]:
    """The end of a batch."""
    return {"event": "batch_ended", "time": at(hour), "batch": batch}


def test_a_start_of_an_unknown_process_is_put_aside_and_no_batch_begins(open_system: System) -> None:
    (said,) = say_and_wait(open_system, ("BR-02/events", start("X-1", 0.0, process="AUTO-77")))
    (row,) = put_aside(open_system, said)
    assert row.code == "unknown_process"
    assert "AUTO-77" in row.reason
    assert open_system.ask("SELECT * FROM batch WHERE name = 'X-1'") == []


def test_a_batch_started_twice_keeps_its_first_start(open_system: System) -> None:
    once, again, elsewhere, _ = say_and_wait(
        open_system,
        ("BR-02/events", start("X-2", 1.0)),
        ("BR-02/events", start("X-2", 1.5)),
        ("BR-03/events", start("X-2", 1.6)),
        ("BR-02/events", end("X-2", 2.0)),
    )
    assert put_aside(open_system, once) == []
    assert [row.code for row in put_aside(open_system, again)] == ["batch_started_twice"]
    assert [row.code for row in put_aside(open_system, elsewhere)] == ["batch_started_twice"]
    assert _intervals(open_system, "X-2") == [("BR-02", _time(1.0), _time(2.0), False)]


def test_the_same_start_said_again_changes_nothing(open_system: System) -> None:
    say_and_wait(open_system, ("BR-03/events", start("X-3", 3.0)), ("BR-03/events", start("X-3", 3.0)))
    again = say_and_wait(open_system, ("BR-03/events", start("X-3", 3.0)), ("BR-03/events", end("X-3", 4.0)))
    assert put_aside(open_system, again[0]) == []
    assert _intervals(open_system, "X-3") == [("BR-03", _time(3.0), _time(4.0), False)]


def test_a_start_on_an_occupied_position_ends_the_old_batch_as_inferred_and_alerts(open_system: System) -> None:
    say_and_wait(open_system, ("BR-04/events", start("X-4", 5.0)))
    (said,) = say_and_wait(open_system, ("BR-04/events", start("X-5", 7.0)))
    assert put_aside(open_system, said) == []
    assert _intervals(open_system, "X-4") == [("BR-04", _time(5.0), _time(7.0), True)]
    assert _intervals(open_system, "X-5") == [("BR-04", _time(7.0), None, False)]
    alerts = eventually(
        lambda: open_system.ask(
            "SELECT kind, detector, sentence FROM alert JOIN batch USING (batch_id)"
            " WHERE batch.name = 'X-4' AND detector = 'missing_end'"
        ),
        within_s=30,
        what="an alert says that the end of X-4 went missing",
    )
    assert len(alerts) == 1
    assert alerts[0][0] == "silence"
    assert "X-4" in alerts[0][2]
    say_and_wait(open_system, ("BR-04/events", end("X-5", 8.0)))


def test_readings_outside_any_batch_are_stored(open_system: System) -> None:
    (said,) = say_and_wait(
        open_system, ("BR-03/readings", {"time": at(-200.0), "values": {"pH": 7.125, "never heard of": 3.5}})
    )
    assert put_aside(open_system, said) == []
    assert _readings(open_system, "BR-03", -200.0) == {"pH": (7.125, True), "never heard of": (3.5, False)}


def test_a_result_for_an_unknown_batch_waits_for_it_and_is_assigned_when_it_starts(open_system: System) -> None:
    result = {
        "result": "LIMS-X6",
        "batch": "X-6",
        "attribute": "endotoxin",
        "method": "LAL",
        "value": "<0.5",
        "unit_of_measure": "[EU]/mL",
        "measured_at": at(9.0),
        "status": "final",
        "stated_by": "lab",
    }
    (said,) = say_and_wait(open_system, ("BR-01/results", result))
    assert put_aside(open_system, said) == []
    question = (
        "SELECT value_text, value_number, censored, batch.name FROM qc_result LEFT JOIN batch USING (batch_id)"
        " WHERE result = 'LIMS-X6'"
    )
    assert open_system.ask(question) == [("<0.5", 0.5, "<", None)]
    say_and_wait(open_system, ("BR-01/events", start("X-6", 10.0)), ("BR-01/events", end("X-6", 11.0)))
    assert open_system.ask(question) == [("<0.5", 0.5, "<", "X-6")]


def test_a_clock_more_than_a_day_ahead_is_put_aside_and_one_some_hours_ahead_is_stored(open_system: System) -> None:
    ahead, little = say_and_wait(
        open_system,
        ("BR-03/readings", {"time": at(20.0 + 24.5), "values": {"pH": 7.0}}),
        ("BR-03/readings", {"time": at(20.0 + 3.0), "values": {"pH": 7.0625}}),
    )
    (row,) = put_aside(open_system, ahead)
    assert row.code == "time_ahead"
    assert "24 h ahead" in row.reason
    assert _readings(open_system, "BR-03", 44.5) == {}
    assert put_aside(open_system, little) == []
    assert _readings(open_system, "BR-03", 23.0) == {"pH": (7.0625, True)}


def test_a_different_value_for_the_same_instant_is_kept_as_a_conflict_and_the_first_stays(open_system: System) -> None:
    first, _, third = say_and_wait(
        open_system,
        ("BR-03/readings", {"time": at(12.0), "values": {"glucose": 11.5}}),
        ("BR-03/readings", [{"time": at(12.0), "values": {"glucose": 11.5}}]),
        ("BR-03/readings", {"time": at(12.0), "values": {"glucose": 11.500000000000002}}),
    )
    assert put_aside(open_system, first) == put_aside(open_system, third) == []
    assert _readings(open_system, "BR-03", 12.0) == {"glucose": (11.5, True)}
    conflicts = open_system.ask(
        "SELECT tag.name, value FROM reading_conflict JOIN tag USING (tag_id) WHERE source_time = %s", _time(12.0)
    )
    assert conflicts == [("glucose", 11.500000000000002)]


def _time(hour: float) -> datetime:
    return T0 + timedelta(hours=hour)


def _intervals(system: System, batch: str) -> list[tuple[Any, ...]]:
    return system.ask(
        "SELECT unit.name, lower(during), upper(during), end_inferred"
        " FROM unit_procedure JOIN batch USING (batch_id) JOIN unit USING (unit_id)"
        " WHERE batch.name = %s ORDER BY during",
        batch,
    )


def _readings(system: System, unit: str, hour: float) -> dict[str, tuple[float, bool]]:
    """By tag: the value, and whether anybody has described the tag."""
    rows = system.ask(
        "SELECT tag_now.name, value, mapped FROM reading JOIN tag_now USING (tag_id) JOIN unit USING (unit_id)"
        " WHERE unit.name = %s AND source_time = %s",
        unit,
        _time(hour),
    )
    return {tag: (value, mapped) for tag, value, mapped in rows}
