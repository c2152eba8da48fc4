"""What is counted of a tag beside what arrived: what came again or out of order, and what people put right."""

from collections.abc import Mapping, Sequence

from psycopg import Connection

from api.database import Row, rows
from store.model.times import from_us
from store.sql import queries

COUNTED = ("again", "conflicts", "out_of_order", "corrected", "invalidated")


def read_again(connection: Connection, times: Mapping[int, Sequence[tuple[int, int]]]) -> dict[int, Row]:
    """The counts of COUNTED of each tag over its times, given as start and end in µs since 1970."""
    counts: dict[int, Row] = {tag_id: dict.fromkeys(COUNTED, 0) for tag_id in times}
    asked = [(tag_id, from_us(start), from_us(end)) for tag_id, of_tag in times.items() for start, end in of_tag]
    tag_ids, sinces, untils = map(list, zip(*asked, strict=True)) if asked else ([], [], [])
    parameters = {"tag_ids": tag_ids, "sinces": sinces, "untils": untils}
    for found in rows(connection, queries("api_completeness")["again"], parameters):
        for name in COUNTED:
            counts[found["tag_id"]][name] += found[name]
    return counts
