"""What the plant of the alerting benchmark says: batches of fourteen tags with known faults, drawn by seed.

A plant clock runs at RATE, so that cells of half an hour close often enough to be counted.
"""

import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from analytics.segment import Floats
from batchwitness.embedded.broker import EmbeddedBroker
from batchwitness.plant.messages import Message
from batchwitness.plant.specs import randomness
from store.clock import PlantClock
from store.model.times import US_PER_H, US_PER_S, from_us
from tests.bench.campaign.speech import AREA, PREFIX, PROCESS, SITE
from tests.bench.feed import publisher
from tests.plant import document

RATE = 1_200.0  # plant seconds a second: a cell of half an hour lasts 1.5 s, a batch of 30 hours 90 s
INTERVAL_S = 120.0  # plant time between two messages of a batch, of which ten come a second then
HOURS = 30.0
INTERVAL_US = round(INTERVAL_S * US_PER_S)
READINGS = round(HOURS * 3600 / INTERVAL_S)  # of each tag in a batch
REFERENCE_BATCHES = 24
UNITS = tuple(f"BR-{number:02d}" for number in range(1, 41))
TAGS = tuple(f"tag_{number:02d}" for number in range(14))
RANGED = TAGS[0]  # has an approved range, which it leaves; the others jump
APPROVED = (-20.0, 20.0)
NOISE, OFFSET = 0.2, 0.3  # SD of a reading, and of a batch
JUMP, EXCURSION = 4.0, 40.0
# Jumps more than 12 hours after the last are an alert of their own, within them they join the one before.
JUMPS_H = ((4.0, 5.5, 7.0), (22.0, 23.5, 25.0))
JUMPS_WITHIN_H = 1.4
EXCURSIONS_H = np.arange(2.0, HOURS - 2.0, 3.0)
EXCURSION_READINGS = 2  # the second one confirms it
STARTS_WITHIN_S = 1_800.0  # plant time: batches begin, and close their cells, at different instants

