"""A run whose turn it is to move on, locked for the transaction that moves it."""

from datetime import datetime
from typing import NamedTuple

import psycopg

from store.sql import queries


class Claim(NamedTuple):
    """A locked monitor row with what is needed to go on."""

    monitor_id: int
    unit_procedure_id: int
    run: int
    batch_id: int
    batch: str
    unit_id: int
    position: int
    until_ordinal: int | None  # where it ends; of a revision that catches up, what it is pinned to
    beside: bool  # a revision that catches up beside the run that watches
    late_until: datetime | None  # of what began as a revision: unit time at which it is pinned
    reach: int  # how far it may go now: where everything is derived, its end, or where the run that watches is

    @property
    def watches(self) -> bool:
        """Whether it is the run by which people know how the batch stands."""
        return self.until_ordinal is None


def next_claim(connection: psycopg.Connection, head: int) -> Claim | None:
    """The run that is farthest behind; None when none needs to move. What keeps up comes first, revisions last."""
    row = connection.execute(queries("analytics")["claim_monitor"], {"head": head}).fetchone()
    return None if row is None else Claim(*row)
