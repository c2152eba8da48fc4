"""Packets are read from bytes as they were written, however the bytes are cut."""

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.inbox import Delivery
from ingest.oversize import KEPT_BYTES
from ingest.wire import MalformedPacket, PacketReader, acknowledgements
from store.payload import MOST_BYTES

PINGRESP = b"\xd0\x00"


def variable(value: int) -> bytes:
    """A variable byte integer, written as the standard's own algorithm does (1.5.5)."""
    encoded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        encoded.append(digit | 128 if value else digit)
        if not value:
            return bytes(encoded)


def publish(topic: str, payload: bytes, *, mid: int, qos: int, retain: bool, properties: bytes | None) -> bytes:
    """A PUBLISH; `properties` None is MQTT 3.1.1."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name
    if qos:
        body += mid.to_bytes(2, "big")
    if properties is not None:
        body += variable(len(properties)) + properties
    body += payload
    return bytes([0x30 | qos << 1 | retain]) + variable(len(body)) + body


messages = st.tuples(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.one_of(st.binary(max_size=40), st.integers(120, 20_000).map(bytes)),
    st.integers(1, 65_535),
    st.integers(0, 1),
    st.booleans(),
    st.one_of(st.just(b""), st.integers(1, 300).map(bytes)),
)


@given(st.lists(messages, max_size=12), st.sampled_from([4, 5]), st.data())
def test_every_publish_is_read_whole_however_the_bytes_are_cut(
    sent: list[tuple[str, bytes, int, int, bool, bytes]], version: int, data: st.DataObject
) -> None:
    stream = b"".join(
        publish(topic, payload, mid=mid, qos=qos, retain=retain, properties=properties if version == 5 else None)
        + PINGRESP
        for topic, payload, mid, qos, retain, properties in sent
    )
    reader = PacketReader(generation=3, properties=version == 5)
    deliveries: list[Delivery] = []
    retained: list[Delivery] = []
    others: list[tuple[int, bytes]] = []
    at = 0
    while at < len(stream):
        cut = data.draw(st.integers(1, min(len(stream) - at, 9_000)))
        packets = reader.feed(stream[at : at + cut], at)
        deliveries += packets.deliveries
        retained += packets.retained
        others += packets.others
        at += cut
    for kept, kind in ((deliveries, False), (retained, True)):
        assert [(one.topic, one.payload, one.mid, one.generation) for one in kept] == [
            (topic, payload, mid if qos else 0, 3) for topic, payload, mid, qos, retain, _ in sent if retain is kind
        ]
    assert others == [(0xD0, b"")] * len(sent)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.sampled_from([4, 5]))
def test_bytes_that_are_not_mqtt_end_in_one_error_or_in_packets(chunks: list[bytes], version: int) -> None:
    reader = PacketReader(generation=1, properties=version == 5)
    try:
        for chunk in chunks:
            reader.feed(chunk, 0)
    except MalformedPacket:
        pass


def test_a_publish_whose_topic_is_longer_than_itself_is_malformed() -> None:
    with pytest.raises(MalformedPacket, match="shorter than its own lengths"):
        PacketReader(generation=1, properties=True).feed(b"\x32\x05\x00\xff\x00\x01\x00" + bytes(300), 0)


def test_acknowledgements_name_the_packet_ids_in_order() -> None:
    assert acknowledgements([7, 65_535]) == b"\x40\x02\x00\x07\x40\x02\xff\xff"


@pytest.mark.parametrize("more", [1, 70_000, 9_000_000], ids=["a byte", "a head", "twice as much"])
@pytest.mark.parametrize("properties", [None, b"", bytes(6_000_000)], ids=["3.1.1", "5", "5 with 6 MB of properties"])
def test_of_a_message_too_large_a_beginning_a_length_and_a_digest_remain(more: int, properties: bytes | None) -> None:
    chance = random.Random(more)
    payload = chance.randbytes(MOST_BYTES + more)
    small = publish("t", b"small", mid=1, qos=1, retain=False, properties=None if properties is None else b"")
    large = publish("large", payload, mid=7, qos=1, retain=False, properties=properties)
    stream = small + large + small + large + small
    reader = PacketReader(generation=3, properties=properties is not None)
    deliveries: list[Delivery] = []
    at, most_held = 0, 0
    while at < len(stream):
        chunk = chance.choice([1, 7, 1_000, 262_144])
        deliveries += reader.feed(stream[at : at + chunk], at).deliveries
        most_held = max(most_held, reader._have)
        at += chunk
    assert [one.topic for one in deliveries] == ["t", "large", "t", "large", "t"]
    assert [one.payload for one in deliveries[::2]] == [b"small"] * 3
    told = b"\n[%d bytes, SHA-256 %s]" % (len(payload), sha256(payload).hexdigest().encode())
    for one in deliveries[1::2]:
        assert (one.mid, one.generation, one.whole_bytes) == (7, 3, len(payload))
        assert one.payload == payload[:KEPT_BYTES] + told
    assert most_held < MOST_BYTES + 400_000
