"""Say anything at all over MQTT as the plant does, and find in the record what became of exactly that."""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from store.journal import decode_entries
from store.payload import MOST_BYTES
from tests.acceptance.system import System
from tests.support import eventually

TOPIC = "batchwitness/v1/leiden/bioreactor-hall"  # /BR-01/readings

Said = tuple[str, bytes]  # topic, payload


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """A row of the quarantine with the message it is about, which comes from the journal."""

    said: Said
    item: str  # "" for the whole message
    code: str
    reason: str


def say(system: System, messages: Iterable[tuple[str, object]]) -> list[Said]:
    """Publish at QoS 1, in order, and return what the record has to hold of it once the broker has acknowledged all.

    A topic of two levels is a unit of the bioreactor hall and what it says; a payload that is not bytes becomes JSON.
    """
    said = [
        (
            f"{TOPIC}/{topic}" if topic.count("/") == 1 else topic,
            payload if isinstance(payload, bytes) else orjson.dumps(payload),
        )
        for topic, payload in messages
    ]
    connected = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id="acceptance", protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(system.broker.user, system.broker.password)
    client.on_connect = lambda *_: connected.set()
    client.connect(system.broker.host, system.broker.port)
    client.loop_start()
    try:
        assert connected.wait(20), "the broker does not answer"
        sent = [client.publish(topic, payload, qos=1) for topic, payload in said]
        for one in sent:
            one.wait_for_publish(30)
            assert one.is_published()
    finally:
        client.disconnect()
        client.loop_stop()
    return [(topic, _as_kept(payload)) for topic, payload in said]


def say_and_wait(system: System, *messages: tuple[str, object]) -> list[Said]:
    """The same, and wait until the journal holds every one of them."""
    said = say(system, messages)
    eventually(lambda: set(said) <= set(journal(system)), within_s=60, what="the journal holds everything said")
    return said


def journal(system: System) -> list[Said]:
    """Every message that came over MQTT, in the order in which it was taken."""
    bodies = system.ask(
        "SELECT raw FROM block_body JOIN chain USING (chain_id)"
        " WHERE chain.kind = 'live' ORDER BY chain_id, block_body.seq"
    )
    return [(entry.topic, entry.payload) for (raw,) in bodies for entry in decode_entries(raw) if entry.topic]


def quarantine(system: System) -> list[PutAside]:
    """Everything that was put aside."""
    rows = system.ask(
        "SELECT block_body.raw, quarantine.entry, item, code, reason FROM quarantine"
        " JOIN block_body ON block_body.chain_id = quarantine.chain_id AND block_body.seq = quarantine.block_seq"
        " ORDER BY quarantine_id"
    )
    found = []
    for raw, number, item, code, reason in rows:
        entry = list(decode_entries(raw))[number]
        found.append(PutAside(said=(entry.topic, entry.payload), item=item, code=code, reason=reason))
    return found


def put_aside(system: System, said: Said) -> list[PutAside]:
    """What was put aside of one message."""
    return [row for row in quarantine(system) if row.said == said]


def _as_kept(payload: bytes) -> bytes:
    """What stands in the journal: everything, or of a message too large its beginning, length and digest."""
    if len(payload) <= MOST_BYTES:
        return payload
    return payload[:65_536] + f"\n[{len(payload)} bytes, SHA-256 {hashlib.sha256(payload).hexdigest()}]".encode()
