"""The statement of completeness of a batch: what was owed, what came and how, what is missing and why. It adds up.

Of every tag that owes readings: expected = on time + late + imported − beyond its interval + missing, by cause and one
by one. Everything is counted up to one instant: the end of the batch, or while it runs the time up to which nothing
should still be on its way.
"""

from datetime import datetime
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.database import Row, row, rows
from api.lags import Lags, read_lags
from api.series import batch_row
from api.statement_tags import Reach, TagStatement, read_tags
from api.statement_words import sentences
from store.model.completeness import GapCause
from store.sql import queries

MOST_GAPS = 1_000  # listed one by one; all of them are counted


class GapRow(BaseModel):
    """One gap; `missing` and `to_time` are null while it lasts."""

    gap: int
    tag: str
    unit: str
    from_time: datetime
    to_time: datetime | None
    missing: int | None
    cause: GapCause
    evidence: dict[str, Any]
    found_time: datetime


class Statement(BaseModel):
    """The statement of completeness of a batch."""

    batch: str
    started: datetime | None
    until: datetime | None  # everything is counted up to here
    runs: bool  # more is to come
    waiting: int  # blocks that are not counted yet: while there are any, this is preliminary
    total: TagStatement
    tags: list[TagStatement]
    lags: Lags
    gaps: list[GapRow]
    gaps_listed: bool  # whether all of them are
    sentences: list[str]


def read_statement(connection: Connection, batch: str) -> Statement:
    """The statement of the batch of that name. Raises NotFound."""
    made = batch_row(connection, batch)
    sql = queries("api_completeness")
    procedures = rows(connection, sql["procedures"], {"batch_id": made["batch_id"]})
    reach = _reach(connection)
    ends = [procedure["ended"] for procedure in procedures]
    runs = None in ends
    until = reach.until if runs or not ends else max(ends)
    ids = [procedure["unit_procedure_id"] for procedure in procedures]
    tags = read_tags(connection, made["batch_id"], procedures, reach, until) if procedures else []
    found = rows(connection, sql["gaps"], {"unit_procedure_ids": ids, "limit": MOST_GAPS + 1})
    total = _total(tags)
    lags = read_lags(connection, procedures, reach.tick, until)
    return Statement(
        batch=batch,
        started=made["started"],
        until=until if procedures else None,
        runs=runs,
        waiting=reach.waiting,
        total=total,
        tags=tags,
        lags=lags,
        gaps=[GapRow(**gap) for gap in found[:MOST_GAPS]],
        gaps_listed=len(found) <= MOST_GAPS,
        sentences=sentences(total, tags, lags, runs=runs, waiting=reach.waiting),
    )


def _reach(connection: Connection) -> Reach:
    found = row(connection, queries("api_completeness")["reached"])
    assert found is not None
    if found["reached"] is None:  # nothing ever ticked: there are imports only, and the clock on the wall
        now = read_clock(connection).now
        tick: Row = {"plant_time": now, "host_time": now, "rate": 1.0}
        return Reach(until=now, tick=tick, waiting=found["waiting"])
    tick = {name: found[name] for name in ("plant_time", "host_time", "rate")}
    return Reach(until=found["reached"], tick=tick, waiting=found["waiting"])


def _total(tags: list[TagStatement]) -> TagStatement:
    owing = [tag for tag in tags if tag.expected is not None]

    def of(name: str) -> int:
        return sum(getattr(tag, name) for tag in owing)

    def by_cause(name: str) -> dict[GapCause, int]:
        counts: dict[GapCause, int] = {}
        for tag in owing:
            for cause, count in getattr(tag, name).items():
                counts[cause] = counts.get(cause, 0) + count
        return {cause: counts[cause] for cause in GapCause if cause in counts}

    numbers = ("expected", "received", "on_time", "late", "imported", "beyond", "slower", "received_not_owed", "bad")
    return TagStatement(
        tag="all that owe readings",
        unit=", ".join(sorted({tag.unit for tag in owing})),
        reporting_mode=None,
        interval_s=None,
        missing=by_cause("missing"),
        not_owed=by_cause("not_owed"),
        longest_gap_s=max((tag.longest_gap_s or 0.0 for tag in owing), default=0.0) or None,
        **{
            name: of(name)
            for name in (*numbers, "corrected", "invalidated", "repeated", "conflicts", "out_of_order", "gaps")
        },
    )
