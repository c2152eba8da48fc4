from datetime import datetime, timedelta
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient

from store.errors import PayloadRejected
from store.fields import batch_name
from tests.api.seed import (
    Plant,
    add_alert,
    add_batch,
    add_event,
    add_readings,
    add_result,
    centre,
)


def test_batches_are_paged_by_a_cursor_without_a_gap_or_a_repetition(review: TestClient, plant: Plant) -> None:
    for number in range(7):
        start = plant.now - timedelta(days=100 - 13 * number)
        add_batch(plant, f"CT-{number}", started=start, ended=start + timedelta(days=12))
    seen, cursor = [], ""
    for _ in range(4):
        page = review.get(f"/v1/batches?limit=2{cursor}").json()
        seen += [batch["batch"] for batch in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
        if page["next_cursor"] is None:
            break
    assert seen == [f"CT-{number}" for number in reversed(range(7))]


def test_the_list_can_be_cut_to_the_old_process_or_to_what_runs(review: TestClient, plant: Plant) -> None:
    long_ago = plant.now - timedelta(days=60)
    add_batch(plant, "M-1", process="MAN-1.0", unit="INC-01", started=long_ago, ended=long_ago + timedelta(days=12))
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=5))
    names = [item["batch"] for item in review.get("/v1/batches?role=pre_change").json()["items"]]
    running = [item["batch"] for item in review.get("/v1/batches?status=running&process=AUTO-2.0").json()["items"]]
    assert (names, running) == (["M-1"], ["CT-1"])


def test_a_batch_says_its_phase_and_what_it_is_compared_with(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=20))
    add_readings(plant, "CT-1", until_h=20, interval_h=1 / 30)
    found = review.get("/v1/batches/CT-1").json()
    assert found["phase"] == "activation"
    assert [reference["role"] for reference in found["references"]] == ["new", "old"]


def test_readings_of_another_batch_in_the_same_unit_are_never_counted_or_drawn(
    review: TestClient, plant: Plant
) -> None:
    first = plant.now - timedelta(hours=50.3)
    add_batch(plant, "CT-1", started=first, ended=first + timedelta(hours=24.1))
    add_readings(plant, "CT-1", until_h=24.1, interval_h=1 / 60)
    add_batch(plant, "CT-2", started=first + timedelta(hours=24.4))
    add_readings(plant, "CT-2", until_h=20, interval_h=1 / 60)
    for batch, readings in (("CT-1", 1446), ("CT-2", 1200)):
        found = review.get(f"/v1/batches/{batch}/readings?tags=glucose&step_s=0").json()["readings"]
        assert len(found) == readings


@pytest.mark.parametrize("step_s", [60, 600, 3600, 5400])
def test_steps_hold_the_mean_and_the_extremes_of_their_readings_from_the_overview_or_not(
    review: TestClient, plant: Plant, step_s: int
) -> None:
    start = plant.now - timedelta(hours=30.37)
    add_batch(plant, "CT-1", started=start, ended=start + timedelta(hours=25.2))
    add_readings(plant, "CT-1", until_h=25.2, interval_h=1 / 60)
    raw = review.get("/v1/batches/CT-1/readings?tags=glucose&step_s=0").json()["readings"]
    stepped = review.get(f"/v1/batches/CT-1/readings?tags=glucose&step_s={step_s}").json()["readings"]
    assert min(step["minimum"] for step in stepped) == min(reading["value"] for reading in raw)
    assert max(step["maximum"] for step in stepped) == max(reading["value"] for reading in raw)
    assert stepped[0]["time"] == raw[0]["time"]
    assert len(stepped) <= 25.2 * 3600 / step_s + 2
    first, second = (datetime.fromisoformat(step["time"]) for step in stepped[:2])
    in_first = [reading["value"] for reading in raw if first <= datetime.fromisoformat(reading["time"]) < second]
    assert stepped[0]["value"] == pytest.approx(sum(in_first) / len(in_first), abs=1e-9)


def test_a_bad_reading_is_stored_but_never_part_of_a_mean(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=2))
    add_readings(plant, "CT-1", until_h=2)
    plant.do("UPDATE reading SET value = 1e9, quality = 0 WHERE source_time = %s", plant.now - timedelta(hours=1))
    plant.do("DELETE FROM overview")
    stepped = review.get("/v1/batches/CT-1/readings?tags=glucose&step_s=600").json()["readings"]
    assert max(step["maximum"] for step in stepped) < 30


