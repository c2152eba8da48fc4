"""What people do to a batch by its recipe, and when they really do it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from batchwitness.plant.culture import Step
from batchwitness.plant.faults import FaultKind, share_lost
from batchwitness.plant.parameters import Vector
from batchwitness.plant.specs import BatchSpec, ProcessName, randomness

Plan: TypeAlias = tuple[
    tuple[float, float, float | None], ...
]  # hour, volume afterwards in mL, density to come down to
FIRST_FEED_H = 72.0
AGITATED_FROM_H = 72.0
AUTOMATED_FILLS: Plan = ((24.0, 100.0, None), (FIRST_FEED_H, 200.0, None), (120.0, 250.0, None))
MANUAL_FILLS: Plan = (
    (48.0, 200.0, 1.0),
    (96.0, 600.0, 1.0),
    (144.0, 1200.0, 1.0),
    (192.0, 2000.0, 1.0),
)
START_VOLUME_ML: dict[ProcessName, float] = {"AUTO-2.0": 70.0, "MAN-1.0": 100.0}
SAMPLE_ML = 2.0
SAMPLE_DAYS = (1, 3, 5, 7, 9, 11)
VECTOR_H = 24.2
EXPANSION_H = 48.0
PHASES = (
    ("activation", 0.0, 24.0),
    ("transduction", 24.0, EXPANSION_H),
    ("expansion", EXPANSION_H, 282.0),
    ("harvest", 282.0, 288.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What was done to n batches; lists are by batch."""

    steps: tuple[Step, ...]
    fills_h: tuple[tuple[float, ...], ...]
    samples_h: tuple[tuple[float, ...], ...]
    vector_h: tuple[float, ...]
    feed_from_h: Vector
    agitated_from_h: Vector
    phases: tuple[tuple[tuple[str, float, float], ...], ...]  # name, start, end


def handle(specs: Sequence[BatchSpec]) -> Handling:
    """The recipe as carried out: machines are minutes late, people hours."""
    steps: list[Step] = []
    fills, samples, phases, vector, feed_from, agitated_from = [], [], [], [], [], []
    for column, spec in enumerate(specs):
        random = randomness("handling", spec.name, spec.seed)
        automated = spec.process == "AUTO-2.0"
        begun_late_h = _begun_late_h(spec)
        filled = _fills(spec, column, random, begun_late_h)
        taken = [24.0 * day + float(random.normal(0.0, 0.5)) for day in SAMPLE_DAYS] if automated else []
        steps += filled
        steps += [Step(at_h=at, batch=column, kind="sample", amount_mL=SAMPLE_ML) for at in taken]
        fills.append(tuple(step.at_h for step in filled))
        samples.append(tuple(taken))
        by_h = [*begun_late_h, 0.0] if automated else random.normal(0.0, 0.75, len(PHASES) - 1)
        phases.append(PHASES if not any(by_h) else _shifted(PHASES, by_h))
        vector.append(VECTOR_H + begun_late_h[0])
        agitated_from.append(AGITATED_FROM_H + begun_late_h[1])
        feed_from.append(FIRST_FEED_H + begun_late_h[1] + share_lost(spec.fault, FaultKind.FIRST_FEED_LATE))
    return Handling(
        steps=tuple(steps),
        fills_h=tuple(fills),
        samples_h=tuple(samples),
        vector_h=tuple(vector),
        feed_from_h=np.array(feed_from),
        agitated_from_h=np.array(agitated_from),
        phases=tuple(phases),
    )


def _begun_late_h(spec: BatchSpec) -> tuple[float, float]:
    """By how much transduction and expansion of the automated process begin late: what begins late makes the next late.

    To the quarter of an hour that people write down. Fills, feed and agitation belong to their phase, they move along.
    """
    if not spec.phases_sd_h or spec.process != "AUTO-2.0":
        return 0.0, 0.0
    own = np.clip(randomness("operators", spec.name, spec.seed).standard_normal(2), -3.0, 3.0) * spec.phases_sd_h
    transduction, expansion = (np.rint(np.cumsum(own) * 4.0) / 4.0).tolist()
    return transduction, expansion


def _fills(spec: BatchSpec, column: int, random: np.random.Generator, begun_late_h: tuple[float, float]) -> list[Step]:
    """When and how full: bioreactors are filled by weight, two minutes late; people are an hour or two off."""
    if spec.process == "AUTO-2.0":
        planned, exactness = AUTOMATED_FILLS, 0.001
        late_h = np.abs(random.normal(0.0, 0.03, len(planned)))
        late_h[[at_h == FIRST_FEED_H for at_h, _, _ in planned]] += share_lost(spec.fault, FaultKind.FIRST_FEED_LATE)
        late_h += [begun_late_h[0] if at_h < EXPANSION_H else begun_late_h[1] for at_h, _, _ in planned]
    else:
        planned, exactness = MANUAL_FILLS, 0.03
        late_h = random.normal(0.0, 1.5, len(planned))
    share = np.exp(exactness * random.standard_normal(len(planned)))
    return [
        Step(at_h=at + float(by_h), batch=column, kind="fill", amount_mL=mL * float(by), dilute_to=density)
        for (at, mL, density), by_h, by in zip(planned, late_h, share, strict=True)
    ]


def _shifted(phases: Sequence[tuple[str, float, float]], by_h: Iterable[float]) -> tuple[tuple[str, float, float], ...]:
    """The same phases with their inner boundaries moved, to the quarter of an hour that people write down."""
    inner = [round((end + float(shift)) * 4.0) / 4.0 for (_, _, end), shift in zip(phases[:-1], by_h, strict=True)]
    edges = [phases[0][1], *inner, phases[-1][2]]
    return tuple((name, edges[i], edges[i + 1]) for i, (name, _, _) in enumerate(phases))
