"""The life of a reference after it was drafted: approved by QA, put to use, retired; who, why and when is kept.

A reference is frozen from its draft on. Whoever drafted it never approves it, and nobody approves one whose packet is
missing or whose bytes are not those that were drafted; nobody puts one to use whose bytes or packet are not those that
were approved. The audit event, the journal's entry by which analytics learns of a use, and the state are one
transaction.
"""

import hashlib
from typing import Any

import orjson
import psycopg
from psycopg.rows import dict_row

from records import audit
from records.actors import Actor, Role
from store.errors import Conflict, InputInvalid, NotAllowed, NotFound, translated
from store.journal import append_control
from store.model.ids import ReferenceId
from store.model.reference import ReferenceState
from store.sql import queries

MAY_APPROVE = frozenset({Role.QA})
MAY_USE = frozenset({Role.MSAT, Role.QA})


def approve(
    connection: psycopg.Connection, reference_id: ReferenceId, *, digest: str, actor: Actor, reason: str
) -> None:
    """QA says that a draft may be used; `digest` is the hash of what they saw.

    Raises NotFound, NotAllowed (no QA, or the one who drafted it), Conflict (no draft, another hash, no packet, bytes
    that are not those that were drafted), InputInvalid without a reason.
    """
    _check(actor, MAY_APPROVE, reason)
    with connection.transaction():
        found = _locked(connection, reference_id)
        if found["state"] != ReferenceState.DRAFT:
            raise Conflict(f"reference {found['name']} is {found['state']}, not a draft")
        if actor.name == found["drafted_by"]:
            raise NotAllowed(f"{actor.name} drafted this reference: somebody else has to approve it")
        if digest != found["digest"]:
            raise Conflict(f"digest {digest} is not that of reference {found['name']}, which is {found['digest']}")
        if not found["review"]:
            raise Conflict(f"reference {found['name']} has no review packet: nobody can know what they approve")
        if _sha256(found).hex() != found["review"]["model"]:
            raise Conflict(f"the bytes of reference {found['name']} are not those that were drafted")
        _decide(connection, found, ReferenceState.APPROVED, actor=actor, reason=reason)


def put_to_use(connection: psycopg.Connection, reference_id: ReferenceId, *, actor: Actor, reason: str) -> None:
    """Let an approved reference judge batches from now on; the one before it is retired. Batches that run keep theirs.

    Raises NotFound, NotAllowed, Conflict when it is not approved or no longer what was approved, InputInvalid without
    a reason.
    """
    _check(actor, MAY_USE, reason)
    with connection.transaction():
        found = _locked(connection, reference_id)
        if found["state"] != ReferenceState.APPROVED:
            raise Conflict(f"reference {found['name']} is {found['state']}; only an approved one is put to use")
        approved = connection.execute(queries("reference")["approved_as"], found).fetchone()
        if approved != (found["digest"], _sha256(found), found["packet_sha256"]):
            raise Conflict(f"reference {found['name']} or its review packet is not what was approved")
        before = connection.execute(queries("reference")["in_use"], found).fetchone()
        if before is not None:
            replaced = _locked(connection, ReferenceId(before[0]))
            _decide(connection, replaced, ReferenceState.RETIRED, actor=actor, reason=f"replaced: {reason.strip()}")
        _decide(connection, found, ReferenceState.IN_USE, actor=actor, reason=reason)
        _tell(connection, found, "reference put to use")


def retire(connection: psycopg.Connection, reference_id: ReferenceId, *, actor: Actor, reason: str) -> None:
    """Let a reference judge no batch that starts from now on, whether it was ever used or not. Raises as put_to_use."""
    _check(actor, MAY_APPROVE, reason)
    with connection.transaction():
        found = _locked(connection, reference_id)
        if found["state"] == ReferenceState.RETIRED:
            raise Conflict(f"reference {found['name']} is retired already")
        _decide(connection, found, ReferenceState.RETIRED, actor=actor, reason=reason)
        _tell(connection, found, "reference retired")


def _check(actor: Actor, may: frozenset[Role], reason: str) -> None:
    if not may & actor.roles:
        raise NotAllowed(f"{actor.name} is none of {', '.join(sorted(may))}")
    if not reason.strip():
        raise InputInvalid("reason: a decision needs one")


def _locked(connection: psycopg.Connection, reference_id: ReferenceId) -> dict[str, Any]:
    with translated(), connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(queries("reference")["state"], {"reference_id": reference_id}).fetchone()
    if found is None:
        raise NotFound(f"there is no reference {reference_id}")
    return found


def _decide(
    connection: psycopg.Connection, found: dict[str, Any], state: ReferenceState, *, actor: Actor, reason: str
) -> None:
    sql = queries("reference")
    decided = {"reference_id": found["reference_id"], "state": str(state)}
    known_at = audit.append(
        connection,
        actor=actor.name,
        action=f"reference {str(state).replace('_', ' ')}",
        subject=f"reference:{found['reference_id']}",
        old={"state": found["state"]},
        new={
            "state": str(state),
            "name": found["name"],
            "digest": found["digest"],
            "packet": found["packet_sha256"].hex(),
        },
        reason=reason.strip(),
    )
    connection.execute(sql["set_state"], decided)
    said = {"actor": actor.name, "reason": reason.strip(), "known_at": known_at}
    about = {"digest": found["digest"], "model_sha256": _sha256(found), "packet_sha256": found["packet_sha256"]}
    connection.execute(sql["insert_decision"], decided | said | about)


def _sha256(found: dict[str, Any]) -> bytes:
    return hashlib.sha256(found["model"]).digest()


def _tell(connection: psycopg.Connection, found: dict[str, Any], what: str) -> None:
    named = {name: found[name] for name in ("reference_id", "process_version_id", "role", "digest")}
    append_control(connection, what, orjson.dumps(named))
