"""The audit chain: who changed what, when and why (RECORD-1).

Every change of the record calls `append` (or SQL append_audit) in its own transaction: both are there or neither.
Nobody may write the table but that function; whoever edits it behind the database's back is found by `verify`,
unless the whole rest of the chain was computed again: that takes a digest kept elsewhere to find.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row, scalar_row, tuple_row
from psycopg.types.json import Jsonb

from store.errors import InputInvalid, translated
from store.model.audit import AuditEvent
from store.sql import queries

FIRST_DIGEST = hashlib.sha256(b"batchwitness audit chain 1").digest()  # as in migration 0002
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One event as it is stored; digest = SHA-256(previous_digest ‖ body as UTF-8)."""

    seq: int
    known_at: datetime
    body: str  # JSON text
    previous_digest: bytes
    digest: bytes
    actor: str
    action: str
    subject: str
    reason: str


def append(
    conn: psycopg.Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    old: Mapping[str, object] | None,
    new: Mapping[str, object] | None,
    reason: str,
) -> datetime:
    """Append one event in the caller's transaction and return its known_at, later than any before it.

    `old` and `new` hold what JSON can. Whoever appends next waits until this transaction ends, so append late.
    Raises InputInvalid without an actor, a subject or a reason, and ValueError outside a transaction, where the
    event would stand without its change.
    """
    for name, text in (("actor", actor), ("action", action), ("subject", subject), ("reason", reason)):
        if not text.strip():
            raise InputInvalid(f"an audit event needs its {name}")
    if conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE:
        raise ValueError("an audit event belongs into the transaction of its change, and there is none")
    with translated(), conn.cursor(row_factory=scalar_row) as cursor:
        known_at = cursor.execute(
            queries("audit")["append"],
            {
                "actor": actor,
                "action": action,
                "subject": subject,
                "old": None if old is None else Jsonb(dict(old)),
                "new": None if new is None else Jsonb(dict(new)),
                "reason": reason,
            },
        ).fetchone()
    assert isinstance(known_at, datetime)
    return known_at


def trail(conn: psycopg.Connection, *, subject: str | None = None, after_seq: int = 0, limit: int) -> list[AuditEvent]:
    """Up to `limit` events after `after_seq` in the order they became known, of one subject or of all."""
    with translated(), conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            queries("audit")["trail"], {"subject": subject, "after_seq": after_seq, "limit": limit}
        ).fetchall()
    return [_event(json.loads(body)) for _, body in rows]


def verify(source: psycopg.Connection | Iterable[AuditRow]) -> list[str]:
    """What is wrong with the chain, one sentence a fault, each naming the event's seq; an empty list when nothing is.

    Recomputes every digest from the stored text and checks that the events follow each other without a hole, that
    known_at only rises and that the searchable columns say what the text says. Given a connection it reads the whole
    chain and also checks that it ends where its head says.
    """
    if not isinstance(source, psycopg.Connection):
        return _problems(source)[0]
    with translated(), source.transaction():
        with source.cursor(row_factory=tuple_row) as cursor:
            head = cursor.execute(queries("audit")["head"]).fetchone()
        problems, last = _problems(_stored_rows(source))
    if head is None:
        return [*problems, "the head of the chain is missing"]
    # Events that were appended between the two reads are no fault: the head may only be behind.
    if last.seq < head[0]:
        problems.append(f"seq {last.seq + 1}: missing; the chain ends at seq {last.seq}, its head says {head[0]}")
    elif last.seq == head[0] and (last.digest, last.known_at) != (head[2], head[1]):
        problems.append(f"seq {last.seq}: the head of the chain holds another digest or time")
    return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class _Last:
    seq: int
    digest: bytes
    known_at: datetime | None


def _problems(rows: Iterable[AuditRow]) -> tuple[list[str], _Last]:
    problems: list[str] = []
    last = _Last(seq=0, digest=FIRST_DIGEST, known_at=None)
    for row in rows:
        problems += [f"seq {row.seq}: {problem}" for problem in _problems_of(row, last)]
        last = _Last(seq=row.seq, digest=row.digest, known_at=row.known_at)
    return problems, last


def _problems_of(row: AuditRow, last: _Last) -> Iterator[str]:
    if row.seq != last.seq + 1:
        yield f"follows seq {last.seq}; what was between is missing"
    if row.previous_digest != last.digest:
        yield f"its previous_digest is not the digest of seq {last.seq}"
    if hashlib.sha256(row.previous_digest + row.body.encode()).digest() != row.digest:
        yield "its digest does not belong to its text"
    if last.known_at is not None and row.known_at <= last.known_at:
        yield f"its known_at {row.known_at.isoformat()} is not after that of seq {last.seq}"
    try:
        body = json.loads(row.body)
    except ValueError:
        yield "its text is not JSON"
        return
    said = {
        "seq": row.seq,
        "known_at": row.known_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "reason": row.reason,
    }
    for name, value in said.items():
        if not isinstance(body, dict) or body.get(name) != value:
            yield f"its column {name} is not what its text says"


def _stored_rows(conn: psycopg.Connection) -> Iterator[AuditRow]:
    with conn.cursor(name="audit_rows", row_factory=class_row(AuditRow)) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        yield from cursor.execute(queries("audit")["rows"])


def _event(body: dict[str, object]) -> AuditEvent:
    seq, known_at, old, new = body["seq"], body["known_at"], body["old"], body["new"]
    assert isinstance(seq, int)
    assert old is None or isinstance(old, dict)
    assert new is None or isinstance(new, dict)
    return AuditEvent(
        seq=seq,
        actor=str(body["actor"]),
        action=str(body["action"]),
        subject=str(body["subject"]),
        old=old,
        new=new,
        reason=str(body["reason"]),
        known_at=datetime.fromisoformat(str(known_at)),
    )
