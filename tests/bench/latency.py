"""How long after it was published a reading is committed, and how long until the API answers with it."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import numpy as np
import paho.mqtt.client as mqtt

from batchwitness.embedded.stack import COMMAND
from batchwitness.embedded.stage import Stage, answers
from tests.bench.campaign.machine import Machine, machine
from tests.bench.campaign.speech import AREA, PREFIX, SITE, UNITS
from tests.bench.feed import FED, PUBLISHER, READINGS, Feed, feed, publisher, start_batches
from tests.bench.process import machine_described
from tests.bench.reader import reader
from tests.bench.report import report
from tests.support import eventually

RATES = (1_000, 5_000)  # readings a second
LASTS_S = 60.0
SETTLES_S = 5.0
LOOK_EVERY_S = 0.004  # whether another block is visible: a block is seen so much too late at most
PROBE_UNIT, PROBE_BATCH, PROBE_TAG = UNITS[3], "CT-3004", "heater"


def bench_latency() -> None:
    """Publish to committed and to readable, at two rates."""
    for readings_per_s in RATES:
        committed_s, readable_s = latencies(readings_per_s=readings_per_s, lasts_s=LASTS_S)
        report(
            "latency",
            readings_per_s=readings_per_s,
            readings_per_message=READINGS,
            messages=len(committed_s),
            committed_p50_ms=_ms(committed_s, 50),
            committed_p99_ms=_ms(committed_s, 99),
            committed_max_ms=_ms(committed_s, 100),
            probes=len(readable_s),
            readable_p50_ms=_ms(readable_s, 50),
            readable_p99_ms=_ms(readable_s, 99),
            readable_max_ms=_ms(readable_s, 100),
            machine=machine_described(),
        )


def latencies(*, readings_per_s: float, lasts_s: float) -> tuple[Sequence[float], Sequence[float]]:
    """Seconds from publishing to being visible to another session, and to being in an answer of the API."""
    with machine() as one, _api(one) as api, feed(one, readings_per_s=readings_per_s) as stream:
        broker = one.stack.broker
        client = publisher(broker.host, broker.port, broker.passwords.get("plant"), "probe")
        started_ms = start_batches(client)
        eventually(lambda: stream.messages > 0, within_s=60, what="the stream runs")
        time.sleep(SETTLES_S)
        with _watching(one) as visible_s:
            until_s = time.monotonic() + lasts_s
            readable_s = []
            while time.monotonic() < until_s:
                readable_s.append(_probe(client, api, started_ms))
            first_ms, last_ms = _window(lasts_s)
            _caught_up(one, stream)
        client.disconnect()
        client.loop_stop()
        rows = one.ask(
            "SELECT DISTINCT source_time, block_seq FROM reading JOIN tag USING (tag_id) JOIN unit USING (unit_id)"
            " WHERE unit.name = ANY(%s)",
            list(FED),
        )
        return [
            visible_s[seq] - time_.timestamp()
            for time_, seq in rows
            if first_ms <= time_.timestamp() * 1000 <= last_ms and seq in visible_s
        ], readable_s


def _window(lasts_s: float) -> tuple[float, float]:
    now_ms = time.time() * 1000
    return now_ms - lasts_s * 1000, now_ms - 1000


def _caught_up(one: Machine, stream: Feed) -> None:
    messages = stream.stop()
    eventually(
        lambda: one.ask("SELECT last_seq FROM publisher WHERE publisher = %s", PUBLISHER) == [(messages - 1,)],
        within_s=60,
        what="everything published is committed",
    )


@contextmanager
def _api(one: Machine) -> Iterator[httpx.Client]:
    stage = Stage(
        "api",
        [*COMMAND, "api"],
        log_file=one.stack.var / "log" / "api.log",
        is_ready=answers(f"{one.stack.api_url}/health"),
        environment=lambda: one.stack.environment("api"),
    )
    stage.start()
    try:
        eventually(lambda: stage.ready, within_s=60, what="the API answers")
        with reader(one.stack) as client:
            yield client
    finally:
        stage.stop()


@contextmanager
def _watching(one: Machine) -> Iterator[dict[int, float]]:
    """When each block became visible to another session: seconds since 1970 by seq."""
    visible_s: dict[int, float] = {}
    stop = threading.Event()

    def watch() -> None:
        with one.connect() as connection, connection.cursor() as cursor:
            (seen,) = cursor.execute("SELECT max(seq) FROM block").fetchone() or (0,)
            while not stop.wait(LOOK_EVERY_S):
                (newest,) = cursor.execute("SELECT seq FROM chain WHERE kind = 'live'").fetchone() or (seen,)
                now_s = time.time()
                visible_s.update(dict.fromkeys(range(seen + 1, newest + 1), now_s))
                seen = newest

    thread = threading.Thread(target=watch, name="watch")
    thread.start()
    try:
        yield visible_s
    finally:
        stop.set()
        thread.join(10)


def _probe(client: mqtt.Client, api: httpx.Client, started_ms: int) -> float:
    """Say one reading and ask until it is answered."""
    now_ms = time.time_ns() // 1_000_000
    body = json.dumps({"time": now_ms, "values": {PROBE_TAG: round(now_ms % 1000 / 30, 3)}})
    asked: dict[str, str | float] = {"tags": PROBE_TAG, "step_s": 0, "from_h": (now_ms - 0.5 - started_ms) / 3_600_000}
    began_s = time.monotonic()
    client.publish(f"{PREFIX}/{SITE}/{AREA}/{PROBE_UNIT}/readings", body, qos=1)
    while True:
        found = api.get(f"/v1/batches/{PROBE_BATCH}/readings", params=asked).raise_for_status().json()["readings"]
        if found:
            return time.monotonic() - began_s
        assert time.monotonic() - began_s < 30, "a probe does not arrive"


def _ms(seconds: Sequence[float], percentile: float) -> float:
    return round(float(np.percentile(seconds, percentile)) * 1000, 1)
