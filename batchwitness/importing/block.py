"""One block of a file: rows into a draft, the draft into the record, and the file's position behind it."""

import re
import time
from collections.abc import Sequence

import psycopg

from batchwitness.importing.fault import Fault
from batchwitness.importing.faults_file import FaultsFile
from batchwitness.importing.opened import Opened
from batchwitness.importing.readings import Taken
from batchwitness.importing.rows import Chunk, Place
from store.commit import Committed, commit
from store.draft import Draft, DraftQuarantine
from store.errors import StoreRejected, translated
from store.imports import Counts, ImportFile, advance_file
from store.journal import ChainLease
from store.manual_entries import write_manual_entries
from store.model.journal import Entry, EntryKind

CHAIN = "import"
LINE = re.compile(r"line (?P<line>\d+)")


class BlockWriter:
    """Appends blocks of rows to the chain of imports."""

    def __init__(self, connection: psycopg.Connection, lease: ChainLease, faults: FaultsFile, *, by: str) -> None:
        self._connection = connection
        self._lease = lease
        self._faults = faults
        self._actor = f"import:{by}"

    def commit(self, one: Opened, file: ImportFile, block: Sequence[Chunk]) -> ImportFile:
        """Commit the chunks of a block; one that the database refuses alone goes into quarantine as it stands."""
        draft, taken = draft_block(one, block)
        try:
            return self._write(one, file, block[-1].end, draft, taken)
        except StoreRejected as error:
            if len(block) > 1:
                for chunk in block:
                    file = self.commit(one, file, [chunk])
                return file
            chunk = block[0]
            refused = Taken(rows=len(chunk.rows) + len(chunk.broken))
            first = chunk.lines[0] if chunk.lines else file.next_line + 1
            refused.faults.append(Fault(line=first, column="", value="", code="store_rejected", reason=str(error)))
            draft = Draft(entries=draft.entries)
            _put_aside(draft, 0, refused)
            return self._write(one, file, chunk.end, draft, [refused])

    def _write(
        self,
        one: Opened,
        file: ImportFile,
        end: Place,
        draft: Draft,
        taken: Sequence[Taken],
    ) -> ImportFile:
        faults = [fault for of_entry in taken for fault in of_entry.faults]
        before, held = len(draft.quarantine), (self._lease.seq, self._lease.digest)
        try:
            with translated(), self._connection.transaction():
                committed = commit(self._connection, self._lease, draft, actor=self._actor, most_refused=None)
                write_manual_entries(
                    self._connection,
                    [one for of_entry in taken for one in of_entry.entries],
                    [one for of_entry in taken for one in of_entry.disagreements],
                    chain_id=self._lease.chain_id,
                    seq=committed.seq,
                )
                faults += [late_fault(item) for item in draft.quarantine[before:]]
                moved = advance_file(
                    self._connection,
                    file,
                    committed,
                    _counts(committed, draft, taken, put_aside=len(faults)),
                    chain_id=self._lease.chain_id,
                    next_offset=end.offset,
                    next_line=end.line,
                )
                self._faults.add(one.source.name, faults)
        except BaseException:
            self._lease.seq, self._lease.digest = held
            raise
        return moved


def draft_block(one: Opened, block: Sequence[Chunk]) -> tuple[Draft, list[Taken]]:
    """The chunks of a block as entries of a draft, with what became of each. Raises StoreUnavailable only."""
    received_us = time.time_ns() // 1000
    topic = f"{CHAIN}/{one.source.name}"
    draft = Draft()
    taken = []
    for entry, chunk in enumerate(block):
        draft.entries.append(Entry(kind=EntryKind.MESSAGE, topic=topic, payload=chunk.raw, received_us=received_us))
        taken.append(one.reader.take(draft, entry, chunk))
        _put_aside(draft, entry, taken[-1])
    return draft, taken


def _put_aside(draft: Draft, entry: int, taken: Taken) -> None:
    for fault in taken.faults:
        draft.reject(entry, fault.item, fault.code, fault.reason, fault.value)


def late_fault(item: DraftQuarantine) -> Fault:
    """What was refused only when it was to be applied: an event, a result."""
    found = LINE.match(item.item)
    return Fault(
        line=int(found["line"]) if found else 0, column="", value=item.excerpt, code=item.code, reason=item.reason
    )


def _counts(committed: Committed, draft: Draft, taken: Sequence[Taken], *, put_aside: int) -> Counts:
    refused_late = put_aside - sum(len(one.faults) for one in taken)
    offered = len(draft.events) + len(draft.results)
    return Counts(
        rows=sum(one.rows for one in taken),
        stored=committed.stored,
        duplicates=committed.duplicates + offered - committed.events - committed.results - refused_late,
        conflicts=committed.conflicts,
        events=committed.events,
        results=committed.results,
        put_aside=put_aside,
        without_value=sum(one.empty for one in taken),
        skipped=sum(one.skipped for one in taken),
    )
