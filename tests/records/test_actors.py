from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from records.actors import (
    FAILURES_ALLOWED,
    actor_of_session,
    actor_of_token,
    add_machine,
    add_person,
    check_password,
    deactivate,
    end_session,
    issue_token,
    revoke_token,
    set_password,
    start_session,
)
from records.audit import trail, verify
from store.errors import Conflict, InputInvalid, NotFound
from tests.fix_postgres import Database

PASSWORD = "correct horse battery"
OTHER_PASSWORD = "staple battery horse"
NEXT_YEAR = datetime.now(tz=UTC) + timedelta(days=365)


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect("api") as connection:
        yield connection


def add(conn: psycopg.Connection, name: str = "mara") -> None:
    add_person(
        conn,
        name=name,
        printed_name="Mara Ott",
        roles=["qa", "viewer"],
        password=PASSWORD,
        by="admin",
        reason="joined",
    )


def add_board(conn: psycopg.Connection) -> None:
    add_machine(conn, name="board", printed_name="Wall board", roles=["floor"], by="mara", reason="new hall")


def issue(conn: psycopg.Connection, expires: datetime = NEXT_YEAR) -> str:
    return issue_token(conn, actor_name="board", scope="floor", expires=expires, by="mara", reason="board in hall 2")


def owner_says(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(statement.encode())


def test_a_person_is_recognised_by_name_and_password_and_by_nothing_else(conn: psycopg.Connection) -> None:
    add(conn)

    actor = check_password(conn, name="mara", password=PASSWORD)

    assert actor is not None
    assert (actor.name, actor.printed_name, actor.kind, actor.scope) == ("mara", "Mara Ott", "person", None)
    assert actor.roles == {"qa", "viewer"}
    assert check_password(conn, name="mara", password=OTHER_PASSWORD) is None
    assert check_password(conn, name="nobody", password=PASSWORD) is None
    assert check_password(conn, name="a\0b", password=PASSWORD) is None
    assert check_password(conn, name="mara", password=PASSWORD * 100) is None


def test_a_name_is_never_given_twice(conn: psycopg.Connection) -> None:
    add(conn)
    deactivate(conn, name="mara", by="admin", reason="left")

    with pytest.raises(Conflict, match="'mara' is taken"):
        add(conn)
    assert len(trail(conn, subject="actor:mara", limit=10)) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Mara Ott"},
        {"name": ""},
        {"name": "a\0b"},
        {"printed_name": " "},
        {"printed_name": "a\0b"},
        {"roles": ["king"]},
        {"password": "too-short"},
        {"password": "x" * 1000},
        {"by": ""},
        {"reason": " "},
    ],
    ids=repr,
)
def test_what_cannot_be_an_account_is_refused_by_name_without_repeating_the_password(
    conn: psycopg.Connection, wrong: dict[str, Any]
) -> None:
    right = {"name": "x", "printed_name": "X", "roles": ["qa"], "password": PASSWORD, "by": "admin", "reason": "r"}
    given = {**right, **wrong}
    (field,) = wrong

    with pytest.raises(InputInvalid) as refused:
        add_person(conn, **given)

    assert given["password"] not in str(refused.value)
    assert field in str(refused.value)
    assert trail(conn, limit=10) == []


def test_five_wrong_passwords_lock_a_name_for_a_while_and_each_is_audited(
    conn: psycopg.Connection, database: Database
) -> None:
    add(conn)
    for _ in range(FAILURES_ALLOWED):
        assert check_password(conn, name="mara", password=OTHER_PASSWORD) is None
    assert check_password(conn, name="mara", password=PASSWORD) is None

    failures = [event for event in trail(conn, limit=100) if event.action == "login_failed"]
    assert [event.new and event.new["failures"] for event in failures] == [1, 2, 3, 4, 5]
    assert [bool(event.new and event.new["locked_until"]) for event in failures] == [False] * 4 + [True]

    owner_says(database, "UPDATE login_failure SET locked_until = clock_timestamp()")
    assert check_password(conn, name="mara", password=PASSWORD) is not None
    assert check_password(conn, name="mara", password=OTHER_PASSWORD) is None
    assert check_password(conn, name="mara", password=PASSWORD) is not None, "one failure after a success locks nothing"


