"""How readings came from paper: written in the transaction that stores them, and told of a batch or a file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import psycopg
from psycopg.rows import class_row

from store.errors import translated
from store.model.ids import BatchId
from store.model.manual import EntryDisagreement, ManualEntry
from store.model.times import from_us
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTold:
    """What is known of a paper record. Delays run from the time written down to the first typing in; seconds."""

    readings: int
    double_entry: int
    second_person: int
    adjudicated: int
    unchecked: int
    disagreements: int  # places where two people did not type in the same
    omissions: int  # places that only one of them typed in
    unsettled: int  # of both, those that no third person has decided
    entry_delay_median_s: float | None
    entry_delay_p95_s: float | None
    entry_delay_longest_s: float | None
    time_resolution_s: float | None  # the coarsest clock that was read
    pages: int
    pages_without_image: int

    @property
    def pairs(self) -> int:
        """Places that two people typed in apart from each other."""
        return self.double_entry + self.disagreements


def write_manual_entries(
    connection: psycopg.Connection,
    entries: Sequence[tuple[int, ManualEntry]],
    disagreements: Sequence[tuple[int, EntryDisagreement]],
    *,
    chain_id: int,
    seq: int,
) -> None:
    """Write what belongs to the readings of a block, each with its journal entry, in the block's transaction."""
    block = {"chain_id": chain_id, "block_seq": seq}
    sql = queries("manual_entry")
    with connection.cursor() as cursor:
        if entries:
            cursor.executemany(sql["insert"], [_row(one) | block | {"entry": entry} for entry, one in entries])
        if disagreements:
            cursor.executemany(
                sql["insert_disagreement"],
                [
                    {
                        "tag_id": one.tag_id,
                        "source_time": from_us(one.source_time_us),
                        "first_text": one.first_text,
                        "first_by": one.first_by,
                        "second_text": one.second_text,
                        "second_by": one.second_by,
                        "entry": entry,
                    }
                    | block
                    for entry, one in disagreements
                ],
            )


def tell_of_batch(connection: psycopg.Connection, batch_id: BatchId) -> PaperTold:
    """The paper record of a batch; no readings where there is none. Raises StoreUnavailable."""
    return _told(connection, batch_id=batch_id, import_file_ids=[])


def tell_of_files(connection: psycopg.Connection, import_file_ids: Sequence[int]) -> PaperTold:
    """The paper record that came from these files. Raises StoreUnavailable."""
    return _told(connection, batch_id=None, import_file_ids=list(import_file_ids))


def _told(connection: psycopg.Connection, **asked: object) -> PaperTold:
    with translated(), connection.cursor(row_factory=class_row(PaperTold)) as cursor:
        told = cursor.execute(queries("manual_entry")["told"], asked).fetchone()
    assert told is not None
    return told


def _row(entry: ManualEntry) -> dict[str, object]:
    row: dict[str, object] = asdict(entry)
    row["source_time"] = from_us(entry.source_time_us)
    row["entered_at"] = from_us(entry.entered_at_us)
    row["checked_at"] = None if entry.checked_at_us is None else from_us(entry.checked_at_us)
    return row | {"capture_mode": str(entry.capture_mode), "checked": str(entry.checked)}
