"""How every MQTT client of ours is made: version of the protocol, credentials, TLS, and a session that outlives it."""

from collections.abc import Sequence
from typing import TypedDict

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.settings import IngestSettings
from ingest.versions import Version

KEEPALIVE_S = 20
DO_NOT_SEND_RETAINED = 2
LARGEST_RECEIVE_MAXIMUM = 65_535


PAHO_VERSION = {Version.V5: MQTTProtocolVersion.MQTTv5, Version.V3_1_1: MQTTProtocolVersion.MQTTv311}


def new_client(settings: IngestSettings, *, client_id: str, version: Version, clean: bool = False) -> mqtt.Client:
    """A client that acknowledges by hand and whose session the broker keeps.

    A `clean` one begins without what the broker kept for it, and in MQTT 3.1.1 leaves nothing behind either.

    Raises SettingsContradict for credentials that do not fit together or cannot be read.
    """
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=PAHO_VERSION[version],
        clean_session=None if version is Version.V5 else clean,
        reconnect_on_failure=False,  # paho would also try MQTT 3.1 by itself
        manual_ack=True,
    )
    if settings.mqtt_user is not None:
        client.username_pw_set(settings.mqtt_user, settings.mqtt_password())
    context = settings.tls()
    if context is not None:
        client.tls_set_context(context)
    return client


class Connection(TypedDict, total=False):
    """The arguments of paho's connect."""

    host: str
    port: int
    keepalive: int
    clean_start: bool
    properties: Properties


def connection(settings: IngestSettings, version: Version, *, receive_maximum: int, clean: bool = False) -> Connection:
    """Where and how to connect; at most `receive_maximum` messages will be unacknowledged. `clean` as above.

    MQTT 3.1.1 knows neither a session's expiry nor a receive maximum: there the broker's own settings hold, and our
    inbox is the bound. No Maximum Packet Size is stated in MQTT 5: a broker drops what is larger without telling
    anybody, whereas a message that is refused here leaves a record.
    """
    arguments = Connection(host=settings.mqtt_host, port=settings.mqtt_port, keepalive=KEEPALIVE_S)
    if version is Version.V5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho does not type it
        properties.SessionExpiryInterval = settings.mqtt_session_expiry_s
        properties.ReceiveMaximum = min(LARGEST_RECEIVE_MAXIMUM, receive_maximum)
        arguments |= Connection(clean_start=clean, properties=properties)
    return arguments


def subscribe(client: mqtt.Client, topic_filters: Sequence[str]) -> None:
    """Subscribe at QoS 1 and ask for no retained messages; a broker of 3.1.1 sends them all the same, marked."""
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        options = SubscribeOptions(qos=1, retainHandling=DO_NOT_SEND_RETAINED)
        client.subscribe([(topic_filter, options) for topic_filter in topic_filters])
    else:
        client.subscribe([(topic_filter, 1) for topic_filter in topic_filters])
