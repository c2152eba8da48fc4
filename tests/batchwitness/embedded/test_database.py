"""What the embedded server's databases and roles let whom do."""

import psycopg
import pytest

from batchwitness.embedded.database import (
    DATABASE,
    OWNER,
    STAGE_ROLES,
    MissingRole,
    set_stage_passwords,
    set_up,
)
from batchwitness.embedded.postgres import EmbeddedPostgres
from tests.fix_postgres import Database


def make_roles(conninfo: str) -> list[str]:
    """The part of the migrations that concerns this package: the stages' roles."""
    with psycopg.connect(conninfo) as connection:
        known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        made = [role for role in STAGE_ROLES if role not in known]
        for role in made:
            connection.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN").format(psycopg.sql.Identifier(role)))
    return made


def test_a_fresh_database_belongs_to_the_owner_who_is_no_superuser(empty_database: Database) -> None:
    with empty_database.connect() as connection:
        connection.execute("CREATE TABLE mine (id int)")
        row = connection.execute("SELECT current_user, usesuper FROM pg_user WHERE usename = current_user").fetchone()
    assert row == (OWNER, False)


def test_nobody_signs_in_with_another_password(postgres_server: EmbeddedPostgres) -> None:
    wrong = psycopg.conninfo.make_conninfo(postgres_server.dsn(OWNER), password="guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_set_up_twice_gives_every_stage_a_role_it_can_sign_in_with(postgres_server: EmbeddedPostgres) -> None:
    set_up(postgres_server, make_roles)
    assert set_up(postgres_server, make_roles) == []
    for role in STAGE_ROLES:
        with psycopg.connect(postgres_server.dsn(role, DATABASE)) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (role,)


def test_no_password_reaches_the_servers_log(postgres_server: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")
    set_up(postgres_server, make_roles)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM RESET log_statement")
        connection.execute("SELECT pg_reload_conf()")
    log = postgres_server.log_file.read_text()
    assert f"ALTER ROLE {OWNER} PASSWORD" in log
    assert all(postgres_server.passwords.get(role) not in log for role in (OWNER, *STAGE_ROLES))


def test_a_role_the_migrations_forgot_is_named(postgres_server: EmbeddedPostgres) -> None:
    set_up(postgres_server, make_roles)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute("ALTER ROLE batchwitness_retain RENAME TO batchwitness_forgotten")
        try:
            with pytest.raises(MissingRole, match="batchwitness_retain"):
                set_stage_passwords(postgres_server)
        finally:
            connection.execute("ALTER ROLE batchwitness_forgotten RENAME TO batchwitness_retain")
