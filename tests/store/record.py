"""A record that takes messages without a broker: decode and commit, as ingest does it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from ingest.decode import Decoder
from ingest.inbox import Delivery
from store.commit import Committed, commit
from store.directory import Directory
from store.draft import Listening, Tick
from store.journal import ChainLease, claim_chain
from store.quarantine import MOST_REFUSED
from tests.fix_postgres import Database
from tests.plant import TOPIC, plant


@dataclass(slots=True)
class Record:
    """A database with the small plant and the right to append to a chain."""

    connection: psycopg.Connection  # as ingest
    owner: psycopg.Connection
    decoder: Decoder
    lease: ChainLease

    def take(
        self,
        *messages: tuple[str, object],
        received_us: int | None = None,
        host_us: int | None = None,
        most_refused: int | None = MOST_REFUSED,
    ) -> Committed:
        """Commit messages given as (unit/kind or whole topic, payload) in one block."""
        deliveries = [
            Delivery(
                topic=topic if topic.count("/") != 1 else f"{TOPIC}/{topic}",
                payload=payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
                received_us=received_us or time.time_ns() // 1000,
                mid=0,
                generation=0,
            )
            for topic, payload in messages
        ]
        draft = self.decoder.draft(deliveries)
        return commit(self.connection, self.lease, draft, host_us=host_us, most_refused=most_refused)

    def tick(self, plant_us: int, rate: float = 1.0, *, host_us: int | None = None) -> Committed:
        """Commit a block that only says that time passed."""
        draft = self.decoder.draft([])
        draft.tick = Tick(plant_us=plant_us, host_us=host_us or time.time_ns() // 1000, rate=rate)
        return commit(self.connection, self.lease, draft)

    def listen(self, since_us: int, until_us: int) -> Committed:
        """Commit a block that says between which host times the broker could reach us."""
        draft = self.decoder.draft([])
        draft.listening = Listening(since_us=since_us, until_us=until_us)
        return commit(self.connection, self.lease, draft)

    def ask(self, question: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows as the owner sees them."""
        return self.owner.execute(question, parameters).fetchall()


@contextmanager
def opened(database: Database, *, chain: str = "test", kind: str = "live") -> Iterator[Record]:
    """A record in this database, with the small plant in it."""
    with (
        psycopg.connect(database.dsn("owner"), autocommit=True) as owner,
        psycopg.connect(database.dsn("ingest"), autocommit=True) as connection,
    ):
        plant(owner)
        directory = Directory()
        directory.read(connection)
        yield Record(
            connection=connection,
            owner=owner,
            decoder=Decoder(connection=connection, directory=directory, prefix="batchwitness/v1"),
            lease=claim_chain(connection, name=chain, kind=kind, holder="test"),
        )


def at(minute: float = 0.0) -> str:
    """A source time, in minutes after 2026-01-05 08:00 UTC."""
    return datetime.fromtimestamp(START_S + minute * 60, UTC).isoformat()


START_S = datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp()
