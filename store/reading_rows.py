"""Write a draft's readings: each once, duplicates noticed, differing values kept as conflicts.

Rows go straight into the table by binary COPY. Only when one of them is already there does the block take the slow
way through a temporary table, which tells exactly which rows were new.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import psycopg

from store.draft import ReadingColumns
from store.model.journal import Entry
from store.model.times import from_us
from store.sql import queries

POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01
COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"
COPY_ROW = np.dtype(
    [
        ("columns", ">i2"),
        ("tag_len", ">i4"), ("tag_id", ">i4"),
        ("time_len", ">i4"), ("source_time", ">i8"),
        ("value_len", ">i4"), ("value", ">f8"),
        ("quality_len", ">i4"), ("quality", ">i2"),
        ("received_len", ">i4"), ("received_time", ">i8"),
        ("chain_len", ">i4"), ("chain_id", ">i2"),
        ("seq_len", ">i4"), ("block_seq", ">i8"),
    ]
)  # fmt: skip

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Readings of one object for which the record held a value already, the same one or another."""

    entry: int
    unit_id: int
    time_us: int
    tag_ids: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReadings:
    """What became of a draft's readings: arrays over the newly stored ones, ordered by (entry, position in it)."""

    entry: npt.NDArray[np.uint32]
    unit_id: npt.NDArray[np.int32]
    tag_id: npt.NDArray[np.int32]
    time_us: Longs
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    duplicates: int
    conflicts: int
    again: tuple[Again, ...]


def write_readings(
    cursor: psycopg.Cursor,
    columns: ReadingColumns,
    entries: list[Entry],
    *,
    chain_id: int,
    seq: int,
) -> StoredReadings:
    """Write a draft's readings in the caller's transaction and say which were new."""
    count = np.array(columns.count, dtype=np.int64)
    of_entry = np.array(columns.entry, dtype=np.int64)
    entry = np.repeat(of_entry.astype(np.uint32), count)
    tag_id = np.array(columns.tag_id, dtype=np.int32)
    source_us = np.repeat(np.array(columns.time_us, dtype=np.int64), count)
    value = np.array(columns.value, dtype=np.float64)
    quality = np.array(columns.quality, dtype=np.uint8)
    arrived_us = np.array([message.received_us for message in entries], dtype=np.int64)
    received_us = np.repeat(arrived_us[of_entry], count)
    order = np.lexsort((source_us, tag_id))  # stable: of equal keys the first to arrive comes first
    same_as_previous = np.zeros(len(order), dtype=bool)
    same_as_previous[1:] = (np.diff(tag_id[order]) == 0) & (np.diff(source_us[order]) == 0)
    first = order[~same_as_previous]
    rows = np.zeros(len(first), dtype=COPY_ROW)
    rows["columns"] = 7
    rows["tag_len"], rows["tag_id"] = 4, tag_id[first]
    rows["time_len"], rows["source_time"] = 8, source_us[first] - POSTGRES_EPOCH_US
    rows["value_len"], rows["value"] = 8, value[first]
    rows["quality_len"], rows["quality"] = 2, quality[first]
    rows["received_len"], rows["received_time"] = 8, received_us[first] - POSTGRES_EPOCH_US
    rows["chain_len"], rows["chain_id"] = 2, chain_id
    rows["seq_len"], rows["block_seq"] = 8, seq
    stored = first
    if len(first) and not _copied(cursor, rows):
        stored = first[_staged(cursor, rows, source_us[first], tag_id[first])]
    is_new = np.zeros(len(entry), dtype=bool)
    is_new[stored] = True
    again = np.flatnonzero(~is_new)
    conflicts = 0
    differing = _differing(cursor, tag_id, source_us, value, quality, again)
    if len(differing):
        conflicts = _write_conflicts(
            cursor,
            [
                {
                    "tag_id": int(tag_id[row]),
                    "source_time": from_us(int(source_us[row])),
                    "value": float(value[row]),
                    "quality": int(quality[row]),
                    "received_time": from_us(int(received_us[row])),
                    "chain_id": chain_id,
                    "block_seq": seq,
                    "entry": int(entry[row]),
                }
                for row in differing
            ],
        )
    return StoredReadings(
        entry=entry[is_new],
        unit_id=np.repeat(np.array(columns.unit_id, dtype=np.int32), count)[is_new],
        tag_id=tag_id[is_new],
        time_us=source_us[is_new],
        value=value[is_new],
        quality=quality[is_new],
        duplicates=len(again) - conflicts,
        conflicts=conflicts,
        again=_by_object(columns, again, count, tag_id),
    )


def _by_object(
    columns: ReadingColumns, again: npt.NDArray[np.intp], count: Longs, tag_id: npt.NDArray[np.int32]
) -> tuple[Again, ...]:
    """Rows of the columns, gathered by the object they came in."""
    if not len(again):
        return ()
    numbers, begins = np.unique(np.repeat(np.arange(len(count)), count)[again], return_index=True)
    return tuple(
        Again(
            entry=columns.entry[number],
            unit_id=columns.unit_id[number],
            time_us=columns.time_us[number],
            tag_ids=tag_ids.tolist(),
        )
        for number, tag_ids in zip(numbers.tolist(), np.split(tag_id[again], begins[1:]), strict=True)
    )


def _copied(cursor: psycopg.Cursor, rows: npt.NDArray[np.void]) -> bool:
    try:
        with cursor.connection.transaction(), cursor.copy(queries("reading")["copy"]) as copy:
            _write_rows(copy, rows)
    except psycopg.errors.UniqueViolation:
        return False
    return True


def _staged(
    cursor: psycopg.Cursor, rows: npt.NDArray[np.void], source_us: Longs, tag_id: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """Which of the rows were new."""
    sql = queries("reading")
    cursor.execute(sql["create_incoming"])
    cursor.execute(sql["truncate_incoming"])
    with cursor.copy(sql["copy_incoming"]) as copy:
        _write_rows(copy, rows)
    inserted = np.array(cursor.execute(sql["insert_incoming"]).fetchall(), dtype=np.int64).reshape(-1, 2)
    keys = np.rec.fromarrays((tag_id.astype(np.int64), source_us))
    return np.isin(keys, np.rec.fromarrays((inserted[:, 0], inserted[:, 1])))


def _differing(
    cursor: psycopg.Cursor,
    tag_id: npt.NDArray[np.int32],
    source_us: Longs,
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint8],
    again: npt.NDArray[np.intp],
) -> npt.NDArray[np.intp]:
    """Of rows that were not new, those that are not what is stored."""
    if not len(again):
        return again
    found = cursor.execute(
        queries("reading")["differing"],
        {
            "tag_ids": tag_id[again].tolist(),
            "source_us": source_us[again].tolist(),
            "readings": value[again].tolist(),
            "qualities": quality[again].tolist(),
        },
    ).fetchall()
    return again[np.array([ordinal - 1 for (ordinal,) in found], dtype=np.intp)]


def _write_rows(copy: psycopg.Copy, rows: npt.NDArray[np.void]) -> None:
    copy.write(COPY_HEADER)
    copy.write(rows.tobytes())
    copy.write(COPY_TRAILER)


def _write_conflicts(cursor: psycopg.Cursor, again: list[dict[str, object]]) -> int:
    """Keep what contradicts the record; what repeats it is left out."""
    cursor.executemany(queries("reading")["insert_conflict"], again, returning=False)
    return max(cursor.rowcount, 0)
