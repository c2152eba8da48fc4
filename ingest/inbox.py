"""Where deliveries wait between the network thread and the pipeline: bounded, so that a slow store slows the broker.

Whoever puts looks for room before it reads from the network; without room it reads nothing, and the broker keeps what
it has. What one read brings may go over the bound, once.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client import Gauge

inbox_gauge = Gauge("batchwitness_ingest_inbox", "deliveries waiting")


class Delivery(NamedTuple):
    """One message as it arrived, with what is needed to acknowledge it. A tuple, because there are very many."""

    topic: str
    payload: bytes
    received_us: int
    mid: int  # the broker's packet id, meaningful only in its connection; 0 where none was given
    generation: int  # which connection that was
    whole_bytes: int = 0  # how long the payload was, where only its beginning is kept; 0: it is all there


class Inbox:
    """A queue bounded by count and bytes, with one producer and one consumer."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._deliveries: deque[Delivery] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def has_room(self, *, within_s: float = 0.0) -> bool:
        """Whether more may be put, at once or after waiting so long for it."""
        with self._changed:
            return self._changed.wait_for(self._room, within_s) if within_s else self._room()

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries, without waiting."""
        with self._changed:
            self._deliveries.extend(deliveries)
            self._bytes += sum([len(delivery.payload) for delivery in deliveries])
            self._changed.notify_all()

    def take(self, most: int, *, within_s: float) -> list[Delivery]:
        """Up to `most` deliveries in arrival order; empty when none came in time."""
        deadline = time.monotonic() + within_s
        with self._changed:
            while not self._deliveries:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return []
                self._changed.wait(left_s)
            taken = [self._deliveries.popleft() for _ in range(min(most, len(self._deliveries)))]
            self._bytes -= sum([len(delivery.payload) for delivery in taken])
            inbox_gauge.set(len(self._deliveries))
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Take no more, and let go who waits for room."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._deliveries)

    def _room(self) -> bool:
        return not self._closed and len(self._deliveries) < self._most and self._bytes < self._most_bytes
