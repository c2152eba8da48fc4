"""What a client and a broker say to each other, packet by packet: recorded on its way, changed in nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 1, 3, 4, 8, 9, 14


@dataclass(frozen=True, slots=True)
class Packet:
    """One MQTT control packet."""

    to_broker: bool
    kind: int
    flags: int
    body: bytes

    @property
    def qos(self) -> int:
        """Of a PUBLISH."""
        return self.flags >> 1 & 3

    @property
    def retain(self) -> bool:
        """Of a PUBLISH."""
        return bool(self.flags & 1)


@dataclass(slots=True)
class Reader:
    """Reads the fields of a body in order (MQTT 5, chapter 1.5)."""

    body: bytes
    at: int = 0

    def take(self, length: int) -> bytes:
        """So many bytes."""
        self.at += length
        return self.body[self.at - length : self.at]

    def number(self, length: int) -> int:
        """An integer of so many bytes."""
        return int.from_bytes(self.take(length), "big")

    def data(self) -> bytes:
        """Bytes or text with their length before them."""
        return self.take(self.number(2))

    def variable(self) -> int:
        """A variable byte integer."""
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def properties(self, *, five: bool) -> bytes:
        """The properties of an MQTT 5 packet, as they are."""
        return self.take(self.variable()) if five else b""

    @property
    def rest(self) -> bytes:
        """What was not read yet."""
        return self.body[self.at :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """The CONNECT of a client with a will."""

    five: bool
    clean: bool
    properties: bytes
    will_topic: str
    will_payload: bytes
    will_qos: int
    will_retain: bool


@dataclass(slots=True)
class Wire:
    """All packets of all connections, in the order in which they passed."""

    port: int
    suback_after_s: float  # so long the broker's answer to SUBSCRIBE is on its way
    packets: list[Packet] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, packet: Packet) -> None:
        """Remember one."""
        with self._lock:
            self.packets.append(packet)

    def connects(self) -> list[Connect]:
        """Those that a client sent."""
        return [read_connect(packet) for packet in self.packets if packet.kind == CONNECT]


def read_connect(packet: Packet) -> Connect:
    """Its fields (MQTT 5, chapter 3.1; MQTT 3.1.1 has no properties)."""
    body = Reader(packet.body)
    assert body.data() == b"MQTT"
    five = body.number(1) == 5
    flags = body.number(1)
    body.number(2)
    properties = body.properties(five=five)
    body.data()
    assert flags & 4, "a will"
    body.properties(five=five)
    return Connect(
        five=five,
        clean=bool(flags & 2),
        properties=properties,
        will_topic=body.data().decode(),
        will_payload=body.data(),
        will_qos=flags >> 3 & 3,
        will_retain=bool(flags & 32),
    )


def read_publish(packet: Packet, *, five: bool) -> tuple[str, bytes]:
    """Topic and payload."""
    body = Reader(packet.body)
    topic = body.data().decode()
    if packet.qos:
        body.number(2)
    body.properties(five=five)
    return topic, body.rest


def read_subscribe(packet: Packet, *, five: bool) -> list[tuple[str, int]]:
    """Topic filters, each with the QoS that is asked for."""
    body = Reader(packet.body)
    body.number(2)
    body.properties(five=five)
    asked = []
    while body.rest:
        asked.append((body.data().decode(), body.number(1) & 3))
    return asked


@contextmanager
def wire_to(host: str, port: int, *, suback_after_s: float = 0.0) -> Iterator[Wire]:
    """Listen, and pass everything on to the broker."""
    ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(listener.getsockname()[1], suback_after_s)

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                broker = socket.create_connection((host, port))
                ends.extend((client, broker))
                for source, sink, to_broker in ((client, broker, True), (broker, client, False)):
                    threading.Thread(target=_pass_on, args=(wire, source, sink, to_broker), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield wire
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for end in ends:
                end.close()


def _pass_on(wire: Wire, source: socket.socket, sink: socket.socket, to_broker: bool) -> None:  # noqa: FBT001 - of a thread
    waiting = b""
    try:
        while data := source.recv(65536):
            waiting += data
            while (length := _length(waiting)) is not None:
                head = Reader(waiting[:length], 1)
                head.variable()
                packet = Packet(to_broker, waiting[0] >> 4, waiting[0] & 15, head.rest)
                if packet.kind == SUBACK and wire.suback_after_s:
                    threading.Event().wait(wire.suback_after_s)
                wire.note(packet)
                waiting = waiting[length:]
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other end has gone


def _length(data: bytes) -> int | None:
    """Of the packet that data begin with, once all of it is there."""
    head = data[1:5]
    end = next((number for number, byte in enumerate(head) if byte < 128), None)
    if end is None:
        return None
    reader = Reader(data, 1)
    whole = reader.variable() + reader.at
    return whole if len(data) >= whole else None
