"""What is old, silent, bad, from the future or not analysed is never shown as current."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.seed import TAGS, Plant, add_alert, add_batch, add_reading, add_readings, hush, stand_still, tick

HOUR = timedelta(hours=1)


def run(plant: Plant, *, until_h: float = 30.001) -> None:
    """A batch that has run for 30 hours in BR-01."""
    add_batch(plant, "CT-1", started=plant.now - 30 * HOUR)
    add_readings(plant, "CT-1", until_h=until_h)


def tile(client: TestClient) -> dict[str, Any]:
    """The unit BR-01 on the board."""
    return next(unit for unit in client.get("/v1/units").json()["units"] if unit["unit"] == "BR-01")


def at(value: Any) -> str:
    """A time as the API writes it."""
    return str(value.isoformat()).replace("+00:00", "Z")


def test_view_1_when_analysis_stands_still_its_last_verdict_is_not_shown_as_current(
    review: TestClient, plant: Plant
) -> None:
    run(plant)
    assert review.get("/v1/batches/CT-1").json()["in_envelope"] is True
    stand_still(plant, "CT-1", since=plant.now - HOUR)
    found = review.get("/v1/batches/CT-1").json()
    assert (found["in_envelope"], found["worst_ratio"], found["analysis_stands_still"]) == (None, None, True)
    assert {(tag["in_envelope"], tag["worst_ratio"]) for tag in found["tags"]} == {(None, None)}
    assert found["no_data"] is False, "the readings arrive all the same"
    page = review.get("/batches/CT-1").text
    assert "Analysis has stood still since" in page
    assert "◆ in" not in page


def test_view_1_a_block_that_waits_for_analysis_too_long_makes_the_verdict_unknown(
    review: TestClient, plant: Plant
) -> None:
    run(plant)
    plant.do("UPDATE monitor SET position = 0")
    assert review.get("/v1/batches/CT-1").json()["in_envelope"] is True, "the block was committed just now"
    plant.do("UPDATE block SET committed_time = clock_timestamp() - interval '1 minute'")
    assert review.get("/v1/batches/CT-1").json()["in_envelope"] is None
    plant.do("UPDATE monitor SET position = 1")
    assert review.get("/v1/batches/CT-1").json()["in_envelope"] is True
    plant.do("DELETE FROM intake")
    assert review.get("/v1/batches/CT-1").json()["in_envelope"] is None


def test_the_board_says_that_analysis_stands_still_and_blames_no_connection(review: TestClient, plant: Plant) -> None:
    run(plant)
    stand_still(plant, "CT-1", since=plant.now - HOUR)
    found = tile(review)
    assert (found["state"], found["in_envelope"], found["worst_ratio"]) == ("no_data", "unknown", None)
    assert "Analysis has stood still since" in found["next_action"]
    assert "connection" not in found["next_action"]


def test_the_verdict_of_a_batch_that_ended_stays(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - 300 * HOUR, ended=plant.now - 12 * HOUR)
    add_readings(plant, "CT-1", until_h=288)
    found = review.get("/v1/batches/CT-1").json()
    assert (found["in_envelope"], found["no_data"], found["analysis_stands_still"]) == (True, False, False)


def test_a_reading_from_a_clock_ahead_keeps_no_dead_unit_alive(review: TestClient, plant: Plant) -> None:
    run(plant, until_h=28)
    add_reading(plant, "pH", plant.now + 20 * HOUR)
    found = tile(review)
    assert (found["state"], found["clock_ahead"]) == ("no_data", ["pH"])
    assert found["age_s"] > 7000
    assert "clock of BR-01 is ahead" in found["next_action"]
    page = review.get("/v1/batches/CT-1").json()
    assert (page["no_data"], page["clock_ahead"], page["in_envelope"]) == (True, ["pH"], None)
    assert page["data_until"] < at(plant.now - HOUR)


def test_one_tag_that_speaks_does_not_make_the_others_current(review: TestClient, plant: Plant) -> None:
    run(plant)
    hush(plant, "glucose", since=plant.now - 3 * HOUR)
    found = tile(review)
    assert (found["state"], found["silent"], found["tags_silent"]) == ("running", ["glucose"], 1)
    assert found["in_envelope"] == "unknown", "glucose is judged, and nobody knows where it is"
    assert found["data_until"] < at(plant.now - 2.9 * HOUR) < found["newest_reading"]
    assert found["next_action"] == "1 of 6 tags are silent: check the sensors of glucose"
    page = review.get("/v1/batches/CT-1").json()
    assert (page["silent_tags"], page["in_envelope"], page["data_until"]) == (["glucose"], None, found["data_until"])


def test_a_tag_that_is_out_of_its_band_stays_out_when_another_falls_silent(review: TestClient, plant: Plant) -> None:
    run(plant)
    out = (
        '[{"tag": "pH", "in_envelope": false, "worst_ratio": 1.4},'
        ' {"tag": "glucose", "in_envelope": true, "worst_ratio": 2}]'
    )
    plant.do("UPDATE monitor SET snapshot = jsonb_set(snapshot, '{tags}', %s::jsonb)", out)
    hush(plant, "glucose", since=plant.now - 3 * HOUR)
    found = tile(review)
    assert (found["in_envelope"], found["worst_tag"], found["worst_ratio"]) == ("out", "pH", 1.4)


def test_bad_values_are_no_data(review: TestClient, plant: Plant) -> None:
    run(plant)
    plant.do("UPDATE reading SET quality = 0 WHERE source_time > %s", plant.now - 2 * HOUR)
    found = tile(review)
    assert (found["state"], found["tags_silent"]) == ("no_data", len(TAGS))
    assert found["age_s"] >= 7200


def test_the_chart_of_a_tag_ends_where_its_own_data_end(review: TestClient, plant: Plant) -> None:
    run(plant)
    hush(plant, "glucose", since=plant.now - 3 * HOUR)
    until = {tag: review.get(f"/v1/batches/CT-1/overlay?tag={tag}").json()["until_h"] for tag in ("pH", "glucose")}
    assert until == {"pH": pytest.approx(30), "glucose": pytest.approx(26.75)}


@pytest.mark.parametrize(
    ("mode", "interval_s", "no_data"), [("on_change", 7200, False), ("manual", None, False), ("periodic", 600, True)]
)
def test_board_and_batch_judge_by_the_same_rule_of_mode_and_interval(
    review: TestClient,
    plant: Plant,
    mode: str,
    interval_s: int | None,
    no_data: bool,  # noqa: FBT001
) -> None:
    run(plant, until_h=29.1)
    plant.do("UPDATE tag_version SET reporting_mode = %s, interval_s = %s", mode, interval_s)
    assert (tile(review)["state"] == "no_data") is no_data
    assert review.get("/v1/batches/CT-1").json()["no_data"] is no_data
    assert ("NO DATA since" in review.get("/batches/CT-1").text) is no_data


def test_a_batch_that_has_just_moved_owes_nothing_yet(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now)
    assert tile(review)["state"] == "running"


def test_an_alert_nobody_acknowledged_comes_before_a_newer_one_that_somebody_has(
    review: TestClient, plant: Plant
) -> None:
    run(plant)
    over = add_alert(plant, "CT-1", hour=10, ended_h=12)
    lasting = add_alert(plant, "CT-1", hour=29)
    plant.insert(
        "alert_decision",
        alert_id=lasting,
        version=0,
        state="acknowledged",
        actor="otto",
        comment="seen",
        known_at=plant.now,
    )
    found = tile(review)
    assert (found["alert"], found["state"]) == (over, "alert")
    assert found["next_action"] == f"Look at alert {over} and acknowledge it with a comment: it is over by now"


def test_view_1_all_becomes_old_when_the_plants_clock_runs_on(review: TestClient, plant: Plant) -> None:
    run(plant)
    assert tile(review)["state"] == "running"
    tick(plant, plant_time=plant.now + HOUR)
    assert tile(review)["state"] == "no_data"
    assert review.get("/v1/batches/CT-1").json()["no_data"] is True
