"""What was published against what is in the record: values by their bits, events, results and digests."""

import struct
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from batchwitness.plant.messages import Message
from store.journal import verify_chain
from store.model.times import to_us
from tests.acceptance.system import System

# site/area/unit, position or "", tag, microseconds since 1970
Key = tuple[str, str, str, int]
Bits = bytes  # of a float64


def published_readings(messages: Iterable[Message]) -> dict[Key, Bits]:
    """Every value that messages carry. Times are epoch milliseconds, as the demo plant states them."""
    published: dict[Key, Bits] = {}
    for message in messages:
        place, _, level = message.topic.removeprefix("batchwitness/v1/").rpartition("/")
        if level != "readings":
            continue
        body = orjson.loads(message.payload)
        for tag, value in body["values"].items():
            published[place, body.get("position", ""), tag, body["time"] * 1000] = struct.pack(">d", value)
    return published


def stored_readings(system: System) -> list[tuple[Key, Bits]]:
    """Every value in the record, as often as it is there."""
    rows = system.ask(
        "SELECT site.name || '/' || area.name || '/' || unit.name, coalesce(position.name, ''), tag.name,"
        " reading.source_time, reading.value"
        " FROM reading JOIN tag USING (tag_id) JOIN unit USING (unit_id) JOIN area USING (area_id)"
        " JOIN site USING (site_id) LEFT JOIN position ON position.position_id = tag.position_id"
    )
    return [
        ((place, position, tag, to_us(time)), struct.pack(">d", value)) for place, position, tag, time, value in rows
    ]


def assert_stored_exactly_once(system: System, messages: Iterable[Message]) -> None:
    """INGEST-2: all of it, nothing else, none twice, bit for bit; and the journal that says so is whole."""
    said = list(messages)
    published, stored = published_readings(said), stored_readings(system)
    assert len(published) == sum(message.readings for message in said)
    assert len(stored) == len({key for key, _ in stored}), "a reading is stored twice"
    kept = dict(stored)
    assert published.keys() - kept.keys() == set(), "readings are lost"
    assert kept.keys() - published.keys() == set(), "readings are stored that nobody published"
    assert [key for key, bits in published.items() if kept[key] != bits] == [], "values differ"
    assert stored_events(system) == published_bodies(said, "events")
    assert stored_results(system) == published_results(said)
    assert system.ask("SELECT * FROM reading_conflict") == []
    assert system.ask("SELECT code, reason FROM quarantine") == []
    assert_intact(system)


def assert_intact(system: System) -> None:
    """Every chain of the journal verifies, and no sequence number of a publisher is missing."""
    with system.connect() as connection:
        chains = connection.execute("SELECT chain_id, seq FROM chain WHERE seq > 0").fetchall()
        assert chains
        assert {chain_id: verify_chain(connection, chain_id) for chain_id, _ in chains} == {
            chain_id: [] for chain_id, _ in chains
        }
    assert system.ask("SELECT * FROM sequence_gap WHERE filled_time IS NULL") == []


def published_bodies(messages: Iterable[Message], level: str) -> Counter[tuple[str, str]]:
    """Place and canonical body of every message of one topic level."""
    return Counter(
        (message.topic.removeprefix("batchwitness/v1/").rpartition("/")[0], _canonical(orjson.loads(message.payload)))
        for message in messages
        if message.topic.endswith(f"/{level}")
    )


def stored_events(system: System) -> Counter[tuple[str, str]]:
    """Place and canonical body of every event in the record."""
    rows = system.ask(
        "SELECT site.name || '/' || area.name || '/' || unit.name, event.body"
        " FROM event JOIN unit USING (unit_id) JOIN area USING (area_id) JOIN site USING (site_id)"
    )
    return Counter((place, _canonical(body)) for place, body in rows)


def published_results(messages: Iterable[Message]) -> Counter[tuple[object, ...]]:
    """What results say that messages carry."""
    bodies = (orjson.loads(message.payload) for message in messages if message.topic.endswith("/results"))
    return Counter(
        (
            *(body[field] for field in ("result", "batch", "attribute", "value", "unit_of_measure", "status")),
            datetime.fromisoformat(body["measured_at"]),
        )
        for body in bodies
    )


def stored_results(system: System) -> Counter[tuple[object, ...]]:
    """The same of every result in the record that has found its batch."""
    return Counter(
        system.ask(
            "SELECT result, batch, attribute, value_text, unit_of_measure, status, measured_at"
            " FROM qc_result WHERE batch_id IS NOT NULL"
        )
    )


def _canonical(body: Any) -> str:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
