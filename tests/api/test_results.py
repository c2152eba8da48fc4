"""What a batch's results were at an instant, and where each line of the sampling plan stands."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.results import within_specification
from tests.api.seed import Plant, add_batch, add_result, tick


def said(plant: Plant, *stories: tuple[str, str, str, float], batch: str = "CT-1") -> None:
    """Results as (id, value, status, hours ago that it became known)."""
    for result, value, status, ago_h in stories:
        add_result(plant, batch, result, value=value, status=status, known_at=plant.now - timedelta(hours=ago_h))


def plan_of(review: TestClient, batch: str, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = review.get(f"/v1/batches/{batch}/results/expected", params=asked).json()
    return answer


def state_of(review: TestClient, batch: str, attribute: str = "viability") -> tuple[str, str | None]:
    (line,) = (line for line in plan_of(review, batch)["lines"] if line["attribute"] == attribute)
    return line["state"], line["overdue_since"]


def test_record_3_results_are_answered_as_they_were_known_at_an_instant(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=290))
    said(plant, ("L-1", "80", "preliminary", 9), ("L-1", "68.1", "final", 6), ("L-1", "91.4", "corrected", 3))
    seen = {}
    for ago_h in (10, 8, 5, 1):
        instant = (plant.now - timedelta(hours=ago_h)).isoformat()
        found = review.get("/v1/batches/CT-1/results", params={"as_known_at": instant}).json()
        assert datetime.fromisoformat(found["as_known_at"]) == datetime.fromisoformat(instant)
        assert found["settled"]
        seen[ago_h] = [(row["statement"], row["value_text"]) for row in found["results"] if row["current"]]
        assert len(found["results"]) == {10: 0, 8: 1, 5: 2, 1: 3}[ago_h]
    assert seen == {10: [], 8: [(1, "80")], 5: [(2, "68.1")], 1: [(3, "91.4")]}
    ahead = (plant.now + timedelta(hours=1)).isoformat()
    found = review.get("/v1/batches/CT-1/results", params={"as_known_at": ahead}).json()
    assert not found["settled"], "more may become known until then"
    assert review.get("/v1/batches/CT-1/results?as_known_at=2026-01-05T08:00:00").status_code == 422


def test_a_line_of_the_plan_goes_from_not_yet_drawn_to_overdue_by_the_plants_clock(
    review: TestClient, plant: Plant
) -> None:
    started = plant.now - timedelta(hours=100)
    add_batch(plant, "CT-1", started=started)
    states = []
    for hour in (270, 290, 301):
        tick(plant, plant_time=started + timedelta(hours=hour))
        states.append(state_of(review, "CT-1")[0])
    assert states == ["not_yet_drawn", "awaited", "overdue"]
    since = state_of(review, "CT-1")[1]
    assert since is not None
    assert datetime.fromisoformat(since) == started + timedelta(hours=300)


def test_a_preliminary_result_answers_nothing_and_a_final_one_does(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=301))
    said(plant, ("L-1", "80", "preliminary", 9))
    (line,) = (line for line in plan_of(review, "CT-1")["lines"] if line["attribute"] == "viability")
    assert (line["state"], len(line["answers"])) == ("overdue", 1)
    said(plant, ("L-1", "91", "final", 1))
    assert state_of(review, "CT-1") == ("received", None)


def test_an_invalidated_result_is_owed_again(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=301))
    said(plant, ("L-1", "91", "final", 3), ("L-1", "91", "invalidated", 1))
    assert state_of(review, "CT-1")[0] == "overdue"


@pytest.mark.parametrize(("status", "state"), [("completed", "overdue"), ("terminated", "not_drawn")])
def test_the_end_of_a_batch_silences_nothing_but_what_a_terminated_one_can_give_no_more(
    review: TestClient, plant: Plant, status: str, state: str
) -> None:
    started = plant.now - timedelta(hours=400)
    add_batch(plant, "CT-1", started=started, ended=started + timedelta(hours=270), status=status)
    assert state_of(review, "CT-1")[0] == state


def test_release_waits_only_for_what_the_plan_says(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=301))
    plant.do("UPDATE sampling_plan SET before_release = false WHERE attribute = 'vector_copy_number'")
    said(plant, ("L-1", "91", "final", 1))
    found = plan_of(review, "CT-1")
    assert (found["owed_before_release"], found["owed_after_release"], found["overdue"]) == (1, 1, 2)


def test_record_3_what_was_expected_at_an_instant_follows_the_plan_as_it_was_then(
    review: TestClient, plant: Plant
) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=301))
    changed, added = plant.now - timedelta(hours=2), plant.now - timedelta(hours=1)
    line = {"process_version_id": plant.processes["AUTO-2.0"], "attribute": "viability", "at_h": 280}
    plant.insert("sampling_plan", **line, specimen="final", due_h=310, before_release=False, known_at=changed)
    plant.insert("sampling_plan", **line, specimen="harvest", due_h=320, known_at=added)

    def plan(at: datetime | None) -> list[tuple[str, float, bool]]:
        found = plan_of(review, "CT-1", **({} if at is None else {"as_known_at": at.isoformat()}))["lines"]
        return [
            (row["specimen"], row["due_h"], row["before_release"]) for row in found if row["attribute"] == "viability"
        ]

    second = timedelta(seconds=1)
    assert plan(changed - second) == [("final", 300, True)]
    assert plan(changed) == [("final", 310, False)]
    assert plan(added) == plan(None) == [("final", 310, False), ("harvest", 320, True)]
    assert plan(plant.now - timedelta(days=901)) == []


def test_what_no_line_asks_for_is_listed_with_the_reason(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=301))
    add_result(plant, "CT-1", "L-1", attribute="sterility", value="no growth")
    said(plant, ("L-2", "91", "final", 1), ("L-3", "90", "final", 1))
    plant.do("UPDATE qc_result SET specimen = 'day 3' WHERE result = 'L-2'")
    plant.do("UPDATE qc_result SET specimen = NULL WHERE result = 'L-3'")
    assert state_of(review, "CT-1")[0] == "received", "one line of the attribute: it needs no specimen"
    assert [(row["result"], row["why"]) for row in plan_of(review, "CT-1")["unexpected"]] == [
        ("L-1", "the sampling plan does not ask for this attribute"),
        ("L-2", "the sampling plan has final for it"),
    ]
    plant.insert(
        "sampling_plan",
        process_version_id=plant.processes["AUTO-2.0"],
        attribute="viability",
        specimen="harvest",
        at_h=288,
        due_h=300,
        known_at=plant.now,
    )
    found = {row["result"]: row["why"] for row in plan_of(review, "CT-1")["unexpected"]}
    assert found["L-3"] == "it names no specimen, and the sampling plan has final, harvest"


def test_grafana_and_prometheus_see_what_is_overdue(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=302), ended=plant.now - timedelta(hours=14))
    said(plant, ("L-1", "91", "final", 1))
    samples = review.get("/grafana/floor/samples").json()
    assert [(row["attribute"], row["state"]) for row in samples] == [
        ("endotoxin", "overdue"),
        ("vector_copy_number", "overdue"),
    ]
    assert all(abs(row["overdue_h"] - 2) < 0.1 for row in samples)
    assert len(review.get("/grafana/expected?batch=CT-1").json()) == 3
    assert review.get("/grafana/expected?batch=CT-9").json() == []
    assert "batchwitness_results_overdue 2.0" in review.get("/metrics").text


def test_the_page_folds_out_every_statement_with_who_and_why(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=301))
    said(plant, ("L-1", "68.1", "final", 3), ("L-1", "91.4", "corrected", 1))
    page = review.get("/batches/CT-1/results")
    assert page.status_code == 200
    for text in ("2 statements", "no reason given", "overdue since", "L-1", "release waits for 2"):
        assert text in page.text, text
    earlier = (plant.now - timedelta(hours=2)).isoformat()
    before = review.get("/batches/CT-1/results", params={"as_known_at": earlier}).text
    assert "1 statement<" in before
    assert "91.4" not in before
    assert review.get("/batches/CT-1/results?as_known_at=").status_code == 200
    assert "overdue since" in review.get("/batches/CT-1").text


@pytest.mark.parametrize(
    ("value", "censored", "low", "high", "within"),
    [
        (0.5, "<", None, 0.5, True),
        (0.6, "<", None, 0.5, None),
        (70.0, "<", 70.0, None, False),
        (70.0, "<=", 70.0, None, None),
        (0.5, ">", None, 0.5, False),
        (0.5, ">=", None, 0.5, None),
        (75.0, ">", 70.0, None, True),
        (75.0, ">", 70.0, 90.0, None),
        (None, None, 1.0, None, None),
        (5.0, None, 1.0, 5.0, True),
    ],
)
def test_a_bound_is_judged_against_both_sides_of_a_specification(
    *, value: float | None, censored: str | None, low: float | None, high: float | None, within: bool | None
) -> None:
    assert within_specification(value, censored, low=low, high=high) is within
