"""`batchwitness batches`: what is in the record."""

import sys
from pathlib import Path

import orjson
import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from batchwitness.connecting import dsn
from store.errors import BatchwitnessError, translated
from store.sql import queries


def run(var: Path, *, as_json: bool) -> int:
    """List every batch, oldest first."""
    try:
        with translated(), psycopg.connect(dsn(var, "readonly"), row_factory=dict_row) as connection:
            rows = connection.execute(queries("listing")["batches"]).fetchall()
    except BatchwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if as_json:
        sys.stdout.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode() + "\n")
        return 0
    table = Table("batch", "process", "role", "status", "unit", "started", "ended", "readings", "alerts")
    for row in rows:
        table.add_row(
            row["batch"],
            row["process"],
            row["role"],
            row["status"],
            row["unit"],
            f"{row['started']:%Y-%m-%d %H:%M}",
            "" if row["ended"] is None else f"{row['ended']:%Y-%m-%d %H:%M}",
            f"{row['readings']:,}",
            str(row["alerts"]),
        )
    Console().print(table)
    return 0
