"""Messages larger than ingest takes."""

from store.payload import MOST_BYTES
from tests.ingest.conftest import Line, readings
from tests.support import eventually


def test_ingest_3_a_message_too_large_leaves_a_record_and_holds_nothing_up(line: Line) -> None:
    payload = b"x" * (MOST_BYTES + 1_500_000)
    with line.ingest() as running:
        line.plant.publish("BR-01/readings", readings(0))
        line.plant.publish("BR-01/readings", payload)
        line.plant.publish("BR-01/readings", readings(1))
        eventually(line.stored(2), what="the readings around it")
        assert running.failure is None
    assert line.ask("SELECT code || ': ' || reason FROM quarantine") == (
        f"too_large: {len(payload)} bytes; at most {MOST_BYTES} are taken"
    )
    assert line.ask("SELECT max(length(raw)) FROM block_body") < 200_000
