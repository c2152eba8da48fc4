"""MQTT packets as they lie in the bytes of a connection: publishes in bulk, everything else untouched.

Reading a chunk of many packets at once is what makes ingestion fast; a client library reads them one by one.
Source: OASIS MQTT 5.0, 1.5.5 (variable byte integer), 2.1 (fixed header), 3.3 (PUBLISH) and 3.4 (PUBACK); MQTT 3.1.1 is
the same without properties.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.inbox import Delivery

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
    """Cuts the bytes of one connection into packets, whatever the chunks they come in."""

    def __init__(self, *, generation: int, properties: bool) -> None:
        """`generation` numbers the connection; `properties` are there in MQTT 5 and not in 3.1.1."""
        self._generation = generation
        self._properties = properties
        self._topics: dict[bytes, str] = {}
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 2  # bytes without which nothing more can be read

    def feed(self, data: bytes, received_us: int) -> Packets:
        """The packets that are complete with this chunk. Raises MalformedPacket."""
        packets = Packets()
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
                length, body = _variable(buffer, at + 1, end)
                if body > end:
                    need = end - at + 1
                    break
            stop = body + length
            if stop > end:
                need = stop - at
                break
            if first & TYPE == PUBLISH:
                try:
                    self._publish(packets, buffer, first, body, stop, received_us)
                except IndexError:
                    raise MalformedPacket("a PUBLISH is shorter than its own lengths") from None
            else:
                packets.others.append((first, buffer[body:stop]))
            at = stop
        self._parts = [buffer[at:]]
        self._have, self._need = end - at, need
        return packets

    def _publish(self, packets: Packets, buffer: bytes, first: int, at: int, stop: int, received_us: int) -> None:
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
        if at > stop:
            raise MalformedPacket("a PUBLISH is shorter than its own lengths")
        delivery = Delivery(
            self._topics.get(name) or self._topic(name), buffer[at:stop], received_us, mid, self._generation
        )
        (packets.retained if first & RETAIN else packets.deliveries).append(delivery)

    def _topic(self, name: bytes) -> str:
        if len(self._topics) >= MOST_TOPICS:
            self._topics.clear()
        # A broker lets no other bytes through; should one do, the text names them and cannot be mistaken.
        topic = self._topics[name] = name.decode("utf-8", "backslashreplace")
        return topic


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
