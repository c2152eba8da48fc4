"""Turns placed batches into what the plant says on MQTT, in order of time, by the plain JSON topic contract."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import orjson

from batchwitness.plant.batches import SimulatedBatch
from store.model.batch import StartingMaterial
from store.model.times import US_PER_H, from_us, to_us

PREFIX = "batchwitness/v1"
PRODUCT = "CT-101"
STARTING_MATERIAL = StartingMaterial.PATIENT
NEEDED_AFTER = timedelta(days=14)  # the patient waits: a batch is required this long after its start


class Message(NamedTuple):
    """One message and the plant time at which it is said; its source times are never later."""

    plant_us: int
    topic: str
    payload: bytes
    readings: int  # values of tags in it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBatch:
    """A batch with the place and the time at which it is made."""

    batch: SimulatedBatch
    site: str
    area: str
    unit: str
    position: str
    started: datetime

    @property
    def topic(self) -> str:
        """The topic of its unit, without the last level."""
        return f"{PREFIX}/{self.site}/{self.area}/{self.unit}"


def stream(placed: Sequence[PlacedBatch], *, boot: int, until: datetime | None = None) -> Iterator[Message]:
    """All messages in order of plant time, those after `until` left unsaid.

    Every unit has one publisher, named edge-<unit>, whose seq counts its readings messages from 0 within this boot.
    """
    last_us = None if until is None else to_us(until)
    by_unit: dict[str, list[PlacedBatch]] = defaultdict(list)
    for one in placed:
        by_unit[one.topic].append(one)
    for message in heapq.merge(*(_unit(topic, batches, boot) for topic, batches in sorted(by_unit.items()))):
        if last_us is not None and message.plant_us > last_us:
            return
        yield message


def _unit(topic: str, placed: Sequence[PlacedBatch], boot: int) -> Iterator[Message]:
    """The messages of one unit in order; seq is given in this order."""
    publisher = f"edge-{topic.rsplit('/', 1)[-1]}"
    said = heapq.merge(
        *(source for one in placed for source in (_events(one), _results(one), _readings(one))), key=_when
    )
    seq = 0
    for plant_us, level, body, readings in said:
        if level == "readings":
            body |= {"publisher": publisher, "boot": boot, "seq": seq}
            seq += 1
        yield Message(plant_us, f"{topic}/{level}", orjson.dumps(body), readings)


Said = tuple[int, str, dict[str, Any], int]  # plant time, last topic level, body, readings in it


def _when(said: Said) -> int:
    return said[0]


def _readings(placed: PlacedBatch) -> Iterator[Said]:
    """One message for every instant, carrying every tag that was read."""
    batch, start_us = placed.batch, to_us(placed.started)
    source_ms = (start_us + np.round(batch.times_h * US_PER_H).astype(np.int64)) // 1000
    said_us = np.maximum(start_us + np.round(batch.published_h * US_PER_H).astype(np.int64), source_ms * 1000)
    by_position = {"position": placed.position} if batch.spec.process == "MAN-1.0" else {}
    tags = batch.tags
    for row in np.argsort(said_us, kind="stable").tolist():
        values = {tag: value for tag, value in zip(tags, batch.values[row].tolist(), strict=True) if value == value}  # noqa: PLR0124  # NaN is not itself; a function call a value would cost half the speed
        if values:
            yield (
                int(said_us[row]),
                "readings",
                {"time": int(source_ms[row]), "values": values, **by_position},
                len(values),
            )


def _events(placed: PlacedBatch) -> Iterator[Said]:
    batch, spec = placed.batch, placed.batch.spec
    about = {"batch": spec.name, "position": placed.position}
    started = {
        "product": PRODUCT,
        "process": spec.process,
        "donor": spec.donor,
        "starting_material": STARTING_MATERIAL.value,
        "chain_of_identity": f"COI-{spec.name}",
        "required_by": _rfc3339(to_us(placed.started + NEEDED_AFTER)),
    }
    events: list[tuple[float, str, dict[str, str]]] = [(0.0, "unit_procedure_started", started)]
    for name, start_h, end_h in batch.phases:
        events += [(start_h, "phase_started", {"phase": name}), (end_h, "phase_ended", {"phase": name})]
    events += [(event.at_h, event.event, event.fields) for event in batch.events]
    events += [(batch.end_h, "unit_procedure_ended", {"reason": "harvested"}), (batch.end_h, "batch_ended", {})]
    for at_h, event, fields in sorted(events, key=lambda said: said[0]):
        at_us = to_us(placed.started) + round(at_h * US_PER_H)
        yield at_us, "events", {"event": event, "time": _rfc3339(at_us), **about, **fields}, 0


def _results(placed: PlacedBatch) -> Iterator[Said]:
    start_us = to_us(placed.started)
    for result in sorted(placed.batch.results, key=lambda result: result.measured_h):
        measured_us = start_us + round(result.measured_h * US_PER_H)
        body = {
            "result": result.result,
            "batch": placed.batch.spec.name,
            "specimen": result.specimen,
            "attribute": result.attribute,
            "method": result.method,
            "value": result.value,
            "unit_of_measure": result.unit_of_measure,
            "sampled_at": _rfc3339(start_us + round(result.sampled_h * US_PER_H)),
            "measured_at": _rfc3339(measured_us),
            "status": result.status,
            "replaces": result.replaces,
            "stated_by": result.stated_by,
        }
        yield measured_us, "results", body, 0


def _rfc3339(us: int) -> str:
    return from_us(us - us % 1000).isoformat(timespec="milliseconds")
