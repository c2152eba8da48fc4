"""Working off the quarantine: people ask to take an item again or set it aside for good, ingest answers.

Each decision is appended with who, why and when, in the transaction of its audit event. Items are asked for by message:
the original bytes go through the same decoder and commit as everything else, so asking twice stores nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from records.actors import Actor, Role
from records.audit import append
from store.errors import Conflict, InputInvalid, NotAllowed, NotFound, translated
from store.model.correction import QuarantineState
from store.quarantine import FLOOD
from store.sql import queries

MAY_WORK_OFF = frozenset({Role.MSAT, Role.QA})
MOST_ITEMS = 10_000  # in one act
INGEST = "ingest"
NOT_AGAIN = {  # codes of what cannot be taken again, and why
    "too_large": "it is larger than what is taken, and of a message beyond the limit the journal keeps the beginning",
}
SPARKPLUG_FLOOD = "it stands for items of a flood that came over Sparkplug and have no rows of their own"
SEND_AGAIN = "have the publisher send it again once the fault is put right, or import it"
AFTER = {
    QuarantineState.REQUESTED: QuarantineState.OPEN,
    QuarantineState.SET_ASIDE: QuarantineState.OPEN,
    QuarantineState.OPEN: QuarantineState.SET_ASIDE,  # taken up again
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An item as somebody saw it."""

    quarantine_id: int
    version: int  # how many decisions there were


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What ingest made of an item it was asked to take again."""

    quarantine_id: int
    state: QuarantineState
    reason: str


def check_may_work_off(actor: Actor, reason: str) -> None:
    """For msat and qa, with a reason. Raises NotAllowed and InputInvalid."""
    if not MAY_WORK_OFF & actor.roles:
        raise NotAllowed(f"{actor.name} may not: to work off the quarantine is for {', '.join(sorted(MAY_WORK_OFF))}")
    if not reason.strip():
        raise InputInvalid("reason: a decision needs one")


def not_again(code: str, topic: str) -> str | None:
    """Why an item cannot be taken again, and what to do instead; None where it can."""
    if code == FLOOD and topic.startswith("spBv1.0/"):
        return f"{SPARKPLUG_FLOOD}; {SEND_AGAIN}"
    return f"{NOT_AGAIN[code]}; {SEND_AGAIN}" if code in NOT_AGAIN else None


def decide(
    connection: psycopg.Connection, seen: Sequence[Seen], state: QuarantineState, *, actor: Actor, reason: str
) -> datetime:
    """Ask to take items again (`requested`), set them aside for good, or take them up again (`open`).

    In the caller's transaction. Raises NotAllowed, InputInvalid, NotFound, and Conflict when one has changed.
    """
    check_may_work_off(actor, reason)
    if state not in AFTER:
        raise InputInvalid(f"state: nobody decides that something is {state}; ingest says so")
    if not 1 <= len(seen) <= MOST_ITEMS:
        raise InputInvalid(f"{len(seen)} items are given; 1 to {MOST_ITEMS} can be decided about at once")
    with translated(), connection.transaction():
        connection.execute(queries("quarantine")["lock"])
        asked = {"quarantine_ids": [item.quarantine_id for item in seen]}
        now = {row[0]: row[1:] for row in connection.execute(queries("quarantine")["seen"], asked)}
        for item in seen:
            if item.quarantine_id not in now:
                raise NotFound(f"there is no quarantined item {item.quarantine_id}")
            version, stands, kind, code, topic = now[item.quarantine_id]
            if version != item.version:
                raise Conflict(f"item {item.quarantine_id} has changed since you saw it: it is {stands}; look again")
            if stands != AFTER[state]:
                raise Conflict(f"item {item.quarantine_id} is {stands}; only what is {AFTER[state]} can be {state}")
            if state is QuarantineState.REQUESTED and kind != "live":
                raise InputInvalid(
                    f"item {item.quarantine_id} came from a file: correct the mapping and import the file again"
                )
            if state is QuarantineState.REQUESTED and (why := not_again(code, topic)) is not None:
                raise InputInvalid(f"item {item.quarantine_id} cannot be taken again: {why}")
        return _write(connection, list(now), state, actor=actor.name, reason=reason, old=AFTER[state])


def request_alike(
    connection: psycopg.Connection, *, code: str, topic: str | None, items: int, actor: Actor, reason: str
) -> datetime:
    """Ask to take everything open of one code again, of one topic or of all; `items` is how many were seen.

    In the caller's transaction. Raises NotAllowed, InputInvalid, and Conflict when it is another number by now.
    """
    check_may_work_off(actor, reason)
    with translated(), connection.transaction():
        connection.execute(queries("quarantine")["lock"])
        if code == FLOOD:
            raise InputInvalid(f"code: each {FLOOD} stands for many items; ask for one at a time")
        if code in NOT_AGAIN:
            raise InputInvalid(f"code: {code} cannot be taken again: {NOT_AGAIN[code]}; {SEND_AGAIN}")
        asked = {"code": code, "topic": topic, "limit": MOST_ITEMS + 1}
        found = [quarantine_id for (quarantine_id,) in connection.execute(queries("quarantine")["alike"], asked)]
        if not 1 <= len(found) <= MOST_ITEMS:
            raise InputInvalid(f"{len(found)} items are {code}; 1 to {MOST_ITEMS} can be asked for at once")
        if len(found) != items:
            raise Conflict(f"{len(found)} items are open where you saw {items}: look again")
        return _write(
            connection, found, QuarantineState.REQUESTED, actor=actor.name, reason=reason, old=QuarantineState.OPEN
        )


def answer(connection: psycopg.Connection, answers: Sequence[Answer]) -> None:
    """What ingest made of what it was asked to take again, in the transaction in which it took it."""
    connection.execute(queries("quarantine")["lock"])
    alike: dict[tuple[QuarantineState, str], list[int]] = {}
    for one in answers:
        alike.setdefault((one.state, one.reason), []).append(one.quarantine_id)
    for (state, reason), found in alike.items():
        _write(connection, found, state, actor=INGEST, reason=reason, old=QuarantineState.REQUESTED)


def _write(
    connection: psycopg.Connection,
    quarantine_ids: list[int],
    state: QuarantineState,
    *,
    actor: str,
    reason: str,
    old: QuarantineState,
) -> datetime:
    subject = f"quarantine:{quarantine_ids[0]}" if len(quarantine_ids) == 1 else "quarantine"
    new: Mapping[str, object] = {"state": str(state), "items": quarantine_ids}
    known_at = append(
        connection,
        actor=actor,
        action=f"quarantine_{state}",
        subject=subject,
        old={"state": str(old)},
        new=new,
        reason=reason.strip(),
    )
    connection.execute(
        queries("quarantine")["decide"],
        {
            "quarantine_ids": quarantine_ids,
            "state": str(state),
            "actor": actor,
            "reason": reason.strip(),
            "known_at": known_at,
        },
    )
    return known_at
