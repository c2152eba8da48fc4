"""The statement of completeness of a batch: what was owed, what came and how, what is missing and why. It adds up.

Of every tag that owes readings: expected = on time + late + imported − beyond its interval + missing, by cause and one
by one. Everything is counted up to one instant: the end of the batch, or while it runs the time up to which nothing
should still be on its way.
"""

from datetime import datetime
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.database import rows
from api.lags import Lags, read_lags
from api.series import batch_row
from api.statement_counts import read_counts
from api.statement_tags import TagStatement
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
    counts = read_counts(connection, made["batch_id"])
    ids = [procedure["unit_procedure_id"] for procedure in counts.procedures]
    asked = {"unit_procedure_ids": ids, "limit": MOST_GAPS + 1}
    found = rows(connection, queries("api_completeness")["gaps"], asked)
    lags = read_lags(connection, counts.procedures, counts.reach.tick, counts.until)
    waiting = counts.reach.waiting
    return Statement(
        batch=batch,
        started=made["started"],
        until=counts.until if counts.procedures else None,
        runs=counts.runs,
        waiting=waiting,
        total=counts.total,
        tags=counts.tags,
        lags=lags,
        gaps=[GapRow(**gap) for gap in found[:MOST_GAPS]],
        gaps_listed=len(found) <= MOST_GAPS,
        sentences=sentences(counts.total, counts.tags, lags, runs=counts.runs, waiting=waiting),
    )
