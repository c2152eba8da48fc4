"""The alert queue, each alert with what is needed to question it, and its acknowledgement."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.database import Reading, models
from api.fields import BIGGEST_ID, Cursor, Limit, OptionalName
from api.paging import Page, page
from store.model.alert import AlertKind, AlertState
from store.sql import queries

router = APIRouter(prefix="/alerts", tags=["alerts"])


class AlertRow(BaseModel):
    """One alert in a list, as it stands now."""

    alert: int
    batch: str | None
    unit: str
    process: str | None
    kind: AlertKind
    detector: str
    tags: list[str]
    raised_time: datetime
    onset_time: datetime
    ended_time: datetime | None
    phase_time_h: float
    score: float
    limit_value: float
    sentence: str
    state: AlertState
    decided_by: str | None
    decided_at: datetime | None
    comment: str | None
    software: str
    reference_digest: str | None


@router.get("")
def alert_queue(
    connection: Reading,
    batch: OptionalName = None,
    kind: AlertKind | None = None,
    state: AlertState | None = None,
    *,
    open_only: bool = False,
    cursor: Cursor = BIGGEST_ID,
    limit: Limit = 100,
) -> Page[AlertRow]:
    """Alerts, newest first."""
    found = models(
        connection,
        AlertRow,
        queries("api_alerts")["queue"],
        {"below": cursor, "batch": batch, "kind": kind, "state": state, "open_only": open_only, "limit": limit + 1},
    )
    return page(found, [alert.alert for alert in found], limit)
