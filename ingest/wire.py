"""MQTT packets as they lie in the bytes of a connection: publishes in bulk, everything else untouched.

Reading a chunk of many packets at once is what makes ingestion fast; a client library reads them one by one.
Source: OASIS MQTT 5.0, 1.5.5 (variable byte integer), 2.1 (fixed header), 3.3 (PUBLISH) and 3.4 (PUBACK); MQTT 3.1.1 is
the same without properties.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.inbox import Delivery
from ingest.oversize import Passing
from store.payload import MOST_BYTES

# Topic with its length, packet id, length of the properties: what stands before the properties of a PUBLISH at most.
MOST_HEAD = 2 + 65_535 + 2 + 4
PUBLISH = 0x30
PUBACK = 0x40
TYPE, QOS, RETAIN = 0xF0, 0x06, 0x01  # of the first byte
MORE = 0x80  # of a length's byte: another one follows
LONGEST_HEADER = 5
MOST_TOPICS = 10_000  # remembered as text


class MalformedPacket(Exception):
    """These bytes are not MQTT; nothing behind them can be read."""


@dataclass(slots=True)
class Packets:
    """What a chunk completed."""

    deliveries: list[Delivery] = field(default_factory=list)
    retained: list[Delivery] = field(default_factory=list)
    others: list[tuple[int, bytes]] = field(default_factory=list)  # first byte and body


class PacketReader:
    """Cuts the bytes of one connection into packets, whatever the chunks they come in.

    It holds one packet at most, and none that is larger than what ingest takes: of those a record remains.
    """

    def __init__(self, *, generation: int, properties: bool) -> None:
        """`generation` numbers the connection; `properties` are there in MQTT 5 and not in 3.1.1."""
        self._generation = generation
        self._properties = properties
        self._topics: dict[bytes, str] = {}
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 2  # bytes without which nothing more can be read
        self._passing: _Passing | None = None  # a packet too large to be held

    def feed(self, data: bytes, received_us: int) -> Packets:
        """The packets that are complete with this chunk. Raises MalformedPacket."""
        packets = Packets()
        if self._passing is not None:
            data = self._pass(packets, self._passing, data, received_us)
            if not data:
                return packets
        self._parts.append(data)
        self._have += len(data)
        if self._have < self._need:
            return packets
        buffer = b"".join(self._parts) if len(self._parts) > 1 else data
        at, end = 0, len(buffer)
        need = 2
        while end - at >= need:
            first, length, body = buffer[at], buffer[at + 1], at + 2
            if length & MORE:
                if body < end and buffer[body] < MORE:  # as nearly all have it: two bytes
                    length, body = length & 0x7F | buffer[body] << 7, body + 1
                else:
                    length, body = _variable(buffer, at + 1, end)
                if body > end:
                    need = end - at + 1
                    break
            stop = body + length
            if stop > end:
                need = stop - at
                if length > MOST_BYTES + MOST_HEAD and first & TYPE == PUBLISH:
                    at, need = self._let_pass(packets, buffer, at, body, stop, received_us)
                break
            if first & TYPE == PUBLISH:
                self._publish(packets, buffer, first, body, stop, received_us)
            else:
                packets.others.append((first, buffer[body:stop]))
            at = stop
        self._parts = [buffer[at:]]
        self._have, self._need = end - at, need
        return packets

    def _publish(self, packets: Packets, buffer: bytes, first: int, at: int, stop: int, received_us: int) -> None:
        try:
            topic, mid, at = self._head(buffer, first, at, stop)
        except IndexError:
            raise MalformedPacket("a PUBLISH is shorter than its own lengths") from None
        if at > stop:
            raise MalformedPacket("a PUBLISH is shorter than its own lengths")
        payload, whole_bytes = buffer[at:stop], 0
        if stop - at > MOST_BYTES:
            payload, whole_bytes = _cut(payload), stop - at
        # As Delivery itself does it, in half the time.
        delivery = tuple.__new__(Delivery, (topic, payload, received_us, mid, self._generation, whole_bytes))
        (packets.retained if first & RETAIN else packets.deliveries).append(delivery)

    def _head(self, buffer: bytes, first: int, at: int, stop: int) -> tuple[str, int, int]:
        """Topic, packet id, and where the payload begins."""
        topic_end = at + 2 + (buffer[at] << 8 | buffer[at + 1])
        name = buffer[at + 2 : topic_end]
        at = topic_end
        mid = 0  # QoS 0 has no packet id
        if first & QOS:
            mid = buffer[at] << 8 | buffer[at + 1]
            at += 2
        if self._properties:
            length = buffer[at]
            at += 1
            if length & MORE:
                length, at = _variable(buffer, at - 1, stop)
            at += length
        return self._topics.get(name) or self._topic(name), mid, at

    def _let_pass(
        self, packets: Packets, buffer: bytes, at: int, body: int, stop: int, received_us: int
    ) -> tuple[int, int]:
        """Begin to let a packet pass that is too large, once its head is there: what is read, what is needed next."""
        end, need = len(buffer), body - at + MOST_HEAD
        if end - at < need:
            return at, need
        self._passing = self._begin(buffer, buffer[at], body, stop)
        self._pass(packets, self._passing, buffer[self._passing.began : end], received_us)
        return end, 2

    def _begin(self, buffer: bytes, first: int, at: int, stop: int) -> "_Passing":
        topic, mid, payload_at = self._head(buffer, first, at, stop)
        if payload_at > stop:
            raise MalformedPacket("a PUBLISH is shorter than its own lengths")
        return _Passing(
            topic=topic, mid=mid, retained=bool(first & RETAIN), began=at, skip=payload_at - at, left=stop - at
        )

    def _pass(self, packets: Packets, passing: "_Passing", data: bytes, received_us: int) -> bytes:
        """Let the next bytes of a packet pass; what of `data` lies behind it."""
        mine, rest = data[: passing.left], data[passing.left :]
        passing.left -= len(mine)
        skipped = min(passing.skip, len(mine))
        passing.skip -= skipped
        passing.payload.feed(mine[skipped:])
        if not passing.left:
            self._passing = None
            payload = passing.payload
            delivery = Delivery(
                passing.topic, payload.kept(), received_us, passing.mid, self._generation, payload.length
            )
            (packets.retained if passing.retained else packets.deliveries).append(delivery)
        return rest

    def _topic(self, name: bytes) -> str:
        if len(self._topics) >= MOST_TOPICS:
            self._topics.clear()
        # A broker lets no other bytes through; should one do, the text names them and cannot be mistaken.
        topic = self._topics[name] = name.decode("utf-8", "backslashreplace")
        return topic


@dataclass(slots=True, kw_only=True)
class _Passing:
    """A PUBLISH that is too large to be held, part of which has passed."""

    topic: str
    mid: int
    retained: bool
    began: int  # where it began in the buffer, behind its length
    skip: int  # bytes before its payload
    left: int  # bytes of it, the skipped ones among them
    payload: Passing = field(default_factory=Passing)


def _cut(payload: bytes) -> bytes:
    passing = Passing()
    passing.feed(payload)
    return passing.kept()


def acknowledgements(packet_ids: Iterable[int]) -> bytes:
    """PUBACKs, one after another: success, no properties, the same in both versions of the protocol.

    >>> acknowledgements([1, 258]).hex()
    '4002000140020102'
    """
    return b"".join([b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids])


def _variable(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    r"""A variable byte integer and where it ends; beyond `end` when a byte of it has not come yet.

    >>> _variable(b"\xc1\x02", 0, 2)
    (321, 2)
    """
    value = 0
    for number in range(4):
        if at + number >= end:
            return 0, end + 1
        byte = buffer[at + number]
        value |= (byte & 0x7F) << 7 * number
        if not byte & MORE:
            return value, at + number + 1
    raise MalformedPacket("a length of more than four bytes")
