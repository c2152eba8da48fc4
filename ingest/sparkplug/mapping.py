"""Which tag of which unit a metric is: by the table `sparkplug_mapping`, else by a rule over the names.

The rule: the group is `site:area`; the unit is named by the device (or by the node, see Rule; metrics of a node itself
belong to the unit of the node's name); the tag is named by the last part of the metric's name, `Heater/PV` by `PV`.
"""

import re
import time
from dataclasses import dataclass
from enum import StrEnum

import psycopg

from store.errors import translated
from store.model.edge import LedBy
from store.sql import queries

MAX_AGE_S = 5.0
MOST_REMEMBERED = 200_000  # metrics whose place is kept in memory; more than that are looked up again


class Rule(StrEnum):
    """What names the unit."""

    DEVICE = "device"
    NODE = "node"  # and the device names a position of it
    NONE = "none"  # only the table counts


@dataclass(frozen=True, slots=True)
class Target:
    """Where a metric belongs, by name; whether there is such a unit is another question."""

    site: str
    area: str
    unit: str
    position: str | None
    tag: str
    by: LedBy


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table, with its patterns compiled; the first that fits counts."""

    group: re.Pattern[str]
    node: re.Pattern[str]
    device: re.Pattern[str]
    metric: re.Pattern[str]
    site: str
    area: str
    unit: str
    position: str | None
    tag: str | None

    def fits(self, group: str, node: str, device: str, metric: str) -> bool:
        return bool(
            self.group.fullmatch(group)
            and self.node.fullmatch(node)
            and self.device.fullmatch(device)
            and self.metric.fullmatch(metric)
        )


class Mapping:
    """The table as read last, and the rule."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._rows: list[_Row] = []
        self._known: dict[tuple[str, str, str, str], Target | None] = {}
        self._read_at = float("-inf")

    def refresh(self, connection: psycopg.Connection) -> None:
        """Read the table when it may have changed. Raises StoreUnavailable."""
        if time.monotonic() - self._read_at > MAX_AGE_S:
            self.read(connection)

    def read(self, connection: psycopg.Connection) -> None:
        """Read the table anew. Raises StoreUnavailable."""
        with translated():
            stored = connection.execute(queries("edge_node")["mapping"]).fetchall()
        stored.sort(key=lambda row: [_vagueness(pattern) for pattern in row[:4]])
        rows = [
            _Row(_compiled(group), _compiled(node), _compiled(device), _compiled(metric), *place)
            for group, node, device, metric, *place in stored
        ]
        if rows != self._rows:
            self._rows, self._known = rows, {}
        self._read_at = time.monotonic()

    def target(self, group: str, node: str, device: str, metric: str) -> Target | None:
        """Where a metric belongs, None when neither the table nor the rule says. `device` is "" for the node itself."""
        key = (group, node, device, metric)
        if key not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = self._look_up(group, node, device, metric)
        return self._known[key]

    def _look_up(self, group: str, node: str, device: str, metric: str) -> Target | None:
        last = metric.rsplit("/", 1)[-1]
        for row in self._rows:
            if row.fits(group, node, device, metric):
                return Target(row.site, row.area, row.unit, row.position, row.tag or last, LedBy.TABLE)
        site, colon, area = group.partition(":")
        if self._rule is Rule.NONE or not (site and colon and area):
            return None
        if self._rule is Rule.NODE:
            return Target(site, area, node, device or None, last, LedBy.RULE)
        return Target(site, area, device or node, None, last, LedBy.RULE)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def _vagueness(pattern: str) -> tuple[bool, int]:
    """Names before patterns, longer patterns before shorter ones."""
    return "*" in pattern, -len(pattern)
