"""What people decide about an alert: raised → acknowledged → assessed, with who, when, why, and what they saw.

A decision is about the version its maker saw (0: as raised). When a newer one is there already it is refused; when a
later one adds tags, the alert is `raised` again and the steps begin anew.
"""

from datetime import datetime

import psycopg
from psycopg.rows import tuple_row

from records.actors import Actor, Role
from store.errors import Conflict, InputInvalid, NotAllowed, NotFound, translated
from store.model.alert import AlertCause, AlertImpact, AlertState
from store.sql import queries

MAY_ACKNOWLEDGE = frozenset({Role.OPERATOR, Role.MSAT, Role.QA})
MAY_ASSESS = frozenset({Role.MSAT, Role.QA})


def acknowledge(conn: psycopg.Connection, *, alert_id: int, version: int, actor: Actor, comment: str) -> datetime:
    """Somebody has seen the alert and says what they make of it; returns the decision's known_at.

    For operator, msat and qa. Raises NotAllowed, NotFound, InputInvalid without a comment, and Conflict when the
    alert is not `raised` any more or has changed since `version`.
    """
    return _decide(
        conn,
        alert_id,
        version,
        actor,
        comment,
        AlertState.ACKNOWLEDGED,
        after=AlertState.RAISED,
        allowed=MAY_ACKNOWLEDGE,
    )


def assess(
    conn: psycopg.Connection,
    *,
    alert_id: int,
    version: int,
    impact: AlertImpact,
    cause: AlertCause,
    actor: Actor,
    comment: str,
) -> datetime:
    """Somebody has judged what the alert means for the batch and where it came from; returns the decision's known_at.

    For msat and qa. Raises what `acknowledge` raises, and Conflict when nobody has acknowledged the alert yet.
    """
    return _decide(
        conn,
        alert_id,
        version,
        actor,
        comment,
        AlertState.ASSESSED,
        after=AlertState.ACKNOWLEDGED,
        allowed=MAY_ASSESS,
        impact=impact,
        cause=cause,
    )


def _decide(
    conn: psycopg.Connection,
    alert_id: int,
    version: int,
    actor: Actor,
    comment: str,
    state: AlertState,
    *,
    after: AlertState,
    allowed: frozenset[Role],
    impact: AlertImpact | None = None,
    cause: AlertCause | None = None,
) -> datetime:
    if not allowed & actor.roles:
        raise NotAllowed(f"{actor.name} may not: to have {state} an alert is for {', '.join(sorted(allowed))}")
    if not comment.strip():
        raise InputInvalid("comment: a decision needs one")
    sql = queries("alert_decision")
    with translated(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(sql["lock"], {"alert_id": alert_id})
        found = cursor.execute(sql["state"], {"alert_id": alert_id}).fetchone()
        if found is None:
            raise NotFound(f"there is no alert {alert_id}")
        if found[0] != after:
            raise Conflict(f"alert {alert_id} is {found[0]}; only what is {after} can be {state}")
        if found[1] != version:
            raise Conflict(f"alert {alert_id} has changed since you saw it: look again, then decide")
        decision = {"alert_id": alert_id, "version": version, "state": str(state), "before": str(after)}
        made = {"actor": actor.name, "comment": comment.strip(), "impact": impact, "cause": cause}
        row = cursor.execute(sql["decide"], decision | made).fetchone()
    assert row is not None
    known_at = row[0]
    assert isinstance(known_at, datetime)
    return known_at
