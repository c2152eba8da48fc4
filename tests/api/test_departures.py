"""How a batch lies to the old process, as JSON and on its page."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from psycopg.types.json import Jsonb

from store.model.times import to_us
from tests.api.conftest import sign_in
from tests.api.seed import CORRESPONDENCES, OLD_HOURS, Plant, add_alert, add_batch, add_readings, compare_with_old

OFF = {("glucose", 36.0): -3.1, ("glucose", 48.0): -6.0, ("temperature", 24.0): None}


def ended(plant: Plant) -> None:
    started = plant.now - timedelta(days=30)
    add_batch(plant, "CT-1", started=started, ended=started + timedelta(days=12))


def running(plant: Plant, hours: float = 62.0) -> None:
    """A batch at an hour, with a point outside, one that alerted and one at which nothing was seen."""
    add_batch(plant, "CT-2", started=plant.now - timedelta(hours=hours))
    add_readings(plant, "CT-2", until_h=hours)
    compare_with_old(plant, "CT-2", until_h=hours - 1, off=OFF)


def again(plant: Plant, batch: str) -> int:
    """The run of a batch that began after an upgrade; the one before it is superseded."""
    plant.do("UPDATE monitor SET until_ordinal = 1 WHERE monitor_id = %s", plant.monitors[batch])
    fields = {
        "started_us": to_us(plant.started[batch]),
        "tags": [{"name": "glucose"}],
        "correspondences": [{"new_tag": tag, "old_tag": tag, "phase": phase} for tag, phase in CORRESPONDENCES],
    }
    return plant.insert(
        "monitor",
        batch_id=plant.batches[batch],
        unit_procedure_id=plant.procedures[batch],
        run=2,
        cause="upgrade",
        reference_old_id=plant.references["old"],
        software="0.2.0",
        configuration=Jsonb(fields),
        started_ordinal=1,
        position=1,
        closed=True,
    )


def state(
    plant: Plant,
    phase: str,
    tag: str,
    *,
    declared: int,
    distances: tuple[float, float] | None,
    monitor: int | None = None,
    **counts: int,
) -> None:
    plant.insert(
        "departure",
        monitor_id=monitor or plant.monitors["CT-1"],
        phase=phase,
        tag=tag,
        declared=declared,
        seen=counts.get("seen", 0),
        inside=counts.get("inside", 0),
        mean_distance=None if distances is None else distances[0],
        largest_distance=None if distances is None else distances[1],
        largest_h=None if distances is None else 36.0,
        intake_ordinal=1,
    )


def test_a_phase_says_coverage_share_and_signed_distance_and_that_it_is_not_drift(
    review: TestClient, plant: Plant
) -> None:
    ended(plant)
    state(plant, "activation", "temperature", declared=4, seen=4, inside=3, distances=(0.5, 2.5))
    state(plant, "activation", "glucose", declared=4, seen=2, inside=2, distances=(-1.0, -1.2))
    state(plant, "transduction", "glucose", declared=4, distances=None)
    told = review.get("/v1/batches/CT-1/departures").json()
    assert told["label"] == "comparison with the old process; says nothing of drift"
    assert told["stated"] is not None
    assert [(phase["phase"], phase["coverage"], phase["share_inside"]) for phase in told["phases"]] == [
        ("activation", 0.75, 5 / 6),
        ("transduction", 0.0, None),
    ]
    assert told["phases"][0]["sentence"] == (
        "In activation 6 of 8 matched points were seen; 5 of them lie inside the 95 % prediction interval of the old "
        "process. glucose 1.0 old SD below the old mean on average, farthest 1.2 old SD below the old mean at hour "
        "36.0; temperature 0.5 old SD above the old mean on average, farthest 2.5 old SD above the old mean at hour "
        "36.0."
    )
    assert "nothing can be said against the old process" in told["phases"][1]["sentence"]
    warm = next(row for row in told["tags"] if row["tag"] == "temperature")
    assert warm["interval"] == pytest.approx([0.194, 0.994], abs=0.001)
    assert warm["sentence"] == (
        "In activation temperature was seen at 4 of 4 matched points. 3 of these 4 lie inside the 95 % prediction "
        "interval of the old batches: 75 %, exact 95 % interval 19 to 99 %. temperature lies 0.5 old SD above the old "
        "mean on average, farthest 2.5 old SD above the old mean at hour 36.0."
    )
    page = review.get("/batches/CT-1").text
    assert "Not drift: how this batch lay to the old process" in page
    assert "+2.5 at 36.0 h" in page
    page = review.get("/batches/CT-1/departures").text
    assert "<b>Not drift.</b>" in page
    assert warm["sentence"] in page


def test_of_a_batch_that_runs_the_points_so_far_are_told_by_phase_and_tag(review: TestClient, plant: Plant) -> None:
    running(plant)
    told = review.get("/v1/batches/CT-2/departures").json()
    assert (told["run"], told["stated"], told["compared_until_h"]) == (1, None, 60.0)
    assert told["until_h"] == pytest.approx(61.75)
    found = {(row["phase"], row["tag"]): row for row in told["tags"]}
    assert {key: (row["declared"], row["seen"], row["inside"]) for key, row in found.items()} == {
        ("activation", "glucose"): (1, 1, 1),
        ("activation", "temperature"): (1, 1, 1),
        ("transduction", "glucose"): (4, 4, 2),
        ("transduction", "lactate"): (4, 4, 4),  # its correspondence holds in this phase alone
        ("transduction", "temperature"): (4, 3, 3),
    }
    low = found["transduction", "glucose"]
    assert (low["largest_distance"], low["largest_h"]) == (pytest.approx(-6.0), 48.0)
    assert low["mean_distance"] == pytest.approx((0.5 - 3.1 - 6.0 + 0.5) / 4)
    assert [one["tag"] for one in told["never_compared"]] == ["dissolved_oxygen", "pH", "viable_cell_density"]
    assert {one["why"] for one in told["never_compared"]} == {
        "nobody has stated that a tag of the old process stands for it"
    }
    assert "Against the old process" not in review.get("/batches/CT-2").text, "nothing is stated before its end"


def test_the_points_of_a_tag_say_what_became_of_each_and_where_nothing_is_known(
    review: TestClient, plant: Plant
) -> None:
    running(plant)
    add_alert(plant, "CT-2", kind="departure", tags=("glucose",), hour=49.0, sentence="glucose departs")
    add_alert(plant, "CT-2", kind="drift", tags=("glucose",), hour=50.0)
    told = review.get("/v1/batches/CT-2/departures/points?tag=glucose").json()
    assert [(point["hour"], point["state"]) for point in told["points"]] == [
        (12.0, "inside"),
        (24.0, "inside"),
        (36.0, "outside"),
        (48.0, "outside"),
        (60.0, "inside"),
        (72.0, "ahead"),
        (84.0, "ahead"),
    ]
    met, ahead = told["points"][2], told["points"][5]
    assert met["distance"] == pytest.approx(-3.1)
    assert met["value"] == pytest.approx(met["expected"] - 3.1 * 0.8)
    assert (met["upper"] - met["lower"]) / 2 == pytest.approx(2.4 * 0.8)
    assert (ahead["upper"] - ahead["lower"]) / 2 == pytest.approx(2.4 * 0.8)
    assert told["unknown"][0] == {"from_h": 0.0, "to_h": 11.0}
    assert told["unknown"][1] == {"from_h": 13.0, "to_h": 23.0}
    assert [(alert["kind"], alert["hour"]) for alert in told["alerts"]] == [("departure", 49.0)]
    assert told["series"]["hours"][-1] == pytest.approx(61.75)
    seen = review.get("/v1/batches/CT-2/departures/points?tag=temperature").json()["points"]
    assert seen[1]["state"] == "not_seen"
    lactate = review.get("/v1/batches/CT-2/departures/points?tag=lactate").json()
    assert lactate["in_phases"] == ["transduction"]
    assert lactate["points"][0]["hour"] == 24.0
    refused = review.get("/v1/batches/CT-2/departures/points?tag=pH")
    assert refused.status_code == 404
    assert refused.json()["detail"] == "tag 'pH' of batch 'CT-2' is never compared with the old process"
    assert review.get("/v1/batches/CT-2/departures/points?tag=nothing").status_code == 404


def test_after_another_run_each_says_what_it_said(review: TestClient, plant: Plant) -> None:
    ended(plant)
    state(plant, "activation", "glucose", declared=4, seen=4, inside=1, distances=(-2.0, -6.5))
    compare_with_old(plant, "CT-1", until_h=100, off={("glucose", 12.0): -6.5})
    second = again(plant, "CT-1")
    state(plant, "activation", "glucose", declared=4, seen=4, inside=4, distances=(0.1, 0.4), monitor=second)
    compare_with_old(plant, "CT-1", until_h=100, off={}, monitor=second)
    stands = review.get("/v1/batches/CT-1/departures").json()
    assert (stands["run"], stands["tags"][0]["inside"]) == (2, 4)
    assert [(row["run"], row["inside"]) for row in stands["superseded"]] == [(1, 1)]
    assert [(one["run"], one["cause"], one["superseded"]) for one in stands["runs"]] == [
        (2, "upgrade", False),
        (1, None, True),
    ]
    first = review.get("/v1/batches/CT-1/departures?run=1").json()
    assert (first["run"], first["tags"][0]["inside"]) == (1, 1)
    at = "/v1/batches/CT-1/departures/points?tag=glucose"
    assert review.get(at).json()["points"][0]["state"] == "inside"
    assert review.get(f"{at}&run=1").json()["points"][0]["state"] == "outside"
    page = review.get("/batches/CT-1/departures?run=1").text
    assert "This is what run 1 said." in page
    unknown = review.get("/v1/batches/CT-1/departures?run=7")
    assert unknown.status_code == 404
    assert "no run 7" in unknown.json()["detail"]


def test_of_a_run_that_kept_no_points_the_statement_stands_without_them(review: TestClient, plant: Plant) -> None:
    ended(plant)
    state(plant, "activation", "glucose", declared=7, seen=7, inside=7, distances=(0.1, 0.4))
    points = review.get("/v1/batches/CT-1/departures/points?tag=glucose").json()["points"]
    assert [point["state"] for point in points] == ["not_kept"] * len(OLD_HOURS)


def test_of_a_batch_that_nobody_compares_the_page_says_so(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-3", started=plant.now - timedelta(hours=1))
    plant.do("UPDATE monitor SET reference_old_id = NULL")
    told = review.get("/v1/batches/CT-3/departures").json()
    assert (told["run"], told["phases"], told["tags"]) == (None, [], [])
    assert "Nobody compares this batch with an old process" in review.get("/batches/CT-3/departures").text


def test_departures_of_a_batch_nobody_knows_are_not_found(review: TestClient, plant: Plant) -> None:
    for path in ("/v1/batches/CT-77/departures", "/v1/batches/CT-77/departures/points?tag=pH"):
        assert review.get(path).status_code == 404
    assert review.get("/batches/CT-77/departures").status_code == 404


def test_a_wall_board_does_not_get_departures(floor: TestClient, plant: Plant) -> None:
    for path in (
        "/v1/batches/CT-1/departures",
        "/v1/batches/CT-1/departures/points?tag=pH",
        "/batches/CT-1/departures",
    ):
        assert floor.get(path).status_code == 403


def test_who_has_no_role_does_not_see_the_page(anonymous: TestClient, people: None, plant: Plant) -> None:
    running(plant)
    sign_in(anonymous, "nobody")
    assert anonymous.get("/batches/CT-2/departures").status_code == 403
    assert anonymous.get("/batches/CT-2/departures/now").status_code == 403
    sign_in(anonymous, "vera")
    assert anonymous.get("/batches/CT-2/departures").status_code == 200


def test_the_page_draws_points_and_hatches_what_is_not_known(plant: Plant, page: Page) -> None:
    running(plant)
    add_alert(plant, "CT-2", kind="departure", tags=("glucose",), hour=49.0, sentence="glucose departs")
    page.goto("/batches/CT-2")
    page.click("text=batch against the old process")
    chart = page.locator("[data-tag=glucose]")
    expect(chart).to_have_attribute("data-outside", "2")
    expect(chart).to_have_attribute("data-inside", "3")
    expect(chart).to_have_attribute("data-ahead", "2")
    expect(chart).to_have_attribute("data-alerts", "1")
    page.locator("[data-tag=temperature]").scroll_into_view_if_needed()
    expect(page.locator("[data-tag=temperature]")).to_have_attribute("data-notseen", "1")
    expect(page.locator("#state")).to_contain_text("60.0 h")
    expect(page.locator("#never")).to_contain_text("dissolved_oxygen")
    box = chart.locator(".u-over").bounding_box()
    assert box is not None
    end_h = 84.0 * 1.01
    chart.locator(".u-over").hover(position={"x": box["width"] * 36.0 / end_h, "y": 40.0})
    expect(chart.locator("output")).to_contain_text("3.1 old SD below, outside the interval; an alert from 5.0")
    chart.locator(".u-over").hover(position={"x": box["width"] * 30.0 / end_h, "y": 40.0})
    expect(chart.locator("output")).to_contain_text("nothing is known of the old process here")
