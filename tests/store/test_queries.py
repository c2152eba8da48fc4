import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from batchwitness.embedded.database import OWNER, create_database, drop_database
from batchwitness.embedded.postgres import EmbeddedPostgres
from store.sql import HEADING
from tests.store.named_queries import NamedQuery, make_temporary_tables, named_queries

ROOT = Path(__file__).parents[2]
PACKAGES = ("analytics", "api", "batchwitness", "dashboards", "ingest", "records", "store")
DATABASE = "test_named_queries"


@pytest.fixture(scope="module")
def conn(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[psycopg.Connection]:
    """One transaction of the owner in which every query is looked at; nothing of it stays."""
    create_database(postgres_server, DATABASE, template=template_database)
    with psycopg.connect(postgres_server.dsn(OWNER, DATABASE)) as connection:
        make_temporary_tables(connection)
        yield connection
        connection.rollback()
    drop_database(postgres_server, DATABASE)


@pytest.mark.parametrize("query", [query for query in named_queries() if query.planned], ids=str)
def test_the_query_is_sql_that_postgresql_can_plan(conn: psycopg.Connection, query: NamedQuery) -> None:
    assert query.plan(conn)


@pytest.mark.parametrize("query", [query for query in named_queries() if not query.planned], ids=str)
def test_a_statement_without_a_plan_does_what_it_says_with_nothing_to_do_it_to(
    conn: psycopg.Connection, query: NamedQuery
) -> None:
    assert not query.parameters, "a utility statement takes no parameters in PostgreSQL"
    with conn.transaction(force_rollback=True), conn.cursor() as cursor:
        if query.text.startswith("COPY"):
            with cursor.copy(query.text) as copy:
                copy.set_types([])
            assert cursor.rowcount == 0
        else:
            cursor.execute(query.text)


def test_what_every_save_of_a_monitor_changes_is_in_no_index(conn: psycopg.Connection) -> None:
    indexed = conn.execute(
        "SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)"
        " WHERE indrelid = 'public.monitor'::regclass"
    ).fetchall()
    assert ("monitor_id",) in indexed
    assert not {"position", "state", "snapshot"} & {name for (name,) in indexed}


@pytest.mark.parametrize("query", named_queries(), ids=str)
def test_the_query_is_used_by_the_code(query: NamedQuery) -> None:
    users = [strings for package in PACKAGES if query.noun in (strings := _strings(package)).nouns]
    assert users, f"nothing reads queries({query.noun!r})"
    assert any(strings.may_say(query.name) for strings in users), f"{query} is named nowhere"


@pytest.mark.parametrize("query", named_queries(), ids=str)
def test_the_query_has_a_sentence_and_is_one_statement(query: NamedQuery) -> None:
    text = (files("store.sql") / "queries" / f"{query.noun}.sql").read_text(encoding="utf-8")
    headings = {match["name"]: match["sentence"] for match in HEADING.finditer(text)}
    assert headings[query.name][0].isupper()
    assert headings[query.name].endswith(".")
    assert ";" not in re.sub(r"'[^']*'|--.*", "", query.text)


class _Strings:
    """What the strings in a package's code can be: literals, and patterns of f-strings."""

    def __init__(self, package: str) -> None:
        self.nouns: set[str] = set()
        self._said: set[str] = set()
        self._patterns: list[re.Pattern[str]] = []
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                self._take(node)

    def may_say(self, name: str) -> bool:
        return name in self._said or any(pattern.fullmatch(name) for pattern in self._patterns)

    def _take(self, node: ast.AST) -> None:
        match node:
            case ast.Call(func=ast.Name(id="queries"), args=[ast.Constant(value=str(noun))]):
                self.nouns.add(noun)
            case ast.Constant(value=str(text)):
                self._said.add(text)
            case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]) if start.endswith("_"):
                self._patterns.append(re.compile(re.escape(start) + r"\w+"))


@cache
def _strings(package: str) -> _Strings:
    return _Strings(package)
