"""What people read and write down beside the static culture: rarely, at rounded times, rounded, and not always."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batchwitness.plant.culture import BATCH_H, Course
from batchwitness.plant.kinetics import MMHG_PER_PERCENT, Row
from batchwitness.plant.parameters import Vector
from batchwitness.plant.specs import BatchSpec, randomness
from batchwitness.plant.tags import MANUAL_TAGS

ROUND_H = 12.0  # a round of readings every twelve hours
STAMP_H = 0.25  # people write down quarters of an hour
ROUND_SKIPPED = 0.03
FIELD_MISSING = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One batch's paper record."""

    times_h: Vector  # as written down, shape (m,)
    values: NDArray[np.float64]  # shape (m, len(MANUAL_TAGS)); NaN where nothing was written
    entered_h: Vector  # when it was typed in, never before the time written down


def read(specs: Sequence[BatchSpec], course: Course) -> list[Sheet]:
    """The paper record of every batch of a course that was recorded at least every quarter of an hour."""
    return [_sheet(spec, course, column) for column, spec in enumerate(specs)]


def _sheet(spec: BatchSpec, course: Course, column: int) -> Sheet:
    random = randomness("sheet", spec.name, spec.seed)
    planned_h = np.arange(0.0, BATCH_H, ROUND_H) + 1.0  # the first round an hour after inoculation
    done_h = np.clip(planned_h + random.normal(0.0, 1.0, len(planned_h)), 0.25, BATCH_H)
    done_h = done_h[random.random(len(done_h)) >= ROUND_SKIPPED]
    times_h = np.unique(np.round(done_h / STAMP_H) * STAMP_H)
    at = np.clip(np.searchsorted(course.times_h, times_h), 0, len(course.times_h) - 1)
    state = {row: course.state[row][at, column] for row in Row}
    live = state[Row.LIVE]
    truth = np.stack(
        [
            state[Row.TEMPERATURE],
            course.outputs["gas_co2_mmHg"][at, column] / MMHG_PER_PERCENT
            - 0.6
            + 0.15 * float(random.standard_normal()),
            state[Row.GLUCOSE],
            state[Row.LACTATE],
            live,
            100.0 * live / (live + state[Row.DEAD]),
        ],
        axis=-1,
    )
    truth *= np.exp(np.array([tag.relative_accuracy for tag in MANUAL_TAGS]) * random.standard_normal(len(MANUAL_TAGS)))
    spread = np.array([tag.noise for tag in MANUAL_TAGS]) + truth * [tag.relative_noise for tag in MANUAL_TAGS]
    counted = np.maximum(live * 100.0, 5.0)  # cells in the chamber's squares at the usual dilution
    spread[:, 4] = live * np.sqrt(1.0 / counted + MANUAL_TAGS[4].relative_noise ** 2)
    values = truth + spread * random.standard_normal(truth.shape)
    values = np.clip(values, *np.array([tag.physical for tag in MANUAL_TAGS]).T)
    for tag, spec_of_tag in enumerate(MANUAL_TAGS):
        values[:, tag] = np.round(values[:, tag], spec_of_tag.decimals)
    values[:, 4] = _two_digits(values[:, 4])
    values[random.random(values.shape) < FIELD_MISSING] = np.nan
    values[1::2, 4:] = np.nan  # cells are counted once a day
    late_h = random.uniform(0.0, 4.0, len(times_h)) + 24.0 * (random.random(len(times_h)) < 0.05)
    return Sheet(times_h=times_h, values=values, entered_h=times_h + late_h)


def _two_digits(values: Vector) -> Vector:
    step = 10.0 ** np.floor(np.log10(np.maximum(values, 1e-3)) - 1.0)
    return np.round(np.round(values / step) * step, 6)
