"""Validate QC results and write them: the laboratory's own text beside the number, every statement kept."""

import hashlib
import re
from collections.abc import Mapping

import orjson
import psycopg
from psycopg.types.json import Jsonb

from store.draft import Draft, DraftResult
from store.errors import PayloadRejected
from store.fields import batch_name, choice, finite, optional_text, shown, text, time_us, within_window
from store.model.journal import Entry
from store.model.result import QCResult, ResultStatus
from store.model.times import from_us
from store.sql import queries

NUMBER = re.compile(r"^\s*(?P<bound>[<>])?\s*=?\s*(?P<number>[+-]?\d+(\.\d*)?([eE][+-]?\d+)?)\s*$")


def draft_result(draft: Draft, entry: int, object_: Mapping[str, object]) -> None:
    """Take one result object into the draft. Raises PayloadRejected naming the field and the value."""
    received_us = draft.entries[entry].received_us
    value_text = _value_text(object_)
    censored, number = parse_value(value_text)
    measured_us = within_window(
        time_us(object_.get("measured_at"), "measured_at"), "measured_at", earliest_us=0, received_us=received_us
    )
    sampled_at = object_.get("sampled_at")
    status = choice(object_, "status", ResultStatus)
    replaces = optional_text(object_, "replaces")
    draft.results.append(
        DraftResult(
            entry=entry,
            result=QCResult(
                result=text(object_, "result"),
                batch=batch_name(object_, "batch"),
                specimen=optional_text(object_, "specimen"),
                attribute=text(object_, "attribute"),
                method=text(object_, "method"),
                value_text=value_text,
                value_number=number,
                censored=censored,
                unit_of_measure=text(object_, "unit_of_measure"),
                sampled_at=None if sampled_at is None else from_us(time_us(sampled_at, "sampled_at")),
                measured_at=from_us(measured_us),
                status=status,
                replaces=replaces,
                stated_by=text(object_, "stated_by"),
            ),
        )
    )


def parse_value(value_text: str) -> tuple[str | None, float | None]:
    """The bound and the number a laboratory's text states.

    >>> parse_value("<0.5")
    ('<', 0.5)
    >>> parse_value("1.2e13")
    (None, 12000000000000.0)
    >>> parse_value("no growth")
    (None, None)
    """
    match = NUMBER.match(value_text)
    if match is None:
        return None, None
    number = float(match["number"])
    return (match["bound"], number) if abs(number) < float("inf") else (None, None)


def write_result(
    cursor: psycopg.Cursor, drafted: DraftResult, entries: list[Entry], *, chain_id: int, seq: int, actor: str
) -> bool:
    """Write one result in the caller's transaction; False when this very statement is known already.

    known_at comes from the audit chain, under whose lock it is strictly increasing.
    """
    sql = queries("result")
    result = drafted.result
    columns = {name: getattr(result, name) for name in QCResult.__slots__} | {"status": str(result.status)}
    digest = hashlib.sha256(b"result\x00" + orjson.dumps(columns, option=orjson.OPT_SORT_KEYS)).digest()
    if cursor.execute(sql["known"], {"digest": digest}).fetchone():
        return False
    previous = cursor.execute(sql["newest"], columns).fetchone()
    audited = {name: columns[name] for name in ("batch", "attribute", "method", "value_text", "status", "replaces")}
    row = cursor.execute(
        queries("audit_append")["append"],
        {
            "actor": actor,
            "action": "result stated",
            "subject": f"result:{result.result}",
            "old": None if previous is None else Jsonb({"value_text": previous[0], "status": previous[1]}),
            "new": Jsonb(audited),
            "reason": f"reported by {result.stated_by}",
        },
    ).fetchone()
    assert row is not None
    cursor.execute(
        sql["insert"],
        columns
        | {
            "received_time": from_us(entries[drafted.entry].received_us),
            "known_at": row[0],
            "chain_id": chain_id,
            "block_seq": seq,
            "entry": drafted.entry,
            "digest": digest,
        },
    )
    return True


def _value_text(object_: Mapping[str, object]) -> str:
    """The value as text; a bare JSON number is accepted and kept as it prints."""
    value = object_.get("value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        finite(value, "value")
        return repr(value)
    if isinstance(value, str):
        return text(object_, "value")
    raise PayloadRejected(
        "missing_field" if value is None else "wrong_type", f"value must be text or a number, not {shown(value)}"
    )
