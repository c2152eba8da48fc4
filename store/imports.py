"""What was imported from files, and how far: the position of a file moves in the transaction of the block it gave.

Killed at any instant, an import goes on behind the last row that is in the record; run again to its end, it finds
every file known and changes nothing.
"""

from dataclasses import dataclass, fields
from datetime import datetime

import psycopg

from store.commit import Committed
from store.errors import Conflict, translated
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the rows of a file. `rows` are rows, the others what was in them."""

    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    events: int = 0
    results: int = 0
    put_aside: int = 0
    without_value: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Counts)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFile:
    """A file's content, read in one way, and how far it has been read."""

    import_file_id: int
    name: str  # under which it was read first
    next_offset: int
    next_line: int
    ended_at: datetime | None
    counts: Counts


def find_file(connection: psycopg.Connection, *, digest: bytes, meaning_digest: bytes) -> ImportFile | None:
    """The file of this content, if it was ever read in this way. Raises StoreUnavailable."""
    asked = {"digest": digest, "meaning_digest": meaning_digest}
    with translated():
        row = connection.execute(queries("imports")["file"], asked).fetchone()
    if row is None:
        return None
    import_file_id, name, next_offset, next_line, ended_at, *counts = row
    return ImportFile(
        import_file_id=import_file_id,
        name=name,
        next_offset=next_offset,
        next_line=next_line,
        ended_at=ended_at,
        counts=Counts(**dict(zip((one.name for one in fields(Counts)), counts, strict=True))),
    )


def other_content(connection: psycopg.Connection, *, name: str, digest: bytes) -> datetime | None:
    """When a file of this name was last read with other content. Raises StoreUnavailable."""
    with translated():
        row = connection.execute(queries("imports")["earlier"], {"name": name, "digest": digest}).fetchone()
    return None if row is None else row[0]


def begin_run(connection: psycopg.Connection, *, actor: str, reason: str, mapping: str, digest: bytes) -> int:
    """Write down, in the caller's transaction, that somebody imports something; returns the run's id."""
    row = connection.execute(
        queries("imports")["begin_run"], {"actor": actor, "reason": reason, "mapping": mapping, "digest": digest}
    ).fetchone()
    assert row is not None
    import_run_id: int = row[0]
    return import_run_id


def end_run(connection: psycopg.Connection, import_run_id: int) -> None:
    """Write down, in the caller's transaction, that a run came to its end."""
    connection.execute(queries("imports")["end_run"], {"import_run_id": import_run_id})


def add_file(
    connection: psycopg.Connection, *, import_run_id: int, name: str, digest: bytes, meaning_digest: bytes, size: int
) -> None:
    """Write down, in the caller's transaction, a file that has never been read in this way."""
    connection.execute(
        queries("imports")["add_file"],
        {
            "import_run_id": import_run_id,
            "name": name,
            "digest": digest,
            "meaning_digest": meaning_digest,
            "bytes": size,
        },
    )


def advance_file(
    connection: psycopg.Connection,
    file: ImportFile,
    committed: Committed,
    counts: Counts,
    *,
    chain_id: int,
    next_offset: int,
    next_line: int,
) -> ImportFile:
    """Move a file on in the transaction of the block that took its rows; returns it as it is then.

    Raises Conflict when somebody else has moved it meanwhile.
    """
    sql = queries("imports")
    row = connection.execute(sql["lock_file"], {"import_file_id": file.import_file_id}).fetchone()
    if row is None or row[0] != file.next_offset:
        raise Conflict(f"{file.name} is being imported by somebody else")
    connection.execute(
        sql["advance_file"],
        {one.name: getattr(counts, one.name) for one in fields(Counts)}
        | {"import_file_id": file.import_file_id, "next_offset": next_offset, "next_line": next_line},
    )
    connection.execute(
        sql["add_block"],
        {
            "chain_id": chain_id,
            "block_seq": committed.seq,
            "import_file_id": file.import_file_id,
            "after_line": file.next_line,
            "last_line": next_line,
        },
    )
    return ImportFile(
        import_file_id=file.import_file_id,
        name=file.name,
        next_offset=next_offset,
        next_line=next_line,
        ended_at=None,
        counts=file.counts + counts,
    )


def end_file(connection: psycopg.Connection, file: ImportFile) -> None:
    """Write down, in the caller's transaction, that a file was read to its end."""
    connection.execute(queries("imports")["end_file"], {"import_file_id": file.import_file_id})