# When each message was handed to the MQTT client, in seconds since 1970, by topic and plant time in microseconds.
Handed = dict[tuple[str, int], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantBatch:
    """One batch to publish."""

    name: str
    unit: str
    start_us: int  # plant time, whole milliseconds

    @property
    def topic(self) -> str:
        """Of its unit, without the last level."""
        return f"{PREFIX}/{SITE}/{AREA}/{self.unit}"

    def says_at_or_after(self, at_us: int) -> int | None:
        """The source time of its first readings from an instant on; None after its last."""
        number = -(-(at_us - self.start_us) // INTERVAL_US)
        return self.start_us + number * INTERVAL_US if number < READINGS else None


def masterdata() -> dict[str, Any]:
    """The small plant with forty bioreactors that have all of TAGS, one of them with an approved range."""
    plant = document()
    unit = next(one for one in plant["units"] if one["name"] == "BR-01")
    tag = next(one for one in plant["tags"] if one["name"] == "temperature") | {
        "physical_low": None,
        "physical_high": None,
        "interval_s": INTERVAL_S,
    }
    plant["units"] = [unit | {"site": SITE, "area": AREA, "name": name} for name in UNITS]
    plant["tags"] = [tag | {"unit": unit, "name": name, "measurand": name} for unit in UNITS for name in TAGS]
    plant["limits"] = [
        {
            "process": PROCESS,
            "tag": RANGED,
            "kind": "proven_acceptable_range",
            "low": APPROVED[0],
            "high": APPROVED[1],
            "unit_of_measure": tag["unit_of_measure"],
            "source": "a benchmark",
        }
    ]
    return plant


def reference_batches(until_us: int) -> list[PlantBatch]:
    """Those the reference is learned from, all of them over by then."""
    start_us = until_us - round((HOURS + 1) * US_PER_H)
    return [
        PlantBatch(name=f"REF-{number:02d}", unit=UNITS[number], start_us=start_us)
        for number in range(REFERENCE_BATCHES)
    ]


def watched_batches(count: int, begin_us: int) -> list[PlantBatch]:
    """Batches that begin within STARTS_WITHIN_S from an instant of plant time, which is whole milliseconds."""
    later_ms = randomness("alerting starts", count).integers(0, round(STARTS_WITHIN_S * 1000), count)
    return [
        PlantBatch(name=f"CT-{count}-{number:02d}", unit=UNITS[number], start_us=begin_us + int(later) * 1000)
        for number, later in enumerate(later_ms)
    ]


def stream(batches: Sequence[PlantBatch], *, faulty: bool) -> list[Message]:
    """All messages of some batches in order of plant time."""
    return sorted(
        (message for batch in batches for message in _said(batch, faulty=faulty)), key=lambda one: one.plant_us
    )


def _said(batch: PlantBatch, *, faulty: bool) -> Iterator[Message]:
    about = {"batch": batch.name, "process": PROCESS, "starting_material": "patient"}
    yield _event(batch, batch.start_us, {"event": "unit_procedure_started"} | about)
    values = values_of(batch.name, faulty=faulty)
    for number, row in enumerate(values.tolist()):
        at_us = batch.start_us + number * INTERVAL_US
        body = {"time": at_us // 1000, "values": dict(zip(TAGS, row, strict=True))}
        yield Message(at_us, f"{batch.topic}/readings", json.dumps(body).encode(), len(TAGS))
    ended_us = batch.start_us + round(HOURS * US_PER_H)
    yield _event(batch, ended_us, {"event": "batch_ended", "batch": batch.name})


def values_of(name: str, *, faulty: bool) -> Floats:
    """What is read in a batch, (instants, tags): slow courses, the batch's own offsets, noise and its faults."""
    random = randomness("alerting", name)
    hours = np.arange(READINGS) * INTERVAL_S / 3600
    courses = 5.0 * np.sin(hours[:, None] / np.linspace(10.0, 60.0, len(TAGS)))
    values = courses + random.normal(0.0, OFFSET, len(TAGS)) + random.normal(0.0, NOISE, courses.shape)
    if faulty:
        jumping = iter(random.permutation(np.arange(1, len(TAGS))).tolist())
        for wave_h in JUMPS_H:
            for earliest_h in wave_h:
                from_h = earliest_h + random.uniform(0.0, JUMPS_WITHIN_H)
                values[hours >= from_h, next(jumping)] += JUMP * random.choice((-1.0, 1.0))
        for earliest_h in EXCURSIONS_H:
            first = np.searchsorted(hours, earliest_h + random.uniform(0.0, JUMPS_WITHIN_H))
            values[first : first + EXCURSION_READINGS, 0] += EXCURSION
    return np.round(values, 3)


def _event(batch: PlantBatch, at_us: int, body: dict[str, str]) -> Message:
    return Message(at_us, f"{batch.topic}/events", json.dumps(body | {"time": from_us(at_us).isoformat()}).encode(), 0)


def publish(batches: Sequence[PlantBatch], *, broker: EmbeddedBroker, clock: PlantClock) -> Handed:
    """Say all of some batches at the pace of the clock, from a process of its own, until the broker has it all."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    address = (broker.host, broker.port, broker.passwords.get("plant"))
    process = spawn.Process(target=_publish, args=(theirs, batches, address, clock.anchor, clock.host_anchor))
    process.start()
    theirs.close()
    try:
        handed_s: Handed = ours.recv()
        return handed_s
    finally:
        process.join(60)
        if process.is_alive():
            process.kill()


def _publish(
    answer: Connection,
    batches: Sequence[PlantBatch],
    address: tuple[str, int, str],
    anchor: datetime,
    host_anchor: datetime,
) -> None:
    clock = PlantClock(anchor=anchor, host_anchor=host_anchor, rate=RATE)
    messages = stream(batches, faulty=True)
    client = publisher(*address, "plant")
    handed_s: Handed = {}
    for message in messages:
        time.sleep(clock.wait_s(message.plant_us, datetime.now(UTC)))
        handed_s[message.topic, message.plant_us] = time.time()
        last = client.publish(message.topic, message.payload, qos=1)
    last.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()
    answer.send(handed_s)
