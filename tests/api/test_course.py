"""The course of a batch: scores over limits as the monitor found them, alerts, and what was done to the batch."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from psycopg.types.json import Jsonb

from tests.api.conftest import sign_in
from tests.api.seed import Plant, add_alert, add_batch, add_readings

HOURS = 100.0


@pytest.fixture
def alert(plant: Plant) -> int:
    """A batch that runs, a score for each half hour of two tags, and what was done to it and to its unit."""
    add_batch(plant, "CT-1", started=plant.now - timedelta(hours=HOURS))
    add_readings(plant, "CT-1", until_h=HOURS, drift=("pH", 80.0, 0.5))
    for cell in range(int(2 * HOURS)):
        score(plant, plant.monitors["CT-1"], cell, pH=0.3 if cell < 170 else 0.3 + (cell - 170) / 20, glucose=0.5)
    do(plant, 60.0, "material_used", batch="CT-1", material="medium", lot="M-1184")
    do(plant, 86.0, "intervention", batch="CT-1", comment="sample for D-CT-1 taken")
    do(plant, 90.0, "calibration", tag="pH", comment="two points")
    do(plant, 200.0, "plant_alarm", comment="long after it", tag="pH")
    do(plant, 50.0, "phase_started", batch="CT-1", phase="expansion")
    return add_alert(plant, "CT-1", tags=("pH",), hour=92.0, sentence="pH is above the reference")


def score(plant: Plant, monitor: int, cell: int, **ratios: float) -> None:
    ended = plant.started["CT-1"] + timedelta(hours=(cell + 1) / 2)
    known: dict[str, Any] = {"tags": list(ratios), "ratio": list(ratios.values()), "layer": ["ewma"] * len(ratios)}
    plant.insert("monitor_score", monitor_id=monitor, cell=cell, ended_time=ended, **known)


def do(plant: Plant, hour: float, kind: str, *, batch: str | None = None, **body: object) -> None:
    at: datetime = plant.started["CT-1"] + timedelta(hours=hour)
    plant.insert(
        "event",
        chain_id=plant.chain,
        block_seq=1,
        entry=0,
        unit_id=plant.units["BR-01"],
        batch_id=None if batch is None else plant.batches[batch],
        kind=kind,
        source_time=at,
        received_time=at,
        body=Jsonb({"event": kind, "time": at.isoformat(), **({} if batch is None else {"batch": batch}), **body}),
        digest=plant.fresh_digest(),
    )


def test_the_scores_of_the_run_that_stands_are_told_with_what_was_done(
    anonymous: TestClient, people: None, plant: Plant, alert: int
) -> None:
    plant.do("UPDATE monitor SET run = 2 WHERE monitor_id = %s", plant.monitors["CT-1"])
    older = plant.insert(
        "monitor",
        batch_id=plant.batches["CT-1"],
        unit_procedure_id=plant.procedures["CT-1"],
        run=1,
        until_ordinal=1,
        software="0.0.9",
        configuration=Jsonb({}),
        started_ordinal=1,
        position=1,
    )
    score(plant, older, 3, pH=9.0)
    sign_in(anonymous, "vera")
    found = anonymous.get("/v1/batches/CT-1/course").json()
    assert found["tags"] == ["glucose", "pH"]
    assert (found["hours"][0], found["hours"][-1], len(found["hours"])) == (0.5, HOURS, 200)
    assert found["ratio"][1][:2] == [pytest.approx(0.3), pytest.approx(0.3)], "of the superseded run nothing"
    assert found["ratio"][1][-1] == pytest.approx(1.75)
    assert found["layer"][0][0] == "ewma"
    assert [(one["alert"], one["hour"], one["tags"]) for one in found["alerts"]] == [(alert, 92.0, ["pH"])]
    assert [(mark["hour"], mark["kind"], mark["tag"], mark["said"]) for mark in found["marks"]] == [
        (60.0, "material_used", None, "medium, lot M-1184"),
        (86.0, "intervention", None, "sample for [hidden] taken"),
        (90.0, "calibration", "pH", "two points"),
        (200.0, "plant_alarm", "pH", "long after it"),
    ]
    sign_in(anonymous, "ida")
    marks = anonymous.get("/v1/batches/CT-1/course").json()["marks"]
    assert marks[1]["said"] == "sample for D-CT-1 taken"


def test_nobody_reads_a_course_without_a_role(anonymous: TestClient, floor: TestClient, alert: int) -> None:
    assert floor.get("/v1/batches/CT-1/course").status_code == 403
    del anonymous.headers["Authorization"]
    assert anonymous.get("/v1/batches/CT-1/course").status_code == 401


def test_a_batch_that_nobody_judged_has_an_empty_course(review: TestClient, plant: Plant) -> None:
    add_batch(plant, "CT-2", started=plant.now - timedelta(hours=1))
    found = review.get("/v1/batches/CT-2/course").json()
    assert (found["hours"], found["tags"], found["marks"], found["alerts"]) == ([], [], [], [])


def test_the_page_of_an_alert_draws_scores_tags_and_what_was_done(plant: Plant, alert: int, page: Page) -> None:
    page.goto(f"/alerts/{alert}")
    strip = page.locator("figure[data-draws=course]")
    expect(strip).to_have_attribute("data-cells", "200")
    expect(strip).to_have_attribute("data-marks", "4")
    expect(page.locator("figure[data-draws=score]")).to_have_attribute("data-points", "200")
    done = page.locator("section", has_text="Done around it")
    expect(done).to_contain_text("intervention: sample for [hidden] taken")
    expect(done).to_contain_text("calibration pH: two points")
    expect(done).not_to_contain_text("M-1184")  # more than a day before
    expect(done).not_to_contain_text("long after it")
    over = strip.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    over.hover(position={"x": box["width"] * 99.8 / (HOURS * 2 * 1.005), "y": 5.0})  # the axis ends with the last mark
    expect(strip.locator("output")).to_have_text("pH at 100.0 h: 175 % of its limit (ewma)")
    beyond = page.evaluate(
        """() => {
          const canvas = document.querySelector('figure[data-draws=course] canvas');
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let found = 0;
          for (let i = 0; i < pixels.length; i += 4) {
            if (pixels[i] === 217 && pixels[i + 1] === 102 && pixels[i + 2] === 31) found += 1;
          }
          return found > 20;
        }"""
    )
    assert beyond, "cells one and a half times beyond the limit are painted as such"
