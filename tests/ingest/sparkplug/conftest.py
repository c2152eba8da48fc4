"""A Sparkplug host between a real broker and a real database, and an edge node that says what a test tells it to."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from batchwitness.embedded.broker import EmbeddedBroker
from ingest.sparkplug.datatypes import Datatype
from ingest.sparkplug.host import Patience
from ingest.sparkplug.main import assembled
from ingest.sparkplug.payload import BDSEQ, REBIRTH
from ingest.sparkplug.settings import SparkplugSettings
from ingest.sparkplug.sparkplug_b_pb2 import Metric
from tests.fix_postgres import Database
from tests.ingest.sparkplug.edge import metric, payload
from tests.ingest.sparkplug.impatient import SOON
from tests.plant import plant
from tests.support import eventually

GROUP = "leiden:hall"
numbers = count(1)


@dataclass(slots=True)
class Ear:
    """Hears topics of the broker, in order."""

    client: mqtt.Client
    heard: "queue.Queue[mqtt.MQTTMessage]"

    def until(
        self, wanted: Callable[[mqtt.MQTTMessage], bool] | None = None, within_s: float = 20.0
    ) -> mqtt.MQTTMessage:
        """The next message, or the next that is wanted; others are passed over."""
        while True:
            message = self.heard.get(timeout=within_s)
            if wanted is None or wanted(message):
                return message

    def state(self, *, online: bool, within_s: float = 20.0) -> int:
        """The timestamp of the next STATE that says so."""
        message = self.until(lambda message: json.loads(message.payload)["online"] is online, within_s)
        timestamp: int = json.loads(message.payload)["timestamp"]
        return timestamp


@dataclass(slots=True)
class Node:
    """An edge node over a real connection; nothing it does is by itself."""

    client: mqtt.Client
    name: str
    bd_seq: int = 0
    seq: int = 0

    def say(self, verb: str, metrics: Iterable[Metric] = (), device: str | None = None, *, skip: int = 0) -> None:
        """Publish with the next number; `skip` loses so many before."""
        self.seq = 0 if verb == "NBIRTH" else (self.seq + 1 + skip) % 256
        topic = f"spBv1.0/{GROUP}/{verb}/{self.name}" + (f"/{device}" if device else "")
        body = payload(metrics, seq=self.seq)
        self.client.publish(topic, body, qos=0).wait_for_publish(10)

    def born(self, *metrics: Metric, device: str = "BR-01") -> None:
        """NBIRTH and the DBIRTH of one device."""
        self.say(
            "NBIRTH",
            [
                metric(BDSEQ, self.bd_seq, datatype=Datatype.Int64),
                metric(REBIRTH, value=False, datatype=Datatype.Boolean),
            ],
        )
        self.say("DBIRTH", metrics, device)

    def dead(self) -> None:
        """NDEATH."""
        body = payload([metric(BDSEQ, self.bd_seq, datatype=Datatype.Int64)], seq=None)
        self.client.publish(f"spBv1.0/{GROUP}/NDEATH/{self.name}", body, qos=1).wait_for_publish(10)


@dataclass(slots=True)
class Site:
    """Broker, database and the means to run a host between them."""

    database: Database
    broker: EmbeddedBroker
    host_id: str
    owner: psycopg.Connection
    _clients: list[mqtt.Client] = field(default_factory=list)

    def client(self, **will: Any) -> mqtt.Client:
        """A connected client with the rights of the plant."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"site-{next(numbers)}", protocol=mqtt.MQTTv5)
        client.username_pw_set("plant", self.broker.passwords.file("plant").read_text().strip())
        if will:
            client.will_set(**will)
        self._clients.append(client)
        client.connect(self.broker.host, self.broker.port)
        client.loop_start()
        eventually(client.is_connected, what="the client connects")
        return client

    def ear(self, topic: str) -> Ear:
        """Hear a topic from now on."""
        heard: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        client, subscribed = self.client(), threading.Event()
        client.on_message = lambda _client, _data, message: heard.put(message)
        client.on_subscribe = lambda *_: subscribed.set()
        client.subscribe(topic, qos=1)
        assert subscribed.wait(10)
        return Ear(client=client, heard=heard)

    def states(self) -> Ear:
        """Hear the host's STATE."""
        return self.ear(f"spBv1.0/STATE/{self.host_id}")

    def node(self, name: str | None = None) -> Node:
        """A connected edge node of this site's group."""
        return Node(client=self.client(), name=name or f"edge-{next(numbers)}")

    def settings(self, **more: Any) -> SparkplugSettings:
        """Of a host here."""
        return SparkplugSettings.model_validate(
            {
                "mqtt_host": self.broker.host,
                "mqtt_port": self.broker.port,
                "mqtt_user": "sparkplug",
                "mqtt_password_file": self.broker.passwords.file("sparkplug"),
                "sparkplug_host_id": self.host_id,
                "sparkplug_reorder_s": 0.3,
            }
            | more
        )

    @contextmanager
    def host(self, *, conninfo: str | None = None, patience: Patience = SOON, **more: Any) -> Iterator[None]:
        """A host in this process, online when the block begins and gone in order when it ends."""
        stop, online = threading.Event(), threading.Event()
        host, link = assembled(
            self.settings(**more),
            stop,
            ready=online.set,
            conninfo=conninfo or self.database.dsn("ingest"),
            patience=patience,
        )
        loop = threading.Thread(target=host.run)
        link.start()
        loop.start()
        try:
            assert online.wait(20), "the host is online"
            yield
        finally:
            stop.set()
            loop.join(30)
            link.leave()
            host.finish()
            assert not loop.is_alive()

    def process(self, ready_file: Path, *module: str) -> "subprocess.Popen[bytes]":
        """A host as a process of its own; unless another is named, one that believes as soon as SOON in a loss."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "BATCHWITNESS_"))}
        settings = self.settings()
        return subprocess.Popen(
            [sys.executable, "-m", *(module or ("tests.ingest.sparkplug.impatient",))],
            env=clean
            | {
                "BATCHWITNESS_MQTT_HOST": settings.mqtt_host,
                "BATCHWITNESS_MQTT_PORT": str(settings.mqtt_port),
                "BATCHWITNESS_MQTT_USER": "sparkplug",
                "BATCHWITNESS_MQTT_PASSWORD_FILE": str(settings.mqtt_password_file),
                "BATCHWITNESS_SPARKPLUG_HOST_ID": self.host_id,
                "BATCHWITNESS_READY_FILE": str(ready_file),
                **self.libpq(),
            },
        )

    def libpq(self) -> dict[str, str]:
        """The database as libpq's variables name it."""
        server = self.database.server
        role = "batchwitness_ingest"
        return {
            "PGHOST": str(server.socket_dir),
            "PGDATABASE": self.database.name,
            "PGUSER": role,
            "PGPASSFILE": str(server.passwords.passfile(role)),
        }

    def ask(self, question: str) -> Any:
        """The one value of a question."""
        row = self.owner.execute(question).fetchone()
        return None if row is None else row[0]

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """All rows of a question."""
        return self.owner.execute(question).fetchall()

    def close(self) -> None:
        """Disconnect everybody."""
        for client in self._clients:
            client.disconnect()
            client.loop_stop()


@pytest.fixture
def site(database: Database, broker: EmbeddedBroker) -> Iterator[Site]:
    with psycopg.connect(database.dsn("owner"), autocommit=True) as owner:
        plant(owner)
        site = Site(database=database, broker=broker, host_id=f"host-{next(numbers)}", owner=owner)
        yield site
        site.close()
