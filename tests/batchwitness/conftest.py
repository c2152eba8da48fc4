"""Fixtures that the folders above do not share, and the database a command works on."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.analytics.conftest import history, watched
from tests.analytics.test_departures import with_old
from tests.api.conftest import api_server, app, plant
from tests.fix_postgres import Database

__all__ = ["api_server", "app", "history", "plant", "watched", "with_old"]  # found by name in the folder's conftest
VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD"}


def name_database(database: Database, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let libpq's own variables name a database, with the rights of a stage."""
    for name, value in conninfo_to_dict(database.dsn(role)).items():
        if name in VARIABLES:
            monkeypatch.setenv(VARIABLES[name], str(value))
        elif name == "passfile":
            monkeypatch.setenv("PGPASSFILE", str(value))
