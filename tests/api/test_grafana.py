"""The flat arrays that dashboards are built on: exact columns, ascending epoch milliseconds, never an empty body."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg.types.json import Jsonb

import api.flat
from api.database import Row
from api.flat import ROW_CAP
from api.routes import grafana_review
from api.series import read_series
from tests.api.seed import Plant, add_alert, add_batch, add_readings, add_result, tick

UNITS = (
    "unit area batch process phase state in_envelope data_until age_s open_alerts process_hour worst_ratio worst_tag"
    " process_version reference next_action"
)
LINES = "time batch unit attribute specimen state before_release sample_at overdue_h"
COLUMNS = {
    "/grafana/floor/samples": LINES,
    "/grafana/expected?batch=CT-1": LINES,
    "/grafana/floor/units": UNITS,
    "/grafana/floor/alerts": "time alert unit batch kind severity sentence state next_action",
    "/grafana/batches": "batch process role status unit started ended open_alerts",
    "/grafana/tags?batch=CT-1,CT-2": "tag measurand unit_of_measure",
    "/grafana/readings?batch=CT-1,CT-2&tags=pH,glucose&step=600": "time tag value minimum maximum corrected",
    "/grafana/overlay?batch=CT-1&tag=glucose": "time value center lower upper",
    "/grafana/old-points?batch=CT-1&tag=glucose": "time value lower upper",
    "/grafana/alerts?batch=CT-1": "time timeEnd title text tags alert batch unit kind severity state chart",
    "/grafana/charts": (
        "chart label process shows unit_of_measure scale limits_version limits_kind limits_n drafts batches signals"
        " data_until known_until failure"
    ),
    "/grafana/chart-points?chart=1": (
        "time batch value value_text phase_one signal lower centre upper limits_version rules corrected"
    ),
    "/grafana/chart-signals?chart=1": "time batch rule sentence state limits_version",
    "/grafana/results?batch=CT-1": "time batch attribute value_text value_number unit_of_measure status known_at",
    "/grafana/stream": "time readings_per_min quarantined",
}


@pytest.fixture
def full(plant: Plant) -> Plant:
    """Two running batches with readings, an alert and a result."""
    for number in (1, 2):
        add_batch(plant, f"CT-{number}", unit=f"BR-0{number}", started=plant.now - timedelta(hours=30))
        add_readings(plant, f"CT-{number}", unit=f"BR-0{number}", until_h=30.001)
    add_alert(plant, "CT-1", hour=20)
    add_alert(plant, "CT-1", hour=10)
    add_result(plant, "CT-1", "LIMS-1")
    add_chart(plant)
    return plant


def add_chart(plant: Plant) -> None:
    """A chart with two batches, the later of which broke a rule by limits that are a draft here."""
    chart = plant.insert(
        "control_chart",
        process_version_id=plant.processes["AUTO-2.0"],
        attribute="viability",
        scale="linear",
        unit_of_measure="%",
        known_at=plant.now,
    )
    limits = plant.insert(
        "control_limit",
        control_chart_id=chart,
        version=1,
        kind="initial",
        centre=91.0,
        sigma=1.0,
        n=6,
        autocorrelation=0.0,
        rules=["nelson_1"],
        points=Jsonb([]),
        left_out=Jsonb([]),
        drafted_by="mia",
        reason="test",
        known_at=plant.now,
    )
    for name, value in (("CT-1", 91.0), ("CT-2", 60.0)):
        plant.insert(
            "chart_point",
            control_chart_id=chart,
            batch_id=plant.batches[name],
            revision=1,
            started=plant.started[name],
            value=value,
            value_text=f"{value:g}",
            intake_ordinal=1,
        )
    plant.insert(
        "chart_signal",
        control_chart_id=chart,
        batch_id=plant.batches["CT-2"],
        rule="nelson_1",
        side="below",
        revision=1,
        holds=True,
        control_limit_id=limits,
        statistic=60.0,
        limit_value=88.0,
        points=1,
        sentence="viability of CT-2 is 60 %",
        software="1",
        intake_ordinal=1,
    )


@pytest.mark.parametrize("path", sorted(COLUMNS))
def test_every_route_answers_exactly_its_columns_in_ascending_time(review: TestClient, full: Plant, path: str) -> None:
    answer = review.get(path)
    rows = answer.json()
    assert rows
    assert {frozenset(row) for row in rows} == {frozenset(COLUMNS[path].split())}
    assert answer.headers["x-row-cap"] == "20000"
    times = [row["time"] for row in rows if "time" in row]
    assert times == sorted(times)
    assert all(isinstance(time, int) and time > 1_000_000_000_000 for time in times)


@pytest.mark.parametrize("path", sorted(COLUMNS))
def test_where_there_is_nothing_the_answer_is_an_empty_array(review: TestClient, path: str) -> None:
    answer = review.get(path)
    assert (answer.status_code, answer.text) == (200, "[]")


def test_readings_carry_the_values_that_were_stored(review: TestClient, full: Plant) -> None:
    rows = review.get("/grafana/readings?batch=CT-1&tags=pH&step=0").json()
    stored = full.connection.execute(
        "SELECT value FROM reading WHERE tag_id = %s ORDER BY source_time", [full.tags["BR-01", "pH"]]
    ).fetchall()
    assert [row["value"] for row in rows] == [value for (value,) in stored]


def test_from_and_to_cut_a_series_to_what_the_dashboard_shows(review: TestClient, full: Plant) -> None:
    begin = round((full.now - timedelta(hours=10)).timestamp() * 1000)
    end = begin + 3_600_000
    for path in ("readings?batch=CT-1&tags=pH&step=0", "overlay?batch=CT-1&tag=pH"):
        times = [row["time"] for row in review.get(f"/grafana/{path}&from={begin}&to={end}").json()]
        assert times
        assert begin <= times[0] <= times[-1] <= end


def test_an_overlay_has_the_mean_of_each_cell_beside_its_band(review: TestClient, full: Plant) -> None:
    rows = review.get("/grafana/overlay?batch=CT-1&tag=glucose").json()
    known = [row for row in rows if row["value"] is not None]
    assert len(rows) == 576
    assert 59 <= len(known) <= 61
    assert all(row["lower"] < row["center"] < row["upper"] for row in rows)


def test_more_rows_than_the_cap_are_cut_off_and_the_header_says_so(
    review: TestClient, full: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.flat, "ROW_CAP", 10)
    answer = review.get("/grafana/readings?batch=CT-1&step=0")
    assert len(answer.json()) == 10
    assert answer.headers["x-row-cap-reached"] == "true"


def test_ready_names_what_is_missing_and_is_happy_when_nothing_is(review: TestClient, plant: Plant) -> None:
    plant.do("DELETE FROM block_tick")
    answer = review.get("/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["ingest has never ticked"])
    tick(plant)
    plant.do("UPDATE chain SET seq = 500")
    answer = review.get("/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["analytics is 500 blocks behind, more than 200"])
    plant.do("UPDATE chain SET seq = 1")
    assert review.get("/ready").json()["ready"] is True


def test_ready_notes_that_more_was_refused_than_the_quarantine_takes(review: TestClient, plant: Plant) -> None:
    assert review.get("/ready").json()["notes"] == []
    plant.do("INSERT INTO quarantine_minute VALUES (now(), '#', 70000, 60000), (now(), 'a/BR-9', 69000, 0)")
    plant.do("INSERT INTO quarantine_minute VALUES (now() - interval '1 hour', '#', 1000000, 900000)")
    (note,) = review.get("/ready").json()["notes"]
    assert note == (
        "70,000 items were refused within 10 minutes, 60,000 of them beyond what the quarantine takes: "
        "most of them on a/BR-9"
    )


def test_metrics_can_be_read_by_prometheus(review: TestClient, full: Plant) -> None:
    answer = review.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "batchwitness_batches_running 2.0" in answer.text
    assert "batchwitness_alerts_raised 2.0" in answer.text


def test_the_row_cap_bounds_all_batches_together_and_a_batch_named_twice_is_read_once(
    review: TestClient, full: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counting(*arguments: Any, limit: int, **others: Any) -> list[Row]:
        asked.append(limit)
        return read_series(*arguments, limit=limit, **others)

    monkeypatch.setattr(grafana_review, "read_series", counting)
    points = review.get("/grafana/readings?batch=CT-1,CT-1,CT-2&tags=pH&step=600").json()
    first = review.get("/grafana/readings?batch=CT-1&tags=pH&step=600").json()
    assert len(points) > len(first) > 0
    assert asked == [ROW_CAP + 1, ROW_CAP + 1 - len(first), ROW_CAP + 1]
