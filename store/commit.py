"""Commit a draft: journal block, readings, events, results, gaps and quarantine in one transaction.

Either all of it is in the record or nothing is. Committing the same deliveries again changes nothing but the journal,
which says that they were taken again.
"""

import time
from dataclasses import dataclass

import psycopg

from store.draft import Draft
from store.edge_nodes import write_edge_rows
from store.errors import PayloadRejected, translated
from store.events import write_event
from store.journal import (
    ChainLease,
    Sealed,
    advance,
    append_block,
    append_listening,
    append_tick,
    instant_of_commit,
    seal,
)
from store.model.times import from_us
from store.payload import dump
from store.quarantine import MOST_REFUSED, write_quarantine
from store.reading_rows import AlreadyStored, OrderedReadings, StoredReadings, order_readings, write_readings
from store.results import write_result
from store.sequences import note_sequences
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What costs time in committing a draft and needs neither the chain nor the database: it can be done ahead."""

    sealed: Sealed
    readings: OrderedReadings


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
    held_back: int  # items refused beyond what the quarantine takes in a minute


def prepare(draft: Draft) -> Prepared:
    """Make a draft ready, as far as it is known. Entries that are added to it later are sealed again."""
    return Prepared(sealed=seal(draft.entries), readings=order_readings(draft.readings, draft.entries))


def commit(
    connection: psycopg.Connection,
    lease: ChainLease,
    draft: Draft,
    *,
    prepared: Prepared | None = None,
    actor: str = "ingest",
    host_us: int | None = None,
    most_refused: int | None = MOST_REFUSED,
) -> Committed:
    """Commit a draft as the next block of a chain; `prepared` is the same one, made ready.

    `host_us` is what the host's clock says, unless given now. Of the items that are refused in a minute at
    most `most_refused` get rows in the quarantine; what a person hands over and waits for needs no such bound.

    Raises StoreUnavailable (nothing is committed, or nobody knows: claim the chain again and commit the same again),
    StoreRejected (some row is refused), ChainLost.
    """
    prepared = prepared or prepare(draft)
    sealed = prepared.sealed if prepared.sealed.entries == len(draft.entries) else seal(draft.entries)
    committed_us = instant_of_commit(lease, time.time_ns() // 1000 if host_us is None else host_us)
    block = _Block(
        lease=lease,
        draft=draft,
        sealed=sealed,
        readings=prepared.readings,
        committed_us=committed_us,
        actor=actor,
        most_refused=most_refused,
    )
    with translated():
        try:
            committed, digest = block.write(connection, some_stored=False)
        except AlreadyStored:
            committed, digest = block.write(connection, some_stored=True)
        advance(lease, committed.seq, digest, committed_us)
    return committed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What one transaction is to hold."""

    lease: ChainLease
    draft: Draft
    sealed: Sealed
    readings: OrderedReadings
    committed_us: int
    actor: str
    most_refused: int | None

    def write(self, connection: psycopg.Connection, *, some_stored: bool) -> tuple[Committed, bytes]:
        """All of it or nothing: what became of it, and the digest of the block. Raises AlreadyStored."""
        lease, draft, committed_us = self.lease, self.draft, self.committed_us
        with connection.transaction(), connection.cursor() as cursor:
            readings = write_readings(
                cursor, self.readings, chain_id=lease.chain_id, seq=lease.seq + 1, some_stored=some_stored
            )
            seq, digest = append_block(
                cursor, lease, self.sealed, readings=readings.stored, committed_us=committed_us, units=readings.units
            )
            if draft.tick is not None:
                append_tick(cursor, lease, seq, draft.tick)
            events = _write_events(cursor, draft, lease=lease, seq=seq)
            results = _write_results(cursor, draft, lease=lease, seq=seq, actor=self.actor)
            if draft.listening is not None:
                append_listening(cursor, lease, seq, draft.listening)
            _write_again(cursor, readings, chain_id=lease.chain_id, seq=seq)
            if draft.sequences:
                note_sequences(cursor, draft, found_time=from_us(committed_us))
            write_edge_rows(cursor, draft.edge, chain_id=lease.chain_id, seq=seq)
            put_aside = write_quarantine(
                cursor,
                draft.quarantine,
                draft.entries,
                lease=lease,
                seq=seq,
                minute=from_us(committed_us).replace(second=0, microsecond=0),
                most=self.most_refused,
            )
        committed = Committed(
            seq=seq,
            stored=readings.stored,
            duplicates=readings.duplicates,
            conflicts=readings.conflicts,
            events=events,
            results=results,
            quarantined=put_aside.quarantined,
            held_back=put_aside.held_back,
        )
        return committed, digest


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
            body = dump(event.body).decode()
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
