"""Ingestion while the database is slow or full, the network swallows packets, and the clock is set."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ingest import client
from ingest.clock_watch import jumps_total
from ingest.pipeline import unavailable_total
from store.journal import verify_chain
from tests.fix_disk import SmallDisk
from tests.fix_proxy import Proxy, Way
from tests.ingest.conftest import Line, readings
from tests.support import eventually


def counted(counter: object) -> float:
    return float(counter._value.get())  # type: ignore[attr-defined]


def nothing_is_amiss(line: Line) -> bool:
    """Nothing was put aside, nothing contradicts, and the chain is whole."""
    (chain,) = (row[0] for row in line.owner.execute("SELECT chain_id FROM chain WHERE kind = 'live'"))
    amiss = line.ask("SELECT (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM reading_conflict)")
    return amiss == 0 and verify_chain(line.owner, chain) == []


def test_a_lock_that_somebody_holds_is_waited_for_and_nothing_is_lost(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.worker.WAITING", "-c lock_timeout=500ms")
    with line.ingest(batch=20) as running:
        line.plant.publish("BR-01/readings", readings(0))
        eventually(line.stored(1), what="the first reading")
        before = counted(unavailable_total)
        with line.owner.transaction():
            line.owner.execute("LOCK TABLE sequence_gap, reading IN ACCESS EXCLUSIVE MODE")
            for number in range(1, 300):
                line.plant.publish("BR-01/readings", readings(number))
            eventually(lambda: counted(unavailable_total) >= before + 2, what="two attempts that found the lock")
            assert len(running.inbox) <= 80  # three batches, and what one read of the network may add
        eventually(line.stored(300), within_s=30, what="everything after the lock")
    assert nothing_is_amiss(line)


def test_a_full_disk_is_waited_for_and_nothing_is_lost(line: Line, small_disk: SmallDisk) -> None:
    with line.ingest() as running:
        line.plant.publish("BR-01/readings", readings(0))
        eventually(line.stored(1), what="the first reading")
        small_disk.fill()
        before = counted(unavailable_total)
        for message in range(60):
            line.plant.publish("BR-01/readings", [readings(1 + message * 100 + number) for number in range(100)])
        eventually(lambda: counted(unavailable_total) >= before + 2, what="two attempts that found no room")
        assert line.ask("SELECT count(*) FROM reading") < 6_001
        assert running.running()
        small_disk.free()
        eventually(line.stored(6_001), within_s=60, what="everything once there is room")
    assert nothing_is_amiss(line)


def test_acknowledgements_that_a_network_swallows_store_nothing_twice(line: Line, broker_proxy: Proxy) -> None:
    with line.ingest(port=broker_proxy.port, batch=20):
        broker_proxy.stall(Way.THERE)
        for number in range(30):  # the broker sends no more than 40 that are not acknowledged
            line.plant.publish("BR-01/readings", readings(number))
        eventually(line.stored(30), what="what still comes")
        broker_proxy.cut()
        broker_proxy.restore()
        for number in range(30, 80):
            line.plant.publish("BR-01/readings", readings(number))
        eventually(line.stored(80), within_s=30, what="the rest over a new connection")
        eventually(
            lambda: line.ask("SELECT sum(entries) - (SELECT count(*) FROM block_tick) FROM block") == 110,
            what="the first thirty delivered again",
        )
    assert nothing_is_amiss(line)


def test_a_broker_that_falls_silent_is_left_and_found_again(
    line: Line, broker_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "KEEPALIVE_S", 1)
    with line.ingest(port=broker_proxy.port) as running:
        broker_proxy.stall()
        for number in range(100):
            line.plant.publish("BR-01/readings", readings(number))
        eventually(lambda: not running.subscriber.listening(), within_s=20, what="the silence noticed")
        broker_proxy.cut()
        broker_proxy.restore()
        eventually(line.stored(100), within_s=60, what="everything over a new connection")
    assert nothing_is_amiss(line)


@pytest.mark.parametrize("way", list(Way), ids=["nothing gets there", "nothing comes back"])
def test_ingest_2_a_database_that_falls_silent_in_a_commit_loses_nothing_and_stores_nothing_twice(
    line: Line, database_proxy: Proxy, way: Way
) -> None:
    through_proxy = line.database.dsn("ingest", host=database_proxy.directory)
    with line.ingest(conninfo=through_proxy, batch=20):
        for number in range(20):
            line.plant.publish("BR-01/readings", readings(number))
        eventually(line.stored(20), what="the first readings")
        database_proxy.stall(way)
        for number in range(20, 100):
            line.plant.publish("BR-01/readings", readings(number))
        eventually(line.plant.client.is_connected, what="the plant goes on")
        database_proxy.cut()
        database_proxy.restore()
        eventually(line.stored(100), within_s=60, what="everything over a new connection")
    assert nothing_is_amiss(line)


def test_a_database_that_lost_us_without_a_word_is_found_again(line: Line, database_proxy: Proxy) -> None:
    through_proxy = line.database.dsn("ingest", host=database_proxy.directory)
    with line.ingest(conninfo=through_proxy, batch=20):
        line.plant.publish("BR-01/readings", readings(0))
        eventually(line.stored(1), what="the first reading")
        database_proxy.half_open()
        for number in range(1, 60):
            line.plant.publish("BR-01/readings", readings(number))
        database_proxy.restore()
        eventually(line.stored(60), within_s=60, what="everything over a new connection")
    assert nothing_is_amiss(line)


class SetClock:
    """The host's clock, which somebody sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def test_a_clock_that_is_set_forwards_and_back_reorders_nothing_and_is_reported(line: Line) -> None:
    clock = SetClock()
    before = counted(jumps_total)
    with line.ingest(host_now=clock.now):
        for number, ahead_h in enumerate((0, 3, -2)):
            clock.ahead = timedelta(hours=ahead_h)
            line.plant.publish("BR-01/readings", readings(number))
            eventually(line.stored(number + 1), what="a reading taken under this clock")
    assert counted(jumps_total) == before + 2
    committed = [row[0] for row in line.owner.execute("SELECT committed_time FROM block ORDER BY seq")]
    assert all(later > earlier for earlier, later in pairwise(committed))
    received = [row[0] for row in line.owner.execute("SELECT received_time FROM reading ORDER BY source_time")]
    now = datetime.now(UTC)
    assert [round((time - now) / timedelta(hours=1)) for time in received] == [0, 3, -2]
    assert nothing_is_amiss(line)
