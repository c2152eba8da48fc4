"""Master data from one JSON document: where things are made, what is measured, how products are made and judged.

A document is checked as a whole before anything is touched, and applied in the caller's transaction with one audit
event for each thing created or changed. Loading it again changes nothing. What a document does not mention stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from records.audit import append
from records.masterdata_consistency import inconsistencies
from records.masterdata_shape import SCOPED_BY_PROCESS, SECTIONS, Row, Section, shape_problems, stored_rows, values_of
from store.errors import InputInvalid, translated
from store.sql import queries

LOCK = 0x62775F6D6173  # any number all loaders agree on
# A change of these is a new version beside the old ones.
VERSIONED = frozenset({"tags", "limits"})
APPENDED = VERSIONED | {"sampling_plan"}  # a change is a further row


class MasterdataInvalid(InputInvalid):
    """The master data document is wrong; nothing of it was applied."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterdataChanges:
    """What a load did, as subjects of audit events: "tag:Leiden/Hall 1/BR-01/pH"."""

    created: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One thing to create (before is None) or to change."""

    section: Section
    row: Row
    before: Row | None

    @property
    def subject(self) -> str:
        parts = [self.row[name] for name in self.section.key]
        return f"{self.section.noun}:{'/'.join(str(part) for part in parts if part is not None)}"


def masterdata_check(document: object) -> list[str]:
    """What is wrong with a document by itself: one sentence a fault, naming the path and the value; [] when nothing."""
    problems = list(shape_problems(document))
    if problems:
        return problems
    assert isinstance(document, dict)
    return inconsistencies(stored_rows(document))


def load_masterdata(
    conn: psycopg.Connection, document: Mapping[str, object], *, by: str, reason: str, effective_from: datetime
) -> MasterdataChanges:
    """Bring the record to what the document says; tags and limits hold from `effective_from` on.

    Raises MasterdataInvalid, with every problem, before anything is applied; also when the document wants to change
    what a thing is instead of describing it (the role of a process version, the scale of an attribute).
    Raises ValueError for an `effective_from` without offset, and outside a transaction when something would change.
    """
    if effective_from.tzinfo is None:
        raise ValueError(f"a time without an offset means nothing here: {effective_from.isoformat()}")
    problems = masterdata_check(document)
    if problems:
        raise MasterdataInvalid(problems)
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(queries("masterdata")["lock"], {"lock": LOCK})
        steps = _steps(cursor, stored_rows(document), effective_from)
        for step in steps:
            _apply(conn, cursor, step, by=by, reason=reason, effective_from=effective_from)
    return MasterdataChanges(
        created=tuple(step.subject for step in steps if step.before is None),
        changed=tuple(step.subject for step in steps if step.before is not None),
    )


def _steps(cursor: psycopg.Cursor[Row], rows: Mapping[str, list[Row]], effective_from: datetime) -> list[_Step]:
    """Everything to do, found by comparing with the record; raises MasterdataInvalid for what cannot change."""
    product_of = {row["name"]: row["product"] for row in rows["processes"]}
    steps: list[_Step] = []
    problems: list[str] = []
    for section in SECTIONS.values():
        # Another document may have brought a process of the same name for another product.
        scope = ("product",) if section.name in SCOPED_BY_PROCESS else ()
        cursor.execute(queries("masterdata")[section.name], {"effective_from": effective_from})
        known = {values_of(row, (*scope, *section.key)): row for row in cursor}
        for index, stated in enumerate(rows[section.name]):
            row = {**stated, "product": product_of[stated["process"]]} if scope else stated
            before = known.get(values_of(row, (*scope, *section.key)))
            if before is not None and section.name == "units":
                row = {**row, "positions": _together(before["positions"], row["positions"])}
            if before != row:
                steps.append(_Step(section=section, row=row, before=before))
            problems += [
                f"{section.name}[{index}].{name}: {row[name]!r}, but the record says {before[name]!r}, for ever"
                for name in sorted(section.fixed)
                if before is not None and before[name] != row[name]
            ]
    if problems:
        raise MasterdataInvalid(problems)
    return steps


def _apply(
    conn: psycopg.Connection,
    cursor: psycopg.Cursor[Row],
    step: _Step,
    *,
    by: str,
    reason: str,
    effective_from: datetime,
) -> None:
    name = step.section.name
    fields = step.row if step.before is None else _different(step.row, step.before)
    new = {field: _json(step.row[field]) for field in fields}
    old = None if step.before is None else {field: _json(step.before[field]) for field in fields}
    known_at = append(
        conn,
        actor=by,
        action=f"{step.section.noun}_{'created' if step.before is None else 'changed'}",
        subject=step.subject,
        old=old,
        new={**new, "effective_from": effective_from.isoformat()} if name in VERSIONED else new,
        reason=reason,
    )
    sql = queries("masterdata")
    parameters = {**step.row, "effective_from": effective_from, "known_at": known_at}
    if name == "tags":
        cursor.execute(sql["register_tags"], parameters)
    inserts = step.before is None or name in APPENDED
    cursor.execute(sql[f"insert_{name}"] if inserts else sql[f"update_{name}"], parameters)
    # A unit whose positions are all known already inserts none; everything else touches exactly its row.
    assert cursor.rowcount == 1 or name == "units", f"{step.subject} touched {cursor.rowcount} rows"


def _different(row: Row, before: Row) -> list[str]:
    return [name for name in row if row[name] != before[name]]


def _together(known: object, stated: object) -> list[str]:
    assert isinstance(stated, list)
    return sorted({*(known if isinstance(known, list) else []), *stated})


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
