"""An MQTT client of the check: it remembers every answer and acknowledges unless told not to."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from ingest.client import connection, new_client, subscribe
from ingest.settings import IngestSettings
from ingest.tls import explained, why_closed
from ingest.versions import Version, Versions
from store.errors import BatchwitnessError

ANSWER_WITHIN_S = 10.0
QUIET_S = 3.0  # after which nothing more is expected


class NoConnection(BatchwitnessError):
    """The broker does not let this client in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as the broker delivered it."""

    payload: bytes
    retained: bool


class Probe:
    """One client id at the broker. Inside `with` it is connected; leaving ends the connection, not the session."""

    def __init__(
        self,
        settings: IngestSettings,
        client_id: str,
        *,
        version: Version,
        receive_maximum: int = 65_535,
        clean: bool = False,
        acknowledges: bool = True,
    ) -> None:
        self._settings = settings
        self._acknowledges = acknowledges
        self._version = version
        self._arguments = connection(settings, version, receive_maximum=receive_maximum, clean=clean)
        self._changed = threading.Condition()
        self._reason: ReasonCode | None = None
        self._ended = False
        self._granted: list[int] | None = None
        self._answers: dict[int, int] = {}
        self.session_present = False
        self.properties: dict[str, Any] = {}  # of the CONNACK
        self.received: list[Received] = []
        self.client = new_client(settings, client_id=client_id, version=version, clean=clean)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_publish = self._on_publish
        self.client.on_message = self._on_message

    def __enter__(self) -> Self:
        """Connect. Raises NoConnection with the reason."""
        try:
            self.client.connect(**self._arguments)
        except OSError as error:
            raise NoConnection(explained(error, handshake=self._settings.mqtt_tls_ca is not None)) from error
        self.client.loop_start()
        self.wait(lambda: self._reason is not None or self._ended)
        if self._reason is None or self._reason.is_failure:
            self.client.loop_stop()
            raise NoConnection(self._why_refused())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect in order."""
        self.client.disconnect()
        self.client.loop_stop()

    @property
    def refused_version(self) -> bool:
        """Whether the broker hung up on the CONNECT or said that it does not speak this version."""
        versions = Versions("auto")
        if self._reason is not None:
            versions.answered(self._reason.value)
        versions.ended(answered=self._reason is not None)
        return self._version is Version.V5 and versions.current is not Version.V5

    def subscribe(self, topic: str) -> list[int]:
        """Subscribe at QoS 1; the reason codes of the answer, none when there was no answer."""
        subscribe(self.client, [topic])
        self.wait(lambda: self._granted is not None or self._ended)
        return self._granted or []

    def publish(self, topic: str, payloads: list[bytes], *, retain: bool = False) -> list[int]:
        """Publish at QoS 1; the reason codes of the answers that came, in the order of the payloads."""
        mids = []
        for payload in payloads:
            info = self.client.publish(topic, payload, qos=1, retain=retain)
            if info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS:
                mids.append(info.mid)
        self.wait(lambda: self._ended or all(mid in self._answers for mid in mids), progress=lambda: len(self._answers))
        return [self._answers[mid] for mid in mids if mid in self._answers]

    def await_messages(self, count: int) -> list[bytes]:
        """Payloads in the order they came: of `count` messages, or of what came until nothing more did."""
        self.wait(lambda: self._ended or len(self.received) >= count, progress=lambda: len(self.received))
        return [message.payload for message in self.received]

    def vanish(self) -> None:
        """End the connection as a crash does, without a word."""
        connected = self.client.socket()
        assert isinstance(connected, socket.socket)
        connected.shutdown(socket.SHUT_RDWR)
        self.wait(lambda: self._ended)

    def wait(self, done: Callable[[], bool], *, progress: Callable[[], int] | None = None) -> bool:
        """Whether it came true within ANSWER_WITHIN_S; with `progress`, before that number stood still for QUIET_S."""
        limit_s = ANSWER_WITHIN_S if progress is None else QUIET_S
        before, deadline = -1, time.monotonic() + limit_s
        with self._changed:
            while not done():
                if progress is not None and progress() != before:
                    before, deadline = progress(), time.monotonic() + limit_s
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
        return True

    def _why_refused(self) -> str:
        if self._reason is not None:
            return f"the broker refuses: {self._reason}"
        context = self._settings.tls()
        said = context and why_closed(self._settings.mqtt_host, self._settings.mqtt_port, context)
        return str(said or "the broker hangs up before it answers: does the port speak MQTT, or want TLS?")

    def _on_connect(
        self, _client: mqtt.Client, _data: object, flags: mqtt.ConnectFlags, reason: ReasonCode, properties: object
    ) -> None:
        with self._changed:
            self._reason = reason
            self.session_present = bool(flags.session_present)
            self.properties = dict(vars(properties)) if properties is not None else {}
            self._changed.notify_all()

    def _on_disconnect(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        with self._changed:
            self._granted = [reason.value for reason in reasons]
            self._changed.notify_all()

    def _on_publish(
        self, _client: mqtt.Client, _data: object, mid: int, reason: ReasonCode, _properties: object
    ) -> None:
        with self._changed:
            self._answers[mid] = reason.value
            self._changed.notify_all()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.received.append(Received(payload=bytes(message.payload), retained=message.retain))
            if self._acknowledges:
                self.client.ack(message.mid, 1)
            self._changed.notify_all()


def version_of(settings: IngestSettings) -> Version:
    """The version that ingest would speak with this broker. Raises NoConnection."""
    if settings.mqtt_protocol != "auto":
        return Version(settings.mqtt_protocol)
    probe = Probe(settings, f"{settings.mqtt_client_id}-check", version=Version.V5)
    try:
        with probe:
            return Version.V5
    except NoConnection:
        if probe.refused_version:
            return Version.V3_1_1
        raise
