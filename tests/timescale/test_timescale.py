"""The same migrations and queries on a real TimescaleDB, side by side with plain PostgreSQL."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from store.migrate import migrations
from store.sql import queries
from tests.store.named_queries import NamedQuery, make_temporary_tables, named_queries
from tests.store.privileges import privileges
from tests.store.test_roles import EXPECTED
from tests.timescale.seed import STARTED, sample

FROM_READING = re.compile(r"\b(FROM|JOIN)\s+reading(_now|_conflict_now)?\b")
WRITES = re.compile(r"\b(?:INSERT INTO|DELETE FROM|(?<!DO )(?<!FOR )UPDATE)\s+(\w+)")
TELLS_THE_TIME = ("clock_timestamp()", "append_audit(")  # two servers never answer these alike
ZONE = "UTC"
NEW_TIME = datetime(2026, 1, 3, 12, 30, tzinfo=UTC)  # in the oldest chunk, between readings


def on_reading() -> list[NamedQuery]:
    return [query for query in named_queries() if query.planned and FROM_READING.search(query.text)]


def test_every_migration_applies_once_and_a_second_run_changes_nothing(
    applied_on_timescale: list[list[str]],
) -> None:
    names = [f"{migration.version:04}_{migration.name}" for migration in migrations()]
    assert applied_on_timescale == [names, []]


def test_this_is_timescaledb_and_reading_a_hypertable_compressed_by_tag_and_time(
    timescale: psycopg.Connection,
) -> None:
    assert timescale.execute("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'").fetchone() == (1,)
    assert timescale.execute(
        "SELECT hypertable_name, column_name, time_interval FROM timescaledb_information.dimensions"
    ).fetchall() == [("reading", "source_time", timedelta(days=7))]
    assert timescale.execute(
        "SELECT attname, segmentby_column_index, orderby_column_index"
        " FROM timescaledb_information.compression_settings WHERE hypertable_name = 'reading' ORDER BY attname"
    ).fetchall() == [("source_time", None, 1), ("tag_id", 1, None)]


def test_every_role_may_do_the_same_there(timescale: psycopg.Connection) -> None:
    assert privileges(timescale) == {table: asdict(rights) for table, rights in EXPECTED.items()}


def test_every_view_can_be_read(timescale: psycopg.Connection, plain: psycopg.Connection) -> None:
    views = "SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY viewname"
    names = [name for (name,) in plain.execute(views.encode())]
    assert [name for (name,) in timescale.execute(views.encode())] == names
    for name in names:
        query = f"TABLE {name}".encode()
        assert sorted(rows(timescale.execute(query))) == sorted(rows(plain.execute(query))), name


@pytest.mark.parametrize("query", [query for query in named_queries() if query.planned], ids=str)
def test_the_query_can_be_planned(timescale: psycopg.Connection, query: NamedQuery) -> None:
    with timescale.transaction(force_rollback=True):
        make_temporary_tables(timescale)
        assert query.plan(timescale)


# This server has no COPY FROM STDIN; everything else that is only obeyed is carried out.
@pytest.mark.parametrize(
    "query", [query for query in named_queries() if not query.planned and not query.text.startswith("COPY")], ids=str
)
def test_a_statement_without_a_plan_is_carried_out(timescale: psycopg.Connection, query: NamedQuery) -> None:
    with timescale.transaction(force_rollback=True):
        make_temporary_tables(timescale)
        timescale.execute(query.text)


def rows(cursor: psycopg.Cursor) -> list[str]:
    """The rows as text; one server calls the zone UTC, the other GMT."""
    return [
        repr(row).replace("datetime.timezone.utc", ZONE).replace("zoneinfo.ZoneInfo(key='GMT')", ZONE) for row in cursor
    ]


def outcome(connection: psycopg.Connection, query: NamedQuery) -> tuple[list[str], list[str]]:
    """What a query returns, and what is in the table it writes afterwards; nothing of it stays."""
    parameters = {name: sample(query.noun, name) for name in query.parameters}
    written: list[str] = []
    with connection.transaction(force_rollback=True):
        make_temporary_tables(connection)
        cursor = connection.execute(query.text, parameters)
        returned = rows(cursor) if cursor.description else []
        for table in WRITES.findall(query.text):
            written += rows(connection.execute(f"TABLE {table}".encode()))
    _, ordered, rest = query.text.rpartition("ORDER BY")
    in_order = ordered and rest.count("(") == rest.count(")")  # else it orders something inside
    return (returned if in_order else sorted(returned)), sorted(written)


READING_ONLY = [
    query
    for query in named_queries()
    if query.planned and not WRITES.search(query.text) and not any(text in query.text for text in TELLS_THE_TIME)
]


@pytest.mark.parametrize("query", READING_ONLY, ids=str)
def test_a_query_that_only_reads_gives_the_same_rows_on_both(
    timescale: psycopg.Connection, plain: psycopg.Connection, query: NamedQuery
) -> None:
    assert outcome(timescale, query) == outcome(plain, query)


@pytest.mark.parametrize("query", [query for query in on_reading() if query.noun != "reading"], ids=str)
def test_a_query_over_readings_finds_and_writes_the_same_on_both_also_in_compressed_chunks(
    timescale: psycopg.Connection, plain: psycopg.Connection, query: NamedQuery
) -> None:
    unknown = [name for name in query.parameters if sample(query.noun, name) is None]
    assert not unknown, f"give {unknown} a value in tests/timescale/seed.py"
    expected = outcome(plain, query)
    assert expected[0] or expected[1], "the small record has nothing for this query to find"

    with timescale.transaction(force_rollback=True):
        compress(timescale)
        assert outcome(timescale, query) == expected


def compress(connection: psycopg.Connection) -> int:
    """Compress every chunk of reading; returns how many."""
    return len(connection.execute("SELECT compress_chunk(chunk) FROM show_chunks('reading') AS chunk").fetchall())


def test_readings_come_back_out_of_compressed_chunks_as_they_went_in(timescale: psycopg.Connection) -> None:
    everything = b"SELECT * FROM reading ORDER BY tag_id, source_time"
    with timescale.transaction(force_rollback=True):
        before = timescale.execute(everything).fetchall()
        chunks = compress(timescale)
        compressed = timescale.execute(
            "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading' AND is_compressed"
        ).fetchone()

        assert chunks >= 5
        assert compressed == (chunks,)
        assert len(before) > 1_500
        assert timescale.execute(everything).fetchall() == before


@pytest.mark.parametrize("kind", ["plain", "timescale", "compressed"])
def test_a_new_reading_is_stored_once_and_a_different_value_kept_as_a_conflict(
    kind: str, timescale: psycopg.Connection, plain: psycopg.Connection
) -> None:
    connection = plain if kind == "plain" else timescale
    sql = queries("reading")
    with connection.transaction(force_rollback=True):
        if kind == "compressed":
            assert compress(connection) >= 5
        make_temporary_tables(connection)
        known = (1, STARTED, 37.0)
        new = (1, NEW_TIME, 36.5)
        for tag_id, source_time, value in (known, new):
            connection.execute(
                "INSERT INTO incoming_reading VALUES (%s, %s, %s, 192, %s, 1, 2)",
                [tag_id, source_time, value, NEW_TIME],
            )
        new_us = int(NEW_TIME.timestamp()) * 1_000_000
        assert connection.execute(sql["insert_incoming"]).fetchall() == [(1, new_us)]
        assert connection.execute(sql["insert_incoming"]).fetchall() == []

        conflict = {"tag_id": 1, "source_time": NEW_TIME, "quality": 192, "received_time": NEW_TIME}
        where = {"chain_id": 1, "block_seq": 2, "entry": 0}
        for value, stored in ((36.5, 0), (36.75, 1), (36.75, 0)):
            cursor = connection.execute(sql["insert_conflict"], {**conflict, **where, "value": value})
            assert cursor.rowcount == stored
