"""Publish hostile messages to a running system, and see what it is afterwards."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.bench.campaign.machine import Machine, machine
from tests.bench.fuzz.account import Outcome, account
from tests.bench.fuzz.hostile import PREFIX, Message, hostile
from tests.bench.process import peak_mib
from tests.bench.report import report
from tests.plant import VALID_FROM
from tests.support import eventually

SEED, MESSAGES = 1, 100_000
AT_ONCE, AT_ONCE_BYTES = 500, 32 * 1024 * 1024  # published before ingest is waited for
WEEK_S = 7 * 86_400.0  # of a chunk of readings
# Twice the inbox (64 MiB of payload) and what Python, the decoder of a few megabytes and the COPY of a block need.
MEMORY_BOUND_MIB = 512.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuzzed:
    """What a run did, and where its messages ended."""

    messages: int
    duration_s: float
    outcomes: Counter[Outcome]
    problems: list[str]
    crashes: int
    ingest_peak_mib: float
    weeks: int  # of readings: what TimescaleDB would have as chunks
    weeks_possible: int
    tags: int


def bench_fuzz() -> None:
    """100,000 hostile messages over all topics."""
    done = fuzz(seed=SEED, count=MESSAGES)
    report(
        "fuzz",
        seed=SEED,
        messages=done.messages,
        messages_per_s=round(done.messages / done.duration_s),
        outcomes={str(outcome): count for outcome, count in sorted(done.outcomes.items())},
        crashes=done.crashes,
        ingest_peak_MiB=round(done.ingest_peak_mib),
        memory_bound_MiB=MEMORY_BOUND_MIB,
        weeks_of_readings=done.weeks,
        weeks_possible=done.weeks_possible,
        tags=done.tags,
        problems=done.problems[:20],
    )


def fuzz(*, seed: int, count: int) -> Fuzzed:
    """Publish `count` messages, wait until ingest has taken the last, and follow each into the record."""
    with machine() as one:
        began_s = time.monotonic()
        messages = partial(hostile, seed, count, commissioned=VALID_FROM, now=datetime.now(UTC))
        _publish(one, messages(), count)
        duration_s = time.monotonic() - began_s
        stages = (*one.ingests, one.analytics)
        outcomes, problems = account(one, messages())
        ((weeks, tags),) = one.ask(
            "SELECT (SELECT count(DISTINCT floor(extract(epoch FROM source_time) / %s)) FROM reading),"
            " (SELECT count(*) FROM tag)",
            WEEK_S,
        )
        pid = one.ingests[0].pid
        return Fuzzed(
            messages=count,
            duration_s=duration_s,
            outcomes=outcomes,
            problems=problems,
            crashes=sum(not stage.alive for stage in stages),
            ingest_peak_mib=float("nan") if pid is None else peak_mib(pid),
            weeks=weeks,
            weeks_possible=int((datetime.now(UTC) - VALID_FROM).total_seconds() / WEEK_S) + 2,
            tags=tags,
        )


def _publish(one: Machine, messages: Iterator[Message], count: int) -> None:
    publisher = _Publisher(one)
    done = 0
    while some := list(islice(messages, AT_ONCE)):
        publisher.say(some)
        done += len(some)
        sys.stderr.write(f"\r\x1b[K{done} of {count} messages")
        sys.stderr.flush()
    sys.stderr.write("\n")
    publisher.close()


class _Publisher:
    """Says some messages and waits until ingest has taken them, so that the broker never holds many."""

    def __init__(self, one: Machine) -> None:
        self._machine = one
        self._marked = 0
        broker = one.stack.broker
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="fuzz", protocol=mqtt.MQTTv5)
        self._client.username_pw_set("plant", broker.passwords.get("plant"))
        connected = threading.Event()
        self._client.on_connect = lambda *_: connected.set()
        self._lost = threading.Event()
        self._client.on_disconnect = lambda *_: self._lost.set()
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert connected.wait(20), "the broker does not answer"

    def say(self, some: Sequence[Message]) -> None:
        """Publish them, and a marker behind them that shows up in the record."""
        waiting_bytes = 0
        for topic, payload in some:
            self._client.publish(topic, payload, qos=1)
            waiting_bytes += len(payload)
            if waiting_bytes > AT_ONCE_BYTES:
                self._mark()
                waiting_bytes = 0
        self._mark()

    def close(self) -> None:
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _mark(self) -> None:
        self._marked += 1
        marker = b'{"publisher":"fuzz marker","boot":1,"seq":%d}' % self._marked
        self._client.publish(f"{PREFIX}/leiden/hall/BR-01/readings", marker, qos=1)
        eventually(self._taken, within_s=300, what=f"{self._marked} markers are taken")

    def _taken(self) -> bool:
        # Loud at once: neither is to happen, and neither heals.
        if self._lost.is_set():
            raise RuntimeError("the broker refused a message of the fuzz run")
        if not self._machine.ingests[0].alive:
            raise RuntimeError(self._machine.ingests[0].why())
        rows = self._machine.ask("SELECT last_seq FROM publisher WHERE publisher = %s", "fuzz marker")
        return rows == [(self._marked,)]
