"""The tank of `tests.analytics.tank`, fed in a phase that an operator begins hours earlier or later."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from analytics.evidence import Evidence
from analytics.learning import learn_new_with_evidence
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun, PhaseOfRun
from analytics.template import Template
from store.model.alert import Alert
from store.model.times import US_PER_H
from tests.analytics import tank

BLIND = (Blind(phase=None, hours=4.0),)
FEEDING_SD_H = 3.0


def run_of(
    seed: int, *, feeding_h: float | None = None, delivered: float = 1.0, sensor: float = 0.0, from_h: float = 56.0
) -> CompletedRun:
    """One batch: acid and feed are raised when feeding begins, and the level follows what is really delivered."""
    rng = np.random.default_rng([seed, 78])
    begins_h = round(30.0 + float(np.clip(rng.normal(), -2.5, 2.5)) * FEEDING_SD_H, 2)
    begins_h = begins_h if feeding_h is None else feeding_h
    times_h = (np.arange(tank.HOURS * tank.PER_HOUR) + 1) / tank.PER_HOUR
    fed_h = np.maximum(times_h - begins_h, 0.0)
    after = times_h >= from_h
    feed = (1.0 + np.where(fed_h > 0.0, 3.0 + fed_h / 12.0, 0.0)) * rng.lognormal(0, 0.02)
    real = feed * np.where(after, delivered, 1.0)
    level = rng.normal(100.0, 2.0) + np.cumsum(real) / tank.PER_HOUR - 0.3 * times_h * rng.lognormal(0, 0.1)
    drawn = np.arange(8.0, tank.HOURS, 8.0)
    true_ph = 7.0 - np.where(after, sensor, 0.0)
    at = np.searchsorted(times_h, drawn)
    return CompletedRun(
        batch=f"PHASED-{seed}",
        tags={
            "acid": (times_h, np.where(fed_h > 0.0, 3.0, 1.0) + rng.normal(0.0, 0.1, len(times_h))),
            "feed": (times_h, feed + rng.normal(0, 0.05, len(times_h))),
            "level": (times_h, level + rng.normal(0, 0.5, len(times_h))),
            "pH": (times_h, np.full(len(times_h), 7.0) + rng.normal(0, 0.01, len(times_h))),
            "pH_sample": (drawn + 0.5, true_ph[at] + rng.normal(0, 0.02, len(drawn))),
        },
        phases=(
            PhaseOfRun(name="filling", from_h=0.0, to_h=begins_h),
            PhaseOfRun(name="feeding", from_h=begins_h, to_h=float(tank.HOURS)),
        ),
    )


def untold(run: CompletedRun) -> CompletedRun:
    """The run as if nobody had said when its phases began."""
    return replace(run, phases=())


def reference(
    runs: list[CompletedRun], template: Template | None = tank.WHOLE_COURSES
) -> tuple[ReferenceModel, Evidence]:
    """Learned from these batches, with what its limits were made of."""
    model, evidence = learn_new_with_evidence(runs, grid=tank.GRID, tags=tank.ONLINE, blind=BLIND, template=template)
    assert evidence is not None
    return model, evidence


def alerts_of(model: ReferenceModel, run: CompletedRun) -> list[Alert]:
    """What a batch's alerts say at its end, each phase told when it begins."""
    watching = tank.monitor(model)
    stream = tank.stream_of(run)
    edges = [int(np.searchsorted(stream.source_times_us, phase.from_h * US_PER_H)) for phase in run.phases]
    told = []
    for phase, piece in zip((None, *run.phases), tank.cut(stream, edges), strict=True):
        if phase is not None:
            watching.phase(phase.name, round(phase.from_h * US_PER_H))
        told += watching.feed(piece)
    told += watching.close(tank.HOURS * US_PER_H)
    latest = {alert.ordinal: alert for alert in told}
    return [latest[ordinal] for ordinal in sorted(latest)]


def pairs(edges: list[int], until: int) -> list[tuple[int, int]]:
    """Neighbouring positions from 0 over the edges to the end."""
    return list(pairwise([0, *sorted(edges), until]))
