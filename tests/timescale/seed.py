"""The small record of seed.sql, and a value for every parameter that leads to something in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

STARTED = datetime(2026, 1, 1, tzinfo=UTC)  # of CT-1
ENDED = STARTED + timedelta(days=12)

SAMPLES: dict[str, object] = {
    "batch": "CT-1",
    "batch_id": 1,
    "boot": 1,
    "buckets": [STARTED + timedelta(days=day) for day in (0, 7, 30)],
    "change": "CC-7",
    "chain_id": 1,
    "effective_from": ENDED,
    "ended": ENDED,
    "monitor_id": 1,
    "now": STARTED + timedelta(days=25),
    "position_id": 1,
    "process": "AUTO-2.0",
    "process_version_id": 2,
    "publisher": "edge-1",
    "resolution_s": 3600,
    "result": "L-1",
    "started": STARTED,
    "tag_ids": [1, 2, 1],
    "unit_id": 1,
    "width": timedelta(hours=1),
}


def seed(connection: psycopg.Connection) -> None:
    """Fill a migrated, otherwise empty database."""
    connection.execute((Path(__file__).parent / "seed.sql").read_bytes())
