"""The journal: each writer owns a chain and appends blocks to it, in the transaction that stores what they caused.

A chain is gap-free and in commit order because appending advances the chain's row. It is fenced: claiming raises the
epoch, and an append under an older epoch finds no row to advance and raises ChainLost.
"""

import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import psycopg

from store import merkle
from store.draft import Listening, Tick
from store.errors import ChainLost, translated
from store.model.journal import Entry, EntryKind
from store.model.times import from_us, to_us
from store.packing import packed, unpacked
from store.sql import queries

GENESIS = sha256(b"batchwitness journal chain 1").digest()
HEADER = struct.Struct("<4sHQQqII")  # magic, chain, seq, epoch, committed_us, entries, readings
MAGIC = b"BWJ1"
CONTROL_CHAIN = "control"
ENTRY = struct.Struct("<BqII")  # kind, received_us, topic length, payload length
KINDS = list(EntryKind)
KIND_CODES = {kind: code for code, kind in enumerate(KINDS)}


@dataclass(slots=True)
class ChainLease:
    """The right to append to one chain, and where it stands. Only the holder of the newest epoch has it."""

    chain_id: int
    name: str
    epoch: int
    seq: int
    digest: bytes
    committed_us: int  # when its newest block was committed; 0 before the first


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitBody:
    """The readings that a block newly stored of one unit, as the journal keeps them."""

    unit_id: int
    readings: int
    rows: bytes  # as `store.rows` lays them out


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Entries as a block keeps them."""

    entries: int
    root: bytes  # of their Merkle tree
    raw: bytes  # their bytes, compressed


def seal(entries: Sequence[Entry]) -> Sealed:
    """Entries in the order in which a block will hold them. Needs neither the chain nor the database."""
    encoded = [encode_entry(entry) for entry in entries]
    return Sealed(
        entries=len(encoded),
        root=merkle.root([merkle.leaf(entry) for entry in encoded]),
        raw=packed(b"".join(encoded)),
    )


def claim_chain(connection: psycopg.Connection, *, name: str, kind: str, holder: str) -> ChainLease:
    """Take a chain over, creating it when it is new. Whoever held it before can append nothing more."""
    sql = queries("journal")
    with translated(), connection.transaction():
        claim = {"name": name, "holder": holder}
        row = connection.execute(sql["claim_chain"], claim).fetchone()
        if row is None:  # an insert that finds the chain there would still use up one of the few chain ids
            connection.execute(sql["create_chain"], {"name": name, "kind": kind, "genesis": GENESIS})
            row = connection.execute(sql["claim_chain"], claim).fetchone()
    assert row is not None
    return ChainLease(
        chain_id=row[0], name=name, epoch=row[1], seq=row[2], digest=row[3], committed_us=to_us(row[4]) if row[4] else 0
    )


def append_block(
    cursor: psycopg.Cursor,
    lease: ChainLease,
    sealed: Sealed,
    *,
    readings: int,
    committed_us: int,
    units: Sequence[UnitBody] = (),
) -> tuple[int, bytes]:
    """Append the next block in the caller's transaction; return its seq and digest.

    The lease itself moves only by `advance`, once the transaction has committed. Raises ChainLost.
    """
    sql = queries("journal")
    seq = lease.seq + 1
    header = HEADER.pack(MAGIC, lease.chain_id, seq, lease.epoch, committed_us, sealed.entries, readings)
    digest = sha256(lease.digest + header + sealed.root).digest()
    cursor.execute(
        sql["append"],
        {
            "chain_id": lease.chain_id,
            "epoch": lease.epoch,
            "previous": lease.seq,
            "seq": seq,
            "digest": digest,
            "committed_time": from_us(committed_us),
            "entries": sealed.entries,
            "readings": readings,
            "merkle_root": sealed.root,
            "previous_digest": lease.digest,
            "header": header,
            "raw": sealed.raw,
        },
    )
    if cursor.rowcount != 1:
        raise ChainLost(f"chain {lease.name}: another process holds it, or it is no longer at block {lease.seq}")
    if units:
        cursor.execute(
            sql["insert_units"],
            {
                "chain_id": lease.chain_id,
                "seq": seq,
                "unit_ids": [body.unit_id for body in units],
                "readings": [body.readings for body in units],
                "rows": [body.rows for body in units],
            },
        )
    return seq, digest


def append_control(connection: psycopg.Connection, what: str, payload: bytes) -> tuple[int, int]:
    """Write down, in the caller's transaction, a decision that analytics reacts to; the chain and seq of its block."""
    now_us = time.time_ns() // 1000
    lease = claim_chain(connection, name=CONTROL_CHAIN, kind="control", holder=what)
    entry = Entry(kind=EntryKind.CONTROL, topic=what, payload=payload, received_us=now_us)
    with connection.cursor() as cursor:
        committed_us = instant_of_commit(lease, now_us)
        seq, _ = append_block(cursor, lease, seal([entry]), readings=0, committed_us=committed_us)
    return lease.chain_id, seq


