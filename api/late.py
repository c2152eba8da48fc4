"""Readings of a batch that came after their cell had closed: up to when they were judged, and what still waits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.database import row
from store.sql import queries


class LateReadings(BaseModel):
    """What the run that watches says of them. Times are the plant's."""

    judged_until: datetime | None  # what came late by then is in its place; null: nothing was judged again
    waiting: int  # readings that came late since and are not judged yet
    waiting_tags: list[str]
    revision_reached: datetime | None  # how far the revision that judges them has come; null: none has begun


def read_late(connection: Connection, batch_id: int) -> LateReadings | None:
    """Of the newest unit procedure of a batch; None where nobody watches it."""
    found = row(connection, queries("api_batches")["late"], {"batch_id": batch_id})
    if found is None:
        return None
    late: Mapping[str, Any] = found["late"] or {}
    return LateReadings(
        judged_until=found["judged_until"],
        waiting=sum(late.values()),
        waiting_tags=sorted(late),
        revision_reached=found["revision_reached"],
    )