def test_wrong_passwords_long_ago_do_not_count(conn: psycopg.Connection, database: Database) -> None:
    add(conn)
    for _ in range(FAILURES_ALLOWED - 1):
        check_password(conn, name="mara", password=OTHER_PASSWORD)
    owner_says(database, "UPDATE login_failure SET last_failure = last_failure - interval '1 hour'")

    assert check_password(conn, name="mara", password=OTHER_PASSWORD) is None
    assert check_password(conn, name="mara", password=PASSWORD) is not None


def test_what_was_typed_as_an_unknown_name_is_kept_nowhere(conn: psycopg.Connection, database: Database) -> None:
    assert check_password(conn, name=PASSWORD, password=PASSWORD) is None

    (event,) = trail(conn, limit=10)
    assert PASSWORD not in repr(event)
    with database.connect() as owner:
        assert owner.execute("SELECT name FROM login_failure").fetchall() == [("",)]


def test_a_rolled_back_change_leaves_neither_person_nor_audit_event(database: Database) -> None:
    with database.connect("api", autocommit=False) as conn:
        add(conn)
        conn.rollback()
        assert trail(conn, limit=10) == []
        assert check_password(conn, name="mara", password=PASSWORD) is None


def test_a_new_password_replaces_the_old_one_ends_sessions_and_lifts_a_lock(conn: psycopg.Connection) -> None:
    add(conn)
    actor = check_password(conn, name="mara", password=PASSWORD)
    assert actor is not None
    session = start_session(conn, actor, lasting=timedelta(hours=1))
    for _ in range(FAILURES_ALLOWED):
        check_password(conn, name="mara", password="wrong and wrong")

    set_password(conn, name="mara", password=OTHER_PASSWORD, by="mara", reason="forgotten")

    assert actor_of_session(conn, session) is None
    assert check_password(conn, name="mara", password=PASSWORD) is None
    assert check_password(conn, name="mara", password=OTHER_PASSWORD) is not None
    with pytest.raises(NotFound):
        set_password(conn, name="nobody", password=OTHER_PASSWORD, by="mara", reason="forgotten")


def test_a_session_recognises_its_person_until_it_is_ended_or_over(
    conn: psycopg.Connection, database: Database
) -> None:
    add(conn)
    actor = check_password(conn, name="mara", password=PASSWORD)
    assert actor is not None
    ended = start_session(conn, actor, lasting=timedelta(hours=1))
    over = start_session(conn, actor, lasting=timedelta(0))
    lasting = start_session(conn, actor, lasting=timedelta(hours=1))

    end_session(conn, ended)

    assert actor_of_session(conn, lasting) == actor
    assert actor_of_session(conn, ended) is None
    assert actor_of_session(conn, over) is None
    assert actor_of_session(conn, "guessed") is None

    owner_says(database, "UPDATE login_session SET last_used = last_used - interval '20 minutes'")
    assert actor_of_session(conn, lasting) == actor, "use within 30 minutes keeps a session alive"
    owner_says(database, "UPDATE login_session SET last_used = last_used - interval '20 minutes'")
    assert actor_of_session(conn, lasting) == actor, "the use before was noted"
    owner_says(database, "UPDATE login_session SET last_used = last_used - interval '31 minutes'")
    assert actor_of_session(conn, lasting) is None


