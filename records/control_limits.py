"""Control limits of charts over batches: drafted by somebody from named batches, put to use, retired by the next.

RECORD-1: what is drafted is frozen. The audit event, the journal's entry by which analytics learns of a use, and the
state of the limits are one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


def open_chart(connection: psycopg.Connection, chart: Chart, *, by: str, reason: str) -> int:
    """The number of a chart that shows this; it is opened when there is none yet. `chart`'s own number is ignored."""
    asked = {
        "process_version_id": chart.process_version_id,
        "attribute": chart.attribute,
        "tag": chart.tag,
        "phase": chart.phase,
        "summary": None if chart.summary is None else str(chart.summary),
        "scale": str(chart.scale),
        "unit_of_measure": chart.unit_of_measure,
    }
    sql = queries("control_limit")
    with translated():
        known = connection.execute(sql["find_chart"], asked).fetchone()
        if known is not None:
            return int(known[0])
        known_at = audit.append(
            connection,
            actor=by,
            action="chart opened",
            subject=f"chart:{chart.subject}",
            old=None,
            new=asked,
            reason=reason,
        )
        row = connection.execute(sql["insert_chart"], asked | {"known_at": known_at}).fetchone()
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
    if not reason.strip():
        raise InputInvalid("reason: to put limits to use needs one")
    sql = queries("control_limit")
    with translated():
        row = connection.execute(sql["state"], {"control_limit_id": control_limit_id}).fetchone()
        if row is None:
            raise NotFound(f"there are no control limits {control_limit_id}")
        control_chart_id, version, state, subject = row
        if state != LimitsState.DRAFT:
            raise Conflict(f"version {version} of the limits of {subject} is {state}, not a draft")
        retired = connection.execute(sql["retire"], {"control_chart_id": control_chart_id}).fetchone()
        said = {"chart": control_chart_id, "control_limit": control_limit_id, "version": version, "by": by}
        chain_id, block_seq = append_control(connection, "control limits put to use", orjson.dumps(said))
        known_at = audit.append(
            connection,
            actor=by,
            action="control limits put to use",
            subject=f"chart:{subject}",
            old=None if retired is None else {"version": retired[0]},
            new={"version": version},
            reason=reason.strip(),
        )
        connection.execute(
            sql["put_to_use"],
            {
                "control_limit_id": control_limit_id,
                "used_from": known_at,
                "used_by": by,
                "chain_id": chain_id,
                "block_seq": block_seq,
            },
        )
