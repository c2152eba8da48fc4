"""The broker's settings, in a real mosquitto: who gets in, and who may say or hear what."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from batchwitness.embedded import mosquitto, ports
from deploy.make_secrets import make_secrets
from tests.fix_postgres import short_directory
from tests.support import eventually, missing

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "mosquitto"
TOPIC = "batchwitness/v1/site-1/suite-1/BR-1/readings"


@pytest.fixture
def secrets() -> Iterator[Path]:
    directory = short_directory()
    make_secrets(directory / "secrets", directory / "environment")
    yield directory / "secrets"
    shutil.rmtree(directory)


@pytest.fixture
def port(secrets: Path) -> Iterator[int]:
    """The compose file's broker, with its own paths and port replaced by those of this machine."""
    program = mosquitto.find()
    if program is None:
        missing("mosquitto is not installed (apt-get install mosquitto)")
    port = ports.free()
    text = (CONFIGURATION / "mosquitto.conf").read_text()
    for ours, here in (
        ("listener 1883", f"listener {port} 127.0.0.1"),
        ("/run/secrets/mosquitto_users", str(secrets / "mosquitto_users")),
        ("/mosquitto/config/topics.acl", str(CONFIGURATION / "topics.acl")),
        ("/mosquitto/data/", f"{secrets}/"),
    ):
        assert ours in text
        text = text.replace(ours, here)
    settings = secrets / "mosquitto.conf"
    settings.write_text(text + "user root\n")  # in the container it starts as mosquitto's own user
    with subprocess.Popen([str(program), "-c", str(settings)], stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: Client(port, "ingest", secrets).is_admitted(), what="mosquitto answers")
            yield port
        finally:
            process.terminate()
            process.wait(10)


class Client:
    """A client that remembers how it was received and what it heard."""

    def __init__(self, port: int, user: str | None, secrets: Path, password: str | None = None) -> None:
        self.heard: Queue[str] = Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        if user is not None:
            self.client.username_pw_set(user, password or (secrets / f"mqtt_{user}").read_text().strip())
        self.received: Queue[bool] = Queue()
        self.client.on_connect = lambda _client, _data, _flags, reason, _properties: self.received.put(
            not reason.is_failure
        )
        self.client.on_message = lambda _client, _data, message: self.heard.put(message.topic)
        self.settled: Queue[str] = Queue()
        self.client.on_subscribe = lambda *_: self.settled.put("subscribed")
        self.client.on_disconnect = lambda *_: self.settled.put("dropped")
        self.port = port

    def connect(self) -> bool:
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()
        return self.received.get(timeout=10)

    def is_admitted(self) -> bool:
        try:
            return self.connect()
        except OSError as error:
            raise AssertionError(f"not listening yet: {error}") from error
        finally:
            self.close()

    def listen(self, topic: str) -> str:
        """Return once the broker has taken the subscription, and with it everything this client said before.

        Or once it has hung up: some versions of mosquitto do on a client that says what it may not.
        """
        self.client.subscribe(topic, qos=1)
        return self.settled.get(timeout=10)

    def say(self, topic: str) -> None:
        self.client.publish(topic, b"{}", qos=1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_nobody_gets_in_without_the_password_made_for_him(port: int, secrets: Path) -> None:
    assert not Client(port, None, secrets).is_admitted()
    assert not Client(port, "ingest", secrets, password="guess").is_admitted()
    for user in ("ingest", "edge", "health"):
        assert Client(port, user, secrets).is_admitted()


@pytest.fixture
def connect(port: int, secrets: Path) -> Iterator[Callable[[str], Client]]:
    """Connects a client as one of the users."""
    connected = []

    def connect(user: str) -> Client:
        client = Client(port, user, secrets)
        connected.append(client)
        assert client.connect()
        return client

    yield connect
    for client in connected:
        client.close()


def test_ingest_hears_only_what_the_edge_may_say_and_the_edge_hears_nothing(
    connect: Callable[[str], Client],
) -> None:
    ingest, edge = connect("ingest"), connect("edge")
    assert ingest.listen("batchwitness/#") == edge.listen("batchwitness/#") == "subscribed"
    for user, topic in (("ingest", f"{TOPIC}/from-ingest"), ("edge", "batchwitness/elsewhere"), ("health", TOPIC)):
        intruder = connect(user)
        intruder.say(topic)
        intruder.listen("nothing/is/here")
    edge.say(TOPIC)  # comes last, so whatever was let through is heard before it
    assert ingest.heard.get(timeout=10) == TOPIC
    assert edge.listen("batchwitness/v1/#") == "subscribed"
    with pytest.raises(Empty):
        edge.heard.get_nowait()
    with pytest.raises(Empty):
        ingest.heard.get_nowait()


def test_the_health_check_hears_how_many_are_connected(connect: Callable[[str], Client]) -> None:
    health = connect("health")
    health.listen("$SYS/broker/clients/connected")
    assert health.heard.get(timeout=20) == "$SYS/broker/clients/connected"
