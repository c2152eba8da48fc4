"""Old against new, checked against numbers that were computed elsewhere."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from api.comparison import sd_ratio, welch_difference
from tests.api.seed import Plant, add_batch, add_result

# Student's sleep data (Cushny and Peebles 1905); R's t.test(extra ~ group, data = sleep) gives −3.3654832, 0.2054832.
GROUP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
GROUP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_welchs_interval_is_that_of_students_sleep_data() -> None:
    found = welch_difference(GROUP_2, GROUP_1, confidence=0.95)
    assert (found.value, found.low, found.high) == pytest.approx((-1.58, -3.3654832, 0.2054832), abs=1e-6)


def test_the_interval_of_the_sd_ratio_is_that_of_the_f_distribution() -> None:
    found = sd_ratio(GROUP_2, GROUP_1, confidence=0.95)
    assert found.value**2 == pytest.approx(0.7983426, abs=1e-6)
    assert (found.low**2, found.high**2) == pytest.approx((0.198297, 3.214123), abs=1e-4)


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
