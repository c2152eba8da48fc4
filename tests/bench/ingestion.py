"""How fast ingest stores, beside what the database, the broker, its client and a naive client do in the same run.

All of them work off the same messages: for the four that subscribe, the broker holds them for an absent session, so
nobody waits for a publisher. Rates are taken between the first and the last transaction (or message), so that starting
up does not count.
"""

import itertools
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from batchwitness.embedded.broker import EmbeddedBroker
from batchwitness.embedded.database import DATABASE, set_up
from batchwitness.embedded.postgres import PORT, EmbeddedPostgres
from ingest.wire import PacketReader, acknowledgements
from store.migrate import migrate
from store.reading_rows import COPY_HEADER, COPY_ROW, COPY_TRAILER, POSTGRES_EPOCH_US
from store.sql import queries
from tests.bench.report import report
from tests.fix_postgres import short_directory
from tests.plant import BIOREACTOR_TAGS, VALID_FROM, document
from tests.support import eventually

TAGS = 100
BATCH = 1_000
CHUNK = 1 << 18
MESSAGES = {1: 30_000, 10: 15_000, 100: 4_000}  # by readings a message
NAIVE_READINGS = 1_500
ROUNDS = 5
PREFIX = "batchwitness/v1"
TOPIC = f"{PREFIX}/leiden/hall/BR-01/readings"
_SESSIONS = itertools.count(1)
STARTED_US = int(datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp() * 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A server, a broker and messages."""

    server: EmbeddedPostgres
    broker: EmbeddedBroker
    readings_per_message: int
    payloads: list[bytes]

    @property
    def readings(self) -> int:
        """How many readings the messages hold."""
        return len(self.payloads) * self.readings_per_message


def bench_ingest() -> None:
    """Three sizes of message, five ways to take them; the middle of several rounds, in which they take turns."""
    with machine() as (server, broker):
        for readings_per_message, count in MESSAGES.items():
            bench = Bench(
                server=server,
                broker=broker,
                readings_per_message=readings_per_message,
                payloads=[payload(number, readings_per_message) for number in range(count)],
            )
            rounds = [one_round(bench) for _ in range(ROUNDS)]
            ours, ceiling, bare, naive, delivered = (statistics.median(rates) for rates in zip(*rounds, strict=True))
            report(
                "ingest",
                readings_per_message=readings_per_message,
                rounds=ROUNDS,
                ours_rows_per_s=round(ours),
                copy_ceiling_rows_per_s=round(ceiling),
                bare_messages_per_s=round(bare),
                ours_messages_per_s=round(ours / readings_per_message),
                naive_rows_per_s=round(naive),
                broker_messages_per_s=round(delivered),
                ratio_to_copy=ratio([(ours, ceiling) for ours, ceiling, *_ in rounds]),
                ratio_to_bare=ratio([(ours / readings_per_message, bare) for ours, _, bare, *_ in rounds]),
                ratio_to_naive=ratio([(ours, naive) for ours, _, _, naive, _ in rounds]),
                ratio_to_broker=ratio([(ours / readings_per_message, broker) for ours, *_, broker in rounds]),
            )


def one_round(bench: Bench) -> tuple[float, float, float, float, float]:
    """Ours, the ceiling, the bare subscriber (in messages), the naive client and the broker (in messages), a second."""
    return (
        ours_rows_per_s(bench),
        copy_rows_per_s(bench),
        bare_messages_per_s(bench),
        naive_rows_per_s(bench),
        broker_messages_per_s(bench),
    )


def ratio(rates: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The middle, the least and the greatest of the rounds' ratios."""
    ratios = sorted(mine / other for mine, other in rates)
    return {
        "median": round(statistics.median(ratios), 3),
        "least": round(ratios[0], 3),
        "greatest": round(ratios[-1], 3),
    }


def payload(number: int, readings: int) -> bytes:
    """One message, a second after the one before it."""
    values = {f"T{tag:03}": round(20 + tag + (number * 7919 % 1000) / 1000, 3) for tag in range(readings)}
    message = {"time": STARTED_US // 1000 + number * 1000, "values": values, "publisher": "p", "boot": 1, "seq": number}
    return json.dumps(message, separators=(",", ":")).encode()


@contextmanager
def machine() -> Iterator[tuple[EmbeddedPostgres, EmbeddedBroker]]:
    """A server that waits for its disk and a broker, both with their normal settings."""
    directory = short_directory(on_disk=True)
    try:
        with (
            EmbeddedPostgres(directory / "pg", socket_dir=directory / "s") as server,
            EmbeddedBroker(directory / "broker", 0) as broker,
        ):
            set_up(server, migrate)
            with psycopg.connect(server.dsn("batchwitness_owner", DATABASE)) as connection:
                many_tags(connection)
            yield server, broker
    finally:
        shutil.rmtree(directory)


def many_tags(connection: psycopg.Connection) -> None:
    """The small plant with TAGS more tags on its first bioreactor."""
    from records.masterdata import load_masterdata

    plant = document()
    template = next(tag for tag in plant["tags"] if tag["name"] == BIOREACTOR_TAGS[1][0])
    plant["tags"] = [
        template | {"unit": "BR-01", "name": f"T{tag:03}", "measurand": f"signal {tag}", "physical_high": 1000.0}
        for tag in range(TAGS)
    ]
    load_masterdata(connection, plant, by="bench", reason="tags to measure with", effective_from=VALID_FROM)


def ours_rows_per_s(bench: Bench) -> float:
    """The ingest process."""
    _empty(bench)
    with _preloaded(bench, "ours") as client_id:
        return _ours_rows_per_s(bench, client_id)


def _ours_rows_per_s(bench: Bench, client_id: str) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "BATCHWITNESS"))} | {
        "PGHOST": str(bench.server.socket_dir),
        "PGPORT": str(PORT),
        "PGDATABASE": DATABASE,
        "PGUSER": "batchwitness_ingest",
        "PGPASSFILE": str(bench.server.passwords.passfile("batchwitness_ingest")),
        "BATCHWITNESS_MQTT_PORT": str(bench.broker.port),
        "BATCHWITNESS_MQTT_USER": "ingest",
        "BATCHWITNESS_MQTT_PASSWORD_FILE": str(bench.broker.passwords.file("ingest")),
        "BATCHWITNESS_MQTT_CLIENT_ID": client_id,
        "BATCHWITNESS_INGEST_BATCH": str(BATCH),
    }
    with (
        psycopg.connect(bench.server.dsn("batchwitness_owner", DATABASE), autocommit=True) as owner,
        subprocess.Popen(
            [sys.executable, "-m", "batchwitness", "ingest"], env=environment, stderr=subprocess.DEVNULL
        ) as process,
    ):
        eventually(
            lambda: owner.execute("SELECT coalesce(sum(readings), 0) FROM block").fetchone() == (bench.readings,),
            within_s=300,
            what=f"{bench.readings} readings stored",
        )
        row = owner.execute(
            "SELECT sum(readings) - (array_agg(readings ORDER BY seq))[1],"
            " extract(epoch FROM max(committed_time) - min(committed_time)) FROM block WHERE readings > 0"
        ).fetchone()
        process.send_signal(signal.SIGTERM)
    assert row is not None
    return float(row[0]) / float(row[1])


