"""The MQTT side, with paho. Deliveries go to the inbox, acknowledgements go back in order.

QoS 1 with manual acknowledgement: at QoS 2 paho confirms a message before the application has seen it. The session
outlives us at the broker; what is not acknowledged comes again at the next connection, where packet ids may mean
something else, so an acknowledgement of an older connection is dropped.

Paho connects, subscribes, keeps alive and writes. Reading is done here, many packets at once (`ingest.wire`), and all
that is no PUBLISH is handed to paho: its own reading costs more than everything else ingest does with a small message.
That takes four names which are paho's own business, so its version is pinned exactly.
"""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode
from prometheus_client import Counter

from ingest.client import connection, new_client, subscribe
from ingest.elsewhere import Elsewhere
from ingest.inbox import Delivery, Inbox
from ingest.partitions import Partition
from ingest.settings import IngestSettings
from ingest.tls import explained, why_closed
from ingest.versions import Version, Versions
from ingest.wire import PUBACK, MalformedPacket, PacketReader, acknowledgements

RECONNECT_FIRST_S = 1.0
RECONNECT_LONGEST_S = 10.0
LOOK_UP_S = 1.0  # how often keepalive is looked after while nothing happens
ROOM_WITHIN_S = 0.05  # how long to wait for room in the inbox before looking after everything else
CHUNK = 1 << 18
GRANTED_QOS_1 = 1

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike  # paho defines it for type checkers only

log = structlog.get_logger()
received_total = Counter("batchwitness_ingest_messages_received", "messages taken from the broker")
unprotected_total = Counter(
    "batchwitness_ingest_messages_unprotected", "messages published at QoS 0: lost while nobody listens"
)
retained_total = Counter("batchwitness_ingest_messages_retained", "retained messages, which are no new readings")


