"""Where deliveries wait between the network thread and the pipeline: bounded, so that a slow store slows the broker.

`put` blocks the network thread when the inbox is full; the broker then keeps what it has, within its window.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it arrived, with what is needed to acknowledge it."""

    topic: str
    payload: bytes
    received_us: int
    mid: int  # the broker's packet id, meaningful only in its connection
    generation: int  # which connection that was


class Inbox:
    """A queue bounded by count and bytes, with one producer and one consumer."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._deliveries: deque[Delivery] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, delivery: Delivery) -> bool:
        """Add a delivery, waiting for room; False when the inbox was closed meanwhile."""
        with self._changed:
            while (
                not self._closed
                and self._deliveries
                and (len(self._deliveries) >= self._most or self._bytes + len(delivery.payload) > self._most_bytes)
            ):
                self._changed.wait()
            if self._closed:
                return False
            self._deliveries.append(delivery)
            self._bytes += len(delivery.payload)
            self._changed.notify_all()
            return True

    def take(self, most: int, *, within_s: float) -> list[Delivery]:
        """Up to `most` deliveries in arrival order; empty when none came in time."""
        deadline = time.monotonic() + within_s
        with self._changed:
            while not self._deliveries and not self._closed:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return []
                self._changed.wait(left_s)
            taken = [self._deliveries.popleft() for _ in range(min(most, len(self._deliveries)))]
            self._bytes -= sum(len(delivery.payload) for delivery in taken)
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Let everybody who waits go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._deliveries)
