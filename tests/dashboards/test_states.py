"""VIEW-1: no data is grey and says so; it is never green and never looks like the state before."""

from typing import Any

import pytest

from dashboards.states import GREEN, GREY
from store.model.alert import AlertState
from store.model.result import ResultStatus
from tests.dashboards.conftest import committed


def colour_and_word(panel: dict[str, Any], field: str, value: object) -> tuple[str, str]:
    """What Grafana shows for a value: the first mapping that fits, else the value on the ground of the thresholds."""
    config = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byName", "options": field}:
            config.update({prop["id"]: prop["value"] for prop in override["properties"]})
    for mapping in config.get("mappings", []):
        options = mapping["options"]
        if mapping["type"] == "value" and value in options:
            return options[value]["color"], options[value]["text"]
        if mapping["type"] == "special" and value is None and options["match"] in ("null", "null+nan"):
            return options["result"]["color"], options["result"]["text"]
    return config["thresholds"]["steps"][0]["color"], config["noValue"] if value is None else str(value)


@pytest.fixture
def tile() -> dict[str, Any]:
    panel: dict[str, Any] = committed("floor/wall_board.json")["panels"][0]
    return panel


@pytest.mark.parametrize("value", ["no_data", None])
def test_view_1_a_unit_without_data_is_grey_and_says_no_data(tile: dict[str, Any], value: object) -> None:
    assert colour_and_word(tile, "state", value) == (GREY, "NO DATA")


def test_view_1_a_tile_whose_query_fails_or_finds_nothing_is_grey_and_says_no_data(tile: dict[str, Any]) -> None:
    defaults = tile["fieldConfig"]["defaults"]  # overrides do not reach a tile without a field
    assert defaults["noValue"] == "NO DATA"
    assert [step["color"] for step in defaults["thresholds"]["steps"]] == [GREY]
    assert defaults["color"] == {"mode": "thresholds"}


@pytest.mark.parametrize("value", ["", "RUNNING", "starting", "unknown"])
def test_view_1_a_state_nobody_has_defined_is_grey(tile: dict[str, Any], value: str) -> None:
    assert colour_and_word(tile, "state", value)[0] == GREY


def test_view_1_of_all_states_only_running_is_green(tile: dict[str, Any]) -> None:
    shown = {value: colour_and_word(tile, "state", value)[0] for value in ("running", "alert", "idle", "no_data")}
    assert [value for value, colour in shown.items() if colour == GREEN] == ["running"]
    assert len(set(shown.values())) == len(shown)


def test_every_state_of_an_alert_and_of_a_result_has_a_word_of_its_own() -> None:
    panels = {panel["id"]: panel for panel in committed("review/batch_over_reference.json")["panels"]}
    for panel, field, values in ((panels[5], "status", ResultStatus), (panels[6], "state", AlertState)):
        words = {colour_and_word(panel, field, str(value))[1] for value in values}
        colours = {colour_and_word(panel, field, str(value))[0] for value in values}
        assert len(words) == len(colours) == len(values)
