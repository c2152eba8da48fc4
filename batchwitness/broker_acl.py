"""`batchwitness broker-acl`: the broker's access rules that hold registered publishers to their own units.

The rules are mosquitto's (`acl_file`); a publisher's name is its user at the broker: that of the password file, or the
common name of its certificate where the listener says `use_identity_as_username true`.
"""

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import psycopg

from batchwitness.connecting import dsn
from ingest.settings import IngestSettings
from store.errors import BatchwitnessError, translated
from store.sql import queries

Registration = tuple[str, str, str, str, bool]  # site, area, unit, publisher, allowed


def run(var: Path, *, reader: str) -> int:
    """Print the rules; 1 when the record cannot be read."""
    prefix = IngestSettings().topic_prefix
    try:
        with translated(), psycopg.connect(dsn(var, "readonly")) as connection:
            registrations = connection.execute(queries("masterdata")["publishers"]).fetchall()
    except BatchwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(rules(registrations, prefix=prefix, reader=reader))
    return 0


def rules(registrations: Iterable[Registration], *, prefix: str, reader: str) -> str:
    """An acl_file: `reader` hears everything and says nothing, each publisher says what it may and hears nothing.

    Registrations must be sorted by publisher. Who is not named in an acl_file may do nothing.
    """
    lines = [f"user {reader}", f"topic read {prefix}/#"]
    allowed = (registration for registration in registrations if registration[4])
    for publisher, units in groupby(allowed, key=lambda registration: registration[3]):
        lines += ["", f"user {publisher}"]
        lines += [f"topic write {prefix}/{site}/{area}/{unit}/#" for site, area, unit, _, _ in units]
    return "\n".join(lines) + "\n"