def test_an_overlay_has_all_that_one_chart_needs(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=100))
    add_readings(plant, "CT-1", until_h=100.001, interval_h=1 / 60)
    add_alert(plant, "CT-1", tags=("glucose",), hour=60)
    found = review.get("/v1/batches/CT-1/overlay?tag=glucose").json()
    assert found["unit_of_measure"] == "mmol/L"
    assert 500 < len(found["series"]["hours"]) <= 1500
    band = found["reference"]
    assert band["center"][100] == pytest.approx(float(centre("glucose", 50.0)), abs=1e-3)  # type: ignore[arg-type]
    assert band["lower"][100] < band["center"][100] < band["upper"][100]
    assert found["old"]["hours"] == [12, 24, 36, 48, 60, 72, 84]
    assert [(alert["hour"], alert["concerns_tag"]) for alert in found["alerts"]] == [(60, True)]
    assert [phase["phase"] for phase in found["phases"]] == ["activation", "transduction", "expansion"]
    assert found["until_h"] == pytest.approx(100, abs=0.02)


def test_the_band_is_drawn_where_the_batch_was_held_against_it(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=32))
    plant.do(
        """UPDATE reference SET curves = jsonb_set(curves, '{course}', '{"width_h": 0.5, "phases":
        [["activation", 60, 48], ["expansion", 500, 400]]}') WHERE role = 'new'"""
    )
    # Activation lasted 31 h, an hour longer than in any reference batch; expansion has begun.
    plant.do(
        """UPDATE monitor SET snapshot = snapshot || '{"path": [[0, 60, 0], [60, 62, null], [62, 64, 60]],
        "passed_over": [{"phase": "rinsing", "since_us": 36000000000, "why": "the reference does not know it"}]}'"""
    )
    band = review.get("/v1/batches/CT-1/overlay?tag=glucose").json()["reference"]
    assert band["hours"][:2] == [0.25, 0.75]
    assert band["center"][59] is not None
    assert band["center"][60:62] == [None, None]
    assert (band["hours"][62], band["center"][62]) == (31.25, pytest.approx(band_at(30.0)))
    assert len(band["hours"]) == 62 + 400, "and on as a usual batch goes"
    (note,) = review.get("/v1/batches/CT-1").json()["course_notes"]
    assert note == "the start of rinsing at 10.0 h does not place it: the reference does not know it"
    plant.do("UPDATE monitor SET snapshot = jsonb_set(snapshot, '{path}', '[[0, 60, 0], [60, 64, null]]')")
    assert "nothing but assays is judged" in review.get("/v1/batches/CT-1").json()["course_notes"][1]
    assert len(review.get("/v1/batches/CT-1/overlay?tag=glucose").json()["reference"]["hours"]) == 64


def band_at(hour: float) -> float:
    return round(float(centre("glucose", np.array([hour]))[0]), 4)


def test_old_points_are_drawn_only_where_somebody_stated_that_the_old_tag_stands_for_the_new(
    review: TestClient, plant: Plant
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=100))
    add_readings(plant, "CT-1", until_h=100)
    in_all, in_one_phase, never = (
        review.get(f"/v1/batches/CT-1/overlay?tag={tag}").json()["old"]
        for tag in ("glucose", "lactate", "dissolved_oxygen")
    )
    assert len(in_all["hours"]) == 7
    assert in_one_phase["hours"] == [24, 36, 48, 60], "lactate corresponds in transduction only, which ends at hour 72"
    assert never is None


def test_few_readings_are_drawn_each_at_its_own_time(review: TestClient, plant: Plant) -> None:
    start = plant.now - timedelta(days=60, minutes=7)
    add_batch(plant, "M-1", process="MAN-1.0", unit="INC-01", started=start, ended=start + timedelta(days=12))
    add_readings(plant, "M-1", unit="INC-01", until_h=288, interval_h=11.9)
    hours = review.get("/v1/batches/M-1/overlay?tag=glucose").json()["series"]["hours"]
    assert hours[:3] == [0, 11.9, 23.8]


