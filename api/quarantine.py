"""What could not enter the record: the list, one item with the message it came in, and what became of it.

What may hold a pseudonym is shown to the role `identity` alone: of other messages than readings and results neither the
excerpt nor the bytes.
"""

from datetime import datetime

from psycopg import Connection
from psycopg.rows import tuple_row
from pydantic import BaseModel

from api.database import Row, models, row, rows
from api.pseudonyms import HIDDEN, shown_excerpt, shown_reason
from store.errors import NotAllowed, NotFound
from store.journal import decode_entries
from store.model.correction import QuarantineState
from store.sql import queries

SHOWN_BYTES = 20_000  # of a message on its page; all of it can be downloaded


class QuarantinedRow(BaseModel):
    """Something that could not enter the record, why, and what became of it."""

    quarantine_id: int
    topic: str
    item: str
    code: str
    reason: str
    excerpt: str
    received_time: datetime
    state: QuarantineState
    version: int
    decided_by: str | None
    decided_why: str | None
    decided_at: datetime | None


class QuarantineCount(BaseModel):
    """How much of one kind of fault."""

    code: str
    items: int
    open: int
    requested: int
    first: datetime
    last: datetime


class HeldBack(BaseModel):
    """Items of floods without rows of their own: counted, and in the journal."""

    items: int
    minutes: int  # in how many of them
    last: datetime | None


class QuarantineDecision(BaseModel):
    """What a person decided, or ingest answered."""

    sequence: int
    state: QuarantineState
    actor: str
    printed_name: str | None
    reason: str
    known_at: datetime


class BesideRow(BaseModel):
    """Another item of the same message."""

    quarantine_id: int
    item: str
    code: str
    state: QuarantineState


class QuarantinedDetail(QuarantinedRow):
    """One item with the message it came in."""

    chain: str
    chain_kind: str
    block_seq: int
    entry: int
    block_digest: str
    message: str | None  # as text, its beginning; null where it is no longer in the journal
    message_bytes: int | None
    beside: list[BesideRow]
    decisions: list[QuarantineDecision]
    alike: int  # open items of the same code that came by message
    alike_of_topic: int  # those of the same topic


def read_quarantine(
    connection: Connection,
    *,
    identity: bool,
    code: str | None,
    state: QuarantineState | None,
    topic: str | None,
    below: int,
    limit: int,
) -> list[QuarantinedRow]:
    """Items below a number, newest first."""
    asked = {"below": below, "code": code, "state": state, "topic": topic, "limit": limit}
    found = models(connection, QuarantinedRow, queries("api_quarantine")["page"], asked)
    return found if identity else [_hidden(item) for item in found]


def read_counts(connection: Connection) -> list[QuarantineCount]:
    """By kind of fault, those with the most open items first."""
    return models(connection, QuarantineCount, queries("api_quarantine")["counts"])


def read_held_back(connection: Connection) -> HeldBack:
    """What of floods got no row of its own."""
    (found,) = models(connection, HeldBack, queries("api_quarantine")["held_back"])
    return found


def read_quarantined(connection: Connection, quarantine_id: int, *, identity: bool) -> QuarantinedDetail:
    """One item. Raises NotFound."""
    sql = queries("api_quarantine")
    found = _detail(connection, quarantine_id)
    alike = row(connection, sql["alike"], found)
    assert alike is not None
    payload = _payload(connection, found)
    known = QuarantinedRow(**{name: found[name] for name in QuarantinedRow.model_fields})
    known = known if identity else _hidden(known)
    text = None if payload is None else payload[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return QuarantinedDetail(
        **known.model_dump(),
        **{name: found[name] for name in ("chain", "chain_kind", "block_seq", "entry", "block_digest")},
        message=text if identity or text is None else shown_excerpt(found["topic"], text),
        message_bytes=None if payload is None else len(payload),
        beside=[BesideRow(**one) for one in rows(connection, sql["beside"], found)],
        decisions=[
            _shown_decision(QuarantineDecision(**one), found["topic"], identity=identity)
            for one in rows(connection, sql["decisions"], found)
        ],
        alike=alike["items"],
        alike_of_topic=alike["of_topic"],
    )


def fault_of(connection: Connection, quarantine_id: int) -> tuple[str, str, str]:
    """Topic, code and item of a row: the item is what of the message was refused. Raises NotFound."""
    found = row(connection, queries("api_quarantine")["fault"], {"quarantine_id": quarantine_id})
    if found is None:
        raise NotFound(f"there is no quarantined item {quarantine_id}")
    return found["topic"], found["code"], found["item"]


def read_message(connection: Connection, quarantine_id: int, *, identity: bool) -> bytes:
    """The message as it came. Raises NotFound, and NotAllowed where it may hold a pseudonym."""
    found = _detail(connection, quarantine_id)
    payload = _payload(connection, found)
    if payload is None:
        raise NotFound(f"the message of item {quarantine_id} is no longer in the journal")
    if not identity and shown_excerpt(found["topic"], payload.decode("utf-8", "replace")) == HIDDEN:
        raise NotAllowed("this message may hold pseudonyms: it is for the role identity")
    return payload


def _detail(connection: Connection, quarantine_id: int) -> Row:
    found = row(connection, queries("api_quarantine")["detail"], {"quarantine_id": quarantine_id})
    if found is None:
        raise NotFound(f"there is no quarantined item {quarantine_id}")
    return found


def _payload(connection: Connection, found: Row) -> bytes | None:
    with connection.cursor(row_factory=tuple_row) as cursor:
        body = cursor.execute(queries("quarantine")["body"], found).fetchone()
    if body is None:
        return None
    return next((one.payload for number, one in enumerate(decode_entries(body[0])) if number == found["entry"]), None)


def _hidden(item: QuarantinedRow) -> QuarantinedRow:
    return item.model_copy(
        update={
            "excerpt": shown_excerpt(item.topic, item.excerpt),
            "reason": shown_reason(item.topic, item.reason),
            "decided_why": None
            if item.decided_why is None
            else _shown_why(item.topic, item.decided_by, item.decided_why),
        }
    )


def _shown_decision(decision: QuarantineDecision, topic: str, *, identity: bool) -> QuarantineDecision:
    if identity:
        return decision
    return decision.model_copy(update={"reason": _shown_why(topic, decision.actor, decision.reason)})


def _shown_why(topic: str, actor: str | None, why: str) -> str:
    """Ingest quotes values, people write sentences."""
    return shown_reason(topic, why) if actor == "ingest" else why
