"""Apply the numbered migrations: forward only, each once, in one transaction each, one runner at a time.

A file that changed after it was applied stops the run: the database would no longer be what the files say.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

import psycopg

from store.errors import Conflict
from store.sql import queries

LOCK = 0x62775F6D6967  # any number all runners agree on
OUTSIDE_TRANSACTION = "-- transaction: none"
NAME = re.compile(r"^(?P<version>\d{4})_(?P<name>[a-z_]+)\.sql$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    text: LiteralString
    checksum: str  # SHA-256, hex

    @property
    def in_transaction(self) -> bool:
        """Whether the file runs inside a transaction: yes, unless its first line says otherwise."""
        return not self.text.startswith(OUTSIDE_TRANSACTION)


def migrations() -> list[Migration]:
    """All migrations of this version of the software, in order. Raises ValueError for a gap in the numbers."""
    found = []
    for path in sorted((files("store.sql") / "migrations").iterdir(), key=lambda path: path.name):
        match = NAME.match(path.name)
        if match is None:
            continue
        text = path.read_text(encoding="utf-8")
        found.append(
            Migration(
                version=int(match["version"]),
                name=match["name"],
                text=text,
                checksum=hashlib.sha256(text.encode()).hexdigest(),
            )
        )
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations are not numbered 1, 2, …: {[migration.version for migration in found]}")
    return found


def migrate(conninfo: str) -> list[str]:
    """Bring the database up to date as its owner; return the names of what was applied now.

    Raises Conflict when an applied file has changed since, or when the database is newer than this software.
    """
    sql = queries("migration")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql["lock"], {"lock": LOCK})
        connection.execute(sql["create_table"])
        applied: dict[int, str] = dict(connection.execute(sql["applied"]).fetchall())
        known = migrations()
        if applied and max(applied) > len(known):
            raise Conflict(
                f"the database is at migration {max(applied)}, this software knows {len(known)}: run a newer version"
            )
        names = []
        for migration in known:
            if migration.version in applied:
                if applied[migration.version] != migration.checksum:
                    raise Conflict(f"migration {migration.version:04}_{migration.name} changed after it was applied")
                continue
            _apply(connection, migration)
            names.append(f"{migration.version:04}_{migration.name}")
        return names


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    parameters = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
    if migration.in_transaction:
        with connection.transaction():
            connection.execute(migration.text)
            connection.execute(queries("migration")["record"], parameters)
    else:
        for statement in migration.text.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(queries("migration")["record"], parameters)
