"""The order of one edge node's messages: what is next, what is held for its turn, what is missing.

The sequence numbers of all messages of an edge node and its devices are one counter, 0 to 255 and round again. A number
that is not the next one is held until those before it have come or the time for that is over. Numbers behind the next
one are late or delivered twice, unless the message was sent later than the last one: then it is ahead by a long way.
256 messages lost in a row leave no trace here.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from ingest.sparkplug.message import Message

NUMBERS = 256
SOON = 16  # numbers after a birth; a message of the same millisecond further away is of the run before
MOST_HELD = 512  # messages, duplicates included
MOST_HELD_BYTES = 8 * 1024 * 1024


class Place(Enum):
    """Where a message stands in the sequence."""

    IN_ORDER = auto()
    HELD = auto()
    LATE = auto()  # reported as missing before
    REPEATED = auto()  # taken before, or of an older run
    BEFORE_BIRTH = auto()  # sent before the birth: nobody knows what its aliases meant
    UNNUMBERED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Numbers that did not come: first, and how many from it on."""

    first: int
    count: int

    @property
    def last(self) -> int:
        """The last of them."""
        return (self.first + self.count - 1) % NUMBERS


@dataclass(slots=True, kw_only=True)
class Sequence:
    """The run of numbers since one NBIRTH. `next` None: the birth had no number, the first message tells it."""

    next: int | None
    birth_sent_ms: int | None
    held: dict[int, list[Message]] = field(default_factory=dict)
    held_since_us: int | None = None
    _held_messages: int = 0
    held_bytes: int = 0
    missing: set[int] = field(default_factory=set)
    _taken: dict[int, bytes] = field(default_factory=dict)  # digest of what came under a number last
    _last_sent_ms: int | None = None

    @property
    def last(self) -> int | None:
        """The number of the last message taken in order."""
        return None if self.next is None else (self.next - 1) % NUMBERS

    @property
    def overfull(self) -> bool:
        """Whether waiting any longer would take too much memory."""
        return self._held_messages > MOST_HELD or self.held_bytes > MOST_HELD_BYTES

    def place(self, message: Message) -> Place:
        """Where a message stands; nothing is changed. Its number is 0 to 255 or None."""
        seq, sent_ms = message.payload.seq, message.payload.timestamp_ms
        if seq is None:
            return Place.UNNUMBERED
        if self.next is None or seq == self.next:
            return Place.IN_ORDER
        if sent_ms is not None and self._taken.get(seq) == message.payload.digest:
            return Place.REPEATED
        ahead = sent_ms is not None and self._last_sent_ms is not None and sent_ms > self._last_sent_ms
        behind = (seq - self.next) % NUMBERS >= NUMBERS // 2 and not ahead
        if behind and seq in self.missing:
            return Place.LATE
        if sent_ms is not None and self.birth_sent_ms is not None and sent_ms < self.birth_sent_ms:
            return Place.BEFORE_BIRTH
        return Place.REPEATED if behind else Place.HELD

    def take(self, message: Message) -> None:
        """The message is the next one, or there is nothing left to wait for before it."""
        seq = message.payload.seq
        if seq is None:
            return
        self.next = (seq + 1) % NUMBERS
        self._taken[seq] = message.payload.digest
        self.missing.discard((self.next + NUMBERS // 2 - 1) % NUMBERS)  # too long ago to come late
        sent_ms = message.payload.timestamp_ms
        if sent_ms is not None:
            self._last_sent_ms = max(sent_ms, self._last_sent_ms or 0)

    def take_late(self, message: Message) -> None:
        """The message was missing and has come."""
        assert message.payload.seq is not None
        self.missing.discard(message.payload.seq)
        self._taken[message.payload.seq] = message.payload.digest

    def hold(self, message: Message) -> None:
        """Keep a message for its turn; the time runs from the first one."""
        assert message.payload.seq is not None
        self.held.setdefault(message.payload.seq, []).append(message)
        self._held_messages += 1
        self.held_bytes += message.payload.size
        if self.held_since_us is None:
            self.held_since_us = message.received_us

    def release(self) -> list[Message]:
        """What was held under the next number: the first to be taken, others repeat it. [] when there is nothing."""
        if self.next is None or self.next not in self.held:
            return []
        messages = self.held.pop(self.next)
        self._held_messages -= len(messages)
        self.held_bytes -= sum(message.payload.size for message in messages)
        waiting = [message.received_us for others in self.held.values() for message in others]
        self.held_since_us = min(waiting, default=None)
        return messages

    def withdraw_after(self, birth: Message) -> list[Message]:
        """Take out the held messages that were sent after an NBIRTH: they belong to the run that it begins."""
        sent_ms, seq = birth.payload.timestamp_ms, birth.payload.seq
        if sent_ms is None or seq is None:
            return []
        following = [
            message
            for messages in self.held.values()
            for message in messages
            if message.payload.timestamp_ms is not None
            and (
                message.payload.timestamp_ms > sent_ms
                or (message.payload.timestamp_ms == sent_ms and _distance(seq, message) <= SOON)
            )
        ]
        kept = [message for messages in self.held.values() for message in messages if message not in following]
        since_us = self.held_since_us
        self.held, self.held_bytes, self._held_messages, self.held_since_us = {}, 0, 0, None
        for message in kept:
            self.hold(message)
        self.held_since_us = since_us if kept else None
        return sorted(following, key=lambda message: message.number)

    def skip(self) -> Hole | None:
        """Give up what is missing before the first held message; None when nothing is held."""
        if self.next is None or not self.held:
            return None
        expected = self.next
        following = min(self.held, key=lambda seq: (seq - expected) % NUMBERS)
        hole = Hole(first=expected, count=(following - expected) % NUMBERS)
        self.next = following
        self.missing.update((expected + step) % NUMBERS for step in range(hole.count))
        # What lies more than half a round behind can no longer be told from what is to come.
        self.missing = {seq for seq in self.missing if (seq - following) % NUMBERS >= NUMBERS // 2}
        return hole


def _distance(seq: int, message: Message) -> int:
    assert message.payload.seq is not None
    return (message.payload.seq - seq) % NUMBERS
