"""`batchwitness broker-check` against brokers whose limits are known."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from batchwitness.broker_check import command, probe
from batchwitness.broker_check.finding import Finding, Grade
from batchwitness.broker_check.ground import Ground
from batchwitness.broker_check.probe import version_of
from batchwitness.embedded import ports
from batchwitness.embedded.broker import BrokerKind, EmbeddedBroker
from ingest.settings import IngestSettings
from ingest.versions import Version
from tests.fix_postgres import short_directory
from tests.mosquittos import mosquitto_with

Protocol = Literal["auto", "5", "3.1.1"]
MESSAGES = 1_200  # more than mosquitto keeps unless it is told to


@pytest.fixture(autouse=True)
def _brokers_here_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "QUIET_S", 1.5)


@pytest.fixture
def rumqttd() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(short_directory() / "broker", 0, kind=BrokerKind.RUMQTTD) as broker:
        yield broker


def ground(broker: EmbeddedBroker, *, protocol: Protocol = "auto", publisher: str = "plant") -> Ground:
    settings = as_user(broker, "ingest", protocol)
    return Ground(
        settings=settings,
        publishing=as_user(broker, publisher, protocol),
        version=version_of(settings),
        messages=MESSAGES,
    )


def as_user(broker: EmbeddedBroker, user: str, protocol: Protocol = "auto") -> IngestSettings:
    return IngestSettings(
        mqtt_port=broker.port,
        mqtt_user=user,
        mqtt_password_file=broker.passwords.file(user),
        mqtt_protocol=protocol,
    )


def by_check(findings: Iterator[Finding]) -> dict[str, tuple[Grade, str]]:
    return {finding.check: (finding.grade, finding.seen) for finding in findings}


def restart(broker: EmbeddedBroker) -> command.RestartBroker:
    def restart_broker() -> None:
        broker.stop()
        broker.start()

    return restart_broker


def test_a_mosquitto_set_up_for_ingest_passes_every_check_and_keeps_nothing_of_it(own_broker: EmbeddedBroker) -> None:
    tried = ground(own_broker)
    findings = by_check(command.findings_of(tried, restart(own_broker)))
    assert {check: seen for check, (grade, seen) in findings.items() if grade is not Grade.PASS} == {}
    assert findings["offline queue"] == (Grade.PASS, "1,200 of 1,200 confirmed kept, in order")
    assert findings["restart"] == (Grade.PASS, "300 of 300 confirmed kept")
    old = replace(tried, version=Version.V3_1_1)  # there the broker sends retained messages too
    with old.subscriber() as subscriber, old.publisher() as publisher:
        assert not subscriber.session_present
        subscriber.subscribe(tried.topic)
        publisher.publish(tried.topic, [b"last"])
        assert subscriber.await_messages(1) == [b"last"]
    old.forget()


def test_a_broker_with_the_queue_it_comes_with_is_warned_of_with_the_number_it_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    port = ports.free()
    with mosquitto_with(f"listener {port} 127.0.0.1\nallow_anonymous true\n", tmp_path, port):
        status = command.run(IngestSettings(mqtt_port=port), messages=MESSAGES)
    table = capsys.readouterr().out
    (queue,) = (line for line in table.splitlines() if "offline queue" in line)
    assert "warn" in queue
    assert "1,000 of 1,200 confirmed kept" in queue
    assert "beyond 1,000 messages" in table
    assert "not tested" in table  # the restart
    assert status == 0


def test_rumqttd_ignores_the_receive_maximum_and_fails_a_restart(rumqttd: EmbeddedBroker) -> None:
    findings = by_check(command.findings_of(ground(rumqttd), restart(rumqttd)))
    assert findings["offline queue"][0] is Grade.PASS
    assert findings["redelivery"][0] is Grade.PASS
    assert findings["receive maximum"] == (Grade.WARN, "50 where 10 were asked for")
    assert findings["restart"] == (Grade.FAIL, "0 of 300 confirmed kept")


def test_over_3_1_1_what_cannot_be_asked_for_is_said_to_be_untested(broker: EmbeddedBroker) -> None:
    tried = ground(broker, protocol="3.1.1")
    assert tried.version is Version.V3_1_1
    findings = by_check(command.findings_of(tried, None))
    untested = {check for check, (grade, _) in findings.items() if grade is Grade.NOT_TESTED}
    assert untested == {"session expiry", "receive maximum", "restart"}
    assert findings["version of MQTT"] == (Grade.WARN, "3.1.1")
    assert findings["offline queue"] == (Grade.PASS, "1,200 of 1,200 confirmed kept, in order")


def test_a_user_who_may_not_publish_is_found_before_anything_is_concluded_from_silence(broker: EmbeddedBroker) -> None:
    findings = by_check(command.findings_of(ground(broker, publisher="ingest"), None))
    assert findings["publishing"] == (Grade.FAIL, "refused")
    assert list(findings)[-1] == "publishing"


def test_a_broker_that_is_not_there_is_status_2_and_a_failed_check_status_1(
    broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = IngestSettings(mqtt_port=ports.free())
    assert command.run(nobody) == 2
    assert f"127.0.0.1:{nobody.mqtt_port}" in capsys.readouterr().err
    assert command.run(as_user(broker, "ingest")) == 1


def test_a_command_that_does_not_restart_the_broker_is_no_finding_about_the_broker() -> None:
    assert command.restart_with("true")() is None
    assert "the command failed" in str(command.restart_with("false")())
    assert "the command failed" in str(command.restart_with("no-such-command-here")())
