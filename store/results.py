"""Validate QC results and write them: the laboratory's own text beside the number, every statement kept.

A statement that says when it was made is told apart from an earlier one with the same content; without that, the same
content is the same statement delivered again. Which statement counts now is decided by the set of those known, never
by the order in which they came (`qc_result_known` in the schema).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import orjson
import psycopg
from psycopg.types.json import Jsonb

from store.draft import Draft, DraftResult
from store.errors import PayloadRejected
from store.fields import batch_name, choice, optional_text, shown, text, time_us, within_window
from store.model.journal import Entry
from store.model.result import QCResult, ReportableRule, ResultStatus
from store.model.times import from_us
from store.replicates import check_reportable, read_replicates
from store.result_values import read_value
from store.sql import queries


def draft_result(draft: Draft, entry: int, object_: Mapping[str, object], *, item: str = "") -> None:
    """Take one result object into the draft. Raises PayloadRejected naming the field and the value."""
    draft.results.append(
        DraftResult(entry=entry, item=item, result=_read(object_, received_us=draft.entries[entry].received_us))
    )


def write_result(
    cursor: psycopg.Cursor, drafted: DraftResult, entries: list[Entry], *, chain_id: int, seq: int, actor: str
) -> bool:
    """Write one statement in the caller's transaction; False when this very statement is known already.

    known_at comes from the audit chain, under whose lock it is strictly increasing. Raises PayloadRejected when what
    it says of its specimen contradicts the record; then nothing of it has been written.
    """
    sql = queries("result")
    result = drafted.result
    columns = asdict(result) | {"status": str(result.status), "reportable": str(result.reportable)}
    digest = hashlib.sha256(b"result\x00" + orjson.dumps(columns, option=orjson.OPT_SORT_KEYS)).digest()
    # Chains commit side by side: from here to the end of the transaction nobody else states a result.
    cursor.execute(sql["alone"])
    if cursor.execute(sql["known"], {"digest": digest}).fetchone():
        return False
    _check_specimen(cursor, columns)
    previous = cursor.execute(sql["newest"], columns).fetchone()
    audited = {
        name: columns[name]
        for name in ("batch", "attribute", "method", "value_text", "status", "replaces", "retest_of", "stated_by")
    }
    row = cursor.execute(
        queries("audit_append")["append"],
        {
            "actor": actor,
            "action": "result stated",
            "subject": f"result:{result.result}",
            "old": None if previous is None else Jsonb({"value_text": previous[0], "status": previous[1]}),
            "new": Jsonb(audited),
            "reason": result.reason or f"reported by {result.stated_by}",
        },
    ).fetchone()
    assert row is not None
    inserted = cursor.execute(
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
    ).fetchone()
    assert inserted is not None
    for position, replicate in enumerate(result.replicates):
        cursor.execute(sql["insert_replicate"], asdict(replicate) | {"qc_result_id": inserted[0], "position": position})
    return True


def _read(object_: Mapping[str, object], *, received_us: int) -> QCResult:
    value = read_value(object_, "value")
    measured_us = within_window(
        time_us(object_.get("measured_at"), "measured_at"), "measured_at", earliest_us=0, received_us=received_us
    )
    sampled_at = object_.get("sampled_at")
    stated_at = object_.get("stated_at")
    if stated_at is not None:
        stated_us = within_window(time_us(stated_at, "stated_at"), "stated_at", earliest_us=0, received_us=received_us)
    result = text(object_, "result")
    status = choice(object_, "status", ResultStatus)
    replaces, retest_of = optional_text(object_, "replaces"), optional_text(object_, "retest_of")
    reason = optional_text(object_, "reason")
    _check_retest(result=result, replaces=replaces, retest_of=retest_of, reason=reason)
    replicates = read_replicates(object_.get("replicates"))
    rule = ReportableRule.DECLARED
    if object_.get("reportable") is not None:
        rule = choice(object_, "reportable", ReportableRule)
    if status is not ResultStatus.INVALIDATED:
        check_reportable(value, replicates, rule)
    return QCResult(
        result=result,
        batch=batch_name(object_, "batch"),
        specimen=optional_text(object_, "specimen"),
        attribute=text(object_, "attribute"),
        method=text(object_, "method"),
        value_text=value.text,
        value_number=value.number,
        censored=value.censored,
        unit_of_measure=text(object_, "unit_of_measure"),
        sampled_at=None if sampled_at is None else from_us(time_us(sampled_at, "sampled_at")),
        measured_at=from_us(measured_us),
        status=status,
        replaces=replaces,
        retest_of=retest_of,
        reason=reason,
        stated_by=text(object_, "stated_by"),
        stated_at=None if stated_at is None else from_us(stated_us),
        reportable=rule,
        replicates=replicates,
    )


def _check_retest(*, result: str, replaces: str | None, retest_of: str | None, reason: str | None) -> None:
    """A retest stands beside what it repeats: it says why it was made, and takes the place of nothing."""
    if retest_of is None:
        return
    if retest_of == result:
        raise PayloadRejected(
            "retest_unclear", f"retest_of {shown(retest_of)} is this result itself; a retest has its own id"
        )
    if retest_of == replaces:
        raise PayloadRejected(
            "retest_unclear",
            f"retest_of and replaces both name {shown(replaces)}: one stands beside it, the other takes its place",
        )
    if reason is None:
        raise PayloadRejected(
            "missing_field", f"reason is missing: a retest of {shown(retest_of)} says why it was made"
        )


def _check_specimen(cursor: psycopg.Cursor, columns: Mapping[str, object]) -> None:
    if columns["specimen"] is None or columns["sampled_at"] is None:
        return
    row = cursor.execute(queries("result")["contradicted"], columns).fetchone()
    if row is None:
        return
    other, batch, sampled_at = row
    raise PayloadRejected(
        "specimen_contradicts",
        f"specimen {shown(columns['specimen'])} is said to be of batch {columns['batch']}, drawn at "
        f"{_utc(columns['sampled_at'])}; by result {other} it is of batch {batch}, drawn at {_utc(sampled_at)}",
    )


def _utc(time: object) -> str:
    assert isinstance(time, datetime)
    return time.astimezone(UTC).isoformat()
