"""Slots: work that one process at a time may do, claimed for a while and renewed; who dies stops renewing.

The database's clock alone decides. A holder that was frozen may wake up believing it still has its slot: what it would
write is fenced by the epoch of its chain (`store.journal`), the slot only says who should be working.
"""

from datetime import timedelta

import psycopg

from store.errors import translated
from store.sql import queries


def claim_slot(connection: psycopg.Connection, *, name: str, holder: str, lease_s: float) -> bool:
    """Take a slot for `lease_s` seconds, or renew one's own; False when another process has it.

    `holder` names one run of one process. Raises StoreUnavailable.
    """
    parameters = {"name": name, "holder": holder, "lease": timedelta(seconds=lease_s)}
    with translated():
        return connection.execute(queries("slot")["claim"], parameters).fetchone() is not None


def release_slot(connection: psycopg.Connection, *, name: str, holder: str) -> None:
    """Let the next process have a slot at once. Raises StoreUnavailable."""
    with translated():
        connection.execute(queries("slot")["release"], {"name": name, "holder": holder})


def slot_holder(connection: psycopg.Connection, name: str) -> str | None:
    """Who has a slot now. Raises StoreUnavailable."""
    with translated():
        row = connection.execute(queries("slot")["holder"], {"name": name}).fetchone()
    return None if row is None else str(row[0])
