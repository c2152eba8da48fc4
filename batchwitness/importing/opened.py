"""A source opened: its table, and what takes the rows of its kind."""

from dataclasses import dataclass
from typing import Protocol, assert_never

import psycopg

from batchwitness.importing.intervals import IntervalsTable
from batchwitness.importing.mapping import FileMapping, Kind
from batchwitness.importing.objects import ObjectsReader
from batchwitness.importing.paper import PaperReader
from batchwitness.importing.paper_table import PaperTable
from batchwitness.importing.readings import ReadingsReader, Taken
from batchwitness.importing.rows import Chunk
from batchwitness.importing.source import Source
from batchwitness.importing.table import Table, open_table
from batchwitness.importing.targets import Targets
from batchwitness.importing.understood import FirstRows
from store.directory import Directory
from store.draft import Draft
from store.errors import InputInvalid


class Reader(Protocol):
    """Takes rows into a draft."""

    @property
    def first(self) -> FirstRows:
        """The first rows as they were understood."""
        ...

    def take(self, draft: Draft, entry: int, chunk: Chunk) -> Taken:
        """Take a chunk whose bytes are an entry of the draft. Raises StoreUnavailable only."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file that is understood as far as its headings go."""

    source: Source
    table: Table
    reader: Reader


def open_source(source: Source, connection: psycopg.Connection, directory: Directory, *, register: bool) -> Opened:
    """Open a file. Raises InputInvalid, naming it, when its headings are not those that the mapping speaks of."""
    mapping = source.mapping
    try:
        table = open_table(source.file.path, mapping)
        targets = Targets(connection, directory, mapping, register=register)
        match mapping.kind:
            case Kind.READINGS:
                return Opened(source=source, table=table, reader=ReadingsReader(table.headings, mapping, targets))
            case Kind.INTERVALS:
                events = IntervalsTable(table, mapping)
                said = FileMapping(path=mapping.path, kind=Kind.EVENTS, unit=mapping.unit, units=mapping.units)
                return Opened(source=source, table=events, reader=ObjectsReader(events.headings, said, targets))
            case Kind.EVENTS | Kind.RESULTS:
                return Opened(source=source, table=table, reader=ObjectsReader(table.headings, mapping, targets))
            case Kind.PAPER:
                if source.second is not None:
                    table = PaperTable(table, open_table(source.second.path, mapping), mapping)
                reader = PaperReader(table.headings, mapping, targets, source.pages)
                return Opened(source=source, table=table, reader=reader)
            case _:
                assert_never(mapping.kind)
    except InputInvalid as error:
        raise InputInvalid(f"{source.name}: {error}") from error
