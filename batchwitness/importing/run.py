"""Import a directory: every file, in blocks, each in one transaction with the position behind it.

The rows take the way of messages: into a draft, from there by `store.commit.commit` into the record, under a chain of
their own whose blocks keep the rows as they stand in the file. Killed at any instant, the next run goes on behind the
last committed block. A file whose content has been read to its end is not read again.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import psycopg

from batchwitness.importing.block import CHAIN, BlockWriter
from batchwitness.importing.faults_file import FaultsFile
from batchwitness.importing.mapping import Kind, load_mapping
from batchwitness.importing.opened import Opened, open_source
from batchwitness.importing.outcome import FileOutcome, Outcome
from batchwitness.importing.rows import Chunk, Place
from batchwitness.importing.source import Source, find_sources
from records.audit import append
from store.directory import Directory
from store.errors import StoreUnavailable, translated
from store.imports import ImportFile, add_file, begin_run, end_file, end_run, find_file, other_content
from store.journal import claim_chain
from store.manual_entries import PaperTold, tell_of_files

ROWS_AN_ENTRY = 1_000  # what can be proved alone
CELLS_AN_ENTRY = 5_000
ENTRIES_A_BLOCK = 20
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
GIVE_UP_S = 300.0  # without an answer from the database


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to have imported."""

    conninfo: str
    directory: Path
    mapping_file: Path
    faults_file: Path
    by: str
    reason: str


Progress = Callable[[Source, ImportFile], None]  # how far this file has come


