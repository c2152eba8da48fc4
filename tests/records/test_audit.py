import dataclasses
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors

from records.audit import FIRST_DIGEST, AuditRow, append, trail, verify
from store.errors import InputInvalid
from tests.fix_postgres import Database

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect("api", autocommit=False) as connection:
        yield connection


def say(conn: psycopg.Connection, subject: str, new: dict[str, object] | None = None) -> datetime:
    return append(conn, actor="mara", action="changed", subject=subject, old=None, new=new, reason="because")


@pytest.fixture
def seven_events(database: Database) -> None:
    with database.connect("api", autocommit=False) as conn:
        for number in range(1, 8):
            say(conn, f"thing:{number}", {"number": number, "text": "é ☃ \\ \" '"})


def test_known_at_only_rises_and_events_come_back_as_they_were_said(conn: psycopg.Connection) -> None:
    times = [say(conn, "a", {"x": 1.5, "y": None}), say(conn, "b"), say(conn, "a", {"x": [1, "é"]})]

    assert all(earlier < later for earlier, later in pairwise(times))
    events = trail(conn, limit=10)
    assert [event.known_at for event in events] == times
    assert [event.seq for event in events] == [1, 2, 3]
    assert [event.new for event in events] == [{"x": 1.5, "y": None}, None, {"x": [1, "é"]}]
    assert [event.seq for event in trail(conn, subject="a", limit=10)] == [1, 3]
    assert [event.seq for event in trail(conn, after_seq=1, limit=1)] == [2]
    assert verify(conn) == []


def test_a_chain_without_events_has_no_problems(conn: psycopg.Connection) -> None:
    assert trail(conn, limit=10) == []
    assert verify(conn) == []


def test_a_rolled_back_event_never_was_and_leaves_no_hole(conn: psycopg.Connection) -> None:
    say(conn, "a")
    conn.commit()
    say(conn, "b")
    conn.rollback()
    say(conn, "c")

    assert [(event.seq, event.subject) for event in trail(conn, limit=10)] == [(1, "a"), (2, "c")]
    assert verify(conn) == []


def test_an_event_without_the_transaction_of_its_change_is_refused(database: Database) -> None:
    with database.connect("api") as conn:
        with pytest.raises(ValueError, match="transaction"):
            say(conn, "a")
        with conn.transaction():
            say(conn, "a")
        assert len(trail(conn, limit=10)) == 1


@pytest.mark.parametrize("missing", ["actor", "action", "subject", "reason"])
def test_an_event_says_who_what_and_why(conn: psycopg.Connection, missing: str) -> None:
    said = {"actor": "mara", "action": "changed", "subject": "a", "reason": "because", missing: " "}
    with pytest.raises(InputInvalid, match=missing):
        append(conn, **said, old=None, new=None)


def test_record_3_many_writers_at_once_make_one_chain_in_commit_order(database: Database) -> None:
    def write(writer: int) -> list[datetime]:
        times = []
        with database.connect("api", autocommit=False) as conn:
            for number in range(10):
                times.append(say(conn, f"{writer}:{number}"))
                conn.commit()
        return times

    with ThreadPoolExecutor(6) as writers:
        told = [time for times in writers.map(write, range(6)) for time in times]

    with database.connect("api") as conn:
        events = trail(conn, limit=100)
        assert [event.seq for event in events] == list(range(1, 61))
        assert [event.known_at for event in events] == sorted(told)
        assert verify(conn) == []


