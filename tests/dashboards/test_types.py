"""A second opinion on the JSON, from Grafana's own types: the TypeScript compiler reads each board as a `Dashboard`."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.conftest import committed
from tests.support import missing

HERE = Path(__file__).parent / "types"
Model = dict[str, Any]


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locked compiler and Grafana's types in it."""
    npm = shutil.which("npm")
    if npm is None:
        missing("npm is not installed, so Grafana's own types cannot be asked")
    folder = tmp_path_factory.mktemp("types")
    for name in ("package.json", "package-lock.json", ".npmrc", "plain.ts"):
        shutil.copy(HERE / name, folder / name)
    result = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True
    )
    if result.returncode != 0:
        missing(f"npm could not install Grafana's types: {result.stderr[-500:]}")
    return folder


def complaints(folder: Path, models: dict[str, Model]) -> dict[str, list[str]]:
    """What the compiler says, by file."""
    for name, model in models.items():
        text = json.dumps(model, indent=1)
        (folder / f"{name}.ts").write_text(
            'import type { Dashboard } from "@grafana/schema";\nimport type { Plain } from "./plain.js";\n'
            f"export const board = {text} satisfies Plain<Dashboard>;\n"
        )
    files = [f"{name}.ts" for name in models]
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"]
    command = ["node", str(folder / "node_modules" / "typescript" / "bin" / "tsc"), *options, *files]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    lines = [line for line in result.stdout.splitlines() if "): error TS" in line]
    assert result.returncode == 0 or lines, result.stdout + result.stderr
    return {name: [line for line in lines if line.startswith(f"{name}.ts(")] for name in models}


def test_grafanas_own_types_accept_every_committed_board(compiler: Path) -> None:
    models = {
        "wall": committed("floor/wall_board.json"),
        "batch": committed("review/batch_over_reference.json"),
    }
    assert complaints(compiler, models) == {"wall": [], "batch": []}


def test_grafanas_own_types_find_each_planted_fault(compiler: Path) -> None:
    faults: dict[str, Callable[[Model], object]] = {
        "key": lambda m: m.update(refesh="5s"),
        "panel_key": lambda m: m["panels"][0].update(gridpos={}),
        "number": lambda m: m["panels"][0]["gridPos"].update(h="7"),
        "word": lambda m: m["panels"][0]["fieldConfig"]["defaults"]["thresholds"].update(mode="sometimes"),
        "hide": lambda m: m["templating"]["list"][0].update(hide="never"),
    }
    models = {}
    for name, plant in faults.items():
        models[name] = committed("floor/wall_board.json")
        plant(models[name])
    found = complaints(compiler, models)
    assert all(len(found[name]) == 1 for name in faults), found
