"""The API's connections: reads in read-only transactions, one timeout for every statement, rows as models or dicts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, LiteralString, TypeVar

from fastapi import Depends, Request
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic import BaseModel

from store.errors import StoreUnavailable, translated

STATEMENT_TIMEOUT_MS = 5_000  # a screen that took longer would be read as a frozen one
CHECKOUT_TIMEOUT_S = 5.0

Pool = ConnectionPool[Connection]
Row = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)


def make_pool(conninfo: str = "", *, size: int = 8) -> Pool:
    """A closed pool; create_app opens and closes it with the process. Empty conninfo: libpq's PG* variables."""
    return ConnectionPool(
        conninfo,
        min_size=2,
        max_size=size,
        timeout=CHECKOUT_TIMEOUT_S,
        open=False,
        check=ConnectionPool.check_connection,
        kwargs={
            "application_name": "batchwitness api",
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=2000 -c TimeZone=UTC -c jit=off",
        },
    )


@contextmanager
def transaction(pool: Pool, *, read_only: bool) -> Iterator[Connection]:
    """One transaction. Raises the errors of store.errors, StoreUnavailable also when no connection is free."""
    try:
        with translated(), pool.connection() as connection:
            connection.read_only = read_only
            yield connection
    except PoolTimeout as error:
        raise StoreUnavailable(f"no connection to the database within {CHECKOUT_TIMEOUT_S:g} s") from error


def _reading(request: Request) -> Iterator[Connection]:
    with transaction(request.app.state.pool, read_only=True) as connection:
        yield connection


def _writing(request: Request) -> Iterator[Connection]:
    with transaction(request.app.state.pool, read_only=False) as connection:
        yield connection


# The transaction ends before the response is sent: nothing is reported done that is not committed.
Reading = Annotated[Connection, Depends(_reading, scope="function")]
Writing = Annotated[Connection, Depends(_writing, scope="function")]


def rows(connection: Connection, query: LiteralString, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """All rows as dicts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def row(connection: Connection, query: LiteralString, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """The first row as a dict."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchone()


def models(
    connection: Connection,
    model: type[Model],
    query: LiteralString,
    parameters: Mapping[str, Any] | None = None,
) -> list[Model]:
    """All rows as `model`; the query's columns are its fields."""
    with connection.cursor(row_factory=class_row(model)) as cursor:
        return cursor.execute(query, parameters).fetchall()
