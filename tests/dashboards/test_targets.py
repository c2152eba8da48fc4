"""Every query of every dashboard, run as Infinity runs it: against the promised columns, and against the real API."""

import json
from typing import Any

import pytest

from tests.dashboards.conftest import committed
from tests.dashboards.contract import FLOOR_TOKEN, HOUR_MS, REVIEW_TOKEN, T0_MS, UNITS, Contract
from tests.dashboards.infinity import Infinity, QueryFailedError, over, run_all, targets

FLOOR = "floor/wall_board.json"
REVIEW = "review/batch_over_reference.json"


def source(contract: Contract, model: dict[str, Any]) -> Infinity:
    token = FLOOR_TOKEN if "floor" in model["tags"] else REVIEW_TOKEN
    return Infinity(base_url=contract.url, token=token, from_ms=T0_MS - 24 * HOUR_MS, to_ms=T0_MS)


def test_every_query_finds_its_columns_in_what_the_api_has_promised(
    dashboard: dict[str, Any], contract: Contract
) -> None:
    frames = run_all(dashboard, source(contract, dashboard))
    assert len(frames) >= len(list(targets(dashboard)))
    for where, frame in frames.items():
        assert frame.rows > 0, where
        for name in {"time"} & frame.columns.keys():
            assert frame.is_ascending(name), where


def test_no_query_fails_where_there_is_nothing_yet(dashboard: dict[str, Any], contract: Contract) -> None:
    for path in contract.answers:
        contract.answers[path] = []
    chosen = {"unit": ["BR-1"], "batch": ["CT-1"], "process": ["AUTO-2.0"], "tag": ["pH"], "chart": ["1"]}
    frames = run_all(dashboard, source(contract, dashboard), chosen)
    assert {frame.rows for frame in frames.values()} == {0}


def test_the_wall_board_asks_only_what_a_floor_token_opens(contract: Contract) -> None:
    model = committed(FLOOR)
    run_all(model, source(contract, model))
    assert {path for path, _ in contract.asked} == {
        "/grafana/floor/units",
        "/grafana/floor/alerts",
        "/grafana/floor/samples",
    }


def test_each_unit_gets_a_tile_with_its_own_state(contract: Contract) -> None:
    model = committed(FLOOR)
    frames = run_all(model, source(contract, model))
    tiles = {
        where.rsplit(" ", 1)[1]: frame.columns["state"]
        for where, frame in frames.items()
        if where.startswith("panel 1")
    }
    assert tiles == {"BR-1": ["running"], "BR-2": ["alert"], "BR-3": ["idle"], "BR-4": ["no_data"]}


def test_idle_units_do_not_make_the_board_look_old(contract: Contract) -> None:
    model = committed(FLOOR)
    frame = next(
        frame for where, frame in run_all(model, source(contract, model)).items() if where.startswith("panel 3")
    )
    assert sorted(frame.columns["state"]) == ["alert", "no_data", "running"]
    assert min(frame.columns["data_until_ms"]) == T0_MS


def test_a_tag_without_a_unit_is_drawn_without_one_and_any_other_with_its_own(contract: Contract) -> None:
    model = committed(REVIEW)
    frames = run_all(model, source(contract, model), {"tag": ["dissolved_oxygen", "pH"]})
    units = {where.rsplit(" ", 1)[1]: frame.columns["unit"] for where, frame in frames.items() if "query U" in where}
    assert units == {"dissolved_oxygen": ["suffix:%"], "pH": ["none"]}


def test_the_batch_chosen_first_is_the_newest_and_its_process_version_stands_in_the_titles(contract: Contract) -> None:
    model = committed(REVIEW)
    run_all(model, source(contract, model))
    overlays = [parameters for path, parameters in contract.asked if path == "/grafana/overlay"]
    assert {parameters["batch"][0] for parameters in overlays} == {"CT-2042"}
    assert all("$process" in panel["title"] for panel in model["panels"] if panel["title"] != "All batches")


def test_a_signal_between_batches_is_in_the_table_of_a_batch_and_on_no_time_axis_of_it(contract: Contract) -> None:
    model = committed(REVIEW)
    frames = run_all(model, source(contract, model))
    assert frames["annotation 'Alerts'"].columns["kind"] == ["drift"]
    assert next(frame for where, frame in frames.items() if where.startswith("panel 6")).columns["kind"] == [
        "drift",
        "signal",
    ]


@pytest.mark.parametrize(
    ("hours", "step_s"), [(1, "60"), (6, "60"), (7, "600"), (48, "600"), (300, "1800"), (337, "3600")]
)
def test_the_step_of_the_readings_follows_the_length_of_the_range(contract: Contract, hours: int, step_s: str) -> None:
    model = committed(REVIEW)
    run_all(model, over(source(contract, model), T0_MS - hours * HOUR_MS, T0_MS))
    asked = [parameters for path, parameters in contract.asked if path == "/grafana/readings"]
    assert {parameters["step"][0] for parameters in asked} == {step_s}
    assert {parameters["from"][0] for parameters in asked} == {str(T0_MS - hours * HOUR_MS)}


def test_several_tags_arrive_comma_separated(contract: Contract) -> None:
    model = committed(REVIEW)
    run_all(model, source(contract, model), {"tag": ["pH", "dissolved_oxygen"]})
    asked = [parameters["tags"][0] for path, parameters in contract.asked if path == "/grafana/readings"]
    assert set(asked) == {"pH,dissolved_oxygen", "pH", "dissolved_oxygen"}


def tile(**changes: object) -> bytes:
    """A row of the units route with something changed in it."""
    return json.dumps([{**UNITS[0], **changes}]).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "an empty body"),
        (b'{"units": []}', "not an array"),
        (b'[{"unit": "BR-1"}]', "no 'batch'"),
        (tile(data_until=T0_MS // 1000), "not a timestamp_epoch"),
        (tile(data_until="2026-11-22T10:00:00Z"), "not a timestamp_epoch"),
        (tile(open_alerts="two"), "not a number"),
    ],
)
def test_an_answer_that_breaks_the_promise_is_found(contract: Contract, body: bytes, reason: str) -> None:
    model = committed(FLOOR)
    contract.raw["/grafana/floor/units"] = body
    with pytest.raises(QueryFailedError, match=reason):
        run_all(model, source(contract, model), {"unit": ["BR-1"]})


def test_a_token_of_the_floor_opens_no_review_query(contract: Contract) -> None:
    model = committed(REVIEW)
    with pytest.raises(QueryFailedError, match="403"):
        run_all(model, Infinity(base_url=contract.url, token=FLOOR_TOKEN, from_ms=0, to_ms=T0_MS))
