"""Silence rolled up to what fell silent: one row for an edge node or publisher all whose units went quiet together.

Each batch keeps its own alert in its record; the row only gathers them. It is drawn when a screen is read, from the
alerts and from who was heard to speak for which unit, so it is there as long as all of them last (INGEST-5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from psycopg import Connection

from api.database import rows
from store.model.alert import AlertState
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A place with a running batch of which nothing is heard, or a place that speaks: its `silent` is then None."""

    unit_id: int
    unit_procedure_id: int
    name: str  # of the unit, with the position where several batches share it
    batch: str
    silent: frozenset[str] | None  # every tag that owes readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence alert that lasts."""

    alert: int
    tags: frozenset[str]
    since: datetime  # the last reading before it
    raised: datetime
    delay_s: float  # after which such a tag is alerted
    state: AlertState


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentNode:
    """What speaks for several units and has fallen silent with all of them."""

    node: str
    kind: Literal["edge_node", "publisher"]
    units: tuple[str, ...]
    batches: tuple[str, ...]  # one of each unit, in their order
    alerts: tuple[int, ...]  # the same
    since: datetime  # the first of the last readings
    raised: datetime  # the last of the alerts
    state: AlertState  # raised while one of them is
    sentence: str
    next_action: str

    @property
    def of_each(self) -> list[tuple[int, str]]:
        """Each alert with its unit."""
        return list(zip(self.alerts, self.units, strict=True))


def read_silent_nodes(connection: Connection, places: Sequence[Quiet]) -> list[SilentNode]:
    """Nodes that are silent with all their units, those with the most units first; no alert is told twice."""
    silent = [place for place in places if place.silent]
    if len(silent) < 2:
        return []
    silences: dict[int, list[Silence]] = {}
    for row in rows(connection, queries("api_nodes")["silences"]):
        silences.setdefault(row["unit_procedure_id"], []).append(
            Silence(
                alert=row["alert"],
                tags=frozenset(row["tags"]),
                since=row["since"],
                raised=row["raised_time"],
                delay_s=row["delay_s"],
                state=AlertState(row["state"]),
            )
        )
    nodes = rows(connection, queries("api_nodes")["nodes"])
    # Where a unit was moved from one gateway to another both were heard to speak for it: the later one is meant.
    nodes.sort(key=lambda node: (len(node["units"]), node["heard"], node["name"]), reverse=True)
    told: set[int] = set()
    found = []
    for node in nodes:
        one = _silent(node, places, silences)
        if one is not None and told.isdisjoint(one.alerts):
            told.update(one.alerts)
            found.append(one)
    return found


def _silent(
    node: Mapping[str, Any], places: Sequence[Quiet], silences: Mapping[int, Sequence[Silence]]
) -> SilentNode | None:
    """The node, when every running place of its units is silent as a whole since the same time, and it with them."""
    mine = [place for place in places if place.unit_id in node["units"]]
    quiet = [_whole(place, silences.get(place.unit_procedure_id, ())) for place in mine]
    alerts = [alert for alert in quiet if alert is not None]
    if len(alerts) < 2 or len(alerts) < len(mine):
        return None
    since, last = min(alert.since for alert in alerts), max(alert.since for alert in alerts)
    reach = timedelta(seconds=max(alert.delay_s for alert in alerts))
    word = node["last_word"]
    if last - since > reach or (word is not None and not since - reach <= word <= last + reach):
        return None
    names = tuple(place.name for place in mine)
    called = f"{'Edge node' if node['kind'] == 'edge_node' else 'Publisher'} {node['name']}"
    return SilentNode(
        node=node["name"],
        kind=cast("Literal['edge_node', 'publisher']", node["kind"]),
        units=names,
        batches=tuple(place.batch for place in mine),
        alerts=tuple(alert.alert for alert in alerts),
        since=since,
        raised=max(alert.raised for alert in alerts),
        state=max((alert.state for alert in alerts), key=lambda state: (state is AlertState.RAISED, state)),
        sentence=f"{called} has fallen silent with all it speaks for: {', '.join(names)}.",
        next_action=f"Check {node['name']} and its network; read the displays of {', '.join(names)}; "
        "tell the shift lead",
    )


def _whole(place: Quiet, silences: Sequence[Silence]) -> Silence | None:
    """The alert that says of every tag that owes readings that it is silent."""
    if not place.silent:
        return None
    return next((silence for silence in silences if place.silent <= silence.tags), None)