def copy_rows_per_s(bench: Bench) -> float:
    """Binary COPY of the same rows in the same batches into the same table, rows ready and sorted by tag."""
    _empty(bench)
    batches = [_rows(bench, first) for first in range(0, len(bench.payloads), BATCH)]
    with psycopg.connect(bench.server.dsn("batchwitness_ingest", DATABASE)) as connection:
        started = time.perf_counter()
        for rows in batches:
            with connection.transaction(), connection.cursor().copy(queries("reading")["copy"]) as copy:
                copy.write(COPY_HEADER)
                copy.write(rows.tobytes())
                copy.write(COPY_TRAILER)
        return bench.readings / (time.perf_counter() - started)


def bare_messages_per_s(bench: Bench) -> float:
    """A paho subscriber that counts and acknowledges, nothing else."""
    with _preloaded(bench, "bare") as client_id:
        return _bare_messages_per_s(bench, client_id)


def _bare_messages_per_s(bench: Bench, client_id: str) -> float:
    done, times = threading.Event(), [0.0, 0.0]
    count = 0

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        nonlocal count
        count += 1
        if count == 1:
            times[0] = time.perf_counter()
        client.ack(message.mid, message.qos)
        if count == len(bench.payloads):
            times[1] = time.perf_counter()
            done.set()

    client = _client(bench.broker, client_id, "ingest", manual_ack=True)
    client.on_message = on_message
    _connect(client, bench.broker)
    client.loop_start()
    assert done.wait(300)
    client.disconnect()
    client.loop_stop()
    return (len(bench.payloads) - 1) / (times[1] - times[0])


def broker_messages_per_s(bench: Bench) -> float:
    """What the broker delivers to a reader that cuts packets and acknowledges a thousand at a time, nothing else."""
    with _preloaded(bench, "broker") as client_id:
        client = _client(bench.broker, client_id, "ingest", manual_ack=True)
        _connect(client, bench.broker)
        connection = client.socket()
        assert isinstance(connection, socket.socket)
        reader = PacketReader(generation=1, properties=True)
        connection.setblocking(True)
        count, first_at, waiting = 0, 0.0, []
        while count < len(bench.payloads):
            packet_ids = [delivery.mid for delivery in reader.feed(connection.recv(CHUNK), 0).deliveries]
            first_at = first_at or time.perf_counter()
            count += len(packet_ids)
            waiting += packet_ids
            if len(waiting) >= BATCH or count == len(bench.payloads):
                connection.sendall(acknowledgements(waiting))
                waiting = []
        taken_s = time.perf_counter() - first_at
        client.disconnect()
        return count / taken_s