def append_tick(cursor: psycopg.Cursor, lease: ChainLease, seq: int, tick: Tick) -> None:
    """Write the tick of a block where readers find it."""
    cursor.execute(
        queries("journal")["insert_tick"],
        {
            "chain_id": lease.chain_id,
            "seq": seq,
            "plant_time": from_us(tick.plant_us),
            "host_time": from_us(tick.host_us),
            "rate": tick.rate,
        },
    )


def append_listening(cursor: psycopg.Cursor, lease: ChainLease, seq: int, listening: Listening) -> None:
    """Note how long the broker has been sending to the holder of a chain."""
    cursor.execute(
        queries("journal")["set_listening"],
        {
            "chain_id": lease.chain_id,
            "block_seq": seq,
            "since": from_us(listening.since_us),
            "until": from_us(listening.until_us),
        },
    )


def instant_of_commit(lease: ChainLease, host_us: int) -> int:
    """When the next block is committed: what the host's clock says, but always later than the block before.

    A clock that went back by an hour would else let a chain tell of blocks before their predecessors.
    """
    return max(host_us, lease.committed_us + 1)


def advance(lease: ChainLease, seq: int, digest: bytes, committed_us: int) -> None:
    """Note that the block has committed."""
    lease.seq = seq
    lease.digest = digest
    lease.committed_us = committed_us


def encode_entry(entry: Entry) -> bytes:
    """The exact bytes of an entry that its Merkle leaf covers."""
    topic = entry.topic.encode("utf-8", "surrogatepass")
    head = ENTRY.pack(KIND_CODES[entry.kind], entry.received_us, len(topic), len(entry.payload))
    return head + topic + entry.payload


def decode_entries(raw: bytes) -> Iterator[Entry]:
    """The entries of a block body as stored."""
    data = unpacked(raw)
    offset = 0
    while offset < len(data):
        kind, received_us, topic_length, payload_length = ENTRY.unpack_from(data, offset)
        offset += ENTRY.size
        topic = data[offset : offset + topic_length].decode("utf-8", "surrogatepass")
        offset += topic_length
        yield Entry(
            kind=KINDS[kind], topic=topic, payload=data[offset : offset + payload_length], received_us=received_us
        )
        offset += payload_length


def received_times(raw: bytes) -> list[int]:
    """When each entry of a block body as stored was received, in microseconds since 1970."""
    data = unpacked(raw)
    times, offset, end = [], 0, len(data)
    while offset < end:
        _, received_us, topic_length, payload_length = ENTRY.unpack_from(data, offset)
        times.append(received_us)
        offset += ENTRY.size + topic_length + payload_length
    return times


def verify_chain(connection: psycopg.Connection, chain_id: int) -> list[str]:
    """Recompute every digest of a chain; return what does not agree, naming the block. Empty means intact."""
    problems = []
    previous, expected = GENESIS, 1
    rows = connection.execute(queries("journal")["chain_blocks"], {"chain_id": chain_id})
    for seq, merkle_root, previous_digest, header, digest, raw in rows:
        if seq != expected:
            problems.append(f"block {expected} is missing")
        if previous_digest != previous:
            problems.append(f"block {seq} does not follow the block before it")
        if sha256(previous_digest + header + merkle_root).digest() != digest:
            problems.append(f"block {seq}: its digest is not that of its header")
        if raw is not None:
            leaves = [merkle.leaf(encode_entry(entry)) for entry in decode_entries(raw)]
            if merkle.root(leaves) != merkle_root:
                problems.append(f"block {seq}: its entries are not those that were sealed")
        previous, expected = digest, seq + 1
    return problems
