"""Results stated by the API: the commit path of messages, on a chain of its own.

The body is an entry of the journal as it came, whatever it holds: what cannot enter the record is put aside like what a
broker delivers, and whoever sent it is told why.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from records.actors import Actor, ActorKind
from store.commit import commit
from store.draft import Draft
from store.errors import NotAllowed, PayloadRejected, StoreRejected, translated
from store.fields import shown
from store.journal import ChainLease, claim_chain
from store.model.journal import Entry, EntryKind
from store.model.result import QCResult, ResultStatus
from store.payload import excerpt, parse_payload
from store.results import draft_result

CHAIN = "api"
TOPIC = "api/results"
MAY_STATE = frozenset({"operator", "msat", "qa"})
FIELD = re.compile(r"(?P<name>[a-z_]+)(\[\d+\](\.[a-z_]+)?)?")  # what the sentence of a refusal begins with
FIELDS = frozenset(QCResult.__slots__) | {"value"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What of a body was put aside, and why."""

    item: str  # "[2]" in an array, "" else
    field: str  # with its item: "[2].value"; "" where the whole is meant
    value: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What became of a body."""

    stated: int  # newly in the record
    known: int  # were there already
    refused: Sequence[Refused]


def state_results(connection: psycopg.Connection, body: bytes, *, actor: Actor) -> Stated:
    """Commit a result or an array of them, as the topic `results` takes them, in the caller's name.

    Everything is committed when this returns, also what was put aside. People say why they correct or invalidate.
    Raises NotAllowed, StoreUnavailable.
    """
    if not MAY_STATE & actor.roles:
        raise NotAllowed(f"{actor.name} may not state results")
    entry = Entry(kind=EntryKind.MANUAL, topic=TOPIC, payload=body, received_us=time.time_ns() // 1000)
    draft, objects = _draft(entry, actor)
    # The chain's row stays locked until the end: those who state at the same time wait for each other.
    with translated(), connection.transaction():
        lease = claim_chain(connection, name=CHAIN, kind="live", holder=actor.name)
        offered, before = len(draft.results), len(draft.quarantine)
        stated = _commit(connection, lease, draft, actor)
    known = offered - stated - (len(draft.quarantine) - before)
    return Stated(
        stated=stated,
        known=known if draft.results else 0,
        refused=[_refused(item.item, item.code, item.reason, objects) for item in draft.quarantine],
    )


def _draft(entry: Entry, actor: Actor) -> tuple[Draft, Sequence[object]]:
    draft = Draft(entries=[entry])
    try:
        objects = parse_payload(entry.payload)
    except PayloadRejected as rejection:
        draft.reject(0, "", rejection.code, rejection.reason, excerpt(entry.payload))
        return draft, []
    for number, object_ in enumerate(objects):
        item = f"[{number}]" if len(objects) > 1 else ""
        try:
            if not isinstance(object_, dict):
                raise PayloadRejected("wrong_type", f"a result must be an object, not {shown(object_)}")
            _check_reason(object_, actor)
            draft_result(draft, 0, object_, item=item)
        except PayloadRejected as rejection:
            draft.reject(0, item, rejection.code, rejection.reason, shown(object_))
    return draft, objects


def _commit(connection: psycopg.Connection, lease: ChainLease, draft: Draft, actor: Actor) -> int:
    try:
        return commit(connection, lease, draft, actor=actor.name, most_refused=None).results
    except StoreRejected as error:
        entry = draft.entries[0]
        draft.results.clear()
        draft.quarantine.clear()
        draft.reject(0, "", "store_rejected", str(error), excerpt(entry.payload))
        commit(connection, lease, draft, actor=actor.name, most_refused=None)
        return 0


def _check_reason(object_: Mapping[str, object], actor: Actor) -> None:
    changes = object_.get("status") in (ResultStatus.CORRECTED, ResultStatus.INVALIDATED)
    if changes and actor.kind is ActorKind.PERSON and object_.get("reason") is None:
        raise PayloadRejected("missing_field", f"reason is missing: say why the result is {object_['status']}")


def _refused(item: str, code: str, reason: str, objects: Sequence[object]) -> Refused:
    object_ = objects[int(item[1:-1]) if item else 0] if objects else None
    found = FIELD.match(reason)
    if not isinstance(object_, Mapping) or found is None or found["name"] not in FIELDS:
        return Refused(item=item, field=item, value="" if object_ is None else shown(object_), code=code, reason=reason)
    value = shown(object_[found["name"]]) if found["name"] in object_ else ""
    return Refused(item=item, field=f"{item}.{found[0]}".lstrip("."), value=value, code=code, reason=reason)
