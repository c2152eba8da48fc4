from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from store import migrate as migrating
from store.errors import Conflict
from store.migrate import Migration, migrate, migrations
from tests.fix_postgres import Database
from tests.store.dump_schema import SCHEMA_FILE, dump


def with_one_more(monkeypatch: pytest.MonkeyPatch, name: str, text: bytes) -> Migration:
    """The migrations there are and one that follows them."""
    known = migrations()
    one_more = Migration(version=len(known) + 1, name=name, text=text.decode(), checksum="0" * 64)
    monkeypatch.setattr(migrating, "migrations", lambda: [*known, one_more])
    return one_more


def applied(database: Database) -> list[int]:
    with database.connect() as owner:
        return [row[0] for row in psycopg_rows(owner, "SELECT version FROM schema_migration ORDER BY version")]


def psycopg_rows(connection: psycopg.Connection, query: str) -> list[tuple[int]]:
    return connection.execute(query.encode()).fetchall()


def test_migrations_are_numbered_from_1_without_a_hole() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_an_empty_database_gets_every_migration_once_and_in_order(empty_database: Database) -> None:
    names = [f"{migration.version:04}_{migration.name}" for migration in migrations()]

    assert migrate(empty_database.dsn()) == names
    assert migrate(empty_database.dsn()) == []
    assert applied(empty_database) == [migration.version for migration in migrations()]


def test_of_two_runners_at_once_one_applies_everything_and_the_other_nothing(empty_database: Database) -> None:
    with ThreadPoolExecutor(3) as runners:
        results = list(runners.map(migrate, [empty_database.dsn()] * 3))

    assert sorted(map(len, results)) == [0, 0, len(migrations())]


def test_a_file_that_changed_after_it_was_applied_stops_the_run(database: Database) -> None:
    with database.connect() as owner:
        owner.execute("UPDATE schema_migration SET checksum = repeat('0', 64) WHERE version = 3")

    with pytest.raises(Conflict, match="0003_plant changed after it was applied"):
        migrate(database.dsn())


def test_a_database_of_a_newer_version_of_the_software_is_left_alone(database: Database) -> None:
    newer = len(migrations()) + 1
    with database.connect() as owner:
        owner.execute("INSERT INTO schema_migration VALUES (%s, 'later', '')", [newer])

    with pytest.raises(Conflict, match=f"the database is at migration {newer}"):
        migrate(database.dsn())


def test_a_migration_that_fails_leaves_nothing_of_itself(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = applied(database)
    with_one_more(monkeypatch, "broken", b"CREATE TABLE half_done (x integer); SELECT 1 / 0;")

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database.dsn())

    assert applied(database) == before
    with database.connect() as owner:
        assert owner.execute("SELECT to_regclass('half_done')").fetchone() == (None,)


def test_a_migration_whose_first_line_says_so_runs_outside_a_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"-- transaction: none\nCREATE INDEX CONCURRENTLY one_more ON batch (status);\nSELECT 1;\n"
    one_more = with_one_more(monkeypatch, "one_more", text)

    assert migrate(database.dsn()) == [f"{one_more.version:04}_one_more"]
    assert applied(database)[-1] == one_more.version


def test_schema_sql_is_what_the_migrations_make(database: Database) -> None:
    assert dump(database.server, database.name) == SCHEMA_FILE.read_text(encoding="utf-8"), (
        "run `make generate` and look at what changed"
    )


def test_alerts_that_were_there_before_they_had_places_are_told_in_the_order_of_their_time(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places,) = (migration.version for migration in migrations() if migration.name == "alert_told")
    before = migrations()[: places - 1]
    with monkeypatch.context() as earlier:
        earlier.setattr(migrating, "migrations", lambda: before)
        migrate(empty_database.dsn())
    with empty_database.connect() as owner:
        for ordinal, day in enumerate((3, 1, 2), start=1):
            owner.execute(
                "INSERT INTO alert (ordinal, kind, severity, detector, tags, raised_time, onset_time, phase_time_h,"
                " score, limit_value, sentence, contributions, cells, software, intake_ordinal, committed_time) VALUES"
                " (%s, 'quality', 'high', 'self_check', '{}', now(), now(), 0, 1, 0, 'x', '[]', '[]', 'x', 1, %s)",
                [ordinal, f"2026-03-0{day}Z"],
            )
        migrate(empty_database.dsn())
        told = "SELECT ordinal FROM alert_told JOIN alert USING (alert_id) ORDER BY told"
        assert psycopg_rows(owner, told) == [(2,), (3,), (1,)]
