"""Every query of every dashboard, run as Infinity runs it, against a process of the real API over a real database."""

from datetime import timedelta
from typing import Any

import pytest

from api.control_limits import Order, order_limits
from records.control_limits import put_limits_to_use
from tests.api.conftest import Tokens
from tests.api.seed import TAGS, Plant, add_alert, add_batch, add_readings, add_result
from tests.api.test_charts import VALUES, analyse, batches
from tests.dashboards.conftest import committed
from tests.dashboards.contract import HOUR_MS
from tests.dashboards.infinity import Frame, Infinity, QueryFailedError, choose, over, run_all
from tests.fix_postgres import Database

FLOOR = committed("floor/wall_board.json")
REVIEW = committed("review/batch_over_reference.json")
CHARTS = committed("review/between_batches.json")
RUNNING, FINISHED = "CT-2042", "CT-1007"
SO_FAR_H = 40.0


@pytest.fixture
def story(plant: Plant) -> Plant:
    """An old batch that is finished, and a new one that has run for some hours with an alert and a result."""
    started = plant.now - timedelta(days=400)
    add_batch(plant, FINISHED, process="MAN-1.0", unit="BR-02", started=started, ended=started + timedelta(days=12))
    add_batch(plant, RUNNING, started=plant.now - timedelta(hours=SO_FAR_H))
    add_readings(plant, RUNNING, until_h=SO_FAR_H)
    add_alert(plant, RUNNING)
    add_result(plant, RUNNING, "LIMS-1")
    plant.do(
        "INSERT INTO tag_correspondence (manufacturing_change_id, tag_new, tag_old, measurand, sensor_principle_new, "
        "sensor_principle_old, known_at) SELECT manufacturing_change_id, 'glucose', 'glucose', 'glucose', "
        "'enzymatic', 'enzymatic', now() FROM manufacturing_change ON CONFLICT DO NOTHING"
    )
    return plant


def source(api: str, token: str, plant: Plant) -> Infinity:
    until_ms = int(plant.now.timestamp() * 1000)
    return Infinity(base_url=api, token=token, from_ms=until_ms - 21 * 24 * HOUR_MS, to_ms=until_ms)


def shown(frames: dict[str, Frame], panel: int, query: str = "A") -> list[Frame]:
    return [
        frame for where, frame in frames.items() if where.startswith(f"panel {panel} ") and f"query {query}" in where
    ]


def test_the_wall_board_shows_a_tile_for_every_unit_and_the_alert(
    api_server: str, story: Plant, tokens: Tokens
) -> None:
    frames = run_all(FLOOR, source(api_server, tokens.floor, story))
    tiles = shown(frames, 1)
    assert {unit for tile in tiles for unit in tile.columns["unit"]} == set(story.units)
    assert RUNNING in {batch for tile in tiles for batch in tile.columns["batch"]}
    [alerts] = shown(frames, 2)
    assert alerts.columns["batch"] == [RUNNING]
    assert alerts.columns["do this"][0]


def test_the_review_board_draws_every_tag_of_a_running_batch(api_server: str, story: Plant, tokens: Tokens) -> None:
    infinity = source(api_server, tokens.review, story)
    frames = run_all(REVIEW, infinity, {"batch": [RUNNING], "tag": sorted(TAGS)})
    for where, frame in frames.items():
        for name in {"time"} & frame.columns.keys():
            assert frame.is_ascending(name), where
    overlays, recorded = shown(frames, 3), shown(frames, 4)
    assert len(overlays) == len(recorded) == len(TAGS)
    for overlay in overlays:
        drawn = [value for value in overlay.columns["this batch"] if value is not None]
        assert len(drawn) > SO_FAR_H
        assert None not in overlay.columns["reference centre"]
    for recording in recorded:
        values = zip(*(recording.columns[name] for name in ("least", "mean", "greatest")), strict=True)
        assert recording.rows >= SO_FAR_H  # one step more where the hours of the batch are not those of the clock
        assert all(least <= mean <= greatest for least, mean, greatest in values)
    old = {where.rsplit(" ", 1)[1]: frame.rows for where, frame in frames.items() if "query B" in where}
    assert old["glucose"] > 1
    assert old["pH"] == 0  # nobody has said which old tag it corresponds to
    units = {unit for frame in shown(frames, 3, "U") for unit in frame.columns["unit"]}
    assert units == {"none" if unit == "1" else f"suffix:{unit}" for _, unit, *_ in TAGS.values()}


