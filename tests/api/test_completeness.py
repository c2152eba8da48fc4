"""How much of the record is there: what never came is missing, whoever else sent more."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.seed import Plant, add_batch, add_readings, hush

HOUR = timedelta(hours=1)
MINUTE_H = 1 / 60


def completeness(client: TestClient, batch: str = "CT-1") -> dict[str, Any]:
    """What the API says of the record of a batch."""
    found: dict[str, Any] = client.get(f"/v1/batches/{batch}").json()["completeness"]
    return found


def test_what_is_missing_at_the_end_of_a_batch_was_expected_all_the_same(review: TestClient, plant: Plant) -> None:
    start = plant.now - 100 * HOUR
    add_batch(plant, "CT-1", started=start, ended=start + 48 * HOUR)
    add_readings(plant, "CT-1", until_h=12, interval_h=MINUTE_H)
    found = completeness(review)
    assert (found["readings"], found["expected"]) == (12 * 60 * 6, 48 * 60 * 6)
    assert found["received_share"] == pytest.approx(0.25)


def test_a_running_batch_is_expected_to_have_readings_up_to_now(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - 20 * HOUR)
    add_readings(plant, "CT-1", until_h=15, interval_h=MINUTE_H)
    assert completeness(review)["received_share"] == pytest.approx(0.75, abs=0.002)


def test_a_batch_that_sent_nothing_has_nothing_of_what_it_owes(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - 20 * HOUR)
    found = completeness(review)
    assert (found["readings"], found["received_share"], found["worst_share"]) == (0, 0, 0)
    assert found["expected"] >= 20 * 60 * 6 - 12


def test_a_tag_that_sends_too_much_never_fills_in_for_a_dead_one(review: TestClient, plant: Plant) -> None:
    start = plant.now - 30 * HOUR
    add_batch(plant, "CT-1", started=start, ended=start + 24 * HOUR)
    add_readings(plant, "CT-1", until_h=24, interval_h=MINUTE_H / 4)
    hush(plant, "lactate", since=start)
    found = completeness(review)
    assert found["received_share"] == pytest.approx(5 / 6)
    assert (found["worst_tag"], found["worst_share"]) == ("lactate", 0)
    assert "lactate 0.0 %" in review.get("/batches/CT-1").text


def test_a_complete_record_is_complete(review: TestClient, plant: Plant) -> None:
    start = plant.now - 300 * HOUR
    add_batch(plant, "CT-1", started=start, ended=start + 24 * HOUR)
    add_readings(plant, "CT-1", until_h=24, interval_h=MINUTE_H)
    found = completeness(review)
    assert (found["received_share"], found["worst_share"]) == (1, 1)
    assert "100.0 %" in review.get("/batches/CT-1").text
