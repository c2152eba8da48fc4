"""The publisher against a real broker: everything arrives, nothing early, and a slow broker slows the plant."""

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from batchwitness.embedded.broker import EmbeddedBroker
from batchwitness.plant.messages import Message, stream
from batchwitness.plant.outbox import WINDOW, BrokerAddress, Published, PublishingRefused, connected
from batchwitness.plant.publisher import publish
from batchwitness.plant.scenario import Scenario
from store.clock import PlantClock
from store.model.times import to_us
from tests.batchwitness.plant.conftest import END
from tests.fix_proxy import Proxy
from tests.support import eventually

SITE = "plant-publisher-test"
BEGIN = datetime(2026, 10, 1, 8, tzinfo=UTC)
LONG_AGO = PlantClock(anchor=END, host_anchor=datetime(2020, 1, 1, tzinfo=UTC), rate=1.0)  # nothing waits for it


def _messages(count: int, *, every: timedelta = timedelta(seconds=60), unit: str = "BR-01") -> list[Message]:
    topic = f"batchwitness/v1/{SITE}/hall/{unit}/readings"
    return [Message(to_us(BEGIN + n * every), topic, json.dumps({"seq": n}).encode(), 14) for n in range(count)]


def _address(broker: EmbeddedBroker, port: int | None = None) -> BrokerAddress:
    password = broker.passwords.get("plant")
    client_id = f"plant-test-{time.monotonic_ns()}"
    return BrokerAddress(port=port or broker.port, user="plant", password=password, client_id=client_id)


