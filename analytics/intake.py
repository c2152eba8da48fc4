"""The one order in which analytics takes the blocks of all chains: recorded, so that a replay can follow it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Ordinals of the intake: after < ordinal ≤ until."""

    after: int
    until: int


def take_blocks(connection: psycopg.Connection, *, most: int) -> int:
    """Record the next blocks of every chain; return the last ordinal. One process at a time does it."""
    sql = queries("analytics")
    with connection.transaction():
        row = connection.execute(sql["lock_consumer"], {"name": "intake"}).fetchone()
        if row is not None:
            taken = connection.execute(sql["take_blocks"], {"position": row[0], "most": most}).rowcount
            if taken:
                connection.execute(sql["set_consumer"], {"name": "intake", "position": row[0] + taken})
        head = connection.execute(sql["head"]).fetchone()
    assert head is not None
    last: int = head[0]
    return last


def position_of(connection: psycopg.Connection, name: str) -> int:
    """How far a consumer has come, the caller's own transaction included."""
    row = connection.execute(queries("analytics")["position"], {"name": name}).fetchone()
    assert row is not None
    position: int = row[0]
    return position


@contextmanager
def consumed(
    connection: psycopg.Connection, name: str, head: int, *, most: int, most_readings: int | None = None
) -> Iterator[Stretch | None]:
    """The next stretch for a consumer, whose position moves with what is done inside, in one transaction.

    It holds at most `most` blocks, and about `most_readings`.

    None when the consumer is up to date or another process has it.
    """
    sql = queries("analytics")
    with connection.transaction():
        row = connection.execute(sql["lock_consumer"], {"name": name}).fetchone()
        if row is None or row[0] >= head:
            yield None
            return
        stretch = Stretch(after=row[0], until=min(head, row[0] + most))
        if most_readings is not None:
            parameters = {"after": stretch.after, "until": stretch.until, "most_readings": most_readings}
            reach = connection.execute(sql["stretch_of_readings"], parameters).fetchone()
            assert reach is not None
            stretch = Stretch(after=stretch.after, until=reach[0])
        yield stretch
        connection.execute(sql["set_consumer"], {"name": name, "position": stretch.until})
