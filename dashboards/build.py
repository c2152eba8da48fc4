"""The table of contents: every dashboard, and the folder of the Grafana service that shows it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.batch_over_reference import batch_over_reference
from dashboards.between_batches import between_batches
from dashboards.wall_board import wall_board

JSON: Final = Path(__file__).parent / "json"
CONTENTS: Final[dict[str, Callable[[], Dashboard]]] = {
    "floor/wall_board.json": wall_board,
    "review/batch_over_reference.json": batch_over_reference,
    "review/between_batches.json": between_batches,
}


def build(directory: Path) -> list[Path]:
    """Write every dashboard below `directory` and return the files; the same source gives the same bytes."""
    written = []
    for name, dashboard in CONTENTS.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(as_json(dashboard()), indent=2, sort_keys=True, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
        written.append(path)
    return written


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard in Grafana's own words, without the interval settings the SDK adds to query variables."""
    model: dict[str, Any] = json.loads(json.dumps(dashboard.build(), cls=JSONEncoder))
    for variable in model.get("templating", {}).get("list", []):
        if variable["type"] == "query":
            for key in ("auto", "auto_min", "auto_count"):
                variable.pop(key, None)
    return model
