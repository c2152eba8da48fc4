"""What the host says to a broker, on the wire: the will, the order, the flags; with MQTT 5 and 3.1.1, and by TLS."""

import json
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from batchwitness.embedded import ports
from tests.architecture.source import ROOT
from tests.certificates import Authority
from tests.ingest.sparkplug.conftest import GROUP, Node, Site
from tests.ingest.sparkplug.edge import T0_MS, metric
from tests.ingest.sparkplug.wire import (
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    Packet,
    Wire,
    read_publish,
    read_subscribe,
    wire_to,
)
from tests.mosquittos import mosquitto_with
from tests.support import eventually

ACL = ROOT / "deploy/mosquitto/topics.acl"
CONTENT = (CONNECT, SUBSCRIBE, SUBACK, PUBLISH, PUBACK, DISCONNECT)


def statement(payload: bytes) -> tuple[bool, int]:
    said = json.loads(payload)
    assert said.keys() == {"online", "timestamp"}
    assert isinstance(said["online"], bool)
    assert isinstance(said["timestamp"], int)
    return said["online"], said["timestamp"]


def states(site: Site, wire: Wire, *, five: bool) -> list[tuple[Packet, bool, int]]:
    """The STATE messages that the host published, with what they say."""
    published = [packet for packet in wire.packets if packet.to_broker and packet.kind == PUBLISH]
    read = [(packet, *read_publish(packet, five=five)) for packet in published]
    assert {topic for _, topic, _ in read} == {f"spBv1.0/STATE/{site.host_id}"}
    return [(packet, *statement(payload)) for packet, _, payload in read]


@pytest.mark.tck(
    "tck-id-principles-birth-certificates-order",
    "tck-id-host-topic-phid-birth-sub-required",
    "tck-id-host-topic-phid-birth-required",
    "tck-id-host-topic-phid-birth-payload-timestamp",
    "tck-id-host-topic-phid-death-qos",
    "tck-id-host-topic-phid-death-retain",
    "tck-id-host-topic-phid-death-topic",
    "tck-id-host-topic-phid-death-required",
    "tck-id-host-topic-phid-death-payload",
    "tck-id-host-topic-phid-death-payload-connect",
    "tck-id-message-flow-phid-sparkplug-clean-session-311",
    "tck-id-message-flow-phid-sparkplug-clean-session-50",
    "tck-id-message-flow-phid-sparkplug-subscription",
    "tck-id-message-flow-phid-sparkplug-state-publish",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload-timestamp",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state",
    "tck-id-operational-behavior-host-application-connect-will",
    "tck-id-operational-behavior-host-application-connect-will-topic",
    "tck-id-operational-behavior-host-application-connect-will-payload",
    "tck-id-operational-behavior-host-application-connect-will-qos",
    "tck-id-operational-behavior-host-application-connect-will-retained",
    "tck-id-operational-behavior-host-application-connect-birth",
    "tck-id-operational-behavior-host-application-connect-birth-topic",
    "tck-id-operational-behavior-host-application-connect-birth-payload",
    "tck-id-operational-behavior-host-application-connect-birth-qos",
    "tck-id-operational-behavior-host-application-connect-birth-retained",
    "tck-id-operational-behavior-host-application-disconnect-intentional",
    "tck-id-payloads-state-will-message",
    "tck-id-payloads-state-will-message-qos",
    "tck-id-payloads-state-will-message-retain",
    "tck-id-payloads-state-will-message-payload",
    "tck-id-payloads-state-subscribe",
    "tck-id-payloads-state-birth",
    "tck-id-payloads-state-birth-payload",
)
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_host_connects_with_its_will_subscribes_and_only_then_publishes_its_birth(site: Site, protocol: str) -> None:
    five = protocol == "5"
    began_ms = time.time_ns() // 1_000_000
    with wire_to(site.broker.host, site.broker.port, suback_after_s=0.5) as wire:
        with site.host(mqtt_port=wire.port, mqtt_protocol=protocol):
            node = site.node()
            node.born(metric("pH", 7.0, at_ms=T0_MS))
            eventually(lambda: site.ask("SELECT count(*) FROM reading") == 1, what="it takes what nodes say")
        packets = [packet for packet in wire.packets if packet.kind in CONTENT]

        (connect,) = wire.connects()
        assert (connect.five, connect.clean) == (five, True)
        assert connect.properties == b"", "no session expiry, which means 0"
        assert (connect.will_topic, connect.will_qos, connect.will_retain) == (f"spBv1.0/STATE/{site.host_id}", 1, True)
        online, timestamp = statement(connect.will_payload)
        assert online is False
        assert began_ms <= timestamp <= time.time_ns() // 1_000_000

        (birth, *at_birth), (death, *at_death) = states(site, wire, five=five)
        assert at_birth == [True, timestamp]
        assert at_death[0] is False
        assert at_death[1] >= timestamp
        assert [(packet.qos, packet.retain) for packet in (birth, death)] == [(1, True), (1, True)]

        (subscribe,) = [packet for packet in packets if packet.kind == SUBSCRIBE]
        assert read_subscribe(subscribe, five=five) == [(f"spBv1.0/STATE/{site.host_id}", 1), ("spBv1.0/#", 1)]
        order = [(packet.kind, packet.to_broker) for packet in packets]
        assert order[:3] == [(CONNECT, True), (SUBSCRIBE, True), (SUBACK, False)]
        sent = [packet for packet in packets if packet.to_broker and packet.kind != PUBACK]
        assert [packet.kind for packet in sent] == [CONNECT, SUBSCRIBE, PUBLISH, PUBLISH, DISCONNECT]
        assert (PUBACK, False) in order[packets.index(death) : packets.index(sent[-1])], "the death had arrived"


def test_a_host_over_tls_shows_its_certificate_and_takes_what_nodes_say(site: Site, tmp_path: Path) -> None:
    ca, port, inside = Authority(tmp_path), ports.free(), ports.free()
    shown, ours = ca.issue("broker", addresses=("127.0.0.1",)), ca.issue("sparkplug")
    (tmp_path / "acl").write_text(f"topic readwrite spBv1.0/#\n{ACL.read_text()}")
    settings = f"""\
per_listener_settings true
listener {port} 127.0.0.1
cafile {ca.certificate}
certfile {shown.certificate}
keyfile {shown.key}
require_certificate true
use_identity_as_username true
acl_file {tmp_path / "acl"}
listener {inside} 127.0.0.1
allow_anonymous true
acl_file {tmp_path / "acl"}
"""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    node = Node(client=client, name="edge-tls")
    with mosquitto_with(settings, tmp_path, inside):
        client.connect("127.0.0.1", inside)
        client.loop_start()
        try:
            with site.host(
                mqtt_port=port,
                mqtt_user=None,
                mqtt_password_file=None,
                mqtt_tls_ca=ca.certificate,
                mqtt_tls_certificate=ours.certificate,
                mqtt_tls_key=ours.key,
            ):
                asked = threading.Event()
                client.on_message = lambda *_: asked.set()
                client.subscribe(f"spBv1.0/{GROUP}/NCMD/{node.name}", 1)
                node.born(metric("pH", 7.0, at_ms=T0_MS))
                node.say("DDATA", [metric("pH", 7.1, at_ms=T0_MS + 1000)], "BR-01", skip=1)
                eventually(lambda: site.ask("SELECT count(*) FROM reading") == 2, what="it takes what nodes say")
                assert asked.wait(10), "and may ask for births"
        finally:
            client.disconnect()
            client.loop_stop()
