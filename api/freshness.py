"""How fresh what is shown is: one rule for the board, the page of a batch and what is said of each tag.

A tag owes readings by its reporting mode and interval. What it sends with quality bad is no data, and a reading from a
clock that is ahead of the plant's keeps nothing alive. Data count as complete until the oldest tag that owes readings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from api.clock import Clock
from api.database import Row, rows
from store.owing import owed_every_s
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What the tags that speak for one occupied place, or for one idle unit, have said."""

    tags: int
    data_until: datetime | None  # of the oldest tag that owes readings, of the newest tag where none does
    newest: datetime | None  # the newest usable reading of any tag
    silent: tuple[str, ...]  # tags that owe a reading
    ahead: tuple[str, ...]  # tags with readings from a clock that is ahead
    no_data: bool  # not one of the tags that owe readings is current


def read_spoken(connection: Connection, clock: Clock, batch_id: int | None = None) -> list[Row]:
    """When each mapped tag last spoke for what runs in its unit now; of every unit, or of one batch."""
    return rows(connection, queries("api_units")["spoken"], {"latest": clock.latest, "batch_id": batch_id})


def judge(spoken: Iterable[Mapping[str, Any]], clock: Clock, *, running: bool) -> Freshness:
    """Rows of `spoken` that belong together. A unit that is idle, and so not `running`, owes nothing."""
    tags = sorted(spoken, key=lambda tag: str(tag["tag"]))
    heard = [tag["until"] for tag in tags if tag["until"] is not None]
    newest: datetime | None = max(heard, default=None)
    owing: dict[str, datetime] = {}
    silent: list[str] = []
    for tag in tags:
        interval_s = owed_every_s(tag["reporting_mode"], tag["interval_s"])
        if interval_s is None or not running:
            continue
        owing[tag["tag"]] = until = tag["until"] or tag["started"]
        if clock.too_old(until, interval_s=interval_s):
            silent.append(tag["tag"])
    return Freshness(
        tags=len(tags),
        data_until=min(owing.values()) if owing else newest,
        newest=newest,
        silent=tuple(silent),
        ahead=tuple(tag["tag"] for tag in tags if tag["ahead_until"] is not None),
        no_data=running and (not tags or (bool(owing) and len(silent) == len(owing))),
    )
