"""Who may act: people with passwords and sessions, machines with tokens.

Each change and its audit event are one SQL statement: neither can exist without the other. Passwords, tokens and
session secrets are never stored, logged or put into an event, only what can check them.
All functions run in the caller's transaction.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import psycopg
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow, tuple_row
from psycopg.types.json import Jsonb

from records.passwords import hash_password, new_secret, password_is_right, secret_digest
from store.errors import Conflict, InputInvalid, NotFound, StoreRejected, translated
from store.model.ids import ActorId
from store.sql import queries

FAILURES_ALLOWED = 5  # the fifth wrong password in a row locks the name
FAILURE_WINDOW = timedelta(minutes=15)  # a wrong password longer after the one before counts as the first
LOCK = timedelta(minutes=15)
INACTIVITY_LIMIT = timedelta(minutes=30)  # of a session
USE_NOTED_EVERY = timedelta(minutes=1)  # a page that polls must not write a row every time
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")  # as the table's own check
UNKNOWN_NAME = ""  # failures of names nobody has: what was typed there may be a password, so it is not kept

Word = TypeVar("Word", bound=StrEnum)


class ActorKind(StrEnum):
    """What kind of actor."""

    PERSON = "person"
    MACHINE = "machine"


class Role(StrEnum):
    """What an actor may be; docs/security.md says what each may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MSAT = "msat"
    QA = "qa"
    ADMIN = "admin"
    IDENTITY = "identity"  # may see pseudonyms
    FLOOR = "floor"  # wall boards


class TokenScope(StrEnum):
    """What a token opens."""

    FLOOR = "floor"
    REVIEW = "review"
    RESULTS = "results"  # stating results, and nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody or something that was recognised, with what it may do."""

    actor_id: ActorId
    name: str  # unique, never reassigned
    printed_name: str
    kind: ActorKind
    roles: frozenset[str]
    scope: str | None  # of the token it came with; None for a person


def add_person(
    conn: psycopg.Connection,
    *,
    name: str,
    printed_name: str,
    roles: Iterable[str],
    password: str,
    by: str,
    reason: str,
) -> ActorId:
    """Add a person who signs in with a password of 12 to 256 characters.

    Raises InputInvalid for a name of other characters than a-z, 0-9 and . _ @ -, for an unknown role and for a password
    of another length, and Conflict when the name was ever used.
    """
    return _add(conn, ActorKind.PERSON, name, printed_name, roles, hash_password(password), by, reason)


def add_machine(
    conn: psycopg.Connection, *, name: str, printed_name: str, roles: Iterable[str], by: str, reason: str
) -> ActorId:
    """Add a machine client, which comes in by tokens only. Raises what `add_person` raises."""
    return _add(conn, ActorKind.MACHINE, name, printed_name, roles, None, by, reason)


def set_password(conn: psycopg.Connection, *, name: str, password: str, by: str, reason: str) -> None:
    """Replace a person's password, end their sessions and lift a lock.

    Raises NotFound, and InputInvalid for a password of another length than `add_person` takes.
    """
    parameters = {"name": name, "password_hash": hash_password(password), "by": by, "reason": reason}
    if _one(conn, "set_password", parameters) is None:
        raise NotFound(f"there is no active person named {name!r}")


def deactivate(conn: psycopg.Connection, *, name: str, by: str, reason: str) -> None:
    """Shut an actor out at once, with all tokens and sessions; the name stays taken. Raises NotFound."""
    if _one(conn, "deactivate", {"name": name, "by": by, "reason": reason}) is None:
        raise NotFound(f"there is no active actor named {name!r}")


def check_password(conn: psycopg.Connection, *, name: str, password: str) -> Actor | None:
    """The person whose name and password these are, or None: wrong, unknown, shut out and locked look the same.

    Takes some tenths of a second in every case. A failure is counted and audited in the caller's transaction:
    commit it before refusing. Five in a row lock the name for 15 minutes, for the right password too.
    """
    row = _one(conn, "by_name", {"name": name}) if NAME.fullmatch(name) else None
    usable_hash = row[5] if row is not None and row[3] == ActorKind.PERSON and row[6] else None
    right = password_is_right(password, usable_hash)
    counted_name = UNKNOWN_NAME if row is None else name
    locked = _one(conn, "login_locked", {"name": counted_name})
    if locked is not None and locked[0]:
        return None
    if row is None or not right:
        reason = "no such name" if row is None else "wrong password" if usable_hash else "no password may be used"
        _one(
            conn,
            "login_failed",
            {
                "name": counted_name,
                "window": FAILURE_WINDOW,
                "allowed": FAILURES_ALLOWED,
                "lock": LOCK,
                "reason": reason,
            },
        )
        return None
    _do(conn, "login_succeeded", {"name": name})
    return _actor(row, scope=None)


