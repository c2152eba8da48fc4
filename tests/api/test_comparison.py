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


def test_results_that_are_not_final_or_of_running_batches_or_other_specimens_are_counted_and_left_out(
    review: TestClient, plant: Plant
) -> None:
    for number in range(4):
        end = plant.now - timedelta(days=20 + 14 * number)
        add_batch(plant, f"CT-{number}", started=end - timedelta(days=12), ended=end)
        add_result(plant, f"CT-{number}", f"LIMS-{number}", value=str(90 + number), known_at=end)
    add_result(plant, "CT-0", "LIMS-10", value="10", status="preliminary")
    add_result(plant, "CT-1", "LIMS-11", value="11")
    plant.do("UPDATE qc_result SET specimen = 'CT-1-day 3' WHERE result = 'LIMS-11'")
    add_result(plant, "CT-2", "LIMS-12", value="no growth")
    add_result(plant, "CT-3", "LIMS-13", value="92.5", known_at=plant.now - timedelta(days=19))
    add_batch(plant, "CT-8", started=plant.now - timedelta(days=3))
    add_result(plant, "CT-8", "LIMS-14", value="14")
    viability = review.get("/v1/comparison").json()["attributes"][0]
    new = viability["new"]
    assert (new["n"], new["low"], new["high"]) == (4, 90, 92.5), "the repeated one stands for CT-3"
    assert new["left_out"] == {"running": 1, "preliminary": 1, "other_specimen": 1, "unusable": 1, "repeated": 1}
    assert set(viability["old"]["left_out"].values()) == {0}


def test_a_ratio_is_not_replaced_by_a_difference_when_a_value_has_no_logarithm(
    review: TestClient, plant: Plant
) -> None:
    plant.do("UPDATE attribute SET scale = 'log' WHERE name = 'viability'")
    for number in range(4):
        for process, name in (("MAN-1.0", "M"), ("AUTO-2.0", "CT")):
            unit = "INC-01" if name == "M" else "BR-01"
            end = plant.now - timedelta(days=300 - 14 * number)
            batch = f"{name}-{number}"
            add_batch(plant, batch, process=process, unit=unit, started=end - timedelta(days=12), ended=end)
            add_result(plant, batch, f"LIMS-{batch}", value=str(number if name == "CT" else 90 + number))
    viability = review.get("/v1/comparison").json()["attributes"][0]
    assert (viability["difference"], viability["sd_ratio"], viability["new"]["mean"]) == (None, None, None)
    assert viability["why_not"] == "not compared on the log scale: a value is zero or below"
