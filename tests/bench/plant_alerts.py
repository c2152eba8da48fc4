"""False and true alerts of the demo plant's model over many seeds, through the live monitor, without a broker.

The seeds are none of those on which the plant or the detection was looked at while they were made.
"""

import sys
from collections.abc import Iterator

from analytics.grid import Grid
from analytics.methods.binomial import Rate
from analytics.references import CELL_WIDTH_US
from analytics.runs import CompletedRun
from analytics.template import named
from analytics.trials import FaultyRun, PlantTrial, alert_rates
from batchwitness.plant.batches import SimulatedBatch
from batchwitness.plant.equipment import BIOREACTORS
from batchwitness.plant.masterdata import masterdata
from batchwitness.plant.trials import trials
from store.model.ids import TagId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.times import US_PER_H
from tests.bench.report import report

SEEDS = range(1_101, 1_201)
UNCHANGED = 4
BATCH_H = 288


def bench_plant_alerts() -> None:
    """100 plants, each with its own 24 reference batches, 4 unchanged and 2 faulty ones."""
    rates = alert_rates(
        _plants(),
        grid=Grid(width_us=CELL_WIDTH_US, cells=BATCH_H * US_PER_H // CELL_WIDTH_US),
        tags=tags_of_bioreactor(),
        template=named("tcell"),
    )
    report(
        "plant_alerts",
        seeds=f"{SEEDS.start} to {SEEDS.stop - 1}",
        plants=rates.plants,
        reference_batches=24,
        false_alerts=shown(rates.false_alerts),
        detected={kind: shown(rate) for kind, rate in rates.detected.items()},
        delay_median_h=rates.delay_median_h,
    )


def _plants() -> Iterator[PlantTrial]:
    for done, trial in enumerate(trials(SEEDS, unchanged=UNCHANGED)):
        sys.stderr.write(f"\rplant {done + 1} of {len(SEEDS)}")
        sys.stderr.flush()
        yield PlantTrial(
            reference=tuple(_run(batch) for batch in trial.reference),
            unchanged=tuple(_run(batch) for batch in trial.unchanged),
            faulty=tuple(
                FaultyRun(run=_run(batch), kind=batch.spec.fault.kind.value, start_h=batch.spec.fault.start_h)
                for batch in trial.faulty
                if batch.spec.fault is not None
            ),
        )
    sys.stderr.write("\n")


def _run(batch: SimulatedBatch) -> CompletedRun:
    return CompletedRun(batch=batch.spec.name, tags=batch.readings)


def tags_of_bioreactor() -> list[Tag]:
    """The tags of one bioreactor of the plant."""
    described = [tag for tag in masterdata()["tags"] if tag["unit"] == BIOREACTORS[0]]
    return [
        Tag(
            tag_id=TagId(number),
            unit_id=UnitId(1),
            position_id=None,
            name=tag["name"],
            measurand=tag["measurand"],
            unit_of_measure=tag["unit_of_measure"],
            physical_low=tag["physical_low"],
            physical_high=tag["physical_high"],
            reporting_mode=ReportingMode(tag["reporting_mode"]),
            interval_s=300.0,  # as simulated here
            mapped=True,
        )
        for number, tag in enumerate(described, start=1)
    ]


def shown(rate: Rate) -> dict[str, object]:
    """Events, trials and the exact interval, for a report."""
    low, high = rate.interval
    return {"events": rate.events, "of": rate.trials, "interval_95": [round(low, 4), round(high, 4)]}
