"""Summaries of readings at a few resolutions, derived anew from the readings for every bucket a block touched."""

from datetime import timedelta

import numpy as np
import psycopg

from analytics.intake import Stretch
from store.model.times import US_PER_S, from_us
from store.rows import decode_rows
from store.sql import queries

RESOLUTIONS_S = (600, 3600)


def derive_overviews(connection: psycopg.Connection, stretch: Stretch) -> None:
    """Bring overviews and newest values up to date with a stretch, in the caller's transaction."""
    sql = queries("analytics")
    blocks = [
        decode_rows(rows)
        for (rows,) in connection.execute(sql["block_rows"], {"after": stretch.after, "until": stretch.until})
    ]
    if not blocks:
        return
    tag_id = np.concatenate([rows.tag_id for rows in blocks])
    time_us = np.concatenate([rows.time_us for rows in blocks])
    for resolution_s in RESOLUTIONS_S:
        width_us = resolution_s * US_PER_S
        touched = np.unique(np.stack((tag_id.astype(np.int64), time_us // width_us * width_us)), axis=1)
        connection.execute(
            sql["derive_overview"],
            {
                "resolution_s": resolution_s,
                "width": timedelta(seconds=resolution_s),
                "tag_ids": touched[0].tolist(),
                "buckets": [from_us(us) for us in touched[1].tolist()],
            },
        )
    order = np.lexsort((time_us, tag_id))
    newest = order[np.append(np.diff(tag_id[order]) != 0, True)]
    value = np.concatenate([rows.value for rows in blocks])
    quality = np.concatenate([rows.quality for rows in blocks])
    connection.execute(
        sql["set_latest"],
        {
            "tag_ids": tag_id[newest].tolist(),
            "times": [from_us(us) for us in time_us[newest].tolist()],
            "values": value[newest].tolist(),
            "qualities": quality[newest].tolist(),
        },
    )
