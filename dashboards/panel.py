"""What can be wrong with the panels of a dashboard: where they stand, what they say, and which columns they name."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from dashboards.infinity import ColumnType
from dashboards.schema import panel_types

COLUMNS_OF_GRID = 24
WITHOUT_DATA = {"text", "row"}
QUOTED = re.compile(r"'[^']*'")
NAME = re.compile(r"[A-Za-z_]\w*")


def panel_faults(panels: list[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with the panels of one dashboard, each fault with the panel's id and title."""
    if not panels:
        yield "no panels"
    ids = Counter(panel.get("id") for panel in panels)
    yield from (f"panel id {number} is used {times} times" for number, times in ids.items() if times > 1)
    for panel in panels:
        where = f"panel {panel.get('id')} {panel.get('title', '')!r}"
        for fault in [*_what_it_says(panel), *_where_it_stands(panel), *_what_it_asks(panel), *_what_it_names(panel)]:
            yield f"{where}: {fault}"
    for one, other in combinations(panels, 2):
        if _overlap(one.get("gridPos", {}), other.get("gridPos", {})):
            yield f"panels {one.get('id')} and {other.get('id')} overlap"


def infinity_faults(target: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one Infinity query."""
    if target.get("parser") != "backend":
        yield "is not read by the backend: alert rules and caches could not use it"
    if not str(target.get("url", "")).startswith("/grafana/"):
        yield "leaves /grafana/, where the flat answers are"
    columns = target.get("columns", [])
    if not columns:
        yield "names no columns"
    known = {column_type.value for column_type in ColumnType}
    yield from (f"has a column of type {column['type']!r}" for column in columns if column["type"] not in known)
    computed = target.get("computed_columns", [])
    for expression in [column["selector"] for column in computed] + [target.get("filterExpression", "")]:
        unknown = set(NAME.findall(QUOTED.sub("", expression))) - {column["text"] for column in [*columns, *computed]}
        yield from (f"asks about {name!r}, which is not among its columns" for name in sorted(unknown))
    names = Counter(column["text"] for column in [*columns, *computed])
    yield from (f"names column {name!r} {times} times" for name, times in names.items() if times > 1)


def columns_of(panel: dict[str, Any]) -> frozenset[str]:
    """The names of the columns a panel gets from all its queries."""
    return frozenset(
        column["text"]
        for target in panel.get("targets", [])
        for column in [*target.get("columns", []), *target.get("computed_columns", [])]
    )


def _what_it_says(panel: dict[str, Any]) -> Iterator[str]:
    if panel.get("type") not in panel_types() | {"row"}:
        yield f"panel type {panel.get('type')!r} is not known"
    if not isinstance(panel.get("id"), int):
        yield "no id"
    if not panel.get("title"):
        yield "no title"
    if not panel.get("description"):
        yield "no description"
    if panel.get("type") not in WITHOUT_DATA and not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield "no unit"


def _where_it_stands(panel: dict[str, Any]) -> Iterator[str]:
    place = panel.get("gridPos", {})
    x, width, height = place.get("x", -1), place.get("w", 0), place.get("h", 0)
    if x < 0 or place.get("y", -1) < 0 or width < 1 or height < 1 or x + width > COLUMNS_OF_GRID:
        yield f"stands outside the {COLUMNS_OF_GRID} columns of the grid: {place}"


def _what_it_asks(panel: dict[str, Any]) -> Iterator[str]:
    targets = panel.get("targets", [])
    if not targets and panel.get("type") not in WITHOUT_DATA:
        yield "asks for nothing"
    refs = Counter(target.get("refId") for target in targets)
    yield from (f"query {ref!r} is there {times} times" for ref, times in refs.items() if times > 1)


def _what_it_names(panel: dict[str, Any]) -> Iterator[str]:
    """A renamed column leaves overrides and orders behind that touch nothing, and nobody sees it."""
    columns = columns_of(panel)
    for override in panel.get("fieldConfig", {}).get("overrides", []):
        matcher = override["matcher"]
        if matcher["id"] == "byName" and matcher["options"] not in columns:
            yield f"overrides {matcher['options']!r}, which no query gives"
        for prop in override["properties"]:
            if prop["id"] == "custom.fillBelowTo" and prop["value"] not in columns:
                yield f"fills down to {prop['value']!r}, which no query gives"
    for step in panel.get("transformations", []):
        for name in step.get("options", {}).get("indexByName", {}):
            if name not in columns:
                yield f"puts {name!r} in order, which no query gives"
        for mapping in step.get("options", {}).get("mappings", []):
            if mapping["fieldName"] not in columns:
                yield f"takes {mapping['handlerKey']} from {mapping['fieldName']!r}, which no query gives"
        ref = step.get("options", {}).get("configRefId")
        if ref is not None and ref not in {target.get("refId") for target in panel.get("targets", [])}:
            yield f"takes units from query {ref!r}, which is not there"
    pattern = panel.get("options", {}).get("reduceOptions", {}).get("fields", "")
    if pattern and not any(re.search(pattern.strip("/"), name) for name in columns):
        yield f"shows the fields {pattern}, which no query gives"


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    if not one or not other:
        return False
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )
