"""Summaries of readings at a few resolutions.

A bucket seen for the first time is summarised from the block itself; one that was there before is derived anew from
the readings as they hold, so that late and corrected readings end up in it as well.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import psycopg

from analytics.fresh import Fresh
from analytics.intake import Stretch
from analytics.segment import Bytes8, Floats, Int32s, Int64s
from store.model.reading import Quality
from store.model.times import US_PER_S, from_us
from store.sql import queries

RESOLUTIONS_S = (600, 3600)
AHEAD_US = 300 * US_PER_S  # clocks of edge gateways are allowed to be so far ahead
ABSURD = 1e100  # the largest float is a common stand-in for "bad"; PostgreSQL sums squares for a mean


def derive_overviews(connection: psycopg.Connection, fresh: Fresh) -> None:
    """Bring overviews and newest values up to date with a stretch, in the caller's transaction."""
    if len(fresh.tag_id):
        _take_readings(connection, fresh)
    _take_corrections(connection, fresh.stretch)


def _take_readings(connection: psycopg.Connection, fresh: Fresh) -> None:
    tag_id, time_us, value, quality = fresh.tag_id, fresh.time_us, fresh.value, fresh.quality
    order = np.lexsort((time_us, tag_id))
    tag_id, time_us, value, quality = tag_id[order], time_us[order], value[order], quality[order]
    # A value from a clock that is ahead is not the newest: it would hide everything after it.
    present = time_us <= fresh.committed_us[order] + AHEAD_US
    if present.any():
        _set_latest(connection, tag_id[present], time_us[present], value[present], quality[present])
    usable = quality != Quality.BAD
    if usable.any():
        for resolution_s in RESOLUTIONS_S:
            _bring_up_to_date(connection, resolution_s, tag_id[usable], time_us[usable], value[usable])


def _bring_up_to_date(
    connection: psycopg.Connection, resolution_s: int, tag_id: Int32s, time_us: Int64s, value: Floats
) -> None:
    """Take readings ordered by (tag, time) into the overview of one resolution."""
    sql = queries("analytics")
    bucket_us = time_us // (resolution_s * US_PER_S) * (resolution_s * US_PER_S)
    first = np.flatnonzero(np.append(True, (np.diff(tag_id) != 0) | (np.diff(bucket_us) != 0)))
    count = np.diff(np.append(first, len(tag_id)))
    tags, buckets = tag_id[first].tolist(), [from_us(us) for us in bucket_us[first].tolist()]
    new = connection.execute(
        sql["insert_overview"],
        {
            "resolution_s": resolution_s,
            "tag_ids": tags,
            "buckets": buckets,
            "counts": count.tolist(),
            "minima": np.minimum.reduceat(value, first).tolist(),
            "means": (np.add.reduceat(np.clip(value, -ABSURD, ABSURD), first) / count).tolist(),
            "maxima": np.maximum.reduceat(value, first).tolist(),
            "lasts": value[first + count - 1].tolist(),
        },
    )
    known = set(new.fetchall())
    touched = [key for key in zip(tags, buckets, strict=True) if key not in known]
    if touched:
        _derive(connection, resolution_s, touched)


def _take_corrections(connection: psycopg.Connection, stretch: Stretch) -> None:
    """Derive anew what corrections of a stretch touched."""
    sql = queries("rerun")
    parameters = {"after": stretch.after, "until": stretch.until}
    for resolution_s in RESOLUTIONS_S:
        width = {"width": timedelta(seconds=resolution_s)}
        touched = connection.execute(sql["revised_buckets"], parameters | width).fetchall()
        if touched:
            _derive(connection, resolution_s, touched)
    connection.execute(sql["revise_latest"], parameters)


def _derive(connection: psycopg.Connection, resolution_s: int, touched: Sequence[tuple[int, datetime]]) -> None:
    connection.execute(
        queries("analytics")["derive_overview"],
        {
            "resolution_s": resolution_s,
            "width": timedelta(seconds=resolution_s),
            "absurd": ABSURD,
            "tag_ids": [tag for tag, _ in touched],
            "buckets": [bucket for _, bucket in touched],
        },
    )


def _set_latest(
    connection: psycopg.Connection, tag_id: Int32s, time_us: Int64s, value: Floats, quality: Bytes8
) -> None:
    """Remember the newest value of each tag, from readings ordered by (tag, time)."""
    newest = np.flatnonzero(np.append(np.diff(tag_id) != 0, True))
    connection.execute(
        queries("analytics")["set_latest"],
        {
            "tag_ids": tag_id[newest].tolist(),
            "times": [from_us(us) for us in time_us[newest].tolist()],
            "values": value[newest].tolist(),
            "qualities": quality[newest].tolist(),
        },
    )
