"""What the pages say of readings that came late for a running batch, and of alerts that only they raised."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from psycopg.types.json import Jsonb

from store.model.times import to_us
from tests.api.seed import Plant, add_alert, add_batch, add_readings

NOTHING = {"cell": None, "value": None, "z": None, "in_envelope": None, "worst_ratio": None, "silent": False}


@pytest.fixture
def late(plant: Plant) -> Plant:
    """A batch that runs, of which glucose came late."""
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=40))
    add_readings(plant, "CT-1", until_h=40, interval_h=1 / 30)
    plant.do(
        "UPDATE monitor SET snapshot = jsonb_set(snapshot, '{tags}', %s) WHERE monitor_id = %s",
        Jsonb([NOTHING | {"tag": tag, "late_readings": count} for tag, count in (("pH", 0), ("glucose", 412))]),
        plant.monitors["CT-1"],
    )
    return plant


def add_revision(plant: Plant, *, reached_h: float, run: int = 2, failure: str | None = None) -> int:
    """A revision of the batch that has come to an hour, pinned at hour 39, and may have failed there."""
    start = plant.started["CT-1"]
    return plant.insert(
        "monitor",
        batch_id=plant.batches["CT-1"],
        unit_procedure_id=plant.procedures["CT-1"],
        run=run,
        cause="late_readings",
        corrected_ordinal=1,
        until_ordinal=1,
        beside=True,
        late_until=start + timedelta(hours=39),
        software="0.1.0",
        configuration=Jsonb({}),
        started_ordinal=1,
        position=1,
        failure=failure,
        closed=failure is not None,
        snapshot=Jsonb({"data_until_us": to_us(start + timedelta(hours=reached_h))}),
    )


def test_a_batch_says_what_came_late_and_waits(review: TestClient, late: Plant) -> None:
    assert review.get("/v1/batches/CT-1").json()["late"] == {
        "judged_until": None,
        "waiting": 412,
        "waiting_tags": ["glucose"],
        "revision_reached": None,
        "failed": 0,
        "tried_again_from": None,
    }
    assert "412 not judged yet</span> of glucose" in review.get("/batches/CT-1").text


def test_a_batch_says_how_far_a_revision_has_come_and_shows_none_of_its_alerts(review: TestClient, late: Plant) -> None:
    revision = add_revision(late, reached_h=12.0)
    late.monitors["CT-1"] = revision
    alert = add_alert(late, "CT-1")
    found = review.get("/v1/batches/CT-1").json()
    assert found["run"] == 1
    assert found["late"]["revision_reached"].startswith(f"{late.started['CT-1'] + timedelta(hours=12):%Y-%m-%dT%H:%M}")
    assert "a run over them has come to" in review.get("/batches/CT-1").text
    assert review.get("/v1/batches/CT-1/alerts").json() == []
    assert review.get("/v1/alerts").json()["items"] == []
    assert review.get(f"/v1/alerts/{alert}").json()["outcome"] == "not_told"


def test_a_batch_says_how_often_revisions_failed_and_when_the_next_begins(review: TestClient, late: Plant) -> None:
    def said() -> tuple[int, str | None, str]:
        found = review.get("/v1/batches/CT-1").json()["late"]
        _, _, page = review.get("/batches/CT-1").text.partition("not judged yet</span> of glucose")
        return found["failed"], found["tried_again_from"], page.partition("<br>")[0].strip()

    add_revision(late, reached_h=12.0, failure="ValueError: broken")
    failed, again, page = said()
    assert failed == 1
    assert again is not None
    assert again.startswith(f"{late.started['CT-1'] + timedelta(hours=40):%Y-%m-%dT%H:%M}")
    assert page.startswith(f"; 1 run over them failed, the next begins from {again[:10]} ")
    add_revision(late, reached_h=13.0, run=3)
    failed, _, page = said()
    assert (failed, "has come to" in page, "; 1 run over them failed" in page, "the next begins" in page) == (
        1,
        True,
        True,
        False,
    )
    late.do("UPDATE monitor SET failure = 'ValueError: broken', closed = true WHERE run = 3")
    add_revision(late, reached_h=14.0, run=4, failure="ValueError: broken")
    assert said() == (3, None, "; 3 runs over them failed: judged once the batch has ended")


def test_an_alert_that_only_late_readings_raised_says_so_and_since_when_it_is_told(
    review: TestClient, late: Plant
) -> None:
    first, revision = late.monitors["CT-1"], add_revision(late, reached_h=39.9)
    late.monitors["CT-1"] = revision
    alert = add_alert(late, "CT-1")
    late.do("UPDATE monitor SET until_ordinal = 1, closed = true WHERE monitor_id = %s", first)
    late.do(
        "UPDATE monitor SET beside = false, until_ordinal = NULL, watches_since = clock_timestamp()"
        " WHERE monitor_id = %s",
        revision,
    )
    told = review.get(f"/v1/alerts/{alert}").json()
    assert (told["outcome"], told["run_cause"], told["superseded"]) == ("new", "late_readings", False)
    assert told["told_since"] > told["committed_time"]
    page = review.get(f"/alerts/{alert}").text
    assert "Raised only once readings that had come late were judged." in page
    assert "Told since <b>" in page, "where it says when it was raised, too"
    assert [row["alert"] for row in review.get("/v1/alerts").json()["items"]] == [alert]
    assert "are judged in their place" in review.get("/batches/CT-1").text
