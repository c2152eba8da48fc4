"""The ingest loop in this process, against a real broker and a real database, either of which a test may cut off."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from batchwitness.embedded.broker import EmbeddedBroker
from ingest.partitions import partitions
from ingest.settings import IngestSettings
from ingest.worker import Worker
from store.clock import PlantClock
from tests.fix_postgres import Database
from tests.plant import plant
from tests.support import eventually

numbers = count(1)


@dataclass(slots=True)
class Plant:
    """Publishes to a prefix of its own."""

    client: mqtt.Client
    prefix: str

    def publish(self, topic: str, payload: object, *, retain: bool = False) -> None:
        """Publish and wait for the broker's acknowledgement."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        info = self.client.publish(f"{self.prefix}/leiden/hall/{topic}", body, qos=1, retain=retain)
        info.wait_for_publish(10)
        assert info.is_published()


@dataclass(slots=True)
class Line:
    """Broker, database and the means to run ingest between them."""

    database: Database
    broker: EmbeddedBroker
    prefix: str
    client_id: str
    owner: psycopg.Connection
    plant: Plant

    @contextmanager
    def ingest(
        self,
        *,
        conninfo: str | None = None,
        port: int | None = None,
        batch: int = 100,
        host_now: Callable[[], datetime] | None = None,
    ) -> Iterator[Worker]:
        """Run the loop until the block ends; what it took but did not commit stays unacknowledged."""
        clock = PlantClock.from_settings(None, None, None)
        settings = IngestSettings(
            mqtt_host=self.broker.host,
            mqtt_port=port or self.broker.port,
            mqtt_user="ingest",
            mqtt_password_file=self.broker.passwords.file("ingest"),
            mqtt_client_id=self.client_id,
            topic_prefix=self.prefix,
            ingest_batch=batch,
        )
        subscribed = threading.Event()
        [rest] = partitions("", client_id=self.client_id, prefix=self.prefix)
        worker = Worker(
            settings,
            rest,
            clock=clock if host_now is None else replace(clock, host_now=host_now),
            tells_time=lambda: True,
            on_subscribed=subscribed.set,
            conninfo=conninfo or self.database.dsn("ingest"),
        )
        worker.start()
        try:
            eventually(subscribed.is_set, within_s=20, what="the subscription")
            yield worker
        finally:
            worker.stop()

    def ask(self, question: str) -> Any:
        """The one value of a question."""
        row = self.owner.execute(question).fetchone()
        assert row is not None
        return row[0]

    def stored(self, readings: int) -> Callable[[], bool]:
        """A check that so many readings are in the record."""
        return lambda: self.ask("SELECT count(*) FROM reading") == readings


@pytest.fixture
def line(database: Database, broker: EmbeddedBroker) -> Iterator[Line]:
    yield from _line(database, broker)


@pytest.fixture
def own_line(database: Database, own_broker: EmbeddedBroker) -> Iterator[Line]:
    """The same with a broker that the test may kill."""
    yield from _line(database, own_broker)


def _line(database: Database, broker: EmbeddedBroker) -> Iterator[Line]:
    number = next(numbers)
    prefix = f"batchwitness/v1/test{number}"  # the plant may publish below batchwitness/v1
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"plant-{number}", protocol=mqtt.MQTTv5)
    client.username_pw_set("plant", broker.passwords.file("plant").read_text().strip())
    client.max_queued_messages_set(100_000)
    client.connect(broker.host, broker.port)
    client.loop_start()
    with psycopg.connect(database.dsn("owner"), autocommit=True) as owner:
        plant(owner)
        yield Line(
            database=database,
            broker=broker,
            prefix=prefix,
            client_id=f"ingest-{number}",
            owner=owner,
            plant=Plant(client=client, prefix=prefix),
        )
    client.disconnect()
    client.loop_stop()


def readings(number: int, **values: float) -> dict[str, object]:
    """A readings message, one second after another."""
    minute, second = divmod(number, 60)
    hour, minute = divmod(minute, 60)
    return {"time": f"2026-01-05T{hour:02}:{minute:02}:{second:02}Z", "values": values or {"pH": 7.0 + number / 1e6}}
