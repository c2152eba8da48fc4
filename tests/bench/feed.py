"""A steady stream of readings from a process of its own, so that it does not slow what is measured beside it."""

import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.bench.campaign.machine import Machine
from tests.bench.campaign.speech import AREA, PREFIX, PROCESS, SITE, TAGS, UNITS

FED = UNITS[:3]  # the fourth is left to probes
PUBLISHER = "feed"
READINGS = len(TAGS)  # of a message
LOOK_EVERY_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A stream that goes on. Its messages carry the instant at which they were handed to the MQTT client."""

    process: multiprocessing.process.BaseProcess
    stopping: Event
    counted: "Synchronized[int]"

    @property
    def messages(self) -> int:
        """How many were published; sequence numbers count from 0."""
        return self.counted.value

    def stop(self, within_s: float = 120.0) -> int:
        """End it, once the broker has acknowledged everything; how many messages it was."""
        self.stopping.set()
        self.process.join(within_s)
        assert self.process.exitcode == 0, f"the feed ended with {self.process.exitcode}"
        return self.messages


@contextmanager
def feed(machine: Machine, *, readings_per_s: float) -> Iterator[Feed]:
    """READINGS values a message, in turn to each of FED."""
    spawn = multiprocessing.get_context("spawn")
    stopping, counted = spawn.Event(), spawn.Value("q", 0)
    broker = machine.stack.broker
    arguments = (broker.host, broker.port, broker.passwords.get("plant"), readings_per_s / READINGS, stopping, counted)
    process = spawn.Process(target=_run, args=arguments)
    process.start()
    one = Feed(process=process, stopping=stopping, counted=counted)
    try:
        yield one
    finally:
        stopping.set()
        process.join(60)
        if process.is_alive():
            process.kill()


def start_batches(client: mqtt.Client) -> int:
    """Let a batch run in every unit; since when, in milliseconds since 1970."""
    started_ms = int(time.time() * 1000)
    for number, unit in enumerate(UNITS):
        start = {
            "event": "unit_procedure_started",
            "time": started_ms,
            "batch": f"CT-{3001 + number}",
            "process": PROCESS,
        }
        client.publish(f"{PREFIX}/{SITE}/{AREA}/{unit}/events", json.dumps(start), qos=1).wait_for_publish(20)
    return started_ms


def publisher(host: str, port: int, password: str, client_id: str) -> mqtt.Client:
    """A connected client that may have thousands of messages unacknowledged."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
    client.username_pw_set("plant", password)
    client.max_inflight_messages_set(20_000)
    client.connect(host, port)
    client.loop_start()
    return client


def _run(
    host: str, port: int, password: str, messages_per_s: float, stopping: Event, counted: "Synchronized[int]"
) -> None:
    client = publisher(host, port, password, PUBLISHER)
    topics = [f"{PREFIX}/{SITE}/{AREA}/{unit}/readings" for unit in FED]
    shapes = [
        ",".join(f'"{tag}":{20 + tag_number + variant / 1000:.3f}' for tag_number, tag in enumerate(TAGS))
        for variant in range(997)
    ]
    last_ms = [0] * len(FED)
    number, began_s = 0, time.monotonic()
    while not stopping.is_set():
        for _ in range(int((time.monotonic() - began_s) * messages_per_s) - number):
            unit = number % len(FED)
            last_ms[unit] = max(last_ms[unit] + 1, time.time_ns() // 1_000_000)
            client.publish(
                topics[unit],
                f'{{"time":{last_ms[unit]},"values":{{{shapes[number % len(shapes)]}}},'
                f'"publisher":"{PUBLISHER}","boot":1,"seq":{number}}}',
                qos=1,
            )
            number += 1
        counted.value = number
        time.sleep(LOOK_EVERY_S)
    deadline = time.monotonic() + 60
    while client._out_messages and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not client._out_messages
    client.disconnect()
    client.loop_stop()
