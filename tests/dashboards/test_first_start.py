"""The first start of the compose file without its containers: made secrets, the migration, and every stage's login.

The services' own environments are used, with the paths and the host that a container would have replaced by ours.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from batchwitness.embedded.postgres import EmbeddedPostgres
from deploy.make_secrets import make_secrets
from tests.dashboards.test_compose import COMPOSE, ROOT, SERVICES, secrets_of
from tests.fix_postgres import short_directory


@pytest.fixture
def machine() -> Iterator[tuple[Path, EmbeddedPostgres]]:
    """Made secrets, and a server of its own whose superuser is the one the database service would make."""
    directory = short_directory()
    make_secrets(directory / "secrets", directory / "environment")
    with EmbeddedPostgres(directory / "pg", socket_dir=directory / "s", settings={"fsync": "off"}) as server:
        owner = SERVICES["database"]["environment"]["POSTGRES_USER"]
        password = (directory / "secrets" / "database_owner").read_text().strip()
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(
                    sql.Identifier(owner), sql.Literal(password)
                )
            )
            connection.execute("CREATE DATABASE batchwitness OWNER batchwitness")
        yield directory, server
    shutil.rmtree(directory)


def environment_of(name: str, directory: Path, server: EmbeddedPostgres) -> dict[str, str]:
    """The environment of a service, with its secrets put where it looks for them."""
    mounted = directory / f"run-{name}"
    for target, secret in secrets_of(SERVICES[name]).items():
        place = mounted / Path(target).relative_to("/run/secrets")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(directory / "secrets" / Path(COMPOSE["secrets"][secret]["file"]).name, place)
    values = {
        key: str(value).replace("/run/secrets", str(mounted)) for key, value in SERVICES[name]["environment"].items()
    }
    return {**os.environ, **values, "PGHOST": str(server.socket_dir)}


def migrate(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "batchwitness", *SERVICES["migrate"]["command"]]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)


def test_after_the_migration_each_stage_logs_in_with_the_secret_it_is_given(
    machine: tuple[Path, EmbeddedPostgres],
) -> None:
    environment = environment_of("migrate", *machine)
    first, second = migrate(environment), migrate(environment)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert second.stdout == "the schema is up to date\n"
    for name in ("ingest", "analytics", "api"):
        given = environment_of(name, *machine)
        words = {"host": "PGHOST", "dbname": "PGDATABASE", "user": "PGUSER", "passfile": "PGPASSFILE"}
        login = {word: given[variable] for word, variable in words.items()}
        with psycopg.connect(make_conninfo(**login)) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (given["PGUSER"],)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(**{**login, "passfile": os.devnull, "password": "guess"}))


def test_the_migration_without_its_secret_is_refused(machine: tuple[Path, EmbeddedPostgres]) -> None:
    result = migrate({**environment_of("migrate", *machine), "PGPASSFILE": os.devnull})
    assert result.returncode == 1
    assert "password" in result.stderr