def import_directory(order: Order, *, progress: Progress, stopping: threading.Event) -> Outcome:
    """Import all files that the mapping speaks of, or what is left of them.

    Raises InputInvalid when the directory, the mapping and the files do not fit together (what was written stays, and
    the next run goes on), ChainLost or Conflict when somebody else imports at the same time, StoreUnavailable when the
    database gives no answer at the beginning, or later for GIVE_UP_S.
    """
    mapping = load_mapping(order.mapping_file)
    sources = find_sources(order.directory, mapping)
    begun: Begun | None = None
    wait_s, answered_at = FIRST_WAIT_S, time.monotonic()
    while True:
        try:
            with translated(), psycopg.connect(order.conninfo, autocommit=True) as connection:
                work = _Work(connection, order, sources)
                begun = begun or work.begin()
                answered_at, wait_s = time.monotonic(), FIRST_WAIT_S
                return work.run(begun, progress, stopping)
        except StoreUnavailable:
            if begun is None or time.monotonic() - answered_at > GIVE_UP_S or stopping.wait(wait_s):
                raise
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run, and what was known of its files before."""

    run_id: int | None  # None: everything was in the record already
    before: Mapping[str, ImportFile | None]
    other_content: Mapping[str, datetime | None]


class _Work:
    """One connection's work on the files."""

    def __init__(self, connection: psycopg.Connection, order: Order, sources: Sequence[Source]) -> None:
        self._connection = connection
        self._order = order
        self._faults = FaultsFile(order.faults_file)
        self._directory = Directory()
        self._directory.read(connection)
        self._opened = [open_source(source, connection, self._directory, register=True) for source in sources]

    def begin(self) -> Begun:
        """Write down who imports what, when anything is left to do."""
        sources = [one.source for one in self._opened]
        before = {source.name: self._find(source) for source in sources}
        other = {
            source.name: other_content(self._connection, name=source.name, digest=source.digest) for source in sources
        }
        if all(file is not None and file.ended_at is not None for file in before.values()):
            return Begun(run_id=None, before=before, other_content=other)
        mapping = self._order.mapping_file.read_bytes()
        digest = hashlib.sha256(mapping).digest()
        with translated(), self._connection.transaction():
            run_id = begin_run(
                self._connection,
                actor=self._order.by,
                reason=self._order.reason,
                mapping=mapping.decode(),
                digest=digest,
            )
            for source in sources:
                if self._find(source) is None:
                    add_file(
                        self._connection,
                        import_run_id=run_id,
                        name=source.name,
                        digest=source.digest,
                        meaning_digest=source.meaning_digest,
                        size=source.size,
                    )
            append(
                self._connection,
                actor=self._order.by,
                action="import begun",
                subject=f"import:{run_id}",
                old=None,
                new={
                    "directory": str(self._order.directory),
                    "mapping_sha256": digest.hex(),
                    "files": [_audited(source, before[source.name]) for source in sources],
                },
                reason=self._order.reason,
            )
        return Begun(run_id=run_id, before=before, other_content=other)

    def run(self, begun: Begun, progress: Progress, stopping: threading.Event) -> Outcome:
        """Read every file to its end, or until told to stop."""
        run_id = begun.run_id
        if run_id is not None:
            self._faults.begin({name: file.counts.put_aside for name, file in self._files()})
            lease = claim_chain(self._connection, name=CHAIN, kind="import", holder=f"import:{run_id}")
            writer = BlockWriter(self._connection, lease, self._faults, by=self._order.by)
            for one in self._opened:
                if not stopping.is_set():
                    self._import(one, writer, progress, stopping)
            if not stopping.is_set():
                self._end(run_id)
        return Outcome(
            files=[_outcome(name, file, begun) for name, file in self._files()],
            paper=self._paper(),
            changed=run_id is not None,
            finished=not stopping.is_set(),
        )

    def _import(self, one: Opened, writer: BlockWriter, progress: Progress, stopping: threading.Event) -> None:
        file = self._found(one.source)
        if file.ended_at is not None:
            return
        progress(one.source, file)
        place = Place(offset=file.next_offset, line=file.next_line)
        for block in blocks(one, place):
            if stopping.is_set():
                return
            one.source.check_unchanged()
            file = writer.commit(one, file, block)
            progress(one.source, file)
        one.source.check_unchanged()
        with translated(), self._connection.transaction():
            end_file(self._connection, file)
        # Some kinds count their offset in rows: whatever it is, the file is read to its end.
        progress(one.source, replace(file, next_offset=one.source.size))

    def _end(self, run_id: int) -> None:
        with translated(), self._connection.transaction():
            end_run(self._connection, run_id)
            append(
                self._connection,
                actor=self._order.by,
                action="import ended",
                subject=f"import:{run_id}",
                old=None,
                new={name: asdict(file.counts) for name, file in self._files()},
                reason=self._order.reason,
            )

    def _files(self) -> Iterator[tuple[str, ImportFile]]:
        """Every file as the record knows it now."""
        for one in self._opened:
            yield one.source.name, self._found(one.source)

    def _paper(self) -> PaperTold | None:
        of_paper = [one.source for one in self._opened if one.source.mapping.kind is Kind.PAPER]
        if not of_paper:
            return None
        return tell_of_files(self._connection, [self._found(source).import_file_id for source in of_paper])

    def _find(self, source: Source) -> ImportFile | None:
        return find_file(self._connection, digest=source.digest, meaning_digest=source.meaning_digest)

    def _found(self, source: Source) -> ImportFile:
        file = self._find(source)
        assert file is not None
        return file


def _audited(source: Source, known: ImportFile | None) -> dict[str, object]:
    state = "new" if known is None else "continued" if known.ended_at is None else "known"
    files = [{"name": file.name, "sha256": file.digest.hex(), "bytes": file.size} for file in source.files()]
    return {"files": files, "state": state}


def _outcome(name: str, file: ImportFile, begun: Begun) -> FileOutcome:
    known = begun.before[name]
    return FileOutcome(
        name=name,
        counts=file.counts,
        known_since=None if known is None else known.ended_at,
        known_as=file.name,
        other_content=begun.other_content[name],
    )


def blocks(one: Opened, place: Place) -> Iterator[list[Chunk]]:
    """The chunks of a file from a place on, as many as make a block."""
    rows = max(1, min(ROWS_AN_ENTRY, CELLS_AN_ENTRY // len(one.table.headings)))
    chunks = one.table.chunks(place, rows=rows)
    while block := list(islice(chunks, ENTRIES_A_BLOCK)):
        yield block
