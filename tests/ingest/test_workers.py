"""Several processes share the plain topics; one that dies is taken over, and nothing is lost or stored twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from batchwitness.embedded.postgres import PORT
from tests.ingest.conftest import Line
from tests.support import eventually

STARTED = datetime(2026, 3, 1, 8, tzinfo=UTC)
UNITS = ("BR-01", "BR-02")


@dataclass(slots=True)
class Plant:
    """Messages of two units, counted."""

    line: Line
    said: int = 0

    def say(self, messages: int) -> None:
        """As many messages of a reading each, in turn from each unit, acknowledged by the broker."""
        for _ in range(messages):
            unit = UNITS[self.said % len(UNITS)]
            time = (STARTED + timedelta(seconds=self.said)).isoformat()
            sequence: dict[str, Any] = {"publisher": unit, "boot": 1, "seq": self.said // len(UNITS)}
            self.line.plant.publish(f"{unit}/readings", {"time": time, "values": {"pH": 7.0}} | sequence)
            self.said += 1

    def stored(self) -> None:
        """Everything said is in the record, once, and nothing is missing."""
        eventually(self.line.stored(self.said), within_s=60, what=f"{self.said} readings stored")
        assert self.line.ask("SELECT count(*) FROM sequence_gap WHERE filled_time IS NULL") == 0


@contextmanager
def process(line: Line, *, partitioned: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """One ingest process of the many."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "BATCHWITNESS"))} | {
        "PGHOST": str(line.database.server.socket_dir),
        "PGPORT": str(PORT),
        "PGDATABASE": line.database.name,
        "PGUSER": "batchwitness_ingest",
        "PGPASSFILE": str(line.database.server.passwords.passfile("batchwitness_ingest")),
        "BATCHWITNESS_MQTT_PORT": str(line.broker.port),
        "BATCHWITNESS_MQTT_USER": "ingest",
        "BATCHWITNESS_MQTT_PASSWORD_FILE": str(line.broker.passwords.file("ingest")),
        "BATCHWITNESS_MQTT_CLIENT_ID": line.client_id,
        "BATCHWITNESS_TOPIC_PREFIX": line.prefix,
        "BATCHWITNESS_INGEST_PARTITIONS": "leiden/hall/BR-01;leiden/hall/BR-02" if partitioned else "",
    }
    with subprocess.Popen([sys.executable, "-m", "batchwitness", "ingest"], env=environment) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGCONT)
                running.terminate()
                assert running.wait(20) == 0


def holders(line: Line) -> dict[str, str]:
    """Who holds which slot now."""
    return dict(line.owner.execute("SELECT name, holder FROM slot WHERE until >= clock_timestamp()").fetchall())


def shared(line: Line, *, slots: int, processes: int) -> bool:
    """Whether all slots are held and every process has some, each subscribed."""
    now = holders(line)
    subscribed = line.ask("SELECT count(*) FROM slot WHERE filters IS NOT NULL")
    return len(now) == slots == subscribed and len(set(now.values())) == processes


@pytest.fixture
def plant(line: Line) -> Plant:
    return Plant(line=line)


def test_ingest_2_a_worker_that_is_killed_is_taken_over_without_loss(line: Line, plant: Plant) -> None:
    with process(line) as first, process(line) as second:
        eventually(partial(shared, line, slots=3, processes=2), within_s=40, what="a fair share")
        plant.say(40)
        plant.stored()
        killed = next(one for one in (first, second) if f":{one.pid}" in holders(line)[f"{line.client_id}-1"])
        killed.kill()
        killed.wait()
        plant.say(40)
        eventually(partial(shared, line, slots=3, processes=1), within_s=40, what="the other one takes over")
        plant.say(40)
        plant.stored()
    assert line.ask("SELECT count(*) FROM chain WHERE kind = 'live' AND seq > 0") == 3


def test_ingest_2_a_worker_that_was_frozen_finds_itself_replaced(line: Line, plant: Plant) -> None:
    with process(line, partitioned=False) as first:
        eventually(partial(shared, line, slots=1, processes=1), within_s=40, what="the first holds the slot")
        with process(line, partitioned=False) as second:
            plant.say(10)
            plant.stored()
            first.send_signal(signal.SIGSTOP)
            plant.say(20)
            eventually(
                lambda: holders(line).get(line.client_id, "").endswith(f":{second.pid}"),
                within_s=40,
                what="the standby takes over",
            )
            plant.stored()
            first.send_signal(signal.SIGCONT)
            plant.say(20)
            plant.stored()
            assert first.poll() is None, "it waits for another turn"


def test_a_process_that_joins_gets_its_share_and_one_that_leaves_gives_it_back_at_once(
    line: Line, plant: Plant
) -> None:
    with ExitStack() as stack:
        stack.enter_context(process(line))
        eventually(partial(shared, line, slots=3, processes=1), within_s=40, what="one process holds all")
        plant.say(10)
        with process(line):
            eventually(partial(shared, line, slots=3, processes=2), within_s=40, what="two share")
            plant.say(10)
        eventually(partial(shared, line, slots=3, processes=1), within_s=40, what="one holds all again")
        plant.say(10)
        plant.stored()
        telling = "SELECT count(DISTINCT chain_id) FROM block_tick"
        eventually(lambda: line.ask(telling) > 0, within_s=40, what="time is told once everybody has caught up")
        assert line.ask(telling) == 1, "one chain tells the time"
