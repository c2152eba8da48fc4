"""`batchwitness configure`: load master data from a file."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import psycopg

from batchwitness.connecting import dsn
from records.masterdata import load_masterdata
from store.errors import BatchwitnessError, translated


def run(var: Path, file: Path, *, by: str, reason: str) -> int:
    """Load the file; 1 with every problem named when anything in it is wrong."""
    try:
        document = orjson.loads(file.read_bytes())
        with translated(), psycopg.connect(dsn(var, "api")) as connection:
            changes = load_masterdata(connection, document, by=by, reason=reason, effective_from=datetime.now(UTC))
    except orjson.JSONDecodeError as error:
        sys.stderr.write(f"{file} is not JSON: {error}\n")
        return 1
    except BatchwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(changes.created)} created, {len(changes.changed)} changed\n")
    return 0
