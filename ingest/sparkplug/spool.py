"""Where messages wait for the store: bounded, because most of them were sent at QoS 0 and nobody keeps them for us.

When it is full what comes is counted by edge node and dropped. The count stands in the queue where the messages would
have stood, so that whoever takes them learns of the loss before anything that came after it.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, replace

MOST_NODES = 10_000  # told apart in one loss; what is lost of more is counted under no name


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it arrived."""

    topic: str
    payload: bytes
    received_us: int
    retained: bool


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The connection to the server ended."""

    at_us: int
    ours: bool = False  # we ended it: nothing was lost before


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A new connection stands and is subscribed."""

    at_us: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Messages of one edge node that found no room."""

    group: str  # "" with node "": of nodes too many to be told apart, or of no node
    node: str
    messages: int
    first_us: int
    last_us: int


Item = Arrival | LinkLost | LinkUp | Dropped


class Spool:
    """A queue bounded by count and bytes, which never makes its producer wait."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._dropped: dict[tuple[str, str], Dropped] = {}
        self._changed = threading.Condition()

    def put(self, message: Arrival) -> bool:
        """Add a message; False when it found no room and was counted instead."""
        size = _size(message)
        with self._changed:
            if len(self._items) >= self._most or self._bytes + size > self._most_bytes:
                self._count(message)
                return False
            self._tell_dropped()
            self._items.append(message)
            self._bytes += size
            self._changed.notify()
            return True

    def mark(self, mark: LinkLost | LinkUp) -> None:
        """Add what happened to the connection, after everything that came by it."""
        with self._changed:
            self._tell_dropped()
            self._items.append(mark)
            self._changed.notify()

    def take(self, most: int, *, within_s: float) -> list[Item]:
        """Up to `most` in the order of arrival; empty when nothing came in time."""
        with self._changed:
            if not self._items and not self._dropped:
                self._changed.wait_for(lambda: self._items, within_s)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(_size(item) for item in taken if isinstance(item, Arrival))
            if not taken:
                self._tell_dropped()
                taken = list(self._items)
                self._items.clear()
            return taken

    def clear(self) -> int:
        """Forget everything; returns how many messages that were."""
        with self._changed:
            self._tell_dropped()
            lost = sum(
                item.messages if isinstance(item, Dropped) else isinstance(item, Arrival) for item in self._items
            )
            self._items.clear()
            self._bytes = 0
            return lost

    def __len__(self) -> int:
        return len(self._items)

    def _count(self, message: Arrival) -> None:
        parts = message.topic.split("/")
        key = (parts[1], parts[3]) if len(parts) in (4, 5) else ("", "")
        if key not in self._dropped and len(self._dropped) >= MOST_NODES:
            key = ("", "")
        known = self._dropped.get(key) or Dropped(*key, 0, message.received_us, message.received_us)
        self._dropped[key] = replace(known, messages=known.messages + 1, last_us=message.received_us)

    def _tell_dropped(self) -> None:
        self._items.extend(self._dropped.values())
        self._dropped.clear()


def _size(message: Arrival) -> int:
    return len(message.topic) + len(message.payload)


def now_us() -> int:
    """The host's time in microseconds since 1970."""
    return time.time_ns() // 1000