def test_record_1_nobody_but_the_function_writes_the_chain(database: Database, seven_events: None) -> None:
    for role in ("ingest", "analytics", "api", "readonly", "retain"):
        with database.connect(role) as conn:
            for statement in (
                b"INSERT INTO audit_event (seq, known_at, body, digest) VALUES (99, now(), '{}', '')",
                b"UPDATE audit_event SET body = '{}'",
                b"DELETE FROM audit_event",
                b"TRUNCATE audit_event",
                b"UPDATE audit_head SET seq = 0",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    conn.execute(statement)
    with database.connect("readonly") as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute("SELECT append_audit('x', 'x', 'x', NULL, NULL, 'x')")


FORGED = (
    "UPDATE audit_event SET body = replace(body, 'because', 'for fun'),"
    " digest = sha256(previous_digest || convert_to(replace(body, 'because', 'for fun'), 'UTF8'))"
    " WHERE seq = "
)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("UPDATE audit_event SET body = replace(body, 'because', 'for fun') WHERE seq = 3", {"seq 3"}),
        ("UPDATE audit_event SET body = jsonb_set(body::jsonb, '{new}', '0')::text WHERE seq = 7", {"seq 7"}),
        ("UPDATE audit_event SET known_at = known_at + interval '1 us' WHERE seq = 2", {"seq 2"}),
        ("UPDATE audit_event SET digest = sha256('') WHERE seq = 4", {"seq 4", "seq 5"}),
        ("UPDATE audit_event SET previous_digest = sha256('') WHERE seq = 4", {"seq 4"}),
        ("DELETE FROM audit_event WHERE seq = 4", {"seq 5"}),
        ("DELETE FROM audit_event WHERE seq = 1", {"seq 2"}),
        ("DELETE FROM audit_event WHERE seq = 7", {"seq 7"}),
        ("TRUNCATE audit_event", {"seq 1"}),
        ("UPDATE audit_event SET seq = 40 WHERE seq = 4", {"seq 5", "seq 40"}),
        (FORGED + "3", {"seq 4"}),
        (FORGED + "7", {"seq 7"}),
        ("UPDATE audit_head SET digest = sha256('')", {"seq 7"}),
    ],
)
def test_record_1_whatever_a_superuser_edits_behind_the_back_of_the_system_is_found_and_named(
    database: Database, seven_events: None, edit: str, named: set[str]
) -> None:
    with database.connect("postgres") as superuser:
        assert verify(superuser) == []
        superuser.execute(edit.encode())

    with database.connect("api") as conn:
        problems = verify(conn)

    assert {problem.partition(":")[0] for problem in problems} >= named, problems


def test_the_searchable_columns_cannot_be_edited_even_by_a_superuser(database: Database, seven_events: None) -> None:
    with database.connect("postgres") as superuser, pytest.raises(errors.GeneratedAlways):
        superuser.execute("UPDATE audit_event SET actor = 'somebody else'")


def chain(length: int) -> list[AuditRow]:
    """A right chain, made without the database."""
    rows: list[AuditRow] = []
    previous = FIRST_DIGEST
    for seq in range(1, length + 1):
        known_at = START + timedelta(microseconds=seq)
        said = {"actor": "mara", "action": "changed", "subject": f"thing:{seq}", "reason": "because"}
        body = json.dumps({**said, "seq": seq, "known_at": known_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "old": None})
        digest = hashlib.sha256(previous + body.encode()).digest()
        rows.append(AuditRow(seq=seq, known_at=known_at, body=body, previous_digest=previous, digest=digest, **said))
        previous = digest
    return rows


ALTERED = {
    "seq": st.integers(-5, 50),
    "known_at": st.integers(-50, 50).map(lambda us: START + timedelta(microseconds=us)),
    "body": st.one_of(st.text(), st.just("[]"), st.just('{"seq": 1}')),
    "previous_digest": st.binary(max_size=32),
    "digest": st.binary(max_size=32),
    "actor": st.text(),
    "action": st.text(),
    "subject": st.text(),
    "reason": st.text(),
}


def test_a_chain_made_by_the_published_formula_has_no_problems() -> None:
    assert verify(chain(6)) == []


@given(data=st.data(), index=st.integers(0, 5), field=st.sampled_from(sorted(ALTERED)))
def test_record_1_any_altered_field_of_any_row_is_found_and_named(data: st.DataObject, index: int, field: str) -> None:
    rows = chain(6)
    value = data.draw(ALTERED[field])
    altered = AuditRow(**{**dataclasses.asdict(rows[index]), field: value})
    problems = verify([*rows[:index], altered, *rows[index + 1 :]])

    if altered == rows[index]:
        assert problems == []
    else:
        assert any(problem.startswith(f"seq {altered.seq}:") for problem in problems), problems
