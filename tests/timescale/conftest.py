"""A real TimescaleDB without Docker: WebAssembly in a node process, one client at a time, in memory."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from batchwitness.embedded import ports
from batchwitness.embedded.database import OWNER, create_database, drop_database
from batchwitness.embedded.postgres import EmbeddedPostgres
from store.migrate import migrate
from tests.support import eventually, missing
from tests.timescale.seed import seed

HERE = Path(__file__).parent
PLAIN_DATABASE = "test_beside_timescale"


@pytest.fixture(scope="session")
def timescale_dsn() -> Iterator[str]:
    """Connection string of a server with nothing in it yet."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        missing("node and npm are not installed, so there is no TimescaleDB to test with")
    if not (HERE / "node_modules").is_dir():
        missing("the TimescaleDB of the tests is not installed: npm ci --prefix tests/timescale, or make test")
    port = ports.free()
    server = subprocess.Popen([node, "server.mjs", str(port)], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n", f"node ended with {server.poll()}"
        yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres password=any sslmode=disable"
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="session")
def applied_on_timescale(timescale_dsn: str) -> list[list[str]]:
    """Names of the migrations that a first run applied, and those that a second one did."""
    return [migrate(timescale_dsn), migrate(timescale_dsn)]


@pytest.fixture(scope="session")
def timescale(timescale_dsn: str, applied_on_timescale: list[list[str]]) -> Iterator[psycopg.Connection]:
    """The one connection, as a superuser, each statement in a transaction of its own unless a test opens one."""
    connection = eventually(lambda: psycopg.connect(timescale_dsn, autocommit=True), what="the server takes a client")
    with connection:
        seed(connection)
        yield connection


@pytest.fixture(scope="session")
def plain(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[psycopg.Connection]:
    """The same small record on plain PostgreSQL."""
    create_database(postgres_server, PLAIN_DATABASE, template=template_database)
    with psycopg.connect(postgres_server.dsn(OWNER, PLAIN_DATABASE), autocommit=True) as connection:
        seed(connection)
        yield connection
    drop_database(postgres_server, PLAIN_DATABASE)
