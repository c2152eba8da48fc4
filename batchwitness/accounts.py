"""Accounts from the command line: add a person, let a laboratory's machine state results, shut somebody out."""

import getpass
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from batchwitness.connecting import dsn
from records.actors import TokenScope, add_machine, add_person, deactivate, issue_token
from store.errors import BatchwitnessError, Conflict, translated

LABORATORY_ROLE = "operator"  # the least that may state results


def run_user(var: Path, *, name: str, roles: Sequence[str], printed_name: str, by: str, reason: str) -> int:
    """Add a person whose password is typed, or piped in."""
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")

    def add(connection: psycopg.Connection) -> str:
        add_person(
            connection,
            name=name,
            printed_name=printed_name,
            roles=frozenset(roles),
            password=password,
            by=by,
            reason=reason,
        )
        return f"{name} can sign in"

    return _changed(var, add)


def run_laboratory(var: Path, *, name: str, days: int, by: str, reason: str) -> int:
    """Print a new token that states results and opens nothing else; its machine is added the first time.

    Shown once: the database keeps only its digest. Earlier tokens stay valid until they end.
    """

    def issue(connection: psycopg.Connection) -> str:
        try:
            with connection.transaction():
                add_machine(connection, name=name, printed_name=name, roles=[LABORATORY_ROLE], by=by, reason=reason)
        except Conflict:
            sys.stderr.write(f"{name} exists; its earlier tokens stay valid until they end\n")
        expires = datetime.now(UTC) + timedelta(days=days)
        return issue_token(connection, actor_name=name, scope=TokenScope.RESULTS, expires=expires, by=by, reason=reason)

    return _changed(var, issue)


def run_shut_out(var: Path, *, name: str, by: str, reason: str) -> int:
    """Shut a person or a machine out at once; what they did stays theirs, and their name is never given again."""

    def shut_out(connection: psycopg.Connection) -> str:
        deactivate(connection, name=name, by=by, reason=reason)
        return f"{name} is shut out"

    return _changed(var, shut_out)


def _changed(var: Path, change: Callable[[psycopg.Connection], str]) -> int:
    """Make a change in one transaction and print what it says; status 1 and the error's words when it is refused."""
    try:
        with translated(), psycopg.connect(dsn(var, "api")) as connection:
            said = change(connection)
    except BatchwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0
