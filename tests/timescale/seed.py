"""The small record of seed.sql, and a value for every parameter that leads to something in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from store.lags import EDGES_US

STARTED = datetime(2026, 1, 1, tzinfo=UTC)  # of CT-1
ENDED = STARTED + timedelta(days=12)

HOUR = timedelta(hours=1)

# By name, or by query file and name where a name means two things.
SAMPLES: dict[str, object] = {
    "above": 0,
    "after": 0,
    "alert_id": 1,
    "all_batches": False,
    "allowance_s": 10.0,
    "analytics.until": 10,
    "batch": "CT-1",
    "batch_id": 1,
    "batches": ["CT-1", "CT-2"],
    "below": 1_000,
    "boot": 1,
    "buckets": [STARTED + timedelta(days=day) for day in (0, 7, 30)],
    "cap": 100,
    "change": "CC-7",
    "chain_id": 1,
    "effective_from": ENDED,
    "edge_group": "basel:hall-1",
    "edge_node_id": 1,
    "ended": ENDED,
    "first_received": STARTED,
    "from_id": 1,
    "head": 10,
    "head_to": STARTED + HOUR,
    "last": 10,
    "last_received": ENDED,
    "import_file_id": 1,
    "import_file_ids": [1],
    "limit": 1_000,
    "monitor_id": 1,
    "now": STARTED + timedelta(days=25),
    "open_only": False,
    "ordinal": 1,
    "position_id": 1,
    "process": "AUTO-2.0",
    "process_version_id": 2,
    "publisher": "edge-1",
    "reference_id": 1,
    "resolution_s": 3600,
    "result": "L-1",
    "server": "broker:1883",
    "sampled_at": STARTED,
    "since": STARTED,
    "specimen": "S-9",
    "status": "final",
    "started": STARTED,
    "step_s": 7200.0,
    "tag": "temperature",
    "tag_id": 1,
    "tag_ids": [1, 2, 1],
    "tail_from": ENDED - HOUR,
    "to_id": 2,
    "unit_id": 1,
    "units": ["BR-01"],
    "until": ENDED,
    "whole_from": STARTED + HOUR,
    "api_units.batch_id": 2,
    "absurd": 1e100,
    "most_readings": 1000,
    "manual_entry.source_time": STARTED,
    "manual_entry.value": 37.0,
    "manual_entry.value_text": "37.0",
    "manual_entry.capture_mode": "manual",
    "manual_entry.checked": "second_person",
    "manual_entry.entered_by": "mara",
    "manual_entry.entered_at": STARTED + HOUR,
    "manual_entry.checked_by": "ben",
    "manual_entry.checked_at": STARTED + HOUR,
    "manual_entry.page_image": "p1.png",
    "manual_entry.page_digest": b"\x01",
    "manual_entry.time_resolution_s": 900.0,
    "manual_entry.value_resolution": 0.1,
    "manual_entry.block_seq": 1,
    "manual_entry.entry": 0,
    "latest": datetime(2026, 3, 1, tzinfo=UTC),
    "whole_to": ENDED - HOUR,
    "width": HOUR,
    "horizon": STARTED + timedelta(days=30),
    "earliest": datetime(1970, 1, 1, tzinfo=UTC),
    "unit_ids": [1, 2],
    "unit_procedure_id": 1,
    "tag_version_id": 0,
    "intervals": 2,
    "most": 100,
    "received_since": STARTED,
    "received_until": ENDED,
    "plant_time": datetime(2026, 1, 25, tzinfo=UTC),
    "host_time": datetime(2026, 2, 1, tzinfo=UTC),
    "rate": 60.0,
    "sinces": [STARTED + HOUR, STARTED + 7 * HOUR, STARTED + 9 * HOUR],
    "untils": [STARTED + 3 * HOUR, STARTED + 9 * HOUR, STARTED + 30 * HOUR],
    "floors": [STARTED] * 3,
    "ceilings": [ENDED] * 3,
    "lengths": [5400.0] * 3,
    "unit_procedure_ids": [1, 2],
    "wholes_from": [STARTED + 2 * HOUR] * 3,
    "wholes_to": [STARTED + 3 * HOUR] * 3,
    "late_after_s": [60.0, 7200.0, 60.0],
    "edges": EDGES_US,
}


def sample(noun: str, name: str) -> object:
    """A value for a parameter of a query, None where nothing was chosen."""
    return SAMPLES.get(f"{noun}.{name}", SAMPLES.get(name))


def seed(connection: psycopg.Connection) -> None:
    """Fill a migrated, otherwise empty database."""
    connection.execute((Path(__file__).parent / "seed.sql").read_bytes())
