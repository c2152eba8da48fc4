"""The record itself: what was quarantined, what is missing, old against new, and who is asking."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.auth import SignedIn
from api.comparison import Comparison, read_comparison
from api.database import Reading, models
from api.fields import BIGGEST_ID, Cursor, Limit, OptionalName
from api.paging import Page, page
from api.pseudonyms import shown_excerpt, shown_reason
from store.model.result import ResultStatus
from store.sql import queries

router = APIRouter(tags=["record"])


class Who(BaseModel):
    """The person or machine behind the request."""

    name: str
    printed_name: str
    kind: str
    roles: list[str]
    scope: str | None


@router.get("/whoami")
def whoami(actor: SignedIn) -> Who:
    """Who is asking."""
    return Who(
        name=actor.name,
        printed_name=actor.printed_name,
        kind=actor.kind,
        roles=sorted(actor.roles),
        scope=actor.scope,
    )


class QuarantinedRow(BaseModel):
    """Something that could not enter the record, and why."""

    quarantine_id: int
    topic: str
    item: str
    code: str
    reason: str
    excerpt: str
    received_time: datetime


class QuarantineCount(BaseModel):
    """How much of one kind of fault."""

    code: str
    items: int
    first: datetime
    last: datetime


class Quarantine(BaseModel):
    """Counts by kind of fault, and a page of what is there."""

    counts: list[QuarantineCount]
    page: Page[QuarantinedRow]


@router.get("/quarantine")
def quarantine(
    connection: Reading,
    actor: SignedIn,
    code: OptionalName = None,
    cursor: Cursor = BIGGEST_ID,
    limit: Limit = 100,
) -> Quarantine:
    """What could not enter the record, newest first. What may hold a pseudonym is left out without `identity`."""
    sql = queries("api_record")
    asked = {"below": cursor, "code": code, "limit": limit + 1}
    found = models(connection, QuarantinedRow, sql["quarantine"], asked)
    if "identity" not in actor.roles:
        for item in found:
            item.excerpt = shown_excerpt(item.topic, item.excerpt)
            item.reason = shown_reason(item.topic, item.reason)
    return Quarantine(
        counts=models(connection, QuarantineCount, sql["quarantine_counts"]),
        page=page(found, [item.quarantine_id for item in found], limit),
    )


class GapRow(BaseModel):
    """Missing sequence numbers of a publisher; filled_time when they came after all."""

    gap: int
    publisher: str
    boot: int
    first_seq: int
    last_seq: int
    messages: int
    found_time: datetime
    filled_time: datetime | None


@router.get("/gaps")
def gaps(
    connection: Reading, *, open_only: bool = False, cursor: Cursor = BIGGEST_ID, limit: Limit = 100
) -> Page[GapRow]:
    """Messages that were sent and never came, newest first."""
    asked = {"below": cursor, "open_only": open_only, "limit": limit + 1}
    found = models(connection, GapRow, queries("api_record")["gaps"], asked)
    return page(found, [gap.gap for gap in found], limit)


@router.get("/comparison")
def comparison(connection: Reading, change: OptionalName = None) -> Comparison:
    """Old against new by attribute, exploratory; without `change` for the newest one."""
    return read_comparison(connection, change)


class PendingResult(BaseModel):
    """A result of a batch nobody knows: kept, and waiting to be assigned."""

    result: str
    batch: str
    attribute: str
    value_text: str
    unit_of_measure: str
    status: ResultStatus
    known_at: datetime


@router.get("/pending-results")
def pending_results(connection: Reading) -> list[PendingResult]:
    """The newest 200 results that name a batch nobody knows."""
    return models(connection, PendingResult, queries("api_batches")["pending_results"])
