"""The plant's connection to the broker: messages wait here, oldest first, until they are acknowledged."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from batchwitness.plant.messages import Message

WINDOW = 200  # messages that may wait for their acknowledgement
LOOK_UP_S = 0.2  # how long anything waits before it looks whether it should stop
LAST_WAIT_S = 3.0  # for acknowledgements, after being told to stop
# reason codes of CONNACK that time does not heal: client id, password, authorisation, ban
HOPELESS = frozenset({0x85, 0x86, 0x87, 0x8A})


class PublishingRefused(Exception):
    """The broker will not take what the plant says; waiting does not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker listens and who the plant is there."""

    host: str = "127.0.0.1"
    port: int = 1883
    user: str | None = None
    password: str | None = None
    client_id: str = "batchwitness-plant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the broker has acknowledged without a hole; the last of it was said at `plant_us`, 0 before the first."""

    messages: int
    readings: int
    plant_us: int


class Outbox:
    """Messages on their way to the broker. One thread uses it; paho's thread only hands over acknowledgements."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: dict[int, Message] = {}  # by message id, in the order sent
        self._arrived: set[int] = set()  # acknowledged before an older one was
        self._acknowledgements: queue.SimpleQueue[tuple[int, ReasonCode]] = queue.SimpleQueue()
        self._window = WINDOW
        self._connected = threading.Event()
        self._catching_up = False  # paho sends again what waited when a connection was lost
        self._refusal: str | None = None
        self.published = Published(messages=0, readings=0, plant_us=0)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    def send(self, message: Message, stopping: threading.Event) -> bool:
        """Sends one message as soon as fewer than a window wait; False when told to stop before.

        None is handed to paho without a connection, or while it repeats older ones over a new one: it would send the
        newer ones in between.
        """
        self.collect()
        while not self._may_send():
            if stopping.is_set():
                return False
            self.collect(wait_s=LOOK_UP_S)
        info = self._client.publish(message.topic, message.payload, qos=1)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise PublishingRefused(f"paho does not take a message for {message.topic}: {info.rc.name}")
        self._waiting[info.mid] = message
        return True

    def collect(self, wait_s: float = 0.0) -> None:
        """Takes in the acknowledgements that have come, waiting up to `wait_s` for the first one."""
        try:
            self._take(*self._acknowledgements.get(block=wait_s > 0.0, timeout=wait_s or None))
            while True:
                self._take(*self._acknowledgements.get_nowait())
        except queue.Empty:
            pass
        if self._refusal is not None:
            raise PublishingRefused(self._refusal)

    def settle(self, stopping: threading.Event) -> None:
        """Waits until everything is acknowledged; when told to stop, no longer than a few seconds."""
        deadline: float | None = None
        while self._waiting:
            self.collect(wait_s=LOOK_UP_S)
            if stopping.is_set():
                deadline = deadline or time.monotonic() + LAST_WAIT_S
                if time.monotonic() > deadline:
                    return

    def _may_send(self) -> bool:
        if not self._connected.is_set():
            return False
        if self._catching_up and self._waiting:
            return False
        self._catching_up = False
        return len(self._waiting) < self._window

    def _take(self, mid: int, reason: ReasonCode) -> None:
        message = self._waiting.get(mid)
        if message is None:
            return
        if reason.is_failure:
            raise PublishingRefused(f"the broker refused a message for {message.topic}: {reason}")
        self._arrived.add(mid)
        while self._waiting and (oldest := next(iter(self._waiting))) in self._arrived:
            self._arrived.discard(oldest)
            done = self._waiting.pop(oldest)
            self.published = Published(
                messages=self.published.messages + 1,
                readings=self.published.readings + done.readings,
                plant_us=done.plant_us,
            )

    def _on_connect(
        self, _client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.value in HOPELESS:
            self._refusal = f"the broker does not let the plant in: {reason}"
        allowed = getattr(properties, "ReceiveMaximum", None)
        self._window = min(WINDOW, allowed) if isinstance(allowed, int) else WINDOW
        if not reason.is_failure:
            self._connected.set()

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: object, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._catching_up = True
        self._connected.clear()

    def _on_publish(
        self, _client: Client, _data: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._acknowledgements.put((mid, reason))


@contextmanager
def connected(broker: BrokerAddress) -> Iterator[Outbox]:
    """An outbox whose connection is made, and made again, in the background; it ends with the block."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=broker.client_id, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(2 * WINDOW)  # paho forgets a message a moment after it tells us
    client.max_queued_messages_set(2 * WINDOW)
    client.reconnect_delay_set(min_delay=1, max_delay=5)
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    outbox = Outbox(client)
    client.connect_async(broker.host, broker.port, keepalive=10)
    client.loop_start()
    try:
        yield outbox
    finally:
        client.disconnect()
        client.loop_stop()
