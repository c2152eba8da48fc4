"""How fast files enter the record: rows a second through the whole import, and of a second import of the same rows."""

import csv
import os
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from batchwitness.embedded.database import OWNER, create_database, create_owner, set_stage_passwords
from batchwitness.embedded.postgres import EmbeddedPostgres
from batchwitness.importing.outcome import Outcome
from batchwitness.importing.run import Order, import_directory
from store.migrate import migrate
from tests.bench.report import report
from tests.plant import plant

ROWS = int(os.environ.get("IMPORT_ROWS", "100000"))
TAGS = ("pH", "temperature", "dissolved_oxygen", "glucose")
MAPPING = '[[file]]\npath = "*.csv"\nlayout = "{layout}"\nunit = "leiden/hall/BR-01"\nother_names = "take"\n'
DATABASE = "bench_importing"


def bench_importing() -> None:
    """Import IMPORT_ROWS readings from a long and from a wide table into plain PostgreSQL that waits for its disk."""
    with tempfile.TemporaryDirectory(prefix="bw-") as name:
        root = Path(name)
        root.chmod(0o711)
        with EmbeddedPostgres(root / "pg", socket_dir=root / "s") as server:
            create_owner(server)
            for layout in ("long", "wide"):
                database = f"{DATABASE}_{layout}"
                create_database(server, database)
                migrate(server.dsn(OWNER, database))
                set_stage_passwords(server)
                with psycopg.connect(server.dsn(OWNER, database), autocommit=True) as owner:
                    plant(owner)
                _bench(server.dsn("batchwitness_ingest", database), root / layout, layout)


def _bench(conninfo: str, directory: Path, layout: str) -> None:
    directory.mkdir()
    (directory / "mapping.toml").write_text(MAPPING.format(layout=layout))
    lines = _write(directory / "trend.csv", layout)
    sys.stderr.write(f"importing {ROWS:,} readings from a {layout} table …\n")
    first_s, outcome = _timed(conninfo, directory)
    assert outcome.counts.stored == ROWS
    with (directory / "trend.csv").open("a") as file:
        file.write("\n")  # another file: every row is known
    again_s, outcome = _timed(conninfo, directory)
    assert outcome.counts.duplicates == ROWS
    report(
        "importing",
        layout=layout,
        rows=lines,
        readings=ROWS,
        rows_s=round(lines / first_s),
        readings_s=round(ROWS / first_s),
        known_readings_s=round(ROWS / again_s),
    )


def _timed(conninfo: str, directory: Path) -> tuple[float, Outcome]:
    order = Order(
        conninfo=conninfo,
        directory=directory,
        mapping_file=directory / "mapping.toml",
        faults_file=directory.parent / "errors.csv",
        by="bench",
        reason="a benchmark",
    )
    begun = time.perf_counter()
    outcome = import_directory(order, progress=lambda _source, _file: None, stopping=threading.Event())
    return time.perf_counter() - begun, outcome


def _write(path: Path, layout: str) -> int:
    """The rows written."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    instants = ((start + timedelta(seconds=10 * n)).isoformat() for n in range(ROWS // len(TAGS)))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if layout == "long":
            writer.writerow(("time", "tag", "value"))
            writer.writerows((at, tag, 7 + n % 977 / 1000) for n, at in enumerate(instants) for tag in TAGS)
            return ROWS
        writer.writerow(("time", *TAGS))
        writer.writerows((at, *(7 + n % 977 / 1000 for _ in TAGS)) for n, at in enumerate(instants))
        return ROWS // len(TAGS)
