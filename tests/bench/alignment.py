"""What it is worth to place batches by their phases: the demo plant with operators who begin phases at their own times.

The same batches are watched three times: by their phases, by the clock, and, drawn afresh with every phase on time, by
the clock. The seeds are none of those on which the plant or the detection was looked at while they were made.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.grid import Grid
from analytics.learning import learn_new
from analytics.references import CELL_WIDTH_US
from analytics.runs import CompletedRun, PhaseOfRun
from analytics.template import named
from analytics.trials import FaultyRun, PlantTrial, TrialRates, alert_rates
from batchwitness.plant.batches import SimulatedBatch
from batchwitness.plant.faults import Fault, FaultKind
from batchwitness.plant.scenario import FEED_UNDERDELIVERS, HEATER_FADES, PHASES_SD_H
from batchwitness.plant.trials import Trial, trials
from store.model.times import US_PER_H
from tests.bench.plant_alerts import BATCH_H, shown, tags_of_bioreactor
from tests.bench.report import report

SEEDS = range(3_101, 3_105)
UNCHANGED = 6
FAULTS = (
    HEATER_FADES,
    FEED_UNDERDELIVERS,
    Fault(kind=FaultKind.AGITATION_DROPS, start_h=60.0, size=0.5),
    Fault(kind=FaultKind.CO2_SUPPLY_LOST, start_h=30.0, size=0.6, end_h=54.0),
    Fault(kind=FaultKind.PH_PROBE_STEP, start_h=80.0, size=0.1),
)
GRID = Grid(width_us=CELL_WIDTH_US, cells=BATCH_H * US_PER_H // CELL_WIDTH_US)
STARTS_H = {"transduction": 24.0, "expansion": 48.0, "first feed": 72.0}
AROUND_H = 6.0


def bench_alignment() -> None:
    """Four plants, each with 24 reference batches, 6 unchanged and 5 faulty ones; SD of tags after each start."""
    shifted = [_plant(trial) for trial in _drawn(PHASES_SD_H)]
    on_time = [_plant(trial) for trial in _drawn(0.0)]
    clocked = [_untold(plant) for plant in shifted]
    for name, plants in (
        ("phases shift, by phases", shifted),
        ("phases shift, by the clock", clocked),
        ("phases on time, by the clock", [_untold(plant) for plant in on_time]),
    ):
        sys.stderr.write(f"\r{name:40}")
        sys.stderr.flush()
        rates = alert_rates(plants, grid=GRID, tags=tags_of_bioreactor(), template=named("tcell"))
        report("alignment", watched=name, phases_sd_h=PHASES_SD_H, **_rates(rates))
    sys.stderr.write("\n")
    report("alignment", sd_by_phases_over_sd_by_clock=_ratios(shifted, clocked), within_h=AROUND_H)


def _drawn(phases_sd_h: float) -> Sequence[Trial]:
    return list(trials(SEEDS, unchanged=UNCHANGED, faults=FAULTS, phases_sd_h=phases_sd_h))


def _plant(trial: Trial) -> PlantTrial:
    return PlantTrial(
        reference=tuple(_run(batch) for batch in trial.reference),
        unchanged=tuple(_run(batch) for batch in trial.unchanged),
        faulty=tuple(
            FaultyRun(run=_run(batch), kind=batch.spec.fault.kind.value, start_h=batch.spec.fault.start_h)
            for batch in trial.faulty
            if batch.spec.fault is not None
        ),
    )


def _run(batch: SimulatedBatch) -> CompletedRun:
    phases = tuple(PhaseOfRun(name=name, from_h=from_h, to_h=to_h) for name, from_h, to_h in batch.phases)
    return CompletedRun(batch=batch.spec.name, tags=batch.readings, phases=phases)


def _untold(plant: PlantTrial) -> PlantTrial:
    """The same batches as if nobody had said when their phases began."""
    return PlantTrial(
        reference=tuple(replace(run, phases=()) for run in plant.reference),
        unchanged=tuple(replace(run, phases=()) for run in plant.unchanged),
        faulty=tuple(replace(one, run=replace(one.run, phases=())) for one in plant.faulty),
    )


def _rates(rates: TrialRates) -> dict[str, object]:
    return {
        "false_alerts": shown(rates.false_alerts),
        "detected": {kind: shown(rate) for kind, rate in rates.detected.items()},
        "delay_median_h": rates.delay_median_h,
    }


def _ratios(aligned: Sequence[PlantTrial], clocked: Sequence[PlantTrial]) -> dict[str, dict[str, float]]:
    """By start and tag: the SD over reference batches in the hours after it, by phases over by the clock; median."""
    tags = [tag.name for tag in tags_of_bioreactor()]
    found: dict[str, dict[str, list[float]]] = {start: {tag: [] for tag in tags} for start in STARTS_H}
    for one, other in zip(aligned, clocked, strict=True):
        by_phase = learn_new(one.reference[:19], grid=GRID, tags=tags).trajectory  # the envelope alone, without limits
        by_clock = learn_new(other.reference[:19], grid=GRID, tags=tags).trajectory
        assert by_phase is not None
        assert by_clock is not None
        assert by_phase.phases is not None
        usual = by_phase.phases.usual_cells()
        for start, at_h in STARTS_H.items():
            first, last = (round(hour / GRID.width_h) for hour in (at_h, at_h + AROUND_H))
            places = np.flatnonzero((usual >= first) & (usual < last))
            for slot, tag in enumerate(tags):
                here, there = by_phase.sd[places, slot], by_clock.sd[first:last, slot]
                if np.isfinite(here).any() and np.isfinite(there).any():
                    found[start][tag].append(float(np.nanmedian(here) / np.nanmedian(there)))
    return {
        start: {tag: round(float(np.median(column)), 2) for tag, column in columns.items() if column}
        for start, columns in found.items()
    }
