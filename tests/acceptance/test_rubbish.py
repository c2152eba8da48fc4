"""Rubbish on every topic while good data flow."""

import math

from batchwitness.plant.messages import Message
from tests.acceptance.record import assert_intact, published_readings, stored_readings
from tests.acceptance.rubbish import GOOD_TIME, everywhere
from tests.acceptance.saying import put_aside, quarantine, say, say_and_wait
from tests.acceptance.story import DRIFTING_UNIT, Story
from tests.acceptance.system import System
from tests.support import eventually


def test_INGEST_3_every_rubbish_message_is_put_aside_with_its_reason_while_good_data_flow(
    open_system: System, story: Story
) -> None:
    rubbish = everywhere()
    assert len(rubbish) == len(set(rubbish))
    good = _readings_of_one_unit(story)
    with open_system.publishing(good) as plant:
        eventually(lambda: plant.acknowledged.messages > 0, within_s=30, what="good data flow")
        said = set(say(open_system, rubbish))
    eventually(
        lambda: said <= {row.said for row in quarantine(open_system)},
        within_s=90,
        what="all rubbish is put aside",
    )
    wholly = [row for row in quarantine(open_system) if row.said in said]
    assert all(row.code and row.reason for row in wholly)
    published = published_readings(good)
    eventually(
        lambda: published.items() <= dict(stored_readings(open_system)).items(),
        within_s=60,
        what="all good readings are stored, bit for bit",
    )
    assert all(open_system.alive().values()), open_system.said
    assert_intact(open_system)


def test_INGEST_3_good_values_are_stored_beside_bad_ones_of_the_same_message(open_system: System) -> None:
    bad = {
        "text": "7.0",
        "list": [7.0],
        "nothing": None,
        "unknown quality": {"value": 7.0, "quality": "splendid"},
        "without value": {"quality": "good"},
    }
    (said,) = say_and_wait(
        open_system,
        ("BR-03/readings", {"time": GOOD_TIME, "values": {"pH": 7.25, **bad, "temperature": 36.875}}),
    )
    assert {row.item for row in put_aside(open_system, said)} == {f"values.{name}" for name in bad}
    assert all(row.reason for row in put_aside(open_system, said))
    assert _values(open_system, "BR-03", GOOD_TIME) == {"pH": 7.25, "temperature": 36.875}


def test_INGEST_3_not_a_number_is_put_aside_and_its_neighbours_are_stored(open_system: System) -> None:
    time = GOOD_TIME.replace("+00:00", "Z")
    payload = f'{{"time": "{time}", "values": {{"pH": NaN, "glucose": Infinity, "lactate": 1e999, "weight": 250.5}}}}'
    (said,) = say_and_wait(open_system, ("BR-03/readings", payload.encode()))
    rows = put_aside(open_system, said)
    assert {(row.item, row.code) for row in rows} == {
        ("values.pH", "not_finite"),
        ("values.glucose", "not_finite"),
        ("values.lactate", "not_finite"),
    }
    assert _values(open_system, "BR-03", GOOD_TIME)["weight"] == 250.5
    assert all(math.isfinite(value) for value in _values(open_system, "BR-03", GOOD_TIME).values())


def _readings_of_one_unit(story: Story) -> list[Message]:
    return [message for message in story.live if message.topic.endswith(f"/{DRIFTING_UNIT}/readings")]


def _values(system: System, unit: str, time: str) -> dict[str, float]:
    rows = system.ask(
        "SELECT tag.name, value FROM reading JOIN tag USING (tag_id) JOIN unit USING (unit_id)"
        " WHERE unit.name = %s AND source_time = %s::timestamptz",
        unit,
        time,
    )
    return dict(rows)
