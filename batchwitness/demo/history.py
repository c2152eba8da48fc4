"""The demo's history: batches from before, entered through the commit path that messages take."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import psycopg

from batchwitness.plant.messages import PREFIX, Message
from ingest.decode import Decoder
from ingest.inbox import Delivery
from store.commit import commit
from store.directory import Directory
from store.journal import claim_chain

CHAIN = "demo history"
MESSAGES_A_BLOCK = 1_000


def import_history(
    conninfo: str,
    messages: Iterable[Message],
    *,
    skip: int,
    progress: Callable[[int, int], None],
    stopping: Callable[[], bool],
) -> bool:
    """Commit messages as an import; False when told to stop before the end.

    `progress(messages, readings)` is called after every block with what is in the record by then.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        lease = claim_chain(connection, name=CHAIN, kind="import", holder="demo")
        directory = Directory()
        directory.read(connection)
        decoder = Decoder(connection=connection, directory=directory, prefix=PREFIX)
        done, readings = skip, 0
        for block in _blocks(islice(messages, skip, None)):
            if stopping():
                return False
            received_us = time.time_ns() // 1000
            commit(
                connection,
                lease,
                decoder.draft(
                    [
                        Delivery(
                            topic=message.topic,
                            payload=message.payload,
                            received_us=received_us,
                            mid=0,
                            generation=0,
                        )
                        for message in block
                    ]
                ),
                actor="import:demo",
            )
            done += len(block)
            readings += sum(message.readings for message in block)
            progress(done, readings)
    return True


def _blocks(messages: Iterator[Message]) -> Iterator[list[Message]]:
    while block := list(islice(messages, MESSAGES_A_BLOCK)):
        yield block
