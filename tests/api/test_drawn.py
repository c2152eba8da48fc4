"""What a chart or a page draws: usable readings, approved ranges in force, and the side on which a range was left."""

from datetime import timedelta

from fastapi.testclient import TestClient

from tests.api.seed import Plant, add_alert, add_batch, add_reading, add_readings

HOUR = timedelta(hours=1)


def add_limit(
    plant: Plant, kind: str, low: float, high: float, *, hours_ago: float = 9000, unit_of_measure: str = "mmol/L"
) -> None:
    """A limit of glucose in force since so many hours ago."""
    plant.insert(
        "limit_version",
        process_version_id=plant.processes["AUTO-2.0"],
        tag="glucose",
        kind=kind,
        low=low,
        high=high,
        unit_of_measure=unit_of_measure,
        source="filing 3.2.P.3",
        effective_from=plant.now - hours_ago * HOUR,
        known_at=plant.now,
    )


def test_a_bad_reading_is_not_drawn_as_an_ordinary_point_nor_as_the_last(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - 2 * HOUR)
    add_readings(plant, "CT-1", until_h=1.9)
    add_reading(plant, "glucose", plant.now - 0.01 * HOUR, value=1e9, quality=0)
    drawn = review.get("/v1/batches/CT-1/overlay?tag=glucose").json()
    assert max(drawn["series"]["value"]) < 30
    assert drawn["until_h"] == 1.75


def test_only_approved_ranges_in_the_tags_unit_in_force_when_the_batch_began_are_drawn(
    review: TestClient, plant: Plant
) -> None:
    add_batch(plant, "CT-1", started=plant.now - 20 * HOUR)
    add_limit(plant, "proven_acceptable_range", 2, 30)
    add_limit(plant, "proven_acceptable_range", 4, 25, hours_ago=21)
    add_limit(plant, "proven_acceptable_range", 6, 20, hours_ago=1)
    add_limit(plant, "normal_operating_range", 5, 24)
    add_limit(plant, "normal_operating_range", 500, 2400, hours_ago=100, unit_of_measure="mg/dL")
    add_limit(plant, "alert_limit", 7, 19)
    found = review.get("/v1/batches/CT-1/overlay?tag=glucose").json()["limits"]
    assert [(limit["kind"], limit["low"], limit["high"]) for limit in found] == [("proven_acceptable_range", 4, 25)]


def test_an_alert_without_an_end_lasts_until_now_on_a_dashboard(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - 30 * HOUR)
    add_alert(plant, "CT-1", hour=20)
    since, now = (round((plant.now - ago).timestamp() * 1000) for ago in (HOUR, 0 * HOUR))
    [found] = review.get(f"/grafana/alerts?batch=CT-1&from={since}").json()
    assert found["timeEnd"] >= now


def test_a_range_left_on_its_low_side_says_so_and_draws_no_ratio(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-1", started=plant.now - 30 * HOUR)
    low = add_alert(plant, "CT-1", kind="range", detector="range", tags=("pH",), hour=20)
    high = add_alert(plant, "CT-1", kind="range", detector="range", tags=("pH",), hour=21)
    plant.do("UPDATE alert SET score = 6.62, limit_value = 6.9 WHERE alert_id = %s", low)
    plant.do("UPDATE alert SET score = 7.81, limit_value = 7.4 WHERE alert_id = %s", high)
    pages = {alert: review.get(f"/alerts/{alert}").text for alert in (low, high)}
    assert "<b>6.62</b> is below the low limit <b>6.9</b>" in pages[low]
    assert "<b>7.81</b> is above the high limit <b>7.4</b>" in pages[high]
    assert all("Score against limit" not in page for page in pages.values())
