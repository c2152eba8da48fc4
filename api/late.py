"""Readings of a batch that came after their cell had closed: up to when they were judged, and what still waits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.database import row
from store.model.revision import tried_again_from
from store.sql import queries


class LateReadings(BaseModel):
    """What the run that watches says of them. Times are the plant's."""

    judged_until: datetime | None  # what came late by then is in its place; null: nothing was judged again
    waiting: int  # readings that came late since and are not judged yet
    waiting_tags: list[str]
    revision_reached: datetime | None  # how far the revision that judges them has come; null: none goes on
    failed: int  # revisions that were to judge what waits
    tried_again_from: datetime | None  # null: none failed, or so many that none begins before the batch ends


def read_late(connection: Connection, batch_id: int) -> LateReadings | None:
    """Of the newest unit procedure of a batch; None where nobody watches it."""
    found = row(connection, queries("api_batches")["late"], {"batch_id": batch_id})
    if found is None:
        return None
    late: Mapping[str, Any] = found["late"] or {}
    begun: datetime | None = found["failed_begun"]
    return LateReadings(
        judged_until=found["judged_until"],
        waiting=sum(late.values()),
        waiting_tags=sorted(late),
        revision_reached=found["revision_reached"],
        failed=found["failed"],
        tried_again_from=None if begun is None else tried_again_from(found["failed"], begun),
    )
