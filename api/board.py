"""The board of units: what runs where, whether it can be believed, and the one thing to do next.

A tile never shows old data as current: when no tag that owes readings is current, or analysis stands still, it says
NO DATA whatever else is known, and whether the batch is in its envelope becomes unknown. While only some tags are
silent it names them, and `data_until` is that of the oldest. Where all units behind one edge node or publisher fall
silent together, the node is named once and the tiles point to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from psycopg import Connection

from api.clock import Clock, read_clock
from api.database import rows
from api.freshness import Freshness, judge, read_spoken
from api.material import unlike_reference
from api.nodes import Quiet, SilentNode, read_silent_nodes
from api.rendering import instant
from api.verdict import Verdict, read_monitors, verdict
from store.sql import queries

NAMED_AT_MOST = 4  # tags in one action


class TileState(StrEnum):
    """What a tile says loudest."""

    RUNNING = "running"
    IDLE = "idle"
    NO_DATA = "no_data"
    ALERT = "alert"


class InEnvelope(StrEnum):
    """Whether the newest closed cells lie inside the reference's band."""

    IN = "in"
    OUT = "out"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One unit, or one position of a unit that several batches share."""

    unit: str
    area: str
    batch: str | None
    product: str | None
    process: str | None
    phase: str | None
    state: TileState
    in_envelope: InEnvelope
    data_until: datetime | None  # of the oldest tag that owes readings
    newest_reading: datetime | None  # usable, of any tag
    age_s: float | None  # plant seconds since data_until
    open_alerts: int
    alert: int | None  # the one to look at first
    sentence: str | None
    process_hour: float | None  # at the newest reading
    worst_ratio: float | None  # largest score over its limit
    worst_tag: str | None
    tags: int
    tags_silent: int
    silent: tuple[str, ...]  # tags that owe a reading
    clock_ahead: tuple[str, ...]  # tags with readings from a clock that is ahead of the plant's
    analysed_until: datetime | None
    analysis_stands_still: bool
    reference: str | None  # digest, hex
    unlike_reference: str | None  # what the batch's starting material means for the verdict of its reference
    software: str | None
    next_action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All tiles by site, area and unit, the plant's time they were judged at, and which nodes are silent."""

    clock: Clock
    tiles: list[Tile]
    silent_nodes: list[SilentNode]


def read_board(connection: Connection) -> Board:
    """The board as it is now."""
    clock = read_clock(connection)
    spoken: dict[tuple[int, int | None], list[Mapping[str, Any]]] = {}
    for tag in read_spoken(connection, clock):
        spoken.setdefault((tag["unit_id"], tag["unit_procedure_id"]), []).append(tag)
    monitors = {monitor["unit_procedure_id"]: monitor for monitor in read_monitors(connection)}
    found = []
    places = []
    for row in rows(connection, queries("api_units")["board"]):
        place = row["unit_id"], row["unit_procedure_id"]
        fresh = judge(spoken.get(place, ()), clock, running=row["batch"] is not None)
        told = verdict(monitors.get(row["unit_procedure_id"]), clock, silent=fresh.silent)
        found.append((row, fresh, told))
        if row["batch"] is not None:
            places.append(_place(row, fresh))
    nodes = read_silent_nodes(connection, places)
    node_of = {place: node for node in nodes for place in zip(node.units, node.batches, strict=True)}
    return Board(
        clock=clock,
        tiles=[tile(row, clock, fresh, told, node_of.get((_name(row), row["batch"]))) for row, fresh, told in found],
        silent_nodes=nodes,
    )


