"""Whole batches of the demo plant: what its instruments, its people and its laboratory state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batchwitness.plant import manual, sensors
from batchwitness.plant.culture import BATCH_H, Course, run
from batchwitness.plant.donors import draw
from batchwitness.plant.faults import effects_of
from batchwitness.plant.handling import START_VOLUME_ML, Handling, handle
from batchwitness.plant.kinetics import Row
from batchwitness.plant.parameters import Vector
from batchwitness.plant.quality import Outcome, Result, report
from batchwitness.plant.specs import BatchSpec, randomness
from batchwitness.plant.tags import AUTOMATED_TAGS, MANUAL_TAGS

MANUAL_GRID_MIN = 15
IN_PROCESS_H = (120.0, 240.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantEvent:
    """Something the plant says beside readings; `fields` are the topic contract's."""

    event: str
    at_h: float
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedBatch:
    """One batch as the plant states it. Hours are since the start of the unit procedure."""

    spec: BatchSpec
    phases: tuple[tuple[str, float, float], ...]  # name, start, end
    tags: tuple[str, ...]
    times_h: Vector  # shape (m,)
    values: NDArray[np.float64]  # shape (m, len(tags)); NaN where nothing was read
    published_h: Vector  # when each row is said, never before its time; people type in what they wrote down
    results: tuple[Result, ...]
    events: tuple[PlantEvent, ...]
    end_h: float
    fold: float  # true expansion, which nobody publishes

    @property
    def readings(self) -> dict[str, tuple[Vector, Vector]]:
        """By tag, the hours and the values of what was read."""
        read = {}
        for column, tag in enumerate(self.tags):
            there = np.isfinite(self.values[:, column])
            read[tag] = (self.times_h[there], self.values[there, column])
        return read


def simulate(specs: Sequence[BatchSpec], *, interval_s: float) -> list[SimulatedBatch]:
    """Simulates batches, in the order given; all of one process are integrated together.

    `interval_s` is the interval of automated readings and a whole number of minutes; hand-taken readings keep their own
    rhythm. The same specification gives the same batch whatever else is simulated with it. Raises ValueError for an
    interval that is not a whole number of minutes.
    """
    if interval_s < 60 or interval_s % 60:
        raise ValueError(f"readings come every whole number of minutes, not every {interval_s} s")
    simulated: dict[int, SimulatedBatch] = {}
    for process in ("MAN-1.0", "AUTO-2.0"):
        places = [place for place, spec in enumerate(specs) if spec.process == process]
        if places:
            chosen = [specs[place] for place in places]
            simulated.update(zip(places, _simulate(chosen, round(interval_s / 60)), strict=True))
    return [simulated[place] for place in range(len(specs))]


def _simulate(specs: Sequence[BatchSpec], interval_min: int) -> list[SimulatedBatch]:
    """Batches of one process."""
    automated = specs[0].process == "AUTO-2.0"
    parameters = draw(specs)
    handling = handle(specs)
    faults = effects_of([spec.fault for spec in specs])
    density_gain = np.exp([0.04 * randomness("density", spec.name, spec.seed).standard_normal() for spec in specs])
    course = run(
        parameters,
        steps=handling.steps,
        start_volume_mL=START_VOLUME_ML[specs[0].process],
        feed_from_h=handling.feed_from_h,
        density_gain=density_gain,
        faults=faults,
        record_every_min=interval_min if automated else MANUAL_GRID_MIN,
        step_min=1.0 if automated else 5.0,
    )
    outcomes = [_outcome(course, column) for column in range(len(specs))]
    if automated:
        values = sensors.read(specs, course, parameters, handling, faults)
        rows = [(course.times_h, values[column], course.times_h) for column in range(len(specs))]
    else:
        rows = [(sheet.times_h, sheet.values, sheet.entered_h) for sheet in manual.read(specs, course)]
    tags = tuple(tag.name for tag in (AUTOMATED_TAGS if automated else MANUAL_TAGS))
    return [
        SimulatedBatch(
            spec=spec,
            phases=handling.phases[column],
            tags=tags,
            times_h=rows[column][0],
            values=rows[column][1],
            published_h=rows[column][2],
            results=tuple(report(spec, outcomes[column], harvest_h=BATCH_H - 1.0)),
            events=_events(spec, handling, column),
            end_h=BATCH_H,
            fold=outcomes[column].fold,
        )
        for column, spec in enumerate(specs)
    ]


def _outcome(course: Course, column: int) -> Outcome:
    live, dead = course.state[Row.LIVE][:, column], course.state[Row.DEAD][:, column]
    cells = live * course.state[Row.VOLUME][:, column]
    viability = live / (live + dead)
    at = np.searchsorted(course.times_h, IN_PROCESS_H)
    return Outcome(
        viability=float(viability[-1]),
        fold=float(cells[-1] / cells[0]),
        viability_in_process=tuple((hour, float(viability[i])) for hour, i in zip(IN_PROCESS_H, at, strict=True)),
    )


def _events(spec: BatchSpec, handling: Handling, column: int) -> tuple[PlantEvent, ...]:
    """Materials and interventions, in order of time."""
    vector = {"material": "vector", "lot": spec.vector_lot}
    used = [
        PlantEvent(event="material_used", at_h=0.05, fields={"material": "activator", "lot": spec.activator_lot}),
        PlantEvent(event="material_used", at_h=handling.vector_h[column], fields=vector),
    ]
    filled = [
        PlantEvent(event="intervention", at_h=at_h, fields={"comment": "medium added"})
        for at_h in handling.fills_h[column]
    ]
    sampled = [
        PlantEvent(event="intervention", at_h=at_h, fields={"comment": "sample taken"})
        for at_h in handling.samples_h[column]
    ]
    return tuple(sorted(used + filled + sampled, key=lambda event: event.at_h))