def issue_token(
    conn: psycopg.Connection, *, actor_name: str, scope: str, expires: datetime, by: str, reason: str
) -> str:
    """Make a token for a machine and return it: it is shown this once and kept nowhere.

    Raises InputInvalid for an unknown scope or a time without offset, NotFound when no active machine has that name.
    """
    if expires.tzinfo is None:
        raise InputInvalid(f"a time without an offset means nothing here: {expires.isoformat()}")
    token = new_secret()
    parameters = {
        "name": actor_name,
        "digest": secret_digest(token),
        "scope": str(_known("scope", TokenScope, scope)),
        "expires": expires,
        "by": by,
        "new": Jsonb({"scope": scope, "expires": expires.isoformat()}),
        "reason": reason,
    }
    if _one(conn, "issue_token", parameters) is None:
        raise NotFound(f"there is no active machine named {actor_name!r}")
    return token


def revoke_token(conn: psycopg.Connection, *, token: str, by: str, reason: str) -> None:
    """Make a token useless from now on. Raises NotFound when it is unknown or revoked already."""
    if _one(conn, "revoke_token", {"digest": secret_digest(token), "by": by, "reason": reason}) is None:
        raise NotFound("there is no such token, or it is revoked already")


def actor_of_token(conn: psycopg.Connection, token: str) -> Actor | None:
    """The machine behind a token, or None when the token is unknown, expired or revoked, or the machine shut out."""
    row = _one(conn, "of_token", {"digest": secret_digest(token)})
    return None if row is None else _actor(row, scope=row[5])


def start_session(conn: psycopg.Connection, actor: Actor, *, lasting: timedelta) -> str:
    """Sign a person in and return the secret for the cookie. Raises NotFound when they were shut out meanwhile."""
    secret = new_secret()
    parameters = {
        "digest": secret_digest(secret),
        "actor_id": actor.actor_id,
        "name": actor.name,
        "lasting": lasting,
    }
    if _one(conn, "start_session", parameters) is None:
        raise NotFound(f"there is no active person named {actor.name!r}")
    return secret


def actor_of_session(conn: psycopg.Connection, secret: str) -> Actor | None:
    """The person behind a session, or None when it is unknown, over, or was not used for 30 minutes.

    Notes the use at most once a minute, so the transaction must be able to write.
    """
    digest = secret_digest(secret)
    row = _one(
        conn,
        "of_session",
        {"digest": digest, "inactivity": INACTIVITY_LIMIT, "note_after": USE_NOTED_EVERY},
    )
    if row is None:
        return None
    if row[5]:
        _do(conn, "session_used", {"digest": digest})
    return _actor(row, scope=None)


def end_session(conn: psycopg.Connection, secret: str) -> None:
    """Sign out. A session that is over already stays so."""
    _one(conn, "end_session", {"digest": secret_digest(secret)})


def _add(
    conn: psycopg.Connection,
    kind: ActorKind,
    name: str,
    printed_name: str,
    roles: Iterable[str],
    password_hash: str | None,
    by: str,
    reason: str,
) -> ActorId:
    # Checked here too: the database's refusal would repeat the whole row, hash and all.
    if not NAME.fullmatch(name):
        raise InputInvalid(f"name: {name!r} is not 1 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or digit")
    if not printed_name.strip() or not printed_name.isprintable():
        raise InputInvalid(f"printed_name: {printed_name!r} is empty or cannot be printed")
    known_roles = sorted(_known("roles", Role, role) for role in roles)
    try:
        row = _one(
            conn,
            "add",
            {
                "name": name,
                "kind": str(kind),
                "printed_name": printed_name,
                "roles": [str(role) for role in known_roles],
                "password_hash": password_hash,
                "by": by,
                "new": Jsonb({"kind": kind, "printed_name": printed_name, "roles": known_roles}),
                "reason": reason,
            },
        )
    except StoreRejected as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise Conflict(f"the name {name!r} is taken; a name is never given twice") from error
        raise
    assert row is not None
    return ActorId(row[0])


def _known(field: str, words: type[Word], word: str) -> Word:
    try:
        return words(word)
    except ValueError as error:
        raise InputInvalid(f"{field}: {word!r} is not one of {', '.join(words)}") from error


def _one(conn: psycopg.Connection, name: str, parameters: Mapping[str, Any]) -> TupleRow | None:
    for said in ("by", "reason"):
        if not str(parameters.get(said, "-")).strip():
            raise InputInvalid(f"{said}: a change says who made it and why")
    with translated(), conn.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(queries("actors")[name], parameters).fetchone()


def _do(conn: psycopg.Connection, name: str, parameters: Mapping[str, Any]) -> None:
    with translated(), conn.cursor() as cursor:
        cursor.execute(queries("actors")[name], parameters)


def _actor(row: TupleRow, *, scope: str | None) -> Actor:
    actor_id, name, printed_name, kind, roles = row[:5]
    return Actor(
        actor_id=ActorId(actor_id),
        name=name,
        printed_name=printed_name,
        kind=ActorKind(kind),
        roles=frozenset(roles),
        scope=scope,
    )
