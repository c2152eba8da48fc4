"""The MQTT side: the only module that knows paho. Deliveries go to the inbox, acknowledgements go back in order.

QoS 1 with manual acknowledgement: at QoS 2 paho confirms a message before the application has seen it. The session
outlives us at the broker; what is not acknowledged comes again at the next connection, where packet ids may mean
something else, so an acknowledgement of an older connection is dropped.
"""

import threading
import time
from collections.abc import Callable, Sequence

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from prometheus_client import Counter

from ingest.inbox import Delivery, Inbox
from ingest.settings import IngestSettings

RECONNECT_FIRST_S = 1
RECONNECT_LONGEST_S = 10
KEEPALIVE_S = 20
DO_NOT_SEND_RETAINED = 2
GRANTED_QOS_1 = 1

log = structlog.get_logger()
received_total = Counter("batchwitness_ingest_messages_received", "messages taken from the broker")
unprotected_total = Counter(
    "batchwitness_ingest_messages_unprotected", "messages published at QoS 0: lost while nobody listens"
)
retained_total = Counter("batchwitness_ingest_messages_retained", "retained messages, which are no new readings")


class Subscriber:
    """One session at the broker."""

    def __init__(
        self,
        settings: IngestSettings,
        inbox: Inbox,
        *,
        on_subscribed: Callable[[], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._on_subscribed = on_subscribed
        self._on_failure = on_failure
        self._generation = 0
        self._acknowledging = threading.Lock()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.mqtt_client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
        )
        if settings.mqtt_user is not None:
            self._client.username_pw_set(settings.mqtt_user, settings.mqtt_password())
        self._client.reconnect_delay_set(RECONNECT_FIRST_S, RECONNECT_LONGEST_S)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connect in the background and keep connecting."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho does not type it
        properties.SessionExpiryInterval = self._settings.mqtt_session_expiry_s
        properties.ReceiveMaximum = min(65_535, 2 * self._settings.ingest_batch)
        self._client.connect_async(
            self._settings.mqtt_host,
            self._settings.mqtt_port,
            keepalive=KEEPALIVE_S,
            clean_start=False,
            properties=properties,
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Leave; the broker keeps the session and what was not acknowledged."""
        self._client.disconnect()
        self._client.loop_stop()

    def listening(self) -> bool:
        """Whether the broker sends to us: connected and subscribed."""
        return self._subscribed.is_set()

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge in arrival order what came over the connection that is open now."""
        with self._acknowledging:
            for delivery in deliveries:
                # A publisher at QoS 0 gave no packet id; acknowledging id 0 would break the connection.
                if delivery.mid and delivery.generation == self._generation:
                    self._client.ack(delivery.mid, 1)

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            log.error("the broker refuses us", reason=str(reason))
            return
        with self._acknowledging:
            self._generation += 1
        options = SubscribeOptions(qos=1, retainHandling=DO_NOT_SEND_RETAINED)
        client.subscribe(f"{self._settings.topic_prefix}/#", options=options)

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        if any(reason.value != GRANTED_QOS_1 for reason in reasons):
            self._on_failure(f"the broker does not grant QoS 1: {', '.join(map(str, reasons))}")
            return
        log.info("subscribed", prefix=self._settings.topic_prefix)
        self._subscribed.set()
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
        log.warning("disconnected from the broker", reason=str(reason))

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        # An exception here would kill paho's thread while the client still says it is connected.
        try:
            received_total.inc()
            if message.qos == 0:
                unprotected_total.inc()
            delivery = Delivery(
                topic=message.topic,
                payload=bytes(message.payload),
                received_us=time.time_ns() // 1000,
                mid=message.mid,
                generation=self._generation,
            )
            if message.retain:
                retained_total.inc()
                self.acknowledge([delivery])
            else:
                self._inbox.put(delivery)
        except Exception as error:
            log.exception("could not take a message")
            self._on_failure(f"could not take a message: {error}")
