"""The record itself: what is missing, old against new, results without a batch, and who is asking."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.auth import SignedIn
from api.comparison import Comparison, read_comparison
from api.database import Reading, models
from api.fields import BIGGEST_ID, Cursor, Limit, OptionalName
from api.paging import Page, page
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


class DisagreementRow(BaseModel):
    """One thing that the record and the journal say otherwise."""

    alert: int | None = None  # ordinal in its run; 0: the run itself; null: of a chart
    version: int | None = None  # 0: as it was raised
    step: str | None = None  # of a chart: which value, signal or alert, and which revision of it
    what: str
    recorded: str
    computed: str


class SelfCheckRow(BaseModel):
    """A run or a chart over batches that was computed anew from the journal and compared with the record."""

    self_check: int
    batch: str | None  # of a run
    run: int | None
    chart: int | None
    software: str
    alerts: int
    steps: int  # alerts raised and changes of them that were compared; of a chart its values and signals too
    disagreements: list[DisagreementRow]
    started_time: datetime  # of the host
    finished_time: datetime


@router.get("/self-checks")
def self_checks(
    connection: Reading, batch: OptionalName = None, cursor: Cursor = BIGGEST_ID, limit: Limit = 100
) -> Page[SelfCheckRow]:
    """What every night's checks found, newest first."""
    asked = {"below": cursor, "batch": batch, "limit": limit + 1}
    found = models(connection, SelfCheckRow, queries("self_check")["newest"], asked)
    return page(found, [check.self_check for check in found], limit)


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
