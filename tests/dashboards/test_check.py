"""The checks find what Grafana would take without a word: each fault is planted alone into the real files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboards.check import check
from dashboards.command import PACKAGE, run_check

WALL = "json/floor/wall_board.json"
REVIEW = "json/review/batch_over_reference.json"
Model = dict[str, Any]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the JSON and the provisioning."""
    for folder in ("json", "provisioning"):
        shutil.copytree(PACKAGE / folder, tmp_path / folder)
    return tmp_path


def change(tree: Path, name: str, plant: Callable[[Model], object]) -> None:
    model = json.loads((tree / name).read_text())
    plant(model)
    (tree / name).write_text(json.dumps(model))


def override(model: Model, panel: int, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = next(
        override["properties"]
        for override in model["panels"][panel]["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == name
    )
    return found


def test_the_committed_files_have_no_fault() -> None:
    assert check(PACKAGE) == []
    assert run_check() == 0


FAULTS: dict[str, tuple[str, Callable[[Model], object], str]] = {
    "a misspelt key of the dashboard": (WALL, lambda m: m.update(refesh="5s"), "/refesh: no such key"),
    "a misspelt key of a panel": (WALL, lambda m: m["panels"][0].update(gridpos={}), "/gridpos: no such key"),
    "a misspelt panel option": (WALL, lambda m: m["panels"][0]["options"].update(colourMode="none"), "colourMode"),
    "a misspelt custom field": (
        REVIEW,
        lambda m: m["panels"][2]["fieldConfig"]["defaults"]["custom"].update(lineWith=1),
        "lineWith: no such key",
    ),
    "a misspelt property of an override": (
        REVIEW,
        lambda m: override(m, 2, "this batch").append({"id": "custom.lineWith", "value": 2}),
        "lineWith: no such key",
    ),
    "a word where a number belongs": (WALL, lambda m: m["panels"][0]["gridPos"].update(h="7"), "'7' is not int"),
    "a word where an overriding number belongs": (
        REVIEW,
        lambda m: override(m, 2, "this batch").append({"id": "custom.lineWidth", "value": "2"}),
        "'2' is not float",
    ),
    "an unknown word of a list": (
        WALL,
        lambda m: m["panels"][0]["options"].update(colorMode="loud"),
        "'loud' is not one of 'value', 'background'",
    ),
    "an unknown word in an override": (
        REVIEW,
        lambda m: override(m, 2, "old process").append({"id": "custom.drawStyle", "value": "dots"}),
        "'dots' is not one of",
    ),
    "an unknown hiding of a variable": (
        WALL,
        lambda m: m["templating"]["list"][0].update(hide=7),
        "7 is not one of 0, 1, 2",
    ),
    "an override without a matcher": (
        WALL,
        lambda m: m["panels"][0]["fieldConfig"]["overrides"][0].pop("matcher"),
        "override without matcher",
    ),
    "an unknown panel type": (WALL, lambda m: m["panels"][0].update(type="statt"), "panel type 'statt' is not known"),
    "a panel without an id": (WALL, lambda m: m["panels"][0].pop("id"), "no id"),
    "a panel id used twice": (WALL, lambda m: m["panels"][0].update(id=2), "panel id 2 is used 2 times"),
    "a panel without a title": (WALL, lambda m: m["panels"][0].update(title=""), "no title"),
    "a panel without a description": (WALL, lambda m: m["panels"][0].pop("description"), "no description"),
    "a panel without a unit": (WALL, lambda m: m["panels"][0]["fieldConfig"]["defaults"].pop("unit"), "no unit"),
    "a panel that asks for nothing": (WALL, lambda m: m["panels"][0].update(targets=[]), "asks for nothing"),
    "a panel past the edge": (WALL, lambda m: m["panels"][1]["gridPos"].update(x=20), "outside the 24 columns"),
    "two panels in one place": (WALL, lambda m: m["panels"][2]["gridPos"].update(x=10), "panels 2 and 3 overlap"),
    "a data source that nobody brings": (
        WALL,
        lambda m: m["panels"][0]["targets"][0]["datasource"].update(uid="batchwitness-review"),
        "data source 'batchwitness-review' is not provisioned, only batchwitness-floor",
    ),
    "two queries of one name": (
        REVIEW,
        lambda m: m["panels"][2]["targets"][1].update(refId="A"),
        "query 'A' is there 2 times",
    ),
    "a parser of the browser": (
        WALL,
        lambda m: m["panels"][0]["targets"][0].update(parser="simple"),
        "not read by the backend",
    ),
    "a query that leaves the flat routes": (
        WALL,
        lambda m: m["panels"][0]["targets"][0].update(url="/v1/units"),
        "leaves /grafana/",
    ),
    "a column of an unknown type": (
        WALL,
        lambda m: m["panels"][0]["targets"][0]["columns"][0].update(type="text"),
        "column of type 'text'",
    ),
    "a filter over a column that is not there": (
        WALL,
        lambda m: m["panels"][0]["targets"][0].update(filterExpression="hall == '1'"),
        "asks about 'hall'",
    ),
    "an override of a column that is not there": (
        WALL,
        lambda m: m["panels"][0]["fieldConfig"]["overrides"][0]["matcher"].update(options="status"),
        "overrides 'status', which no query gives",
    ),
    "an order of columns that are not there": (
        WALL,
        lambda m: m["panels"][1]["transformations"][0]["options"]["indexByName"].update(sinc=9),
        "puts 'sinc' in order",
    ),
    "a field shown that is not there": (
        WALL,
        lambda m: m["panels"][0]["options"]["reduceOptions"].update(fields="/^status$/"),
        "shows the fields",
    ),
    "a band that ends at a column that is not there": (
        REVIEW,
        lambda m: override(m, 2, "reference upper").append({"id": "custom.fillBelowTo", "value": "lower"}),
        "fills down to 'lower'",
    ),
    "units from a query that is not there": (
        REVIEW,
        lambda m: m["panels"][2]["transformations"][0]["options"].update(configRefId="Z"),
        "takes units from query 'Z'",
    ),
    "a variable nobody defined": (
        WALL,
        lambda m: m["panels"][1].update(title="Alerts of $hall"),
        "variable 'hall' is used and not defined",
    ),
    "a variable nobody uses": (
        REVIEW,
        lambda m: m["templating"]["list"].append({**m["templating"]["list"][0], "name": "site"}),
        "variable 'site' is defined and not used",
    ),
    "a variable defined twice": (
        REVIEW,
        lambda m: m["templating"]["list"].append(m["templating"]["list"][0]),
        "variable 'batch' is defined 2 times",
    ),
    "another schema": (WALL, lambda m: m.update(schemaVersion=41), "schemaVersion is 41"),
    "a board that can be edited": (WALL, lambda m: m.update(editable=True), "can be edited"),
    "a uid with a space": (WALL, lambda m: m.update(uid="wall board"), "uid 'wall board'"),
    "a uid of another board": (WALL, lambda m: m.update(uid="batchwitness-batch-over-reference"), "2 dashboards"),
    "a token in a description": (
        WALL,
        lambda m: m.update(description="use glsa_0123456789abcdef"),
        "looks like a token",
    ),
}


@pytest.mark.parametrize(("name", "plant", "finding"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_is_found(tree: Path, name: str, plant: Callable[[Model], object], finding: str) -> None:
    change(tree, name, plant)
    faults = check(tree)
    assert any(finding in fault for fault in faults), faults


def test_a_secret_in_a_provisioning_file_is_found_and_a_reference_to_one_is_not(tree: Path) -> None:
    path = tree / "provisioning" / "floor" / "datasources" / "batchwitness.yaml"
    path.write_text(path.read_text().replace("$__file{/run/secrets/grafana_floor_token}", "hunter2hunter2"))
    [fault] = check(tree)
    assert fault.startswith("provisioning/floor/datasources/batchwitness.yaml: bearerToken is written down")


def test_a_folder_without_dashboards_is_a_fault(tmp_path: Path) -> None:
    assert check(tmp_path) == [f"{tmp_path / 'json'}: no dashboards"]


def test_a_file_that_is_not_json_is_a_fault(tree: Path) -> None:
    (tree / WALL).write_text("{")
    assert any(fault.startswith(f"{WALL}: not JSON") for fault in check(tree))
