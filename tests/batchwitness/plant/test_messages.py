"""What the plant says: order, the topic contract, and what it must never say."""

import itertools
import time
from collections import defaultdict
from datetime import datetime
from typing import Any

import orjson
import pytest

from batchwitness.plant.faults import FaultKind
from batchwitness.plant.masterdata import masterdata
from batchwitness.plant.messages import Message, stream
from batchwitness.plant.scenario import Scenario
from store.model.times import to_us


@pytest.fixture(scope="module")
def said(history: Scenario, live: Scenario) -> list[Message]:
    return [
        *stream(history.placed, boot=1, until=history.until),
        *stream(live.placed, boot=2, until=live.until),
    ]


def _bodies(said: list[Message], level: str) -> list[tuple[Message, dict[str, Any]]]:
    return [(message, orjson.loads(message.payload)) for message in said if message.topic.endswith(f"/{level}")]


def test_messages_come_in_order_of_plant_time(said: list[Message]) -> None:
    assert all(earlier.plant_us <= later.plant_us for earlier, later in itertools.pairwise(said))


def test_no_source_time_is_later_than_the_plant_time_at_which_it_is_said(said: list[Message]) -> None:
    assert all(body["time"] * 1000 <= message.plant_us for message, body in _bodies(said, "readings"))
    for message, body in _bodies(said, "events"):
        assert to_us(datetime.fromisoformat(body["time"])) <= message.plant_us
    for message, body in _bodies(said, "results"):
        assert body["sampled_at"] < body["measured_at"]
        assert to_us(datetime.fromisoformat(body["measured_at"])) <= message.plant_us


def test_every_units_seq_counts_up_by_one_within_its_boot(said: list[Message]) -> None:
    seqs: dict[tuple[str, int], list[int]] = defaultdict(list)
    for _, body in _bodies(said, "readings"):
        seqs[body["publisher"], body["boot"]].append(body["seq"])
    assert set(seqs) == {
        *((f"edge-BR-0{n}", boot) for n in range(1, 5) for boot in (1, 2)),
        ("edge-INC-01", 1),
        ("edge-INC-02", 1),
    }
    for counted in seqs.values():
        assert counted == list(range(len(counted)))


def test_every_tag_that_speaks_is_described_in_the_master_data(said: list[Message]) -> None:
    described = {(tag["unit"], tag["position"], tag["name"]) for tag in masterdata()["tags"]}
    spoken = {
        (message.topic.split("/")[-2], body.get("position"), tag)
        for message, body in _bodies(said, "readings")
        for tag in body["values"]
    }
    assert spoken <= described
    assert {tag for unit, _, tag in spoken if unit == "BR-01"} == {tag for unit, _, tag in described if unit == "BR-01"}


def test_a_message_carries_all_tags_of_an_instant_and_its_count_of_readings(said: list[Message]) -> None:
    readings = _bodies(said, "readings")
    assert all(message.readings == len(body["values"]) > 0 for message, body in readings)
    full = sum(len(body["values"]) == 14 for message, body in readings if "BR-" in message.topic)
    assert full > 0.99 * sum("BR-" in message.topic for message, _ in readings)
    assert all(message.readings == 0 for message in said if not message.topic.endswith("/readings"))


def test_a_batch_starts_before_its_readings_and_its_phases_follow_each_other(said: list[Message]) -> None:
    by_batch: dict[str, list[str]] = defaultdict(list)
    for _, body in _bodies(said, "events"):
        named = f"{body['event']} {body['phase']}" if "phase" in body else body["event"]
        if named not in {"intervention", "material_used"}:
            by_batch[body["batch"]].append(named)
    assert len(by_batch) == 46
    for events in by_batch.values():
        assert events[:2] == ["unit_procedure_started", "phase_started activation"]
        assert events[-2:] == ["unit_procedure_ended", "batch_ended"]
        phases = [event.split()[1] for event in events if event.startswith("phase_started")]
        assert phases == ["activation", "transduction", "expansion", "harvest"]
        assert [event.split()[1] for event in events if event.startswith("phase_ended")] == phases


def test_starts_name_product_process_donor_and_when_the_patient_needs_it(said: list[Message]) -> None:
    starts = [body for _, body in _bodies(said, "events") if body["event"] == "unit_procedure_started"]
    assert {body["product"] for body in starts} == {"CT-101"}
    assert {body["process"] for body in starts} == {"MAN-1.0", "AUTO-2.0"}
    assert all(body["donor"].startswith("D-") and body["required_by"] > body["time"] for body in starts)


def test_nothing_that_is_said_names_a_fault(said: list[Message]) -> None:
    words = [kind.value.encode() for kind in FaultKind] + [b"fault", b"drift", b"label"]
    for message in said:
        if not message.topic.endswith("/readings"):
            assert not any(word in message.payload for word in words)
    assert {key for _, body in _bodies(said, "readings") for key in body} == {
        "time", "values", "publisher", "boot", "seq", "position",
    }  # fmt: skip


def test_hand_taken_readings_are_typed_in_after_they_were_taken(said: list[Message]) -> None:
    delays_h = [
        (message.plant_us - body["time"] * 1000) / 3.6e9
        for message, body in _bodies(said, "readings")
        if "INC-" in message.topic
    ]
    assert min(delays_h) >= 0.0
    assert max(delays_h) > 4.0
    assert sum(delay < 4.0 for delay in delays_h) > 0.9 * len(delays_h)


def test_at_least_twenty_thousand_messages_a_second_can_be_made(history: Scenario) -> None:
    begun = time.perf_counter()
    count = sum(1 for _ in stream(history.placed, boot=1))
    assert count / (time.perf_counter() - begun) > 20_000
