"""How an ended batch lay to the old process, as JSON and on its page."""

from datetime import timedelta

from fastapi.testclient import TestClient

from tests.api.seed import Plant, add_batch


def ended(plant: Plant) -> None:
    started = plant.now - timedelta(days=30)
    add_batch(plant, "CT-1", started=started, ended=started + timedelta(days=12))


def state(
    plant: Plant, phase: str, tag: str, *, declared: int, distances: tuple[float, float] | None, **counts: int
) -> None:
    plant.insert(
        "departure",
        monitor_id=plant.monitors["CT-1"],
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
    assert [(phase["phase"], phase["coverage"], phase["share_inside"]) for phase in told["phases"]] == [
        ("activation", 0.75, 5 / 6),
        ("transduction", 0.0, None),
    ]
    assert told["phases"][0]["sentence"] == (
        "In activation 6 of 8 matched points were seen; 5 of them lie inside the 95 % prediction interval of the old "
        "process. glucose 1.0 old SD below it on average, farthest 1.2 old SD below it at hour 36.0; temperature 0.5 "
        "old SD above it on average, farthest 2.5 old SD above it at hour 36.0."
    )
    assert "nothing can be said against the old process" in told["phases"][1]["sentence"]
    page = review.get("/batches/CT-1").text
    assert "Not drift: how this batch lay to the old process" in page
    assert "+2.5 at 36.0 h" in page


def test_nothing_is_stated_of_a_batch_that_has_not_ended(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-2", started=plant.now - timedelta(hours=40))
    told = review.get("/v1/batches/CT-2/departures").json()
    assert (told["run"], told["phases"], told["tags"]) == (None, [], [])
    assert "Against the old process" not in review.get("/batches/CT-2").text


def test_departures_of_a_batch_nobody_knows_are_not_found(review: TestClient, plant: Plant) -> None:
    assert review.get("/v1/batches/CT-77/departures").status_code == 404


def test_a_wall_board_does_not_get_departures(floor: TestClient, plant: Plant) -> None:
    assert floor.get("/v1/batches/CT-1/departures").status_code == 403
