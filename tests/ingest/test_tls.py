"""Ingest and a broker that prove to each other who they are, with certificates made here and a real mosquitto."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from batchwitness.embedded import ports
from ingest.client import connection, new_client
from ingest.inbox import Delivery, Inbox
from ingest.partitions import Partition, partitions
from ingest.settings import IngestSettings
from ingest.subscriber import Subscriber
from ingest.versions import Version
from store.errors import SettingsContradict
from tests.certificates import Authority, Issued
from tests.mosquittos import mosquitto_with
from tests.support import eventually

EXPIRED = timedelta(days=-40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A plant's CA and a directory for everything else."""

    directory: Path
    ca: Authority

    @contextmanager
    def broker(
        self, shown: Issued, *, more: str = "require_certificate true\nuse_identity_as_username true"
    ) -> Iterator[int]:
        """A mosquitto that shows this certificate and believes the plant's CA."""
        port = ports.free()
        settings = f"""\
listener {port} 127.0.0.1
allow_anonymous true
cafile {self.ca.certificate}
certfile {shown.certificate}
keyfile {shown.key}
{more}
"""
        with mosquitto_with(settings, self.directory, port):
            yield port

    def settings(self, port: int, ours: Issued | None, *, ca: Authority | None = None) -> IngestSettings:
        return IngestSettings(
            mqtt_host="127.0.0.1",
            mqtt_port=port,
            mqtt_client_id="ingest-tls",
            mqtt_tls_ca=(ca or self.ca).certificate,
            mqtt_tls_certificate=ours.certificate if ours else None,
            mqtt_tls_key=ours.key if ours else None,
        )


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(directory=tmp_path, ca=Authority(tmp_path))


def the_rest(settings: IngestSettings) -> Partition:
    return partitions("", client_id=settings.mqtt_client_id, prefix=settings.topic_prefix)[0]


def outcome(settings: IngestSettings) -> str:
    """ "subscribed", or what the log says why not."""
    subscribed = threading.Event()
    subscriber = Subscriber(
        settings,
        Inbox(most=10, most_bytes=1000),
        the_rest(settings),
        host_us=lambda: 0,
        on_subscribed=subscribed.set,
        on_failure=lambda _why: None,
    )

    def settled() -> str | None:
        reasons = [str(line["reason"]) for line in said if "reason" in line]
        return "subscribed" if subscribed.is_set() else next(iter(reasons), None)

    with capture_logs() as said:
        subscriber.start()
        try:
            return eventually(settled, within_s=20, what="an outcome") or ""
        finally:
            subscriber.stop()


def test_both_sides_with_certificates_of_the_plants_ca_subscribe(ground: Ground) -> None:
    with ground.broker(ground.ca.issue("broker", addresses=("127.0.0.1",))) as port:
        assert outcome(ground.settings(port, ground.ca.issue("ingest"))) == "subscribed"


def test_messages_of_many_tls_records_arrive_whole_and_over_one_connection(ground: Ground) -> None:
    with ground.broker(ground.ca.issue("broker", addresses=("127.0.0.1",))) as port:
        settings = ground.settings(port, ground.ca.issue("ingest"))
        inbox = Inbox(most=1_000, most_bytes=100_000_000)
        connected: list[bool] = []
        subscriber = Subscriber(
            settings,
            inbox,
            the_rest(settings),
            host_us=lambda: 0,
            on_subscribed=lambda: connected.append(True),
            on_failure=lambda _why: None,
        )
        subscriber.start()
        eventually(lambda: connected, what="the subscription")
        publisher = new_client(settings, client_id="edge", version=Version.V5)
        publisher.connect(**connection(settings, Version.V5, receive_maximum=10))
        publisher.loop_start()
        for number in range(50):
            publisher.publish(f"{settings.topic_prefix}/{number}", bytes([number]) * 100_000, qos=1)
        taken: list[Delivery] = []
        while len(taken) < 50 and (more := inbox.take(50, within_s=10)):
            taken += more
        publisher.disconnect()
        publisher.loop_stop()
        subscriber.stop()
    assert [delivery.payload for delivery in taken] == [bytes([number]) * 100_000 for number in range(50)]
    assert connected == [True]