def test_a_token_recognises_its_machine_until_it_is_revoked_or_expired(conn: psycopg.Connection) -> None:
    add_board(conn)
    token, revoked = issue(conn), issue(conn)
    expired = issue(conn, expires=datetime.now(tz=UTC) - timedelta(seconds=1))

    revoke_token(conn, token=revoked, by="mara", reason="lost")

    actor = actor_of_token(conn, token)
    assert actor is not None
    assert (actor.name, actor.kind, actor.scope) == ("board", "machine", "floor")
    assert actor.roles == {"floor"}
    assert actor_of_token(conn, revoked) is None
    assert actor_of_token(conn, expired) is None
    assert actor_of_token(conn, "guessed \udcff") is None
    with pytest.raises(NotFound):
        revoke_token(conn, token=revoked, by="mara", reason="lost again")


def test_people_get_no_tokens_and_machines_no_passwords(conn: psycopg.Connection) -> None:
    add(conn)
    add_board(conn)
    with pytest.raises(NotFound, match="no active machine named 'mara'"):
        issue_token(conn, actor_name="mara", scope="review", expires=NEXT_YEAR, by="admin", reason="asked")
    with pytest.raises(NotFound, match="no active person named 'board'"):
        set_password(conn, name="board", password=PASSWORD, by="admin", reason="asked")
    with pytest.raises(InputInvalid, match="everything"):
        issue_token(conn, actor_name="board", scope="everything", expires=NEXT_YEAR, by="admin", reason="asked")
    assert check_password(conn, name="board", password=PASSWORD) is None


def test_whoever_is_shut_out_is_out_at_once(conn: psycopg.Connection) -> None:
    add(conn)
    add_board(conn)
    actor = check_password(conn, name="mara", password=PASSWORD)
    assert actor is not None
    session = start_session(conn, actor, lasting=timedelta(hours=1))
    token = issue(conn)

    deactivate(conn, name="mara", by="admin", reason="left")
    deactivate(conn, name="board", by="admin", reason="hall closed")

    assert actor_of_session(conn, session) is None
    assert actor_of_token(conn, token) is None
    assert check_password(conn, name="mara", password=PASSWORD) is None
    with pytest.raises(NotFound):
        start_session(conn, actor, lasting=timedelta(hours=1))


def test_neither_tables_nor_audit_trail_hold_a_secret(conn: psycopg.Connection, database: Database) -> None:
    add(conn)
    add_board(conn)
    actor = check_password(conn, name="mara", password=PASSWORD)
    assert actor is not None
    secrets = [PASSWORD, issue(conn), start_session(conn, actor, lasting=timedelta(hours=1))]
    with database.connect() as owner:
        stored = "".join(
            repr(owner.execute(query).fetchall())
            for query in (
                "SELECT * FROM actor",
                "SELECT * FROM token",
                "SELECT * FROM login_session",
                "SELECT * FROM audit_event",
            )
        )
    for secret in secrets:
        assert secret not in stored
        assert secret.encode().hex() not in stored


def test_every_change_of_an_account_leaves_one_audit_event_that_says_who_and_why(
    conn: psycopg.Connection,
) -> None:
    add(conn)
    add_board(conn)
    token = issue(conn)
    set_password(conn, name="mara", password=OTHER_PASSWORD, by="admin", reason="forgotten")
    revoke_token(conn, token=token, by="mara", reason="lost")
    actor = check_password(conn, name="mara", password=OTHER_PASSWORD)
    assert actor is not None
    end_session(conn, start_session(conn, actor, lasting=timedelta(hours=1)))
    deactivate(conn, name="board", by="admin", reason="hall closed")

    assert [(event.actor, event.action, event.subject, event.reason) for event in trail(conn, limit=100)] == [
        ("admin", "actor_added", "actor:mara", "joined"),
        ("mara", "actor_added", "actor:board", "new hall"),
        ("mara", "token_issued", "actor:board", "board in hall 2"),
        ("admin", "password_set", "actor:mara", "forgotten"),
        ("mara", "token_revoked", "actor:board", "lost"),
        ("mara", "session_started", "actor:mara", "sign-in"),
        ("mara", "session_ended", "actor:mara", "sign-out"),
        ("admin", "actor_deactivated", "actor:board", "hall closed"),
    ]
    assert verify(conn) == []
