"""The database of an embedded server: its owner, its stages' roles, and their passwords.

Names of roles and databases cannot be parameters of the statements that make them: the server writes these statements,
with the names quoted, and they are sent back to it.
"""

from collections.abc import Callable

import psycopg

from batchwitness.embedded.postgres import SUPERUSER, EmbeddedPostgres
from store.sql import queries

DATABASE = "batchwitness"
OWNER = "batchwitness_owner"
# Made by the migrations; each stage signs in as its own.
STAGE_ROLES = (
    "batchwitness_ingest",
    "batchwitness_analytics",
    "batchwitness_api",
    "batchwitness_readonly",
    "batchwitness_retain",
)

# Takes a connection string of the owner and returns the names of the migrations it applied.
Migrate = Callable[[str], list[str]]


class MissingRole(RuntimeError):
    """A role that a stage signs in with was not made by the migrations."""


def set_up(server: EmbeddedPostgres, migrate: Migrate) -> list[str]:
    """Bring database, schema and passwords of a running server up to date; returns the migrations applied."""
    create_owner(server)
    create_database(server, DATABASE)
    applied = migrate(server.dsn(OWNER, DATABASE))
    set_stage_passwords(server)
    return applied


def create_owner(server: EmbeddedPostgres) -> None:
    """The role that owns the database and runs the migrations, which make the stages' roles; no superuser."""
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        if not _known(connection, OWNER):
            _obey(connection, "create_role", role=OWNER)
        set_password(connection, OWNER, server.passwords.get(OWNER))


def create_database(server: EmbeddedPostgres, name: str, *, template: str = "template0") -> None:
    """A database that belongs to the owner, as a copy of `template`; nothing happens when it is there."""
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        if connection.execute(queries("bootstrap")["database"], {"name": name}).fetchone() is None:
            _obey(connection, "create_database", name=name, owner=OWNER, template=template)


def drop_database(server: EmbeddedPostgres, name: str) -> None:
    """Drop a database and end the sessions in it."""
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        _obey(connection, "drop_database", name=name)


def set_stage_passwords(server: EmbeddedPostgres) -> None:
    """Give every stage's role the password in its file. Raises MissingRole when one was not made."""
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        known = _known(connection, *STAGE_ROLES)
        missing = [role for role in STAGE_ROLES if role not in known]
        if missing:
            raise MissingRole(f"the migrations did not make {', '.join(missing)}")
        for role in STAGE_ROLES:
            set_password(connection, role, server.passwords.get(role))


def set_password(connection: "psycopg.Connection[tuple[object, ...]]", role: str, password: str) -> None:
    """Only the verifier goes to the server, so that no log of statements ever holds a password."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    _obey(connection, "set_password", role=role, verifier=verifier)


def _known(connection: "psycopg.Connection[tuple[object, ...]]", *roles: str) -> set[object]:
    return {name for (name,) in connection.execute(queries("bootstrap")["roles"], {"roles": list(roles)})}


def _obey(connection: "psycopg.Connection[tuple[object, ...]]", query: str, **names: str) -> None:
    """Run the statement that a query of bootstrap.sql writes."""
    row = connection.execute(queries("bootstrap")[query], names).fetchone()
    assert row is not None
    connection.execute(str(row[0]).encode())
