"""The board of units: what runs where, whether it can be believed, and the one thing to do next.

A tile never shows old data as current: when two intervals passed without a reading, or analysis stands still, it says
NO DATA whatever else is known, and whether the batch is in its envelope becomes unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from psycopg import Connection

from api.clock import TRANSPORT_ALLOWANCE_S, Clock, read_clock
from api.database import rows
from store.sql import queries

INTERVAL_UNLESS_SAID_S = 60.0


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
    data_until: datetime | None
    age_s: float | None  # plant seconds since data_until
    open_alerts: int
    alert: int | None  # the one to look at first
    sentence: str | None
    process_hour: float | None  # at data_until
    worst_ratio: float | None  # largest score over its limit
    worst_tag: str | None
    tags: int
    tags_silent: int
    reference: str | None  # digest, hex
    software: str | None
    next_action: str


def read_board(connection: Connection) -> tuple[Clock, list[Tile]]:
    """All tiles by site, area and unit, and the plant's time they were judged at."""
    clock = read_clock(connection)
    found = rows(
        connection,
        queries("api_units")["board"],
        {"now": clock.now, "allowance_s": TRANSPORT_ALLOWANCE_S * clock.rate},
    )
    return clock, [tile(row, clock) for row in found]


def tile(row: Mapping[str, Any], clock: Clock) -> Tile:
    """One row of the query `board` as a tile."""
    until: datetime | None = row["data_until"]
    snapshot: Mapping[str, Any] = row["snapshot"] or {}
    running = row["batch"] is not None
    interval_s = row["interval_s"] or INTERVAL_UNLESS_SAID_S
    missing = until is None or until < row["started"] if running else until is None
    if running and until is not None and clock.too_old(until, interval_s=interval_s):
        missing = True
    state = _state(running=running, missing=missing, urgent=row["urgent_alerts"] > 0)
    worst_tag, worst_ratio = _worst(snapshot)
    believed = state in (TileState.RUNNING, TileState.ALERT)
    return Tile(
        unit=row["unit"] if row["position"] is None else f"{row['unit']} {row['position']}",
        area=row["area"],
        batch=row["batch"],
        product=row["product"],
        process=row["process"],
        phase=row["phase"],
        state=state,
        in_envelope=_in_envelope(snapshot) if believed and running else InEnvelope.UNKNOWN,
        data_until=until,
        age_s=None if until is None else clock.age_s(until),
        open_alerts=row["open_alerts"],
        alert=row["alert"],
        sentence=row["sentence"],
        process_hour=_process_hour(row["started"], until) if running else None,
        worst_ratio=worst_ratio if believed else None,
        worst_tag=worst_tag if believed else None,
        tags=row["tags"],
        tags_silent=row["tags_silent"] if running else 0,
        reference=row["reference"],
        software=row["software"],
        next_action=_next_action(state, row),
    )


def _state(*, running: bool, missing: bool, urgent: bool) -> TileState:
    if running and missing:
        return TileState.NO_DATA
    if urgent:
        return TileState.ALERT
    return TileState.RUNNING if running else TileState.IDLE


def _next_action(state: TileState, row: Mapping[str, Any]) -> str:
    """One clear thing to do, the same words on the page and on the wall."""
    match state:
        case TileState.NO_DATA:
            return f"Check the connection of {row['unit']} and read its own display; tell the shift lead"
        case TileState.ALERT if row["alert_state"] == "raised":
            return f"Look at alert {row['alert']} and acknowledge it with a comment"
        case TileState.ALERT:
            return f"Alert {row['alert']} lasts; {row['decided_by']} has it: carry on by the batch record"
        case TileState.RUNNING if row["tags_silent"]:
            return f"{row['tags_silent']} of {row['tags']} tags are silent: check their sensors"
        case TileState.RUNNING if row["open_alerts"]:
            return f"{row['open_alerts']} acknowledged, waiting for an assessment; carry on"
        case TileState.RUNNING:
            return "Carry on"
        case TileState.IDLE:
            return "Free"
    assert_never(state)


def _in_envelope(snapshot: Mapping[str, Any]) -> InEnvelope:
    match snapshot.get("in_envelope"):
        case True:
            return InEnvelope.IN
        case False:
            return InEnvelope.OUT
        case _:
            return InEnvelope.UNKNOWN


def _worst(snapshot: Mapping[str, Any]) -> tuple[str | None, float | None]:
    judged = [
        (tag["worst_ratio"], tag["tag"]) for tag in snapshot.get("tags", ()) if tag.get("worst_ratio") is not None
    ]
    if not judged:
        return None, snapshot.get("worst_ratio")
    ratio, tag = max(judged)
    return tag, ratio


def _process_hour(started: datetime, until: datetime | None) -> float | None:
    return None if until is None or until < started else (until - started).total_seconds() / 3600
