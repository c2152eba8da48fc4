"""What `batchwitness broker-check` publishes while ingest listens."""

import json

from tests.ingest.conftest import Line, readings
from tests.support import eventually


def test_what_a_check_publishes_is_journaled_and_neither_stored_nor_quarantined(line: Line) -> None:
    with line.ingest():
        for topic, payload in (
            ("check/5f21", b"0"),
            ("check/5f21", b""),
            ("check/5f21/deeper", b"0"),
            ("leiden/hall/BR-01/readings", json.dumps(readings(0)).encode()),
        ):
            line.plant.client.publish(f"{line.prefix}/{topic}", payload, qos=1).wait_for_publish(10)
        eventually(line.stored(1), what="the reading behind it")
    assert line.ask("SELECT array_agg(topic) FROM quarantine") == [f"{line.prefix}/check/5f21/deeper"]
    assert line.ask("SELECT sum(entries) - (SELECT count(*) FROM block_tick) FROM block") == 4
