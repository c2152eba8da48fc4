"""`batchwitness migrate`: the schema, and the stages' passwords from files."""

import os
import sys
from pathlib import Path

import psycopg

from batchwitness.embedded.database import STAGE_ROLES, set_password
from store.errors import BatchwitnessError
from store.migrate import migrate

PASSWORDS = "BATCHWITNESS_ROLE_PASSWORDS"


def run() -> int:
    """Migrate the database that PG* names. With BATCHWITNESS_ROLE_PASSWORDS, a directory, set each role's password.

    The directory holds one file a role, named like it.
    """
    try:
        applied = migrate("")
        if directory := os.environ.get(PASSWORDS):
            set_passwords(Path(directory))
    except (BatchwitnessError, psycopg.Error, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"applied {name}\n" for name in applied) or "the schema is up to date\n")
    return 0


def set_passwords(directory: Path) -> None:
    """Give the stage roles that have a file there its content as password."""
    with psycopg.connect("", autocommit=True) as connection:
        for role in STAGE_ROLES:
            file = directory / role
            if file.exists():
                set_password(connection, role, file.read_text(encoding="utf-8").strip())