def naive_rows_per_s(bench: Bench) -> float:
    """A subscriber that inserts each reading in a transaction of its own, as many readings as it takes to measure."""
    _empty(bench)
    few = replace(bench, payloads=bench.payloads[: max(20, NAIVE_READINGS // bench.readings_per_message)])
    with _preloaded(few, "naive") as client_id:
        return _naive_rows_per_s(few, client_id)


def _naive_rows_per_s(few: Bench, client_id: str) -> float:
    done, times = threading.Event(), [0.0, 0.0]
    count = 0
    with psycopg.connect(few.server.dsn("batchwitness_owner", DATABASE), autocommit=True) as connection:
        tags: dict[str, int] = dict(connection.execute("SELECT name, tag_id FROM tag").fetchall())

        def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            nonlocal count
            count += 1
            if count == 1:
                times[0] = time.perf_counter()
            decoded = json.loads(message.payload)
            for name, value in decoded["values"].items():
                connection.execute(
                    "INSERT INTO reading VALUES (%s, to_timestamp(%s), %s, 192, now(), 1, 1)",
                    (tags[name], decoded["time"] / 1000, value),
                )
            client.ack(message.mid, message.qos)
            if count == len(few.payloads):
                times[1] = time.perf_counter()
                done.set()

        client = _client(few.broker, client_id, "ingest", manual_ack=True)
        client.on_message = on_message
        _connect(client, few.broker)
        client.loop_start()
        assert done.wait(300)
        client.disconnect()
        client.loop_stop()
    return few.readings / (times[1] - times[0])


def _rows(bench: Bench, first: int) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    count = min(BATCH, len(bench.payloads) - first)
    rows = np.zeros(count * bench.readings_per_message, dtype=COPY_ROW)
    rows["columns"] = 7
    for length, column in (
        (4, "tag"),
        (8, "time"),
        (8, "value"),
        (2, "quality"),
        (8, "received"),
        (2, "chain"),
        (8, "seq"),
    ):
        rows[f"{column}_len"] = length
    rows["tag_id"] = np.repeat(np.arange(1, bench.readings_per_message + 1), count)
    seconds = np.tile(np.arange(first, first + count), bench.readings_per_message)
    rows["source_time"] = STARTED_US - POSTGRES_EPOCH_US + seconds * 1_000_000
    rows["received_time"] = rows["source_time"]
    rows["value"] = np.round(20 + rows["tag_id"] + (seconds * 7919 % 1000) / 1000, 3)
    rows["quality"], rows["chain_id"], rows["block_seq"] = 192, 1, first // BATCH
    return rows


def _empty(bench: Bench) -> None:
    with psycopg.connect(bench.server.dsn("batchwitness_owner", DATABASE), autocommit=True) as owner:
        owner.execute("TRUNCATE reading, block, block_body, block_unit, block_tick, publisher, sequence_gap CASCADE")
        owner.execute("DELETE FROM chain")


@contextmanager
def _preloaded(bench: Bench, kind: str) -> Iterator[str]:
    """The client id of a session that is not there and for which the broker holds the messages.

    It is ended afterwards: a session that stays would be sent everything that is published for the ones after it, and
    the broker, which writes down what it holds once a second, would be slower with each of them.
    """
    client_id = f"{kind}-{next(_SESSIONS)}"
    subscribed = threading.Event()
    session = _client(bench.broker, client_id, "ingest")
    session.on_connect = lambda client, *_: client.subscribe(f"{PREFIX}/#", qos=1)
    session.on_subscribe = lambda *_: subscribed.set()
    _connect(session, bench.broker)
    session.loop_start()
    assert subscribed.wait(10)
    session.disconnect()
    session.loop_stop()
    _publish(bench, f"publisher-{client_id}")
    try:
        yield client_id
    finally:
        _end_session(bench, client_id)


def _publish(bench: Bench, client_id: str) -> None:
    publisher = _client(bench.broker, client_id, "plant")
    publisher.max_inflight_messages_set(200)
    _connect(publisher, bench.broker)
    publisher.loop_start()
    for body in bench.payloads:
        last = publisher.publish(TOPIC, body, qos=1)
        while publisher._out_messages and len(publisher._out_messages) > 2_000:
            time.sleep(0.001)
    last.wait_for_publish(60)
    publisher.disconnect()
    publisher.loop_stop()


def _end_session(bench: Bench, client_id: str) -> None:
    ended = threading.Event()
    session = _client(bench.broker, client_id, "ingest")
    session.on_connect = lambda client, *_: client.disconnect()
    session.on_disconnect = lambda *_: ended.set()
    session.connect(bench.broker.host, bench.broker.port, clean_start=True)
    session.loop_start()
    assert ended.wait(10)
    session.loop_stop()


def _client(broker: EmbeddedBroker, client_id: str, user: str, *, manual_ack: bool = False) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, manual_ack=manual_ack)
    client.username_pw_set(user, Path(broker.passwords.file(user)).read_text(encoding="utf-8").strip())
    return client


def _connect(client: mqtt.Client, broker: EmbeddedBroker) -> None:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho does not type it
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = 2 * BATCH
    client.connect(broker.host, broker.port, clean_start=False, properties=properties)
