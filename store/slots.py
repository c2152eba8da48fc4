"""Slots: work that one process at a time may do, claimed for a while and renewed; who dies stops renewing.

The database's clock alone decides. A holder that was frozen may wake up believing it still has its slot: what it would
write is fenced by the epoch of its chain (`store.journal`), the slot only says who should be working.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from store.errors import translated
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot as everybody sees it."""

    name: str
    holder: str  # the last one
    held: bool  # whether it renewed in time
    filters: tuple[str, ...] | None  # what its session at the broker has been subscribed to
    caught_up: bool  # whether nothing waits for its holder; false where there is none


def claim_slot(
    connection: psycopg.Connection,
    *,
    name: str,
    holder: str,
    lease_s: float,
    filters: Sequence[str] | None = None,
    caught_up: bool = False,
) -> bool:
    """Take a slot for `lease_s` seconds, or renew one's own; False when another process has it.

    `holder` names one run of one process; `filters` and `caught_up` are told to everybody. Raises StoreUnavailable.
    """
    parameters = {
        "name": name,
        "holder": holder,
        "lease": timedelta(seconds=lease_s),
        "filters": None if filters is None else list(filters),
        "caught_up": caught_up,
    }
    with translated():
        return connection.execute(queries("slot")["claim"], parameters).fetchone() is not None


def release_slot(connection: psycopg.Connection, *, name: str, holder: str) -> None:
    """Let the next process have a slot at once. Raises StoreUnavailable."""
    with translated():
        connection.execute(queries("slot")["release"], {"name": name, "holder": holder})


def all_slots(connection: psycopg.Connection) -> list[Slot]:
    """Every slot that was ever claimed. Raises StoreUnavailable."""
    with translated():
        return [
            Slot(
                name=name,
                holder=holder,
                held=held,
                filters=None if filters is None else tuple(filters),
                caught_up=caught_up and held,
            )
            for name, holder, held, filters, caught_up in connection.execute(queries("slot")["slots"])
        ]


def keepers(connection: psycopg.Connection, application: str, *, within_s: float) -> int:
    """How many processes are at work under an application name, this one among them. Raises StoreUnavailable.

    Counted are connections that asked something lately: a process that hangs is not at work.
    """
    parameters = {"application": application, "within": timedelta(seconds=within_s)}
    with translated():
        row = connection.execute(queries("slot")["keepers"], parameters).fetchone()
    assert row is not None
    return int(row[0])
