"""Batches: the list and what is known of each."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.database import Reading, models
from api.fields import BIGGEST_ID, Cursor, Limit, OptionalName
from api.paging import Page, page
from store.model.batch import BatchStatus
from store.model.process import ProcessRole
from store.sql import queries

router = APIRouter(prefix="/batches", tags=["batches"])


class BatchRow(BaseModel):
    """One batch in a list."""

    batch_id: int
    batch: str
    product: str
    process: str
    role: ProcessRole
    status: BatchStatus
    end_reason: str | None
    unit: str | None
    started: datetime | None
    ended: datetime | None
    open_alerts: int
    alerts: int


@router.get("")
def list_batches(
    connection: Reading,
    process: OptionalName = None,
    role: ProcessRole | None = None,
    status: BatchStatus | None = None,
    cursor: Cursor = BIGGEST_ID,
    limit: Limit = 100,
) -> Page[BatchRow]:
    """Batches of the old and the new process, newest first."""
    found = models(
        connection,
        BatchRow,
        queries("api_batches")["page"],
        {"below": cursor, "process": process, "role": role, "status": status, "limit": limit + 1},
    )
    return page(found, [batch.batch_id for batch in found], limit)