def test_a_broker_of_another_ca_is_not_believed(ground: Ground) -> None:
    with ground.broker(ground.ca.issue("broker", addresses=("127.0.0.1",))) as port:
        settings = ground.settings(port, ground.ca.issue("ingest"), ca=Authority(ground.directory, "other CA"))
        assert "comes from a CA that BATCHWITNESS_MQTT_TLS_CA does not hold" in outcome(settings)


def test_a_broker_whose_certificate_expired_is_not_believed(ground: Ground) -> None:
    expired = ground.ca.issue("broker", addresses=("127.0.0.1",), starts_in=EXPIRED)
    with ground.broker(expired) as port:
        assert "has expired" in outcome(ground.settings(port, ground.ca.issue("ingest")))


def test_a_broker_whose_certificate_is_for_another_name_is_not_believed(ground: Ground) -> None:
    with ground.broker(ground.ca.issue("broker", hosts=("elsewhere.example",))) as port:
        reason = outcome(ground.settings(port, ground.ca.issue("ingest")))
        assert "another address than BATCHWITNESS_MQTT_HOST" in reason


def test_without_a_certificate_of_ours_the_log_says_which_settings_the_broker_wants(ground: Ground) -> None:
    with ground.broker(ground.ca.issue("broker", addresses=("127.0.0.1",))) as port:
        reason = outcome(ground.settings(port, None))
        assert "BATCHWITNESS_MQTT_TLS_CERTIFICATE" in reason
        assert "BATCHWITNESS_MQTT_TLS_KEY" in reason


def test_our_own_expired_certificate_is_named_as_the_reason(ground: Ground) -> None:
    with ground.broker(ground.ca.issue("broker", addresses=("127.0.0.1",))) as port:
        reason = outcome(ground.settings(port, ground.ca.issue("ingest", starts_in=EXPIRED)))
        assert "our certificate" in reason
        assert "has expired" in reason


def test_a_certificate_of_ours_from_an_unknown_ca_is_named_as_the_reason(ground: Ground) -> None:
    stranger = Authority(ground.directory, "other CA").issue("ingest")
    with ground.broker(ground.ca.issue("broker", addresses=("127.0.0.1",))) as port:
        assert "does not know the CA of our certificate" in outcome(ground.settings(port, stranger))


def test_tls_to_a_port_without_it_is_named_as_the_reason(ground: Ground) -> None:
    port = ports.free()
    with mosquitto_with(f"listener {port} 127.0.0.1\nallow_anonymous true\n", ground.directory, port):
        assert "speak TLS" in outcome(ground.settings(port, None))


def test_half_a_certificate_is_refused_with_both_names(ground: Ground) -> None:
    with pytest.raises(SettingsContradict, match=r"TLS_CERTIFICATE.*TLS_KEY"):
        IngestSettings(mqtt_tls_certificate=ground.ca.issue("ingest").certificate).tls()


def test_a_certificate_without_a_ca_is_refused_with_both_names(ground: Ground) -> None:
    ours = ground.ca.issue("ingest")
    with pytest.raises(SettingsContradict, match=r"TLS_CERTIFICATE.*TLS_CA"):
        IngestSettings(mqtt_tls_certificate=ours.certificate, mqtt_tls_key=ours.key).tls()


def test_a_key_that_asks_for_a_passphrase_is_refused_instead_of_waiting_for_one(ground: Ground) -> None:
    locked = ground.ca.issue("ingest", passphrase="typed by nobody")
    with pytest.raises(SettingsContradict, match="passphrase"):
        ground.settings(1, locked).tls()


def test_a_file_that_holds_no_certificate_is_named(ground: Ground) -> None:
    empty = ground.directory / "empty"
    empty.touch()
    with pytest.raises(SettingsContradict, match=str(empty)):
        IngestSettings(mqtt_tls_ca=empty).tls()