def test_a_corrected_result_shows_both_statements_and_which_of_them_is_valid(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=290))
    add_result(plant, "CT-1", "LIMS-1", value="68.1", known_at=plant.now - timedelta(hours=2))
    add_result(plant, "CT-1", "LIMS-1", value="91.4", status="corrected", known_at=plant.now - timedelta(hours=1))
    found = review.get("/v1/batches/CT-1/results").json()["results"]
    assert [(row["value_text"], row["current"], row["within_specification"]) for row in found] == [
        ("68.1", False, False),
        ("91.4", True, True),
    ]


def test_what_the_sampling_plan_asks_for_is_expected_and_then_overdue(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=299))
    add_batch(plant, "CT-2", unit="BR-02", started=plant.now - timedelta(hours=301))
    add_result(plant, "CT-2", "LIMS-1")
    soon = review.get("/v1/batches/CT-1/results").json()["expected"]
    late = review.get("/v1/batches/CT-2/results").json()["expected"]
    assert [(row["attribute"], row["overdue"]) for row in soon] == [
        ("endotoxin", False),
        ("vector_copy_number", False),
        ("viability", False),
    ]
    assert [(row["attribute"], row["overdue"]) for row in late] == [("endotoxin", True), ("vector_copy_number", True)]


def test_a_result_that_arrives_after_it_was_due_is_marked_late(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=320), ended=plant.now - timedelta(hours=30))
    add_batch(plant, "CT-2", unit="BR-02", started=plant.now - timedelta(hours=290))
    for batch in ("CT-1", "CT-2"):
        add_result(plant, batch, f"LIMS-{batch}")
    late = {
        batch: review.get(f"/v1/batches/{batch}/results").json()["results"][0]["late"] for batch in ("CT-1", "CT-2")
    }
    assert late == {"CT-1": True, "CT-2": False}


def test_a_specimen_may_carry_the_name_of_its_batch_before_what_the_plan_calls_it(
    review: TestClient, plant: Plant
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=301))
    add_result(plant, "CT-1", "LIMS-1")
    plant.do("UPDATE qc_result SET specimen = 'CT-1-final'")
    found = review.get("/v1/batches/CT-1/results").json()
    assert [row["attribute"] for row in found["expected"]] == ["endotoxin", "vector_copy_number"]
    assert found["results"][0]["due"] is not None


def test_a_bound_is_judged_only_where_it_decides(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=290))
    add_result(plant, "CT-1", "LIMS-1", value=">65")
    add_result(plant, "CT-1", "LIMS-2", value=">75")
    found = review.get("/v1/batches/CT-1/results").json()["results"]
    assert {row["value_text"]: row["within_specification"] for row in found} == {">65": None, ">75": True}


def test_events_come_in_order_and_without_pseudonyms(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=30))
    add_event(plant, "CT-1", "unit_procedure_started", hour=0, donor="D-17", chain_of_identity="COI-88")
    add_event(plant, "CT-1", "material_used", hour=24, lot="LV-1")
    found = review.get("/v1/batches/CT-1/events").json()["items"]
    assert [event["kind"] for event in found] == ["unit_procedure_started", "material_used"]
    assert "D-17" not in str(found)
    assert "COI-88" not in str(found)


def test_a_result_of_a_batch_nobody_knows_is_kept_and_shown_as_waiting(review: TestClient, plant: Plant) -> None:
    add_result(plant, "CT-77", "LIMS-7")
    assert [(row["result"], row["batch"]) for row in review.get("/v1/pending-results").json()] == [("LIMS-7", "CT-77")]
    assert "CT-77" in review.get("/quarantine").text


def test_every_name_that_ingest_takes_for_a_batch_has_an_address(review: TestClient, plant: Plant) -> None:
    for number, name in enumerate(("CT 1#a?b%2", "x" * 200, "Ä-1")):
        assert batch_name({"batch": name}, "batch") == name
        add_batch(plant, name, unit=f"BR-0{number + 1}", started=plant.now - timedelta(hours=4))
        assert review.get(f"/v1/batches/{quote(name, safe='')}").json()["batch"] == name
        assert review.get(f"/batches/{quote(name, safe='')}").status_code == 200
        assert review.get("/v1/alerts", params={"batch": name}).status_code == 200
    for name in ("CT-1/2", ".", ".."):
        with pytest.raises(PayloadRejected, match="without /"):
            batch_name({"batch": name}, "batch")
