"""`batchwitness user`: add a person."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg

from batchwitness.connecting import dsn
from records.actors import add_person
from store.errors import BatchwitnessError, translated


def run(var: Path, *, name: str, roles: Sequence[str], printed_name: str, by: str, reason: str) -> int:
    """Add a person whose password is typed, or piped in."""
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        with translated(), psycopg.connect(dsn(var, "api")) as connection:
            add_person(
                connection,
                name=name,
                printed_name=printed_name,
                roles=frozenset(roles),
                password=password,
                by=by,
                reason=reason,
            )
    except BatchwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{name} can sign in\n")
    return 0