class Listener:
    """Everything that arrives, with the host time of its arrival; its session outlives the broker's restart."""

    def __init__(self, broker: EmbeddedBroker, unit: str) -> None:
        self.arrived: queue.SimpleQueue[tuple[int, datetime]] = queue.SimpleQueue()
        self.subscribed = threading.Event()
        self._topic = f"batchwitness/v1/{SITE}/hall/{unit}/readings"
        client_id = f"listener-{time.monotonic_ns()}"
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set("ingest", broker.passwords.get("ingest"))
        self.client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(min_delay=1, max_delay=1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = 300
        self.client.connect(broker.host, broker.port, clean_start=False, properties=properties)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.arrived.put((json.loads(message.payload)["seq"], datetime.now(UTC)))

    def take(self, distinct: int) -> list[tuple[int, datetime]]:
        """What has arrived, as soon as that many different messages have."""
        taken: list[tuple[int, datetime]] = []
        seen: set[int] = set()

        def all_there() -> bool:
            while not self.arrived.empty():
                taken.append(self.arrived.get())
                seen.add(taken[-1][0])
            assert len(seen) == distinct
            return True

        eventually(all_there, within_s=30.0, what=f"{distinct} different messages arrive")
        return taken


@contextmanager
def _listening(broker: EmbeddedBroker, unit: str) -> Iterator[Listener]:
    listener = Listener(broker, unit)
    listener.client.loop_start()
    assert listener.subscribed.wait(10.0)
    try:
        yield listener
    finally:
        listener.client.disconnect()
        listener.client.loop_stop()


def test_every_message_arrives_once_and_in_order_and_is_counted(broker: EmbeddedBroker) -> None:
    messages = _messages(3000, unit="BR-11")
    seen: list[Published] = []
    with _listening(broker, "BR-11") as listener:
        done = publish(iter(messages), broker=_address(broker), clock=LONG_AGO, progress=seen.append)
        assert (done.messages, done.readings, done.plant_us) == (3000, 42_000, messages[-1].plant_us)
        assert [seq for seq, _ in listener.take(3000)] == list(range(3000))
    assert [so_far.messages for so_far in seen] == sorted(so_far.messages for so_far in seen)
    assert seen[-1] == done


def test_messages_that_an_earlier_run_got_acknowledged_are_skipped(broker: EmbeddedBroker) -> None:
    with _listening(broker, "BR-12") as listener:
        done = publish(
            _messages(50, unit="BR-12"),
            broker=_address(broker),
            clock=LONG_AGO,
            progress=lambda _: None,
            skip=40,
        )
        assert done.messages == 10
        assert [seq for seq, _ in listener.take(10)] == list(range(40, 50))


def test_a_cut_connection_loses_nothing_and_lets_nothing_overtake(broker: EmbeddedBroker, broker_proxy: Proxy) -> None:
    cuts = iter(range(3))

    def cut_now_and_then(published: Published) -> None:
        if published.messages < 6000 and next(cuts, None) is not None:
            broker_proxy.cut()
            broker_proxy.restore()

    with _listening(broker, "BR-13") as listener:
        done = publish(
            _messages(6000, unit="BR-13"),
            broker=_address(broker, broker_proxy.port),
            clock=LONG_AGO,
            progress=cut_now_and_then,
        )
        assert done.messages == 6000
        assert next(cuts, None) is None, "the connection was cut while messages were on their way"
        arrived = [seq for seq, _ in listener.take(6000)]
        assert len(arrived) - 6000 <= 3 * WINDOW
        assert list(dict.fromkeys(arrived)) == list(range(6000)), "for the first time, each arrives in its turn"


def test_nothing_is_handed_over_before_a_connection_stands(broker: EmbeddedBroker, broker_proxy: Proxy) -> None:
    """Paho sends what it was given meanwhile only after what it is given at the moment of connecting."""
    broker_proxy.cut()
    told_to_stop = threading.Event()
    told_to_stop.set()
    with _listening(broker, "BR-20") as listener:
        with connected(_address(broker, broker_proxy.port)) as outbox:
            messages = _messages(300, unit="BR-20")
            assert not outbox.send(messages[0], told_to_stop)
            broker_proxy.restore()
            for message in messages:
                assert outbox.send(message, threading.Event())
            outbox.settle(threading.Event())
        assert [seq for seq, _ in listener.take(300)] == list(range(300))


def test_a_restarted_broker_loses_nothing(own_broker: EmbeddedBroker) -> None:
    restarts = iter(range(1))

    def restart_once(published: Published) -> None:
        if 0 < published.messages < 6000 and next(restarts, None) is not None:
            own_broker.stop()
            own_broker.start()

    with _listening(own_broker, "BR-14") as listener:
        done = publish(
            _messages(6000, unit="BR-14"), broker=_address(own_broker), clock=LONG_AGO, progress=restart_once
        )
        assert done.messages == 6000
        assert next(restarts, None) is None
        listener.take(6000)


def test_nothing_is_said_before_its_plant_time(broker: EmbeddedBroker) -> None:
    messages = _messages(120, unit="BR-15")  # two hours
    with _listening(broker, "BR-15") as listener:
        clock = PlantClock(anchor=BEGIN, host_anchor=datetime.now(UTC), rate=7200.0)
        begun = time.monotonic()
        publish(messages, broker=_address(broker), clock=clock, progress=lambda _: None)
        took_s = time.monotonic() - begun
        arrived = listener.take(120)
    assert all(clock.plant_us(at) >= messages[seq].plant_us for seq, at in arrived)
    assert took_s > 0.98  # 119 minutes at 7200 plant seconds a second


def test_a_broker_that_does_not_acknowledge_stops_the_plant_instead_of_filling_memory(
    broker: EmbeddedBroker, broker_proxy: Proxy
) -> None:
    taken = 0
    acknowledged: list[int] = []
    stalled = threading.Event()

    def source() -> Iterator[Message]:
        nonlocal taken
        for message in _messages(8000, unit="BR-16"):
            taken += 1
            yield message

    def stall_once(published: Published) -> None:
        acknowledged.append(published.messages)
        if published.messages > 0 and not stalled.is_set():
            broker_proxy.stall()
            stalled.set()

    address = _address(broker, broker_proxy.port)
    plant = threading.Thread(
        target=publish, args=(source(),), kwargs={"broker": address, "clock": LONG_AGO, "progress": stall_once}
    )
    plant.start()
    assert stalled.wait(20.0)
    at_stall = acknowledged[-1]
    # what passed the proxy before it stalled may still be acknowledged: two windows, and one waits
    eventually(lambda: taken > at_stall + WINDOW // 2, within_s=20.0, what="the window fills")
    assert plant.is_alive()
    plant.join(2.0)
    assert plant.is_alive(), "it waits for the broker"
    assert taken <= at_stall + 3 * WINDOW
    broker_proxy.restore()
    plant.join(60.0)
    assert not plant.is_alive()
    assert acknowledged[-1] == taken == 8000


def test_a_wrong_password_is_refused_with_a_sentence(broker: EmbeddedBroker) -> None:
    address = BrokerAddress(port=broker.port, user="plant", password="wrong", client_id="plant-test-wrong")
    with pytest.raises(PublishingRefused, match="does not let the plant in"):
        publish(_messages(1000), broker=address, clock=LONG_AGO, progress=lambda _: None)


def test_a_topic_that_the_plant_may_not_use_is_refused_by_name(broker: EmbeddedBroker) -> None:
    message = Message(to_us(BEGIN), "elsewhere/BR-01/readings", b"{}", 0)
    with pytest.raises(PublishingRefused, match="elsewhere/BR-01/readings"):
        publish([message], broker=_address(broker), clock=LONG_AGO, progress=lambda _: None)


def _command(broker: EmbeddedBroker, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "batchwitness.plant.publisher", "live", "--port", str(broker.port)]
    command += ["--user", "plant", "--password-file", str(broker.passwords.file("plant"))]
    return subprocess.Popen([*command, "--end", END.isoformat(), *more], stdout=subprocess.PIPE, text=True)


def test_the_command_publishes_the_rest_of_the_running_batches(broker: EmbeddedBroker, live: Scenario) -> None:
    total = sum(1 for _ in stream(live.placed, boot=2, until=live.until))
    process = _command(broker, "--rate", "1e9", "--skip", str(total - 500))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    first, last = json.loads(said.splitlines()[0]), json.loads(said.splitlines()[-1])
    assert first["total_messages"] == total
    assert last["published"] == 500
    assert last["plant_us"] <= to_us(live.until)


def test_the_command_stops_in_order_when_it_is_told_to(broker: EmbeddedBroker) -> None:
    process = _command(broker, "--rate", "3600")
    assert process.stdout is not None
    total = json.loads(process.stdout.readline())["total_messages"]
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert json.loads(said.splitlines()[-1])["published"] < total
