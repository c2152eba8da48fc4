"""An edge gateway or a listener of a test: an MQTT client that remembers what it heard and how it was answered."""

import threading
from types import TracebackType
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from ingest.client import connection, new_client
from ingest.settings import IngestSettings
from ingest.versions import Version
from tests.support import eventually

NOT_AUTHORISED = 0x87
HUNG_UP = -1  # some versions of mosquitto do on who says what it may not


class Edge:
    """Connected inside the block. `connected` stays unset where the broker does not let it in."""

    def __init__(self, settings: IngestSettings, name: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connected = threading.Event()
        self._settings = settings
        self._subscribed = threading.Event()
        self._answers: dict[int, int] = {}
        self.client = new_client(settings, client_id=name, version=Version.V5)
        self.client.manual_ack_set(False)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self.client.on_publish = lambda _client, _data, mid, reason, _properties: self._answers.update(
            {mid: reason.value}
        )

    def __enter__(self) -> Self:
        self.client.connect(**connection(self._settings, Version.V5, receive_maximum=1_000))
        self.client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def listen(self, topic_filter: str) -> None:
        """Subscribe at QoS 1 and wait until the broker has answered."""
        self._await_connection()
        self.client.subscribe(topic_filter, qos=1)
        eventually(self._subscribed.is_set, what="the subscription")

    def say(self, topic: str, payload: bytes = b"{}") -> int:
        """Publish at QoS 1; the reason code of the broker's answer, HUNG_UP where that is its answer."""
        self._await_connection()
        info = self.client.publish(topic, payload, qos=1)
        eventually(lambda: info.mid in self._answers or not self.client.is_connected(), what="an answer to the publish")
        return self._answers.get(info.mid, HUNG_UP)

    def _await_connection(self) -> None:
        eventually(self.connected.is_set, what="a connection")

    def _on_connect(
        self, _client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _more: object
    ) -> None:
        if not reason.is_failure:
            self.connected.set()
