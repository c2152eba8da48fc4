"""Write a draft's readings: each once, duplicates noticed, differing values kept as conflicts.

Rows go straight into the table by binary COPY. Only when one of them is already there does the block take the slow
way, in a transaction of its own, through a temporary table, which tells exactly which rows were new.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import psycopg

from store.draft import ReadingColumns
from store.journal import UnitBody
from store.model.journal import Entry
from store.model.times import from_us
from store.rows import UnitRows, encode_rows
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
class OrderedReadings:
    """A draft's readings, ready to be written. Arrays over all of them, ordered by (entry, position in it)."""

    columns: ReadingColumns
    readings: UnitRows  # of all units
    unit_id: npt.NDArray[np.int32]
    received_us: Longs
    first: npt.NDArray[np.intp]  # which of them to store, ordered by (tag, time): of equal ones the first to arrive
    rows: npt.NDArray[np.void]  # of these, but for the block they will belong to
    units: list[UnitBody]  # should the record hold none of them yet


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReadings:
    """What became of a draft's readings."""

    stored: int
    units: list[UnitBody]
    duplicates: int
    conflicts: int
    again: tuple[Again, ...]


def order_readings(columns: ReadingColumns, entries: Sequence[Entry]) -> OrderedReadings:
    """Order a draft's readings. Needs neither the chain nor the database."""
    count = np.array(columns.count, dtype=np.int64)
    of_entry = np.array(columns.entry, dtype=np.int64)
    arrived_us = np.array([message.received_us for message in entries], dtype=np.int64)
    received_us = np.repeat(arrived_us[of_entry], count)
    unit_id = np.repeat(np.array(columns.unit_id, dtype=np.int32), count)
    readings = UnitRows(
        entry=np.repeat(of_entry.astype(np.uint32), count),
        tag_id=np.frombuffer(columns.tag_id, dtype=np.int32),
        time_us=np.repeat(np.array(columns.time_us, dtype=np.int64), count),
        value=np.array(columns.value, dtype=np.float64),
        quality=np.frombuffer(columns.quality, dtype=np.uint8),
    )
    order = np.lexsort((readings.time_us, readings.tag_id))  # stable: of equal ones the first to arrive comes first
    same_as_previous = np.zeros(len(order), dtype=bool)
    same_as_previous[1:] = (np.diff(readings.tag_id[order]) == 0) & (np.diff(readings.time_us[order]) == 0)
    first = order[~same_as_previous]
    rows = np.zeros(len(first), dtype=COPY_ROW)
    rows["columns"] = 7
    rows["tag_len"], rows["tag_id"] = 4, readings.tag_id[first]
    rows["time_len"], rows["source_time"] = 8, readings.time_us[first] - POSTGRES_EPOCH_US
    rows["value_len"], rows["value"] = 8, readings.value[first]
    rows["quality_len"], rows["quality"] = 2, readings.quality[first]
    rows["received_len"], rows["received_time"] = 8, received_us[first] - POSTGRES_EPOCH_US
    rows["chain_len"], rows["seq_len"] = 2, 8
    return OrderedReadings(
        columns=columns,
        readings=readings,
        unit_id=unit_id,
        received_us=received_us,
        first=first,
        rows=rows,
        units=_bodies(readings, unit_id, first),
    )


class AlreadyStored(Exception):
    """The record holds one of these readings; the transaction is void, and the next one must look which."""


def write_readings(
    cursor: psycopg.Cursor, ordered: OrderedReadings, *, chain_id: int, seq: int, some_stored: bool
) -> StoredReadings:
    """Write readings in the caller's transaction and say which were new.

    Raises AlreadyStored where the record holds one of them, unless `some_stored` says so.
    """
    readings, rows, stored = ordered.readings, ordered.rows, ordered.first
    rows["chain_id"], rows["block_seq"] = chain_id, seq
    units = ordered.units
    if some_stored:
        stored = stored[_staged(cursor, rows, readings.time_us[stored], readings.tag_id[stored])]
        units = _bodies(readings, ordered.unit_id, stored)
    elif len(rows):
        _copy(cursor, rows)
    is_new = np.zeros(len(readings.entry), dtype=bool)
    is_new[stored] = True
    again = np.flatnonzero(~is_new)
    differing = _differing(cursor, readings, again)
    conflicts = 0
    if len(differing):
        conflicts = _write_conflicts(
            cursor,
            [
                {
                    "tag_id": int(readings.tag_id[row]),
                    "source_time": from_us(int(readings.time_us[row])),
                    "value": float(readings.value[row]),
                    "quality": int(readings.quality[row]),
                    "received_time": from_us(int(ordered.received_us[row])),
                    "chain_id": chain_id,
                    "block_seq": seq,
                    "entry": int(readings.entry[row]),
                }
                for row in differing
            ],
        )
    return StoredReadings(
        stored=len(stored),
        units=units,
        duplicates=len(again) - conflicts,
        conflicts=conflicts,
        again=_by_object(ordered, again),
    )


def _bodies(readings: UnitRows, unit_id: npt.NDArray[np.int32], chosen: npt.NDArray[np.intp]) -> list[UnitBody]:
    """The chosen ones of the readings, by unit."""
    bodies = []
    for unit in np.unique(unit_id[chosen]).tolist():
        mine = readings.where(chosen[unit_id[chosen] == unit])
        bodies.append(UnitBody(unit_id=unit, readings=len(mine.entry), rows=encode_rows(mine)))
    return bodies


def _by_object(ordered: OrderedReadings, again: npt.NDArray[np.intp]) -> tuple[Again, ...]:
    """Some of the readings, gathered by the object they came in."""
    if not len(again):
        return ()
    columns = ordered.columns
    of_object = np.repeat(np.arange(len(columns.count)), columns.count)
    numbers, begins = np.unique(of_object[again], return_index=True)
    return tuple(
        Again(
            entry=columns.entry[number],
            unit_id=columns.unit_id[number],
            time_us=columns.time_us[number],
            tag_ids=tag_ids.tolist(),
        )
        for number, tag_ids in zip(numbers.tolist(), np.split(ordered.readings.tag_id[again], begins[1:]), strict=True)
    )


def _copy(cursor: psycopg.Cursor, rows: npt.NDArray[np.void]) -> None:
    try:
        with cursor.copy(queries("reading")["copy"]) as copy:
            _write_rows(copy, rows)
    except psycopg.errors.UniqueViolation:
        raise AlreadyStored from None


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


def _differing(cursor: psycopg.Cursor, readings: UnitRows, again: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Of readings that were not new, those that are not what is stored."""
    if not len(again):
        return again
    found = cursor.execute(
        queries("reading")["differing"],
        {
            "tag_ids": readings.tag_id[again].tolist(),
            "source_us": readings.time_us[again].tolist(),
            "readings": readings.value[again].tolist(),
            "qualities": readings.quality[again].tolist(),
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
