"""take → decode → commit → acknowledge, with everything around it failing."""

import json
from datetime import UTC, datetime, timedelta

from tests.fix_proxy import Proxy
from tests.ingest.conftest import Line, readings
from tests.support import eventually


def test_what_is_published_is_in_the_record(line: Line) -> None:
    with line.ingest():
        for number in range(250):
            line.plant.publish("BR-01/readings", readings(number))
        eventually(line.stored(250), what="250 readings")
    assert line.ask("SELECT count(*) FROM quarantine") == 0


def test_ingest_1_nothing_is_acknowledged_before_it_is_committed(line: Line, database_proxy: Proxy) -> None:
    through_proxy = line.database.dsn("ingest", host=database_proxy.directory)
    with line.ingest(conninfo=through_proxy) as running:
        line.plant.publish("BR-01/readings", readings(0))
        eventually(line.stored(1), what="the first reading")
        database_proxy.cut()
        for number in range(1, 150):
            line.plant.publish("BR-01/readings", readings(number))
        eventually(lambda: len(running.inbox) > 0, what="deliveries waiting for the store")
    assert line.ask("SELECT count(*) FROM reading") == 1
    database_proxy.restore()
    with line.ingest(conninfo=through_proxy):
        eventually(line.stored(150), what="everything, delivered again")


def test_an_outage_of_the_database_waits_without_losing_or_growing_without_bound(
    line: Line, database_proxy: Proxy
) -> None:
    through_proxy = line.database.dsn("ingest", host=database_proxy.directory)
    with line.ingest(conninfo=through_proxy, batch=50) as running:
        line.plant.publish("BR-01/readings", readings(0))
        eventually(line.stored(1), what="the first reading")
        database_proxy.cut()
        for number in range(1, 1_000):
            line.plant.publish("BR-01/readings", readings(number))
        assert len(running.inbox) <= 100
        database_proxy.restore()
        eventually(line.stored(1_000), within_s=30, what="1,000 readings after the outage")
        assert running.failure is None


def test_a_cut_connection_to_the_broker_loses_nothing_and_stores_nothing_twice(line: Line, broker_proxy: Proxy) -> None:
    with line.ingest(port=broker_proxy.port, batch=20):
        for number in range(600):
            line.plant.publish("BR-01/readings", readings(number))
            if number in {100, 250, 400}:
                broker_proxy.cut()
                broker_proxy.restore()
        eventually(line.stored(600), within_s=60, what="600 readings over a bad line")
    assert line.ask("SELECT count(*) FROM reading_conflict") == 0


def test_ingest_2_a_broker_that_restarts_delivers_what_it_kept(own_line: Line) -> None:
    with own_line.ingest():
        own_line.plant.publish("BR-01/readings", readings(0))
        eventually(own_line.stored(1), what="the first reading")
    for number in range(1, 100):
        own_line.plant.publish("BR-01/readings", readings(number))
    own_line.broker.stop()
    own_line.broker.start()
    with own_line.ingest():
        eventually(own_line.stored(100), what="what was published while nobody listened")


def test_a_retained_message_is_not_a_new_reading(line: Line) -> None:
    line.plant.publish("BR-01/readings", readings(0), retain=True)
    with line.ingest():
        line.plant.publish("BR-01/readings", readings(1))
        eventually(line.stored(1), what="the new reading")
    assert line.ask("SELECT to_char(max(source_time) AT TIME ZONE 'UTC', 'SS') FROM reading") == "01"


def test_ingest_3_a_message_the_database_refuses_is_isolated_and_quarantined(line: Line) -> None:
    refused = b'{"event": "intervention", "time": "2026-01-05T08:00:00Z", "comment": "x", "extra": NaN}'
    with line.ingest() as running:
        for number in range(40):
            line.plant.publish("BR-01/readings", readings(number))
            if number == 20:
                line.plant.publish("BR-01/events", refused)
        eventually(line.stored(40), what="the good messages around it")
        eventually(lambda: line.ask("SELECT count(*) FROM quarantine") == 1, what="the refused one in quarantine")
        assert running.failure is None
    assert line.ask("SELECT code FROM quarantine") == "store_rejected"


def test_time_is_told_while_nothing_is_published(line: Line) -> None:
    with line.ingest():
        eventually(lambda: line.ask("SELECT count(*) FROM block_tick") >= 2, what="two ticks")


def test_no_time_is_told_while_a_backlog_waits_at_the_broker(line: Line) -> None:
    with line.ingest(batch=1_000):
        pass  # the session exists, and the broker keeps what comes for it
    now = datetime.now(UTC)
    for number in range(3_000):  # old readings first, as a backlog has them, and then the present
        time = now - timedelta(seconds=3 * (2_999 - number))
        line.plant.publish("BR-01/readings", {"time": time.isoformat(), "values": {"pH": 7.0 + number / 1e6}})
    with line.ingest(batch=1_000):
        eventually(line.stored(3_000), what="the backlog")
        eventually(lambda: line.ask("SELECT count(*) FROM block_tick") >= 1, what="a tick once it is settled")
    assert line.ask(
        "SELECT min(block_tick.seq) > max(reading.block_seq) FROM block_tick,"
        " (SELECT block_seq FROM reading WHERE source_time < now() - interval '10 minutes') AS reading"
    )


def test_a_publisher_at_qos_0_breaks_nothing(line: Line) -> None:
    with line.ingest():
        for number in range(40):
            topic = f"{line.prefix}/leiden/hall/BR-01/readings"
            line.plant.client.publish(topic, json.dumps(readings(number)), qos=0)
            line.plant.publish("BR-01/readings", readings(1_000 + number))
        eventually(line.stored(80), what="readings of both kinds")
    assert line.ask("SELECT max(epoch) FROM chain") == 1  # one connection was enough


def test_time_is_told_while_messages_are_refused(line: Line) -> None:
    refused = b'{"event": "intervention", "time": "2026-01-05T08:00:00Z", "comment": "x", "extra": NaN}'
    with line.ingest():
        eventually(lambda: line.ask("SELECT count(*) FROM block_tick") >= 1, what="a tick")
        told = line.ask("SELECT count(*) FROM block_tick")

        def told_more() -> bool:
            line.plant.publish("BR-01/events", refused)
            return bool(line.ask("SELECT count(*) FROM block_tick") >= told + 2)

        eventually(told_more, what="more ticks among refused messages")


def test_no_time_is_told_while_the_broker_is_away(own_line: Line) -> None:
    with own_line.ingest() as running:
        eventually(lambda: own_line.ask("SELECT count(*) FROM block_tick") >= 1, what="a tick")
        own_line.broker.stop()
        eventually(lambda: not running.pipeline.listening(), what="the lost connection noticed")
        own_line.plant.client.loop_stop()
        told = own_line.ask("SELECT count(*) FROM block_tick")
        own_line.broker.start()
        eventually(running.pipeline.listening, within_s=30, what="the connection again")
        assert own_line.ask("SELECT count(*) FROM block_tick") <= told + 1  # one may have been on its way
