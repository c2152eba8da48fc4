"""A small disk that a test can fill."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.fix_postgres import Database, short_directory
from tests.support import missing

SIZE = "12M"


class SmallDisk:
    """Where a part of a database lies; `fill` leaves no room on it, `free` gives it back."""

    def __init__(self, directory: Path) -> None:
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Use up what is left."""
        with self._filler.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink()


@contextlib.contextmanager
def mounted_disk(size: str) -> Iterator[Path]:
    """A tmpfs of a size as `mount` takes it; needs root and a machine that lets it mount."""
    if os.getuid() != 0:
        missing("only root can mount the small disk that this test fills")
    directory = short_directory()
    disk = directory / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        shutil.rmtree(directory)
        missing(f"the small disk that this test fills cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)
        shutil.rmtree(directory)


@pytest.fixture
def small_disk(database: Database) -> Iterator[SmallDisk]:
    """A disk with `reading` and `block_body` on it."""
    with mounted_disk(SIZE) as disk:
        yield from _tables_on(disk, database)


def _tables_on(disk: Path, database: Database) -> Iterator[SmallDisk]:
    tables = disk / "tables"
    tables.mkdir(mode=0o700)
    owner = (database.server.data_dir / "cluster").stat()
    os.chown(tables, owner.st_uid, owner.st_gid)
    name = sql.Identifier(f"small_{database.name}")
    with psycopg.connect(database.dsn("postgres"), autocommit=True) as postgres:
        postgres.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, sql.Literal(str(tables))))
        _move(postgres, name)
        yield SmallDisk(disk)
        _move(postgres, sql.Identifier("pg_default"))
        postgres.execute(sql.SQL("DROP TABLESPACE {}").format(name))


def _move(postgres: psycopg.Connection, tablespace: sql.Identifier) -> None:
    for table in ("reading", "block_body"):
        postgres.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE {}").format(sql.Identifier(table), tablespace))