class Subscriber:
    """One session at the broker, served by a thread of its own."""

    def __init__(
        self,
        settings: IngestSettings,
        inbox: Inbox,
        partition: Partition,
        *,
        host_us: Callable[[], int],
        on_subscribed: Callable[[], None],
        on_failure: Callable[[str], None],
    ) -> None:
        """`host_us` is the host's clock, in microseconds since 1970."""
        self._settings = settings
        self._host_us = host_us
        self._inbox = inbox
        self._partition = partition
        self._elsewhere = Elsewhere()
        self._unacknowledged = 0  # of this connection
        self._ever_subscribed = False
        self._on_subscribed = on_subscribed
        self._on_failure = on_failure
        self._generation = 0
        self._wait_s = RECONNECT_FIRST_S
        self._subscribed = threading.Event()
        self._stopping = threading.Event()
        self._acknowledged: deque[Delivery] = deque()
        self._awake, self._wake = socket.socketpair()
        self._awake.setblocking(False)
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._versions = Versions(settings.mqtt_protocol)
        self._version = self._versions.current
        self._answered = False  # whether the broker has said anything on this connection
        self._client = self._new_client()

    def start(self) -> None:
        """Connect in the background and keep connecting."""
        self._thread.start()

    def stop(self) -> None:
        """Leave; the broker keeps the session and what was not acknowledged."""
        self._stopping.set()
        self._look_up()
        self._thread.join()
        self._awake.close()
        self._wake.close()

    def listening(self) -> bool:
        """Whether the broker sends to us: connected and subscribed."""
        return self._subscribed.is_set()

    def ever_subscribed(self) -> bool:
        """Whether the broker has held a session of this partition since this process began to serve it."""
        return self._ever_subscribed

    def leave_to_others(self, partitions: Sequence[Partition]) -> None:
        """Acknowledge unread what the sessions of these partitions get too, as soon as nothing older can come."""
        self._elsewhere.state(partitions)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge in arrival order what came over the connection that is open now."""
        self._acknowledged.extend(deliveries)
        self._look_up()

    def _look_up(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it has been told often enough
            self._wake.send(b"\0")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._connect()
                self._serve()
            except OSError as error:
                log.warning(
                    "no connection to the broker",
                    wait_s=self._wait_s,
                    reason=explained(error, handshake=self._settings.mqtt_tls_ca is not None),
                )
            except Exception as error:
                log.exception("could not go on reading from the broker")
                self._on_failure(f"could not go on reading from the broker: {error}")
                return
            finally:
                self._subscribed.clear()
            self._stopping.wait(self._wait_s)
            self._wait_s = min(2 * self._wait_s, RECONNECT_LONGEST_S)

    def _connect(self) -> None:
        if self._version is not self._versions.current:
            self._version = self._versions.current
            self._client = self._new_client()
            log.warning("trying another version of MQTT", version=str(self._version))
        self._generation += 1
        self._unacknowledged = 0
        self._client.connect(
            **connection(self._settings, self._version, receive_maximum=2 * self._settings.ingest_batch)
        )

    def _new_client(self) -> mqtt.Client:
        client = new_client(self._settings, client_id=self._partition.name, version=self._version)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    def _serve(self) -> None:
        """Read and acknowledge until the connection ends. Raises OSError."""
        connection = self._client.socket()
        reader = PacketReader(generation=self._generation, properties=self._version is Version.V5)
        while connection is not None and self._client.socket() is connection:
            self._send_acknowledgements()
            # With nothing unacknowledged nothing waits at the broker: what comes from now on is published now.
            self._elsewhere.settle(sure=self._unacknowledged == 0)
            if self._stopping.is_set():
                self._client.disconnect()
                return
            self._client.loop_misc()
            if self._client.socket() is not connection:  # the broker was silent for too long
                return
            if not self._inbox.has_room():
                self._inbox.has_room(within_s=ROOM_WITHIN_S)
                continue
            writing = [connection] if self._client.want_write() else []
            buffered = bool(getattr(connection, "pending", int)())  # TLS has read ahead what select does not see
            readable, writable, _ = select.select(
                [connection, self._awake], writing, [], 0.0 if buffered else LOOK_UP_S
            )
            if writable:
                self._client.loop_write()
                if self._client.socket() is not connection:
                    return
            if self._awake in readable:
                self._awake.recv(CHUNK)
            if buffered or connection in readable:
                self._read(connection, reader)

    def _read(self, connection: "SocketLike", reader: PacketReader) -> None:
        try:
            data = connection.recv(CHUNK)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return  # TLS had something to say to itself, or half a record
        except OSError as error:
            self._lost(explained(error, handshake=False))
            return
        if not data:
            self._lost("the broker closed the connection")
            return
        try:
            packets = reader.feed(data, self._host_us())
        except MalformedPacket as error:
            self._lost(str(error))
            return
        self._client._last_bytes_received = time.monotonic()  # noqa: SLF001  # paho's keepalive asks for it
        for first, body in packets.others:
            self._hand_over(first, body)
        if packets.retained:
            retained_total.inc(len(packets.retained))
            self._unacknowledged += len(packets.retained) - [one.mid for one in packets.retained].count(0)
            self._acknowledged.extend(packets.retained)
        if packets.deliveries:
            received_total.inc(len(packets.deliveries))
            unprotected = [delivery.mid for delivery in packets.deliveries].count(0)
            if unprotected:
                unprotected_total.inc(unprotected)
            self._unacknowledged += len(packets.deliveries) - unprotected
            mine, others = self._elsewhere.split(packets.deliveries)
            self._inbox.put(mine)
            self._acknowledged.extend(others)

    def _hand_over(self, first: int, body: bytes) -> None:
        """Let paho handle a packet as if it had read it."""
        self._client._in_packet = {  # noqa: SLF001  # one of the four
            "command": first,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        outcome = self._client._packet_handle()  # noqa: SLF001  # one of the four
        if outcome:
            self._lost(mqtt.error_string(outcome))

    def _lost(self, why: str) -> None:
        log.warning("connection to the broker lost", reason=why)
        self._client._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)  # noqa: SLF001  # one of the four

    def _send_acknowledgements(self) -> None:
        packet_ids = []
        while self._acknowledged:
            delivery = self._acknowledged.popleft()
            # A publisher at QoS 0 gave no packet id; acknowledging id 0 would break the connection.
            if delivery.mid and delivery.generation == self._generation:
                packet_ids.append(delivery.mid)
        if packet_ids:
            self._unacknowledged -= len(packet_ids)
            self._client._packet_queue(PUBACK, acknowledgements(packet_ids), 0, 1)  # noqa: SLF001  # one of the four

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        self._answered = True
        self._versions.answered(reason.value)
        if reason.is_failure:
            log.error("the broker refuses us", reason=str(reason))
            return
        subscribe(client, self._partition.filters)

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        if any(reason.value != GRANTED_QOS_1 for reason in reasons):
            self._on_failure(f"the broker does not grant QoS 1: {', '.join(map(str, reasons))}")
            return
        log.info("subscribed", filters=self._partition.filters)
        self._subscribed.set()
        self._ever_subscribed = True
        self._wait_s = RECONNECT_FIRST_S
        self._on_subscribed()

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        self._subscribed.clear()
        refused_by_tls = None if self._answered else self._why_closed()
        if self._answered:
            log.warning("disconnected from the broker", reason=str(reason))
        else:
            log.error("the broker hangs up before it answers", reason=refused_by_tls or str(reason))
        if refused_by_tls is None:
            self._versions.ended(answered=self._answered)
        self._answered = False

    def _why_closed(self) -> str | None:
        context = self._settings.tls()
        return None if context is None else why_closed(self._settings.mqtt_host, self._settings.mqtt_port, context)
