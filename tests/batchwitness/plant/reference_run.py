"""The typical batch of each process: nobody's donor, no noise, the recipe to the minute."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from batchwitness.plant.culture import Course, Step, run
from batchwitness.plant.faults import Fault, FaultKind, effects_of, share_lost
from batchwitness.plant.handling import AUTOMATED_FILLS, FIRST_FEED_H, MANUAL_FILLS, START_VOLUME_ML
from batchwitness.plant.kinetics import Row
from batchwitness.plant.parameters import Matrix, nominal

DAY_H = 24.0
AGITATION = Fault(kind=FaultKind.AGITATION_DROPS, start_h=8 * DAY_H, size=0.7, end_h=8 * DAY_H + 1.0)
HOT = Fault(kind=FaultKind.TEMPERATURE_OFFSET, start_h=0.0, size=4.0)
LATE_FEED = Fault(kind=FaultKind.FIRST_FEED_LATE, start_h=FIRST_FEED_H, size=24.0)
FOLDS: tuple[tuple[Fault, float], ...] = (  # fault, documented fold at day 12
    (Fault(kind=FaultKind.TEMPERATURE_OFFSET, start_h=0.0, size=-0.5), 56),
    (Fault(kind=FaultKind.TEMPERATURE_OFFSET, start_h=0.0, size=-1.0), 53),
    (Fault(kind=FaultKind.TEMPERATURE_OFFSET, start_h=0.0, size=-2.0), 44),
    (Fault(kind=FaultKind.TEMPERATURE_OFFSET, start_h=0.0, size=-3.0), 32),
    (Fault(kind=FaultKind.TEMPERATURE_OFFSET, start_h=0.0, size=1.0), 64),
    (Fault(kind=FaultKind.TEMPERATURE_OFFSET, start_h=0.0, size=2.0), 63),
    (Fault(kind=FaultKind.DO_PROBE_DRIFT, start_h=0.0, size=2.0), 57),
    (Fault(kind=FaultKind.DO_PROBE_FOULING, start_h=0.0, size=15.0), 61),
    (Fault(kind=FaultKind.PH_PROBE_DRIFT, start_h=0.0, size=0.02), 62),
    (Fault(kind=FaultKind.PH_PROBE_STEP, start_h=0.0, size=-0.1), 42),
    (Fault(kind=FaultKind.FEED_UNDERDELIVERS, start_h=5 * DAY_H, size=0.1), 55),
    (Fault(kind=FaultKind.FEED_UNDERDELIVERS, start_h=5 * DAY_H, size=0.2), 50),
    (Fault(kind=FaultKind.FEED_UNDERDELIVERS, start_h=5 * DAY_H, size=0.5), 34),
    (AGITATION, 59),
    (Fault(kind=FaultKind.CO2_SUPPLY_LOST, start_h=5 * DAY_H, size=1.0, end_h=5 * DAY_H + 6.0), 56),
    (Fault(kind=FaultKind.CO2_SUPPLY_LOST, start_h=2 * DAY_H, size=1.0, end_h=3 * DAY_H), 42),
    (Fault(kind=FaultKind.WEAK_ACTIVATOR_LOT, start_h=0.0, size=0.15), 40),
    (Fault(kind=FaultKind.WEAK_ACTIVATOR_LOT, start_h=0.0, size=0.30), 24),
)
TYPICAL: tuple[Fault | None, ...] = (None, *(fault for fault, _ in FOLDS), HOT, LATE_FEED)  # columns of `typical`


def automated(faults: Sequence[Fault | None] = (None,), *, step_min: float = 1.0, until_h: float = 288.0) -> Course:
    """One typical batch a fault."""
    count = len(faults)
    activation = np.array([1.0 - share_lost(fault, FaultKind.WEAK_ACTIVATOR_LOT) for fault in faults])
    late = [share_lost(fault, FaultKind.FIRST_FEED_LATE) for fault in faults]
    steps = [
        Step(at_h=at_h + (late[batch] if at_h == FIRST_FEED_H else 0.0), batch=batch, kind="fill", amount_mL=volume)
        for batch in range(count)
        for at_h, volume, _ in AUTOMATED_FILLS
    ]
    return run(
        replace(nominal(count, controlled=True), activation=activation),
        steps=steps,
        start_volume_mL=START_VOLUME_ML["AUTO-2.0"],
        feed_from_h=FIRST_FEED_H + np.array(late),
        density_gain=np.ones(count),
        faults=effects_of(faults),
        record_every_min=10,
        step_min=step_min,
        until_h=until_h,
    )


def manual() -> Course:
    return run(
        replace(nominal(1, controlled=False), ambient_degC=np.array([37.0])),
        steps=[
            Step(at_h=at_h, batch=0, kind="fill", amount_mL=volume, dilute_to=density)
            for at_h, volume, density in MANUAL_FILLS
        ],
        start_volume_mL=START_VOLUME_ML["MAN-1.0"],
        feed_from_h=np.zeros(1),
        density_gain=np.ones(1),
        faults=effects_of([None]),
        record_every_min=10,
    )


def fold(course: Course, at_h: float = 288.0) -> Matrix:
    cells = course.state[Row.LIVE] * course.state[Row.VOLUME]
    expansion: Matrix = cells[np.searchsorted(course.times_h, at_h)] / cells[0]
    return expansion
