"""Look at a directory as an import would, without writing anything: `--dry-run`.

Readings are decoded and left; events and results are applied one after another in a transaction that is rolled back,
because whether one can be applied depends on those before it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from batchwitness.importing.block import CHAIN, draft_block, late_fault
from batchwitness.importing.fault import Fault
from batchwitness.importing.mapping import Kind, load_mapping
from batchwitness.importing.opened import Opened, open_source
from batchwitness.importing.readings import Taken
from batchwitness.importing.rows import BEGINNING
from batchwitness.importing.run import Order, blocks
from batchwitness.importing.source import find_sources
from batchwitness.importing.understood import Understood
from store.commit import commit
from store.directory import Directory
from store.errors import translated
from store.imports import find_file
from store.journal import ChainLease, claim_chain


@dataclass(slots=True)
class FileLook:
    """What an import would make of one file."""

    name: str
    kind: Kind
    known: bool  # its content has been read to its end before: an import would leave it
    first: Sequence[Understood] = ()
    rows: int = 0
    readings: int = 0
    events: int = 0
    results: int = 0
    empty: int = 0
    skipped: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by code
    examples: dict[str, Fault] = field(default_factory=dict)  # the first of each code


def look(order: Order) -> list[FileLook]:
    """Every file that the mapping speaks of. Raises what an import raises before it begins."""
    sources = find_sources(order.directory, load_mapping(order.mapping_file))
    with translated(), psycopg.connect(order.conninfo, autocommit=True) as connection:
        directory = Directory()
        directory.read(connection)
        opened = [open_source(source, connection, directory, register=False) for source in sources]
        looks = [_begin(connection, one) for one in opened]
        for one, seen in zip(opened, looks, strict=True):
            if one.source.mapping.kind in (Kind.READINGS, Kind.PAPER):
                _look(one, seen)
        with connection.transaction(force_rollback=True):
            lease = claim_chain(connection, name=CHAIN, kind="import", holder="dry run")
            for one, seen in zip(opened, looks, strict=True):
                if one.source.mapping.kind not in (Kind.READINGS, Kind.PAPER):
                    _look(one, seen, connection, lease)
    return looks


def _begin(connection: psycopg.Connection, one: Opened) -> FileLook:
    source = one.source
    file = find_file(connection, digest=source.digest, meaning_digest=source.meaning_digest)
    return FileLook(name=source.name, kind=source.mapping.kind, known=file is not None and file.ended_at is not None)


def _look(
    one: Opened, seen: FileLook, connection: psycopg.Connection | None = None, lease: ChainLease | None = None
) -> None:
    for block in blocks(one, BEGINNING):
        draft, taken = draft_block(one, block)
        faults = [fault for of_entry in taken for fault in of_entry.faults]
        if connection is not None and lease is not None:
            before = len(draft.quarantine)
            committed = commit(connection, lease, draft, actor="dry run", most_refused=None)
            faults += [late_fault(item) for item in draft.quarantine[before:]]
            seen.events += committed.events
            seen.results += committed.results
        _add(seen, taken, faults)
    seen.first = one.reader.first.rows


def _add(seen: FileLook, taken: Sequence[Taken], faults: Sequence[Fault]) -> None:
    for of_entry in taken:
        seen.rows += of_entry.rows
        seen.readings += of_entry.readings
        seen.empty += of_entry.empty
        seen.skipped += of_entry.skipped
    for fault in faults:
        seen.refused[fault.code] += 1
        seen.examples.setdefault(fault.code, fault)
