from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from api.clock import Clock
from tests.api.seed import Plant, add_alert, add_batch, add_readings, tick


def test_a_running_batch_in_its_band_is_shown_with_phase_hour_and_the_time_its_data_ends(
    review: TestClient, plant: Plant
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_readings(plant, "CT-1", until_h=30)
    tile = next(unit for unit in review.get("/v1/units").json()["units"] if unit["unit"] == "BR-01")
    assert tile["batch"] == "CT-1"
    assert tile["phase"] == "transduction"
    assert 29.5 <= tile["process_hour"] <= 30


def test_view_1_a_tile_without_fresh_data_says_no_data_and_nothing_about_its_band(
    floor: TestClient, plant: Plant
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_readings(plant, "CT-1", until_h=28)
    tile = floor.get("/grafana/floor/units").json()[0]
    assert (tile["unit"], tile["state"], tile["in_envelope"]) == ("BR-01", "no_data", "unknown")
    assert tile["age_s"] > 7000
    assert "Check the connection of BR-01" in tile["next_action"]


def test_view_1_a_tile_with_data_of_this_minute_is_running_and_in_its_band(floor: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_readings(plant, "CT-1", until_h=30.001)
    tile = floor.get("/grafana/floor/units").json()[0]
    assert (tile["state"], tile["in_envelope"], tile["next_action"]) == ("running", "in", "Carry on")
    assert tile["data_until"] <= plant.now.timestamp() * 1000


def test_what_counts_as_too_old_follows_the_rate_of_the_plants_clock() -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    until = now - timedelta(seconds=360)
    in_real_time = Clock(now=now, rate=1.0, tick_age_s=0.1)
    in_a_demo = Clock(now=now, rate=100.0, tick_age_s=0.1)
    assert in_real_time.too_old(until, interval_s=60), "360 s are six intervals"
    assert not in_a_demo.too_old(until, interval_s=60), "360 s at a hundredfold rate are less than 4 s of transport"


def test_the_plants_time_runs_on_at_the_rate_of_the_newest_tick(review: TestClient, plant: Plant) -> None:
    tick(plant, plant_time=plant.now - timedelta(days=10), rate=1000.0)
    first = datetime.fromisoformat(review.get("/v1/units").json()["plant_now"])
    second = datetime.fromisoformat(review.get("/v1/units").json()["plant_now"])
    assert first - (plant.now - timedelta(days=10)) > timedelta(seconds=1)
    assert second > first


def test_an_unacknowledged_alert_makes_the_tile_an_alert_with_one_clear_action(floor: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_readings(plant, "CT-1", until_h=30.001)
    alert = add_alert(plant, "CT-1", hour=29)
    tile = floor.get("/grafana/floor/units").json()[0]
    assert (tile["state"], tile["open_alerts"]) == ("alert", 1)
    assert tile["next_action"] == f"Look at alert {alert} and acknowledge it with a comment: it lasts"


def test_an_alert_of_low_severity_is_counted_and_leaves_the_tile_as_it_is(floor: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_readings(plant, "CT-1", until_h=30.001)
    add_alert(plant, "CT-1", hour=28, kind="quality", severity="low")
    tile = floor.get("/grafana/floor/units").json()[0]
    assert (tile["state"], tile["open_alerts"]) == ("running", 1)
    high = add_alert(plant, "CT-1", hour=27, severity="high")
    add_alert(plant, "CT-1", hour=29, severity="medium")
    tile = floor.get("/grafana/floor/units").json()[0]
    assert (tile["state"], tile["open_alerts"]) == ("alert", 3)
    assert tile["next_action"].startswith(f"Look at alert {high} ")


def test_a_unit_without_a_batch_is_idle_even_when_it_never_sent_anything(floor: TestClient, plant: Plant) -> None:
    tiles = floor.get("/grafana/floor/units").json()
    assert {tile["state"] for tile in tiles} == {"idle"}
    assert [tile["unit"] for tile in tiles] == ["BR-01", "BR-02", "BR-03", "BR-04", "INC-01"]


def test_each_position_of_a_shared_unit_has_a_tile_of_its_own(floor: TestClient, plant: Plant) -> None:
    for position in "AB":
        add_batch(
            plant,
            f"M-{position}",
            process="MAN-1.0",
            unit="INC-01",
            position=position,
            started=plant.now - timedelta(hours=3),
        )
    names = [tile["unit"] for tile in floor.get("/grafana/floor/units").json()]
    assert names[-2:] == ["INC-01 A", "INC-01 B"]


@pytest.mark.parametrize(
    ("material", "says"),
    [
        ("patient", None),
        ("healthy_donor", "it starts from healthy donor material, of which its reference holds no batch (1 patient)"),
        (None, "nobody has stated what it starts from, so whether its reference fits (1 patient) is unknown"),
    ],
)
def test_a_batch_from_a_material_that_its_reference_does_not_hold_is_told_so_wherever_it_is_judged(
    review: TestClient, plant: Plant, material: str | None, says: str | None
) -> None:
    add_batch(plant, "CT-0", started=plant.now - timedelta(days=30), ended=plant.now - timedelta(days=18))
    learned = {"reference_id": plant.references["new"], "batch_id": plant.batches["CT-0"], "input_digest": b"x"}
    plant.insert("reference_batch", **learned, starting_material="patient")
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_readings(plant, "CT-1", until_h=30.001)
    plant.do("UPDATE batch SET starting_material = %s WHERE name = 'CT-1'", material)
    tile = next(unit for unit in review.get("/v1/units").json()["units"] if unit["unit"] == "BR-01")
    batch = review.get("/v1/batches/CT-1").json()
    page, board = review.get("/batches/CT-1").text, review.get("/").text
    assert (tile["state"], batch["starting_material"]) == ("running", material)
    if says is None:
        assert (tile["unlike_reference"], tile["next_action"], batch["unlike_reference"]) == (None, "Carry on", None)
        assert ("Starting material:" in page, "not in reference" in board) == (False, False)
    else:
        assert tile["unlike_reference"].startswith(says)
        assert tile["next_action"] == "Carry on; its starting material is not known to its reference: tell MSAT"
        assert batch["unlike_reference"] == tile["unlike_reference"]
        assert (says in page, "starting material not in reference" in board) == (True, True)
