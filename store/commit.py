"""Commit a draft: journal block, readings, events, results, gaps and quarantine in one transaction.

Either all of it is in the record or nothing is. Committing the same deliveries again changes nothing but the journal,
which says that they were taken again.
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import orjson
import psycopg

from store.draft import Draft, Place
from store.edge_nodes import write_edge_rows
from store.errors import PayloadRejected, translated
from store.events import write_event
from store.journal import ChainLease, advance, append_block, append_listening, append_tick
from store.model.journal import Entry
from store.model.times import from_us
from store.readings import StoredReadings, write_readings
from store.results import write_result
from store.rows import UnitRows, encode_rows
from store.sequences import note_sequences
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What became of a draft."""

    seq: int
    stored: int
    duplicates: int
    conflicts: int
    events: int
    results: int
    quarantined: int


def commit(connection: psycopg.Connection, lease: ChainLease, draft: Draft, *, actor: str = "ingest") -> Committed:
    """Commit a draft as the next block of a chain.

    Raises StoreUnavailable (nothing is committed, or nobody knows: claim the chain again and commit the same again),
    StoreRejected (some row is refused), ChainLost.
    """
    committed_us = time.time_ns() // 1000
    with translated():
        with connection.transaction(), connection.cursor() as cursor:
            seq = lease.seq + 1
            readings = write_readings(cursor, draft.readings, draft.entries, chain_id=lease.chain_id, seq=seq)
            seq, digest = append_block(
                cursor, lease, draft.entries, readings=len(readings.tag_id), committed_us=committed_us
            )
            _write_units(cursor, readings, chain_id=lease.chain_id, seq=seq)
            if draft.tick is not None:
                append_tick(cursor, lease, seq, draft.tick)
            events = _write_events(cursor, draft, lease=lease, seq=seq)
            results = _write_results(cursor, draft, lease=lease, seq=seq, actor=actor)
            if draft.listening is not None:
                append_listening(cursor, lease, seq, draft.listening)
            _write_again(cursor, readings, chain_id=lease.chain_id, seq=seq)
            if draft.sequences:
                note_sequences(cursor, draft.sequences, found_time=from_us(committed_us))
            write_edge_rows(cursor, draft.edge, chain_id=lease.chain_id, seq=seq)
            quarantined = _write_quarantine(cursor, draft, lease=lease, seq=seq)
        advance(lease, seq, digest)
    return Committed(
        seq=seq,
        stored=len(readings.tag_id),
        duplicates=readings.duplicates,
        conflicts=readings.conflicts,
        events=events,
        results=results,
        quarantined=quarantined,
    )


def _write_units(cursor: psycopg.Cursor, readings: StoredReadings, *, chain_id: int, seq: int) -> None:
    for unit_id in np.unique(readings.unit_id):
        mine = readings.unit_id == unit_id
        rows = UnitRows(
            entry=readings.entry[mine],
            tag_id=readings.tag_id[mine],
            time_us=readings.time_us[mine],
            value=readings.value[mine],
            quality=readings.quality[mine],
        )
        cursor.execute(
            queries("journal")["insert_unit"],
            {
                "chain_id": chain_id,
                "seq": seq,
                "unit_id": int(unit_id),
                "readings": int(mine.sum()),
                "rows": encode_rows(rows),
            },
        )


def _write_again(cursor: psycopg.Cursor, readings: StoredReadings, *, chain_id: int, seq: int) -> None:
    if readings.again:
        cursor.executemany(
            queries("reading")["insert_again"],
            [
                {
                    "chain_id": chain_id,
                    "block_seq": seq,
                    "entry": again.entry,
                    "unit_id": again.unit_id,
                    "source_time": from_us(again.time_us),
                    "tag_ids": again.tag_ids,
                }
                for again in readings.again
            ],
        )


def _write_events(cursor: psycopg.Cursor, draft: Draft, *, lease: ChainLease, seq: int) -> int:
    written = 0
    for event in draft.events:
        try:
            written += write_event(cursor, event, draft.entries, chain_id=lease.chain_id, seq=seq)
        except PayloadRejected as rejection:
            body = orjson.dumps(event.body).decode()
            draft.reject(event.entry, f"{event.item}{event.kind}", rejection.code, rejection.reason, body)
    return written


def _write_results(cursor: psycopg.Cursor, draft: Draft, *, lease: ChainLease, seq: int, actor: str) -> int:
    written = 0
    for drafted in draft.results:
        try:
            written += write_result(cursor, drafted, draft.entries, chain_id=lease.chain_id, seq=seq, actor=actor)
        except PayloadRejected as rejection:
            result = drafted.result
            said = f"{result.result}: {result.attribute} {result.value_text} of {result.batch}, {result.status}"
            draft.reject(drafted.entry, drafted.item, rejection.code, rejection.reason, said)
    return written


def _write_quarantine(cursor: psycopg.Cursor, draft: Draft, *, lease: ChainLease, seq: int) -> int:
    if not draft.quarantine:
        return 0
    messages = {index: _message_digest(draft.entries[index]) for index in {item.entry for item in draft.quarantine}}
    cursor.executemany(
        queries("journal")["insert_quarantine"],
        [
            {
                "chain_id": lease.chain_id,
                "block_seq": seq,
                "entry": item.entry,
                "topic": draft.entries[item.entry].topic.encode("utf-8", "backslashreplace").decode(),
                "item": item.item,
                "code": item.code,
                "reason": item.reason,
                "excerpt": item.excerpt,
                "received_time": from_us(draft.entries[item.entry].received_us),
                "unit_id": None if item.place is None else item.place.unit_id,
                "tag": None if item.place is None else item.place.tag,
                "source_time": _source_time(item.place),
                # The same item of the same message, delivered again, is one quarantine row.
                "digest": hashlib.sha256(messages[item.entry] + f"{item.code}\x00{item.item}".encode()).digest(),
            }
            for item in draft.quarantine
        ],
    )
    return max(cursor.rowcount, 0)


def _source_time(place: Place | None) -> datetime | None:
    return None if place is None or place.source_us is None else from_us(place.source_us)


def _message_digest(entry: Entry) -> bytes:
    return hashlib.sha256(entry.topic.encode("utf-8", "surrogatepass") + b"\x00" + entry.payload).digest()
