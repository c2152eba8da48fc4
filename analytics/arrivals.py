"""How readings arrived, counted once each: on time or late, in or out of order, and the time between the clocks.

A reading is late when screens had begun to show its tag as silent before it came: two intervals and what transport may
take. Where a tag owes none at a known time, two minutes stand for the two intervals. What was imported is never late.
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import psycopg

from analytics.fresh import Fresh
from analytics.segment import Bytes8, Int32s, Int64s
from store.lags import bins
from store.model.reading import Quality
from store.model.times import US_PER_S, from_us, to_us
from store.owing import INTERVAL_UNLESS_SAID_S, OVERDUE_INTERVALS, TRANSPORT_ALLOWANCE_S, owed_every_s
from store.sql import queries

BUCKET_US = 600 * US_PER_S


def count_arrivals(connection: psycopg.Connection, fresh: Fresh) -> None:
    """Count what a stretch newly stored, before anything else is derived from it, in the caller's transaction."""
    if not len(fresh.tag_id):
        return
    received_us = fresh.received_us if fresh.clock is None else fresh.clock.of_hosts(fresh.received_us)
    lag_us = received_us - fresh.time_us
    rate = 1.0 if fresh.clock is None else fresh.clock.rate
    late_after_us = _late_after_us(connection, fresh) + round(TRANSPORT_ALLOWANCE_S * rate * US_PER_S)
    late = (lag_us > late_after_us) & (fresh.imported == 0)
    bucket_us = fresh.time_us // BUCKET_US * BUCKET_US
    _add_arrivals(connection, fresh, bucket_us, late)
    live = fresh.imported == 0
    if live.any():
        places = _places(connection, fresh.tag_id)
        _add_lags(connection, "received", places[live], bucket_us[live], lag_us[live])
        _add_lags(
            connection, "committed", places[live], bucket_us[live], (fresh.committed_us - fresh.received_us)[live]
        )
    _add_out_of_order(connection, fresh)


def _late_after_us(connection: psycopg.Connection, fresh: Fresh) -> Int64s:
    """How long after its time each reading may come without its tag being shown as silent, transport apart."""
    unsaid_us = round(OVERDUE_INTERVALS * INTERVAL_UNLESS_SAID_S * US_PER_S)
    after_us = np.full(len(fresh.tag_id), unsaid_us, np.int64)
    asked = {"unit_ids": np.unique(fresh.unit_id).tolist()}
    order = np.argsort(fresh.tag_id, kind="stable")
    tags = fresh.tag_id[order]
    for tag_id, _, _, _, mode, interval_s, _, since, until in connection.execute(
        queries("arrival")["tag_versions"], asked
    ):
        every_s = owed_every_s(mode, interval_s)
        rows = order[np.searchsorted(tags, tag_id, "left") : np.searchsorted(tags, tag_id, "right")]
        if every_s is None or not len(rows):
            continue
        rows = rows[fresh.time_us[rows] >= to_us(since)]
        if until is not None:
            rows = rows[fresh.time_us[rows] < to_us(until)]
        after_us[rows] = round(OVERDUE_INTERVALS * every_s * US_PER_S)
    return after_us


def _add_arrivals(
    connection: psycopg.Connection, fresh: Fresh, bucket_us: Int64s, late: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> None:
    order = np.lexsort((bucket_us, fresh.tag_id))
    tags, buckets = fresh.tag_id[order], bucket_us[order]
    first = np.flatnonzero(np.append(True, (np.diff(tags) != 0) | (np.diff(buckets) != 0)))

    def counted(which: Bytes8) -> list[int]:
        counts: list[int] = np.add.reduceat(which[order].astype(np.int64), first).tolist()
        return counts

    connection.execute(
        queries("arrival")["add_arrivals"],
        {
            "tag_ids": tags[first].tolist(),
            "buckets": [from_us(us) for us in buckets[first].tolist()],
            "readings": np.diff(np.append(first, len(order))).tolist(),
            "late": counted(late.astype(np.uint8)),
            "imported": counted(fresh.imported),
            "bad": counted((fresh.quality == Quality.BAD).astype(np.uint8)),
        },
    )


def _places(connection: psycopg.Connection, tag_id: Int32s) -> Int64s:
    """The unit and the position of each reading's tag as rows; position 0 for a tag of the whole unit."""
    known = np.unique(tag_id)
    places = np.zeros((len(known), 2), np.int64)
    for tag, unit_id, position_id in connection.execute(queries("arrival")["places"], {"tag_ids": known.tolist()}):
        places[np.searchsorted(known, tag)] = unit_id, position_id or 0
    return places[np.searchsorted(known, tag_id)]


def _add_lags(connection: psycopg.Connection, kind: str, places: Int64s, bucket_us: Int64s, lag_us: Int64s) -> None:
    keys = np.column_stack((places, bucket_us, bins(lag_us)))
    order = np.lexsort(keys.T[::-1])
    keys, lags = keys[order], lag_us[order]
    first = np.flatnonzero(np.append(True, (np.diff(keys, axis=0) != 0).any(axis=1)))
    connection.execute(
        queries("arrival")["add_lags"],
        {
            "kind": kind,
            "unit_ids": keys[first, 0].tolist(),
            "position_ids": keys[first, 1].tolist(),
            "buckets": [from_us(us) for us in keys[first, 2].tolist()],
            "bins": keys[first, 3].tolist(),
            "readings": np.diff(np.append(first, len(order))).tolist(),
            "least_us": np.minimum.reduceat(lags, first).tolist(),
            "most_us": np.maximum.reduceat(lags, first).tolist(),
        },
    )


def _add_out_of_order(connection: psycopg.Connection, fresh: Fresh) -> None:
    sql = queries("arrival")
    order = np.argsort(fresh.tag_id, kind="stable")
    tags = fresh.tag_id[order]
    known = np.unique(tags)
    newest: dict[int, datetime] = dict(connection.execute(sql["newest"], {"tag_ids": known.tolist()}).fetchall())
    found = []
    for tag_id in known.tolist():
        rows = order[np.searchsorted(tags, tag_id, "left") : np.searchsorted(tags, tag_id, "right")]
        before_us = to_us(newest[tag_id]) if tag_id in newest else int(fresh.time_us[rows[0]])
        reached = np.maximum.accumulate(np.append(before_us, fresh.time_us[rows[:-1]]))
        behind = rows[fresh.time_us[rows] < reached]
        if len(behind):
            found += list(_by_block(tag_id, fresh, behind))
    if found:
        names = ("tag_ids", "chain_ids", "block_seqs", "first_times", "last_times", "readings")
        connection.execute(sql["add_out_of_order"], dict(zip(names, map(list, zip(*found, strict=True)), strict=True)))


def _by_block(tag_id: int, fresh: Fresh, rows: Int64s) -> Iterator[tuple[object, ...]]:
    blocks = np.column_stack((fresh.chain_id[rows], fresh.block_seq[rows]))
    for chain_id, block_seq in np.unique(blocks, axis=0).tolist():
        times_us = fresh.time_us[rows[(fresh.chain_id[rows] == chain_id) & (fresh.block_seq[rows] == block_seq)]]
        first, last = from_us(int(times_us.min())), from_us(int(times_us.max()))
        yield tag_id, chain_id, block_seq, first, last, len(times_us)
