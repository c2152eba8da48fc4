"""Old against new, checked against numbers that were computed elsewhere."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from tests.api.seed import Plant, add_batch, add_result


def test_the_table_counts_every_started_batch_and_computes_with_valid_numbers_only(
    review: TestClient, plant: Plant
) -> None:
    for number in range(5):
        start = plant.now - timedelta(days=300 - 14 * number)
        end = start + timedelta(days=12)
        add_batch(plant, f"M-{number}", process="MAN-1.0", unit="INC-01", started=start, ended=end)
        add_result(plant, f"M-{number}", f"LIMS-{number}", value=str(90 + number))
        new_start, new_end = start + timedelta(days=150), end + timedelta(days=150)
        add_batch(plant, f"CT-{number}", started=new_start, ended=new_end)
        add_result(plant, f"CT-{number}", f"LIMS-1{number}", value=str(60 + number), known_at=end)
        add_result(plant, f"CT-{number}", f"LIMS-1{number}", value=str(92 + number), status="corrected")
        add_result(
            plant, f"CT-{number}", f"LIMS-2{number}", attribute="endotoxin", value="<0.5", unit_of_measure="[EU]/mL"
        )
    add_batch(plant, "CT-9", started=plant.now - timedelta(hours=5), status="terminated")
    found = review.get("/v1/comparison").json()
    viability, _, endotoxin = found["attributes"]
    assert found["label"] == "exploratory"
    assert (viability["old"]["mean"], viability["new"]["mean"], viability["difference"]["value"]) == (92, 94, 2)
    assert viability["difference"]["low"] == pytest.approx(2 - 1.8595480, abs=1e-5), "t(8) at 95 % times SE 1"
    assert (endotoxin["new"]["stated_as_bound"], endotoxin["difference"]) == (5, None)
    assert endotoxin["why_not"] == "fewer than 3 batches with a number on a side"
    assert [(side["started"], side["terminated"]) for side in found["outcomes"]] == [(5, 0), (6, 1)]
    assert review.get("/v1/comparison?change=nothing").status_code == 404
