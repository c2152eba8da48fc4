"""What the embedded broker promises: who may do what, and what is still there after it was killed."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from batchwitness.embedded import ports
from batchwitness.embedded.broker import BrokerKind, EmbeddedBroker
from batchwitness.embedded.child import CannotRun
from tests.support import eventually

STRANGERS = [(None, None), ("", ""), ("ingest", "guess"), ("root", "root")]
TOPIC = "batchwitness/v1/broker-test/a/u/readings"


class Subscriber:
    """A session of user ingest that outlives its connection; `in_flight` is the window it asks for."""

    def __init__(self, broker: EmbeddedBroker, client_id: str, *, in_flight: int | None = None) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.subscribed = False
        self.client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set("ingest", broker.passwords.get("ingest"))
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        keep = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        keep.SessionExpiryInterval = 3600
        if in_flight is not None:  # then nothing is acknowledged either
            keep.ReceiveMaximum = in_flight
            self.client.manual_ack_set(True)
        self.client.connect(broker.host, broker.port, clean_start=False, properties=keep)
        self.client.subscribe("batchwitness/#", qos=1)
        self.client.loop_start()
        eventually(lambda: self.subscribed, what="the subscription is granted")

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.received.append((message.topic, bytes(message.payload)))


def publish(broker: EmbeddedBroker, payloads: list[bytes], *, topic: str = TOPIC) -> None:
    client = Client(CallbackAPIVersion.VERSION2, "plant-test", protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set("plant", broker.passwords.get("plant"))
    client.connect(broker.host, broker.port)
    client.loop_start()
    for sent in [client.publish(topic, payload, qos=1) for payload in payloads]:
        sent.wait_for_publish(10)
        assert sent.is_published()
    client.disconnect()
    client.loop_stop()


def let_in(broker: EmbeddedBroker, user: str | None, password: str | None) -> bool:
    """Whether CONNECT is answered with success; a refusal and a connection closed without a word are both a no."""
    answers: list[bool] = []
    client = Client(
        CallbackAPIVersion.VERSION2,
        "stranger",
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    client.username_pw_set(user, password)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(not reason.is_failure)
    client.on_disconnect = lambda *_: answers.append(False)
    client.connect(broker.host, broker.port)
    client.loop_start()
    eventually(lambda: answers, what="an answer to CONNECT")
    client.disconnect()
    client.loop_stop()
    return answers[0]


@pytest.fixture
def rumqttd(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path / "broker", 0, kind=BrokerKind.RUMQTTD) as broker:
        yield broker


def persisted(broker: EmbeddedBroker, payload: bytes) -> bool:
    """Whether the broker's file already holds a message: only then may it be killed and be expected to know it."""
    file = broker.data_dir / "mosquitto" / "mosquitto.db"
    return file.exists() and payload in file.read_bytes()


def test_mosquitto_keeps_what_waits_for_an_absent_session_through_sigkill(own_broker: EmbeddedBroker) -> None:
    Subscriber(own_broker, "absent").leave()
    payloads = [f"reading-{number:04}".encode() for number in range(300)]
    publish(own_broker, payloads)
    eventually(lambda: persisted(own_broker, payloads[-1]), what="mosquitto saves within its interval of 1 s")
    own_broker.kill()
    own_broker.start()
    back = Subscriber(own_broker, "absent")
    eventually(lambda: len(back.received) >= len(payloads), what="what waited is delivered")
    back.leave()
    assert [payload for _, payload in back.received] == payloads


def test_mosquitto_queues_more_than_its_own_default_of_1000_for_an_absent_session(
    own_broker: EmbeddedBroker,
) -> None:
    Subscriber(own_broker, "absent").leave()
    payloads = [str(number).encode() for number in range(3000)]
    publish(own_broker, payloads)
    own_broker.stop()
    own_broker.start()
    back = Subscriber(own_broker, "absent")
    eventually(lambda: len(back.received) >= len(payloads), what="what waited is delivered")
    back.leave()
    assert [payload for _, payload in back.received] == payloads


def test_mosquitto_has_as_many_messages_in_flight_as_the_subscriber_asks_for(broker: EmbeddedBroker) -> None:
    subscriber = Subscriber(broker, "wide", in_flight=500)
    publish(broker, [str(number).encode() for number in range(600)])
    eventually(lambda: len(subscriber.received) >= 500, what="500 messages although none was acknowledged")
    publish(broker, [b"one more"])
    assert len(subscriber.received) == 500
    subscriber.leave()


def test_mosquitto_passes_on_what_the_plant_publishes_and_only_on_its_topics(broker: EmbeddedBroker) -> None:
    subscriber = Subscriber(broker, "topics")
    publish(broker, [b"outside"], topic="batchwitness/other")
    publish(broker, [b"inside"])
    eventually(lambda: (TOPIC, b"inside") in subscriber.received, what="the message on the plant's topic")
    subscriber.leave()
    assert [payload for _, payload in subscriber.received] == [b"inside"]


@pytest.mark.parametrize(("user", "password"), STRANGERS)
def test_mosquitto_lets_no_stranger_in(broker: EmbeddedBroker, user: str | None, password: str | None) -> None:
    assert not let_in(broker, user, password)
    assert let_in(broker, "plant", broker.passwords.get("plant"))


@pytest.mark.parametrize(("user", "password"), STRANGERS)
def test_rumqttd_lets_no_stranger_in(rumqttd: EmbeddedBroker, user: str | None, password: str | None) -> None:
    assert not let_in(rumqttd, user, password)
    assert let_in(rumqttd, "plant", rumqttd.passwords.get("plant"))


def test_rumqttd_passes_messages_and_says_what_it_cannot_do(rumqttd: EmbeddedBroker) -> None:
    subscriber = Subscriber(rumqttd, "wheel")
    publish(rumqttd, [b"one", b"two"])
    eventually(lambda: len(subscriber.received) == 2, what="both messages")
    subscriber.leave()
    assert not rumqttd.survives_restart
    assert any("forgets" in sentence for sentence in rumqttd.warnings)


def test_no_password_can_be_read_by_others_or_is_on_a_command_line(broker: EmbeddedBroker) -> None:
    command = Path(f"/proc/{broker.pid}/cmdline").read_text()
    for user in ("ingest", "plant"):
        file = broker.passwords.file(user)
        assert file.stat().st_mode & 0o777 == 0o600
        assert broker.passwords.get(user) not in command
    for path in (broker.data_dir / "mosquitto").iterdir():
        assert broker.passwords.get("ingest").encode() not in path.read_bytes()
    assert (broker.data_dir / "mosquitto").stat().st_mode & 0o777 == 0o700


def test_a_port_in_use_is_named_and_port_0_picks_a_free_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", ports.free())) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun, match=f"127.0.0.1:{port} .*port 0 picks a free one"):
            EmbeddedBroker(tmp_path / "broker", port).start()
        assert EmbeddedBroker(tmp_path / "broker", 0).port not in (0, port)
