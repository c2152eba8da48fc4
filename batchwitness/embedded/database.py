"""The database of an embedded server: its owner, its stages' roles, and their passwords."""

from collections.abc import Callable

import psycopg
from psycopg import sql

from batchwitness.embedded.postgres import SUPERUSER, EmbeddedPostgres

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
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(OWNER)))
        set_password(connection, OWNER, server.passwords.get(OWNER))


def create_database(server: EmbeddedPostgres, name: str, *, template: str = "template0") -> None:
    """A database that belongs to the owner, as a copy of `template`; nothing happens when it is there."""
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            # The template's files as they are: its pages through the log would take several times as long.
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
                )
            )


def drop_database(server: EmbeddedPostgres, name: str) -> None:
    """Drop a database and end the sessions in it."""
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def set_stage_passwords(server: EmbeddedPostgres) -> None:
    """Give every stage's role the password in its file. Raises MissingRole when one was not made."""
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        missing = [role for role in STAGE_ROLES if role not in known]
        if missing:
            raise MissingRole(f"the migrations did not make {', '.join(missing)}")
        for role in STAGE_ROLES:
            set_password(connection, role, server.passwords.get(role))


def set_password(connection: "psycopg.Connection[tuple[object, ...]]", role: str, password: str) -> None:
    """Only the verifier goes to the server, so that no log of statements ever holds a password."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
