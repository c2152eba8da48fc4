"""What analysis says of a batch, and whether that is still what is so.

A verdict is unknown once analysis has stood still for longer than it may take, and a tag that is silent has none:
what was judged last is never shown as current.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from api.clock import Clock
from api.database import Row, rows
from store.model.times import from_us
from store.sql import queries

ANALYSIS_MAY_TAKE_S = 30.0  # of the host's clock, from the commit of a block to the snapshot that holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A monitor's snapshot as far as it can be believed now."""

    in_envelope: bool | None  # False as soon as one tag is out; None while a judged tag is silent
    worst_ratio: float | None  # largest score over its limit among the tags that speak
    worst_tag: str | None
    analysed_until: datetime | None
    stands_still: bool
    tags: Mapping[str, Mapping[str, Any]]  # what can be believed of each, by name


def read_monitors(connection: Connection, batch_id: int | None = None) -> list[Row]:
    """The monitors of what runs now, or all of one batch, oldest first."""
    return rows(connection, queries("api_units")["monitors"], {"batch_id": batch_id})


def verdict(monitor: Mapping[str, Any] | None, clock: Clock, *, silent: Collection[str]) -> Verdict:
    """`monitor` is a row of `monitors`; None: nobody watches the batch.

    Analysis stands still when a block waits for it too long, or when it is further behind the plant's time than it may
    be with nothing to read.
    """
    if monitor is None:
        return NO_VERDICT
    snapshot: Mapping[str, Any] = monitor["snapshot"]
    reached = snapshot.get("data_until_us")
    until = None if reached is None else from_us(reached)
    may_take_s = (ANALYSIS_MAY_TAKE_S + (monitor["transport_allowance_s"] or 0.0)) * clock.rate
    waits = (monitor["waited_s"] or 0.0) > ANALYSIS_MAY_TAKE_S
    stands_still = not monitor["closed"] and (waits or clock.age_s(until or monitor["started"]) > may_take_s)
    told: list[Mapping[str, Any]] = [] if stands_still else list(snapshot.get("tags", ()))
    speaking = [tag for tag in told if tag["tag"] not in silent]
    inside = [tag["in_envelope"] for tag in speaking if tag["in_envelope"] is not None]
    hidden = any(tag["in_envelope"] is not None for tag in told if tag["tag"] in silent)
    ratios = [(tag["worst_ratio"], tag["tag"]) for tag in speaking if tag["worst_ratio"] is not None]
    worst_ratio, worst_tag = max(ratios, default=(None, None))
    return Verdict(
        in_envelope=False if False in inside else None if hidden or not inside else True,
        worst_ratio=worst_ratio,
        worst_tag=worst_tag,
        analysed_until=until,
        stands_still=stands_still,
        tags={tag["tag"]: tag for tag in speaking},
    )


NO_VERDICT = Verdict(
    in_envelope=None, worst_ratio=None, worst_tag=None, analysed_until=None, stands_still=False, tags={}
)