def test_the_review_board_shows_alerts_results_and_how_far_the_data_reach(
    api_server: str, story: Plant, tokens: Tokens
) -> None:
    infinity = source(api_server, tokens.review, story)
    frames = run_all(REVIEW, infinity, {"batch": [RUNNING], "tag": ["pH"]})
    [batch], [until], [results], [alerts], [batches] = (shown(frames, panel) for panel in (1, 2, 5, 6, 7))
    assert (batch.columns["batch"], batch.columns["process version"]) == ([RUNNING], ["AUTO-2.0"])
    behind_ms = infinity.to_ms - max(until.columns["data_until_ms"])
    assert 0 <= behind_ms <= 2 * HOUR_MS
    assert results.columns["value"] == ["92.1"]
    assert alerts.columns["kind"] == ["drift"]
    assert frames["annotation 'Alerts'"].columns["text"] == alerts.columns["what happened"]
    assert batches.columns["batch"] == [FINISHED, RUNNING]


def test_the_variables_of_the_review_board_come_from_the_record(api_server: str, story: Plant, tokens: Tokens) -> None:
    values = choose(REVIEW, source(api_server, tokens.review, story))
    assert values == {"batch": [RUNNING], "process": ["AUTO-2.0"], "tag": [min(TAGS)]}


def test_a_batch_without_reference_or_readings_is_drawn_empty_and_not_as_an_error(
    api_server: str, story: Plant, tokens: Tokens
) -> None:
    frames = run_all(REVIEW, source(api_server, tokens.review, story), {"batch": [FINISHED], "tag": ["pH"]})
    assert [frame.rows for frame in shown(frames, 4)] == [0]
    assert shown(frames, 1)[0].columns["status"] == ["completed"]


def test_the_board_between_batches_draws_each_batch_within_its_limits_and_marks_the_signal(
    api_server: str, plant: Plant, database: Database, tokens: Tokens
) -> None:
    batches(plant, *VALUES)
    with database.connect("api", autocommit=False) as connection:
        order = Order(process="AUTO-2.0", attribute="viability")
        drafted = order_limits(connection, order, by="mia", reason="eight batches since the switch")
        put_limits_to_use(connection, drafted.control_limit, by="mia", reason="reviewed")
    batches(plant, "60", "not done", first=len(VALUES))
    analyse(plant, database)
    infinity = over(
        source(api_server, tokens.review, plant),
        int((plant.now - timedelta(days=1000)).timestamp() * 1000),
        int(plant.now.timestamp() * 1000),
    )
    assert choose(CHARTS, infinity) == {"chart": [str(drafted.chart)]}
    frames = run_all(CHARTS, infinity)
    [chart], [until], [points], [signals], [alerts], [charts] = (shown(frames, panel) for panel in range(1, 7))
    assert (chart.columns["shows"], chart.columns["signals that hold"]) == (["viability"], [1.0])
    assert until.columns["data_until_ms"] == points.columns["time"][-1:]
    assert points.is_ascending("time")
    assert points.columns["value"] == [*map(float, VALUES), 60.0, None]
    assert points.columns["limits rest on it"] == [*map(float, VALUES), None, None]
    assert points.columns["signal"] == [None] * len(VALUES) + [60.0, None]
    assert all(value > 80 for value in points.columns["lower limit"])
    assert (signals.columns["batch"], signals.columns["state"]) == (["CT-8"], ["holds"])
    assert (alerts.columns["batches"], alerts.columns["state"]) == (["CT-8"], ["raised"])
    assert frames["annotation 'Alerts'"].columns["text"] == alerts.columns["what happened"]
    assert charts.columns["limits version"] == [1.0]
    [unit] = shown(frames, 3, "U")
    assert unit.columns["unit"] == ["suffix:%"]


def test_a_database_without_any_chart_is_no_error(api_server: str, plant: Plant, tokens: Tokens) -> None:
    for chosen in ("1", "", "none"):
        frames = run_all(CHARTS, source(api_server, tokens.review, plant), {"chart": [chosen]})
        assert {frame.rows for frame in frames.values()} == {0}


def test_a_database_without_any_batch_is_no_error(api_server: str, plant: Plant, tokens: Tokens) -> None:
    chosen = {"batch": ["CT-1"], "process": [""], "tag": ["pH"]}
    frames = run_all(REVIEW, source(api_server, tokens.review, plant), chosen)
    assert {frame.rows for frame in frames.values()} == {0}


@pytest.mark.parametrize("model", [REVIEW, CHARTS], ids=["batch over reference", "between batches"])
def test_the_token_of_the_floor_opens_no_query_of_a_review_board(
    api_server: str, plant: Plant, tokens: Tokens, model: dict[str, Any]
) -> None:
    with pytest.raises(QueryFailedError, match="403"):
        run_all(model, source(api_server, tokens.floor, plant))
