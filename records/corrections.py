"""An act by which somebody puts the record right: who, why, when, and the control entry that analytics reacts to.

RECORD-1, RECORD-3: the audit event, the journal's entry and what holds from now on are one transaction; what held
before stays. Two people at once cannot undo each other unseen: each says what they saw, and the second gets a Conflict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import psycopg

from records.actors import Actor, Role
from records.audit import append
from store.errors import InputInvalid, NotAllowed
from store.journal import append_control
from store.model.correction import CorrectionKind
from store.sql import queries

MAY_CORRECT = frozenset({Role.MSAT, Role.QA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A correction that was made."""

    correction_id: int
    known_at: datetime


def check_may_correct(actor: Actor, reason: str) -> None:
    """For msat and qa, with a reason. Raises NotAllowed and InputInvalid."""
    if not MAY_CORRECT & actor.roles:
        raise NotAllowed(f"{actor.name} may not: to correct the record is for {', '.join(sorted(MAY_CORRECT))}")
    if not reason.strip():
        raise InputInvalid("reason: a correction needs one")


def shown_time(time: datetime) -> str:
    """A time in a sentence for people."""
    return time.astimezone(UTC).isoformat(sep=" ").removesuffix("+00:00") + " UTC"


def write_correction(
    connection: psycopg.Connection,
    *,
    kind: CorrectionKind,
    actor: Actor,
    reason: str,
    subject: str,
    sentence: str,
    old: Mapping[str, object],
    new: Mapping[str, object],
) -> Correction:
    """Write the act down in the caller's transaction: control entry, audit event, row. `old` and `new` are JSON."""
    said = {"kind": str(kind), "subject": subject, "actor": actor.name, "reason": reason.strip(), "new": new}
    chain_id, block_seq = append_control(connection, f"{kind} corrected", orjson.dumps(said))
    known_at = append(
        connection,
        actor=actor.name,
        action=f"{kind}_corrected",
        subject=subject,
        old=old,
        new=new,
        reason=reason.strip(),
    )
    row = connection.execute(
        queries("correction")["insert"],
        {
            "kind": str(kind),
            "sentence": sentence,
            "actor": actor.name,
            "reason": reason.strip(),
            "known_at": known_at,
            "chain_id": chain_id,
            "block_seq": block_seq,
        },
    ).fetchone()
    assert row is not None
    return Correction(correction_id=row[0], known_at=known_at)
