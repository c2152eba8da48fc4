"""Control limits of charts over batches: drafted by somebody from named batches, put to use, retired by the next.

RECORD-1: what is drafted is frozen. The audit event, the journal's entry by which analytics learns of a use, and the
state of the limits are one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson
import psycopg
from psycopg.types.json import Jsonb

from records import audit
from store.errors import Conflict, InputInvalid, NotFound, translated
from store.journal import append_control
from store.model.chart import Chart, LimitsState
from store.sql import queries

LONG_TERM_FROM = 40  # points; limits of fewer are initial ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Limits as they were calculated, of logarithms on a log scale."""

    centre: float
    sigma: float
    n: int
    autocorrelation: float
    rules: Sequence[str]
    points: Sequence[Mapping[str, object]]  # batch_id, batch, value
    left_out: Sequence[Mapping[str, object]]  # batch, why


def find_chart(connection: psycopg.Connection, chart: Chart) -> int | None:
    """The number of the chart that shows this; None where there is none yet. `chart`'s own number is ignored."""
    with translated():
        known = connection.execute(queries("control_limit")["find_chart"], _shown(chart)).fetchone()
    return None if known is None else int(known[0])


def open_chart(connection: psycopg.Connection, chart: Chart, *, by: str, reason: str) -> int:
    """The number of a chart that shows this; it is opened when there is none yet. `chart`'s own number is ignored.

    Raises InputInvalid without a reason.
    """
    if not reason.strip():
        raise InputInvalid("reason: limits need one")
    known = find_chart(connection, chart)
    if known is not None:
        return known
    asked = _shown(chart)
    with translated():
        known_at = audit.append(
            connection,
            actor=by,
            action="chart opened",
            subject=f"chart:{chart.subject}",
            old=None,
            new=asked,
            reason=reason.strip(),
        )
        row = connection.execute(queries("control_limit")["insert_chart"], asked | {"known_at": known_at}).fetchone()
    assert row is not None
    return int(row[0])


def draft_limits(connection: psycopg.Connection, chart: Chart, draft: Draft, *, by: str, reason: str) -> int:
    """Write a draft down as the next version of a chart's limits; its number. Raises InputInvalid without a reason."""
    if not reason.strip():
        raise InputInvalid("reason: limits need one")
    sql = queries("control_limit")
    kind = "long_term" if draft.n >= LONG_TERM_FROM else "initial"
    with translated():
        connection.execute(sql["lock_chart"], {"control_chart_id": chart.control_chart_id})
        known_at = audit.append(
            connection,
            actor=by,
            action="control limits drafted",
            subject=f"chart:{chart.subject}",
            old=None,
            new={
                "kind": kind,
                "centre": draft.centre,
                "sigma": draft.sigma,
                "rules": list(draft.rules),
                "batches": [point["batch"] for point in draft.points],
            },
            reason=reason.strip(),
        )
        row = connection.execute(
            sql["insert"],
            {
                "control_chart_id": chart.control_chart_id,
                "kind": kind,
                "centre": draft.centre,
                "sigma": draft.sigma,
                "n": draft.n,
                "autocorrelation": draft.autocorrelation,
                "rules": list(draft.rules),
                "points": Jsonb(list(draft.points)),
                "left_out": Jsonb(list(draft.left_out)),
                "drafted_by": by,
                "reason": reason.strip(),
                "known_at": known_at,
            },
        ).fetchone()
    assert row is not None
    return int(row[0])


def put_limits_to_use(connection: psycopg.Connection, control_limit_id: int, *, by: str, reason: str) -> None:
    """Make drafted limits those in use; the ones before are retired and stay with what they judged.

    Raises NotFound, Conflict for limits that are no draft, InputInvalid without a reason.
    """
    sql = queries("control_limit")
    with translated():
        found = _locked(connection, control_limit_id, reason)
        if found.state != LimitsState.DRAFT:
            raise Conflict(f"version {found.version} of the limits of {found.subject} is {found.state}, not a draft")
        before = connection.execute(sql["in_use"], {"control_chart_id": found.control_chart_id}).fetchone()
        told = _told(connection, found, "control limits put to use", by=by, reason=reason, before=before)
        if before is not None:
            connection.execute(sql["retire"], told | {"control_limit_id": before[0]})
        connection.execute(sql["put_to_use"], told)


def retire_limits(connection: psycopg.Connection, control_limit_id: int, *, by: str, reason: str) -> None:
    """Let limits in use judge no batch from now on, without others in their place, or give a draft up.

    What they said stays. Raises NotFound, Conflict for limits that are retired already, InputInvalid without a reason.
    """
    with translated():
        found = _locked(connection, control_limit_id, reason)
        if found.state == LimitsState.RETIRED:
            raise Conflict(f"version {found.version} of the limits of {found.subject} is retired already")
        told = _told(connection, found, "control limits retired", by=by, reason=reason)
        if found.state == LimitsState.DRAFT:
            told |= {"chain_id": None, "block_seq": None}  # it never judged anything
        connection.execute(queries("control_limit")["retire"], told)


def _shown(chart: Chart) -> dict[str, object]:
    return {
        "process_version_id": chart.process_version_id,
        "attribute": chart.attribute,
        "tag": chart.tag,
        "phase": chart.phase,
        "summary": None if chart.summary is None else str(chart.summary),
        "scale": str(chart.scale),
        "unit_of_measure": chart.unit_of_measure,
    }


class _Found(NamedTuple):
    """Limits whose state is about to change."""

    control_limit_id: int
    control_chart_id: int
    version: int
    state: str
    subject: str


def _locked(connection: psycopg.Connection, control_limit_id: int, reason: str) -> _Found:
    """Limits, with those of the same chart locked until the transaction ends."""
    if not reason.strip():
        raise InputInvalid("reason: a decision about limits needs one")
    sql, asked = queries("control_limit"), {"control_limit_id": control_limit_id}
    chart = connection.execute(sql["chart_of"], asked).fetchone()
    if chart is None:
        raise NotFound(f"there are no control limits {control_limit_id}")
    connection.execute(sql["lock_chart"], {"control_chart_id": chart[0]})
    row = connection.execute(sql["state"], asked).fetchone()
    assert row is not None
    return _Found(control_limit_id, *row)


def _told(
    connection: psycopg.Connection,
    found: _Found,
    what: str,
    *,
    by: str,
    reason: str,
    before: tuple[int, int] | None = None,
) -> dict[str, object]:
    """Tell analytics and the audit trail; what is written beside the new state of the limits."""
    said = {
        "chart": found.control_chart_id,
        "control_limit": found.control_limit_id,
        "version": found.version,
        "by": by,
    }
    chain_id, block_seq = append_control(connection, what, orjson.dumps(said))
    known_at = audit.append(
        connection,
        actor=by,
        action=what,
        subject=f"chart:{found.subject}",
        old=None if before is None else {"version": before[1]},
        new={"version": found.version},
        reason=reason.strip(),
    )
    return {
        "control_limit_id": found.control_limit_id,
        "known_at": known_at,
        "by": by,
        "chain_id": chain_id,
        "block_seq": block_seq,
    }
