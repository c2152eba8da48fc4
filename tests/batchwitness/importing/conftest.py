"""A directory of files and a database with the small plant, and imports of the one into the other."""

import csv
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from batchwitness.importing.outcome import Outcome
from batchwitness.importing.run import Order, import_directory
from batchwitness.importing.source import Source
from store.imports import ImportFile
from tests.fix_postgres import Database
from tests.plant import plant

UNIT = "leiden/hall/BR-01"
LONG = f'[[file]]\npath = "*.csv"\nunit = "{UNIT}"\nother_names = "take"\n'


@dataclass(slots=True)
class Desk:
    """Where somebody imports."""

    database: Database
    directory: Path
    owner: psycopg.Connection

    def file(self, name: str, *lines: str) -> Path:
        """Write a file of lines."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def mapping(self, text: str) -> None:
        self.file("mapping.toml", text)

    def order(self) -> Order:
        return Order(
            conninfo=self.database.dsn("ingest"),
            directory=self.directory,
            mapping_file=self.directory / "mapping.toml",
            faults_file=self.directory.parent / "var" / "import" / "export-errors.csv",
            by="mara",
            reason="history of the old process",
        )

    def run(self, stop_after: int | None = None) -> Outcome:
        """Import; with `stop_after` until so many blocks are in the record."""
        stopping = threading.Event()
        seen = 0

        def progress(_source: Source, _file: ImportFile) -> None:
            nonlocal seen
            seen += 1
            if stop_after is not None and seen > stop_after:
                stopping.set()

        return import_directory(self.order(), progress=progress, stopping=stopping)

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """Rows as the owner sees them."""
        return self.owner.execute(question.encode()).fetchall()

    def readings(self) -> list[tuple[Any, ...]]:
        """Tag, UTC time, value, quality of everything stored."""
        return self.ask(
            "SELECT tag.name, to_char(source_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'), value, quality"
            " FROM reading JOIN tag USING (tag_id) ORDER BY source_time, tag.name"
        )

    def faults(self) -> list[tuple[str, ...]]:
        """What the list of faults says, without its headings and reasons."""
        file = self.order().faults_file
        if not file.exists():
            return []
        with file.open(newline="") as lines:
            return [tuple(row[:5]) for row in csv.reader(lines)][1:]


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    directory = tmp_path / "export"
    directory.mkdir()
    with psycopg.connect(database.dsn("owner"), autocommit=True) as owner:
        plant(owner)
        yield Desk(database=database, directory=directory, owner=owner)
