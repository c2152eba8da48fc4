"""What the Infinity data source does with a query, as far as our dashboards use it: a stand-in for Grafana.

It is stricter where Infinity is kind: a missing column is null to Infinity and an error here, and so is a value of
another type than the column says. What it does not know (expressions of other shapes, other parsers) it refuses.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

Values = Mapping[str, list[str]]

VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\$(?P<plain>[A-Za-z]\w*)")
CUSTOM_INTERVAL = re.compile(r"\$__customInterval\(([^)]*)\)")
DURATION_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
COMPARISON = re.compile(r"(?P<name>\w+) (?P<operator>==|!=) '(?P<value>[^']*)'")
TERNARY = re.compile(r"(?P<condition>.+?) \? (?P<yes>.+?) : (?P<no>.+)")
SUM = re.compile(r"'(?P<text>[^']*)' \+ (?P<name>\w+)")
EPOCH_MS = range(946_684_800_000, 4_102_444_800_000)  # 2000 to 2100: seconds taken for milliseconds fall out


class QueryFailedError(Exception):
    """What a viewer would see as an error, or worse, as a panel that quietly shows something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The answer to a query: columns by name, all of one length, None where the API said null."""

    columns: dict[str, list[Any]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), []))

    def is_ascending(self, name: str) -> bool:
        """Whether the instants in the column never go back; Grafana draws lines through them as they come."""
        return all(earlier <= later for earlier, later in pairwise(self.columns[name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Infinity:
    """A data source with its base address and token, and the time range of a dashboard."""

    base_url: str
    token: str
    from_ms: int
    to_ms: int

    def run(self, query: Mapping[str, Any], values: Values) -> Frame:
        """Run a query as the backend does, with the dashboard's variables standing at `values`."""
        if (query["type"], query["parser"], query["source"]) != ("json", "backend", "url"):
            raise QueryFailedError(f"not a query of the backend's JSON parser: {query}")
        rows = self._get(self.address(query, values))
        frame = {column["text"]: [_cell(row, column) for row in rows] for column in query["columns"]}
        for column in query.get("computed_columns", []):
            evaluate = _expression(self._text(column["selector"], values))
            frame[column["text"]] = [evaluate(row) for row in _as_rows(frame)]
        if keep := self._text(query.get("filterExpression", ""), values):
            condition = _expression(keep)
            kept = [row for row in _as_rows(frame) if condition(row) is True]
            frame = {name: [row[name] for row in kept] for name in frame}
        return Frame(columns=dict(sorted(frame.items())))

    def address(self, query: Mapping[str, Any], values: Values) -> str:
        """The address Infinity asks: base and path put together as they are, parameters sorted by key."""
        parameters = [
            (parameter["key"], self._text(parameter["value"], values)) for parameter in query["url_options"]["params"]
        ]
        encoded = urllib.parse.urlencode(sorted(parameters, key=lambda parameter: parameter[0]))
        return self.base_url + self._text(query["url"], values) + (f"?{encoded}" if encoded else "")

    def _get(self, address: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {self.token}"})  # noqa: S310 -- http
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- as above
                body = answer.read()
        except urllib.error.HTTPError as error:
            raise QueryFailedError(f"{address}: {error.code} {error.reason}") from error
        if not body:
            raise QueryFailedError(f"{address}: an empty body")
        rows = json.loads(body)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise QueryFailedError(f"{address}: not an array of objects")
        return rows

    def _text(self, template: str, values: Values) -> str:
        known = {"__from": [str(self.from_ms)], "__to": [str(self.to_ms)], **values}

        def value(match: re.Match[str]) -> str:
            name = match["braced"] or match["plain"]
            if name not in known:
                raise QueryFailedError(f"variable {name!r} has no value in {template!r}")
            chosen = known[name]
            if match["format"] == "csv":
                return ",".join(chosen)
            return chosen[0] if len(chosen) == 1 else "{" + ",".join(chosen) + "}"

        def interval(match: re.Match[str]) -> str:
            *conditions, otherwise = [part.strip() for part in match[1].split(",")]
            for duration, text in zip(conditions[::2], conditions[1::2], strict=True):
                if self.to_ms - self.from_ms <= int(duration[:-1]) * DURATION_MS[duration[-1]]:
                    return text
            return otherwise

        return VARIABLE.sub(value, CUSTOM_INTERVAL.sub(interval, template))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One query of a dashboard, with where it stands and the panel variable it is repeated for."""

    where: str
    query: dict[str, Any]
    repeat: str | None = None


def targets(model: Mapping[str, Any]) -> Iterator[Target]:
    """Every query of the panels and annotations of a dashboard."""
    for panel in model["panels"]:
        for query in panel.get("targets", []):
            where = f"panel {panel['id']} {panel['title']!r}, query {query['refId']}"
            yield Target(where=where, query=query, repeat=panel.get("repeat"))
    for annotation in model.get("annotations", {}).get("list", []):
        yield Target(where=f"annotation {annotation['name']!r}", query=annotation["target"])


def choose(model: Mapping[str, Any], source: Infinity, chosen: Values | None = None) -> dict[str, list[str]]:
    """The values the dashboard's variables take when it is opened: All where that is the default, else the first.

    `chosen` are values somebody chose in the address.
    """
    values = dict(chosen or {})
    for variable in model.get("templating", {}).get("list", []):
        if variable["name"] in values:
            continue
        frame = source.run(variable["query"]["infinityQuery"], values)
        offered = list(dict.fromkeys(frame.columns["__value"]))
        if variable.get("sort"):
            offered.sort(reverse=variable["sort"] in (2, 4, 6))
        is_all = variable.get("current", {}).get("value") == "$__all"
        values[variable["name"]] = offered if is_all else offered[:1]
    return values


def run_all(model: Mapping[str, Any], source: Infinity, chosen: Values | None = None) -> dict[str, Frame]:
    """Open the dashboard: choose its variables, then run every query, each repeated panel once for each value."""
    values = choose(model, source, chosen)
    frames = {}
    for target in targets(model):
        for one in values[target.repeat] if target.repeat else [""]:
            at = {**values, target.repeat: [one]} if target.repeat else values
            frames[f"{target.where} {one}".strip()] = source.run(target.query, at)
    return frames


def over(source: Infinity, from_ms: int, to_ms: int) -> Infinity:
    """The same data source under another time range."""
    return replace(source, from_ms=from_ms, to_ms=to_ms)


def _as_rows(frame: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(frame, cells, strict=True)) for cells in zip(*frame.values(), strict=True)]


def _cell(row: dict[str, Any], column: dict[str, str]) -> Any:
    selector, type_ = column["selector"], column["type"]
    if selector not in row:
        raise QueryFailedError(f"no {selector!r} in {row}")
    value = row[selector]
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match type_:
        case "string":
            return json.dumps(value) if isinstance(value, (list, dict)) else str(value)
        case "number" if is_number:
            return float(value)
        case "timestamp_epoch" if isinstance(value, int) and value in EPOCH_MS:
            return value
        case _:
            raise QueryFailedError(f"{selector!r} is {value!r}, not a {type_}")


def _expression(text: str) -> Callable[[dict[str, Any]], Any]:
    """The few shapes of Infinity's expressions that we use: comparison, choice, text with a column, constant."""
    if match := TERNARY.fullmatch(text):
        condition, yes, no = (_expression(part) for part in match.groups())
        return lambda row: yes(row) if condition(row) else no(row)
    if match := COMPARISON.fullmatch(text):
        name, operator, value = match.groups()
        return lambda row: (row[name] == value) is (operator == "==")
    if match := SUM.fullmatch(text):
        prefix, column = match.groups()
        return lambda row: prefix + row[column]
    if re.fullmatch(r"'[^']*'", text):
        return lambda _: text[1:-1]
    if re.fullmatch(r"-?\d+", text):
        return lambda _: float(text)
    if re.fullmatch(r"\w+", text):
        return lambda row: row[text]
    raise QueryFailedError(f"an expression this stand-in does not know: {text!r}")
