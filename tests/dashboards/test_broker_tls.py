"""The example configuration with TLS, in a real mosquitto: a gateway's certificate decides which unit it speaks for."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLError

import pytest
import yaml

from batchwitness.embedded import ports
from deploy.make_secrets import make_secrets
from ingest.settings import IngestSettings
from tests.certificates import Authority
from tests.edge import Edge
from tests.fix_postgres import short_directory
from tests.mosquittos import mosquitto_with
from tests.support import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
SUITE = "batchwitness/v1/site-1/suite-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The broker as a gateway sees it, and the CA that gives gateways their certificates."""

    directory: Path
    ca: Authority
    inner_port: int
    outer_port: int

    def gateway(self, name: str, *, client: str = "gateway") -> Edge:
        """A client with a certificate for that name."""
        issued = self.ca.issue(name)
        return Edge(
            IngestSettings(
                mqtt_port=self.outer_port,
                mqtt_tls_ca=self.ca.certificate,
                mqtt_tls_certificate=issued.certificate,
                mqtt_tls_key=issued.key,
            ),
            client,
        )

    def ingest(self) -> Edge:
        """Ingest, inside, with its password."""
        password = self.directory / "secrets" / "mqtt_ingest"
        return Edge(
            IngestSettings(mqtt_port=self.inner_port, mqtt_user="ingest", mqtt_password_file=password), "ingest"
        )


@pytest.fixture
def outside() -> Iterator[Outside]:
    """The broker with its own paths and ports replaced by those of this machine."""
    directory = short_directory()
    secrets = directory / "secrets"
    make_secrets(secrets, directory / "environment")
    ca = Authority(directory)
    shown = ca.issue("broker", addresses=("127.0.0.1",))
    inner, outer = ports.free(), ports.free()
    text = (DEPLOY / "mosquitto" / "mosquitto-tls.conf").read_text()
    for ours, here in (
        ("listener 1883", f"listener {inner} 127.0.0.1"),
        ("listener 8883", f"listener {outer} 127.0.0.1"),
        ("/run/secrets/mosquitto_users", str(secrets / "mosquitto_users")),
        ("/mosquitto/config/topics-tls.acl", str(DEPLOY / "mosquitto" / "topics-tls.acl")),
        ("/run/certificates/ca.crt", str(ca.certificate)),
        ("/run/certificates/broker.crt", str(shown.certificate)),
        ("/run/certificates/broker.key", str(shown.key)),
        ("/mosquitto/data/", f"{directory}/"),
    ):
        assert ours in text
        text = text.replace(ours, here)
    with mosquitto_with(text, directory, outer):
        yield Outside(directory=directory, ca=ca, inner_port=inner, outer_port=outer)
    shutil.rmtree(directory)


def test_a_gateway_speaks_for_the_unit_its_certificate_names_and_for_no_other(outside: Outside) -> None:
    with outside.ingest() as ingest, outside.gateway("BR-1") as gateway:
        ingest.listen("batchwitness/#")
        for forbidden in (f"{SUITE}/BR-2/readings", "batchwitness/v1/BR-1/readings", f"{SUITE}/BR-2/BR-1"):
            with outside.gateway("BR-1", client="intruder") as intruder:
                assert intruder.say(forbidden) != 0
        assert gateway.say(f"{SUITE}/BR-1/readings") == 0
        gateway.listen("batchwitness/#")
        assert gateway.say(f"{SUITE}/BR-1/events") == 0
        eventually(lambda: (f"{SUITE}/BR-1/events", b"{}") in ingest.heard, what="what the gateway may say")
        assert {topic for topic, _ in ingest.heard} == {
            f"{SUITE}/BR-1/readings",
            f"{SUITE}/BR-1/events",
        }
        assert gateway.heard == []


def test_a_password_opens_nothing_from_outside(outside: Outside) -> None:
    password = outside.directory / "secrets" / "mqtt_ingest"
    settings = IngestSettings(
        mqtt_port=outside.outer_port,
        mqtt_user="ingest",
        mqtt_password_file=password,
        mqtt_tls_ca=outside.ca.certificate,
    )
    stranger = Edge(settings, "stranger")
    try:
        with stranger:
            eventually(lambda: not stranger.client.is_connected(), what="the broker hangs up")
            assert not stranger.connected.is_set()
    except SSLError:
        assert not stranger.connected.is_set()


def test_the_compose_override_mounts_what_the_configuration_names() -> None:
    # The tag by which compose replaces a list instead of adding to it means nothing to a YAML reader.
    override = yaml.safe_load((DEPLOY / "compose.tls.yaml").read_text().replace("!override", ""))
    broker = override["services"]["broker"]
    assert Path(broker["command"][-1]).name in {path.name for path in (DEPLOY / "mosquitto").iterdir()}
    assert [volume.split(":")[1] for volume in broker["volumes"]] == ["/run/certificates"]
    assert [port.rpartition(":")[2] for port in broker["ports"]] == ["8883"]
