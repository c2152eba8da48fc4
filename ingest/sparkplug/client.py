"""One MQTT connection of the Sparkplug host: the only module of the stage that knows paho.

An object is one CONNECT with one will. It never reconnects by itself: another connection needs another will.
"""

import threading
from collections.abc import Callable
from typing import Protocol

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ingest.client import KEEPALIVE_S, PAHO_VERSION
from ingest.sparkplug.settings import SparkplugSettings
from ingest.sparkplug.topic import NAMESPACE
from ingest.versions import Version

CONNECT_WITHIN_S = 5.0
QOS = 1  # of subscriptions, and of STATE
MOST_GRANTED = 2  # what is above it in a SUBACK is a refusal

log = structlog.get_logger()


class Heard(Protocol):
    """What is done with a message; called in paho's thread."""

    def __call__(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take it."""


class Connection:
    """From CONNECT to the end of that connection. The callables are called in paho's thread: `connected` before
    anything can be heard, `changed` when a property has changed.
    """

    def __init__(
        self,
        settings: SparkplugSettings,
        *,
        version: Version,
        will: bytes,
        heard: Heard,
        connected: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._state_topic = f"{NAMESPACE}/STATE/{settings.sparkplug_host_id}"
        self._heard = heard
        self._connected = connected
        self._changed = changed
        self._subscribed = threading.Event()
        self._ended = threading.Event()
        self._refusal: str | None = None
        self._answer: int | None = None
        self._five = version is Version.V5
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"batchwitness-sparkplug-{settings.sparkplug_host_id}",
            clean_session=None if self._five else True,
            protocol=PAHO_VERSION[version],
            reconnect_on_failure=False,
        )
        context = settings.tls()
        if context is not None:
            self._client.tls_set_context(context)
        self._client.connect_timeout = CONNECT_WITHIN_S
        if settings.mqtt_user is not None:
            self._client.username_pw_set(settings.mqtt_user, settings.mqtt_password())
        self._client.will_set(self._state_topic, will, qos=QOS, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect

    @property
    def subscribed(self) -> bool:
        """Whether the server granted both subscriptions."""
        return self._subscribed.is_set()

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return self._ended.is_set()

    @property
    def answer(self) -> int | None:
        """The reason code of the CONNACK, None without one."""
        return self._answer

    @property
    def refusal(self) -> str | None:
        """Why the server will not have us, None unless it said so."""
        return self._refusal

    def open(self) -> None:
        """Connect and subscribe in the background. Raises OSError when nobody answers."""
        if self._five:
            # Clean start; without a session expiry the session ends with the connection.
            self._client.connect(
                self._settings.mqtt_host, self._settings.mqtt_port, keepalive=KEEPALIVE_S, clean_start=True
            )
        else:
            self._client.connect(self._settings.mqtt_host, self._settings.mqtt_port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def publish_state(self, payload: bytes, *, within_s: float = 0.0) -> bool:
        """Publish our STATE; whether the server acknowledged it within that time."""
        info = self._client.publish(self._state_topic, payload, qos=QOS, retain=True)
        if within_s:
            try:
                info.wait_for_publish(within_s)
            except (RuntimeError, ValueError):  # the connection has ended
                return False
        return info.is_published()

    def publish_command(self, topic: str, payload: bytes) -> None:
        """Publish a command: QoS 0, not retained."""
        self._client.publish(topic, payload, qos=0, retain=False)

    def close(self) -> None:
        """DISCONNECT, which takes the will back, and wait for the network thread."""
        self._client.disconnect()
        self._client.loop_stop()
        self._ended.set()

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        self._answer = reason.value
        if reason.is_failure:
            self._refusal = str(reason)
            self._end()
            return
        self._connected()
        client.subscribe([(self._state_topic, QOS), (f"{NAMESPACE}/#", QOS)])

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        if any(reason.value > MOST_GRANTED for reason in reasons):
            self._refusal = f"subscriptions are not granted: {', '.join(map(str, reasons))}"
            self._end()
            return
        self._subscribed.set()
        self._changed()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        # An exception here would kill paho's thread while the client still says it is connected.
        try:
            self._heard(message.topic, bytes(message.payload), retained=message.retain)
        except Exception:
            log.exception("could not take a message")
            self._end()

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        log.info("connection ended", reason=str(reason))
        self._end()

    def _end(self) -> None:
        self._ended.set()
        self._changed()