def tile(row: Mapping[str, Any], clock: Clock, fresh: Freshness, told: Verdict, node: SilentNode | None = None) -> Tile:
    """One row of the query `board`, with what its tags and its monitor say, and the node silent with it, as a tile."""
    running = row["batch"] is not None
    state = _state(running=running, missing=fresh.no_data or told.stands_still, urgent=row["urgent_alerts"] > 0)
    believed = state in (TileState.RUNNING, TileState.ALERT)
    return Tile(
        unit=_name(row),
        area=row["area"],
        batch=row["batch"],
        product=row["product"],
        process=row["process"],
        phase=row["phase"],
        state=state,
        in_envelope=_in_envelope(told) if believed and running else InEnvelope.UNKNOWN,
        data_until=fresh.data_until,
        newest_reading=fresh.newest,
        age_s=None if fresh.data_until is None else clock.age_s(fresh.data_until),
        open_alerts=row["open_alerts"],
        alert=row["alert"],
        sentence=row["sentence"],
        process_hour=_process_hour(row["started"], fresh.newest) if running else None,
        worst_ratio=told.worst_ratio if believed else None,
        worst_tag=told.worst_tag if believed else None,
        tags=fresh.tags,
        tags_silent=len(fresh.silent),
        silent=fresh.silent,
        clock_ahead=fresh.ahead,
        analysed_until=told.analysed_until,
        analysis_stands_still=told.stands_still,
        reference=row["reference"],
        unlike_reference=unlike_reference(row["starting_material"], row["materials"]),
        software=row["software"],
        next_action=_next_action(state, row, fresh, told) if node is None else node.next_action,
    )


def _name(row: Mapping[str, Any]) -> str:
    return row["unit"] if row["position"] is None else f"{row['unit']} {row['position']}"


def _place(row: Mapping[str, Any], fresh: Freshness) -> Quiet:
    return Quiet(
        unit_id=row["unit_id"],
        unit_procedure_id=row["unit_procedure_id"],
        name=_name(row),
        batch=row["batch"],
        silent=frozenset(fresh.silent) if fresh.no_data and fresh.silent else None,
    )


def _state(*, running: bool, missing: bool, urgent: bool) -> TileState:
    if running and missing:
        return TileState.NO_DATA
    if urgent:
        return TileState.ALERT
    return TileState.RUNNING if running else TileState.IDLE


def _next_action(state: TileState, row: Mapping[str, Any], fresh: Freshness, told: Verdict) -> str:
    """One clear thing to do, the same words on the page and on the wall."""
    match state:
        case TileState.NO_DATA if fresh.no_data and fresh.ahead:
            return f"The clock of {row['unit']} is ahead: set it, and read its own display; tell the shift lead"
        case TileState.NO_DATA if fresh.no_data:
            return f"Check the connection of {row['unit']} and read its own display; tell the shift lead"
        case TileState.NO_DATA:
            since = instant(told.analysed_until or row["started"])
            return f"Analysis has stood still since {since}: watch {row['unit']} itself; tell who runs the system"
        case TileState.ALERT if row["alert_state"] == "raised":
            lasts = "it lasts" if row["alert_lasts"] else "it is over by now"
            return f"Look at alert {row['alert']} and acknowledge it with a comment: {lasts}"
        case TileState.ALERT:
            return f"Alert {row['alert']} lasts; {row['decided_by']} has it: carry on by the batch record"
        case TileState.RUNNING if fresh.silent:
            return f"{len(fresh.silent)} of {fresh.tags} tags are silent: check the sensors of {_few(fresh.silent)}"
        case TileState.RUNNING if fresh.ahead:
            return f"Clock ahead: set the clock behind {_few(fresh.ahead)}"
        case TileState.RUNNING if row["open_alerts"]:
            return f"{row['open_alerts']} acknowledged, waiting for an assessment; carry on"
        case TileState.RUNNING if unlike_reference(row["starting_material"], row["materials"]):
            return "Carry on; its starting material is not known to its reference: tell MSAT"
        case TileState.RUNNING:
            return "Carry on"
        case TileState.IDLE:
            return "Free"
    assert_never(state)


def _few(tags: tuple[str, ...]) -> str:
    return ", ".join(tags[:NAMED_AT_MOST]) + (" …" if len(tags) > NAMED_AT_MOST else "")


def _in_envelope(told: Verdict) -> InEnvelope:
    match told.in_envelope:
        case True:
            return InEnvelope.IN
        case False:
            return InEnvelope.OUT
        case _:
            return InEnvelope.UNKNOWN


def _process_hour(started: datetime, until: datetime | None) -> float | None:
    return None if until is None or until < started else (until - started).total_seconds() / 3600
