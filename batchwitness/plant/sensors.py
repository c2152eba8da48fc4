"""What the automated bioreactor's instruments show of the truth: noise with memory, resolution, spikes, losses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batchwitness.plant.culture import Course
from batchwitness.plant.faults import Faults
from batchwitness.plant.handling import Handling
from batchwitness.plant.kinetics import MMHG_PER_PERCENT, Row
from batchwitness.plant.parameters import Effect, Matrix, Parameters, Vector
from batchwitness.plant.specs import BatchSpec, randomness
from batchwitness.plant.tags import AUTOMATED_TAGS

MEMORY_AT_1_MIN = 0.7  # autocorrelation of noise one minute apart
SPIKE_PROBABILITY = 2e-4  # per reading of a noisy tag
LOSS_PROBABILITY = 3e-4  # per reading
SPEED_PER_MIN = 20.0


def read(
    specs: Sequence[BatchSpec], course: Course, parameters: Parameters, handling: Handling, faults: Faults
) -> NDArray[np.float64]:
    """Readings of shape (n, m, len(AUTOMATED_TAGS)) on the course's grid of m hours; NaN where a reading is missing."""
    by_tag = _shown(course, parameters, handling, faults)
    truth = np.stack([by_tag[tag.name] for tag in AUTOMATED_TAGS], axis=-1)
    values = np.ascontiguousarray(truth.transpose(1, 0, 2))
    times_h = course.times_h
    minutes = (times_h[1] - times_h[0]) * 60.0
    absolute = np.array([tag.noise for tag in AUTOMATED_TAGS])
    relative = np.array([tag.relative_noise for tag in AUTOMATED_TAGS])
    accuracy = np.array([tag.relative_accuracy for tag in AUTOMATED_TAGS])
    low, high = np.array([tag.physical for tag in AUTOMATED_TAGS]).T
    oxygen = [tag.name for tag in AUTOMATED_TAGS].index("dissolved_oxygen")
    for column, spec in enumerate(specs):
        random = randomness("sensors", spec.name, spec.seed)
        shown = values[column]
        shown *= np.exp(accuracy * random.standard_normal(len(accuracy)))
        scale = absolute + relative * np.abs(shown)
        noise = remembering(random.standard_normal(shown.shape), MEMORY_AT_1_MIN**minutes)
        spikes = random.random(shown.shape) < SPIKE_PROBABILITY
        noise[spikes] += 5.0 * np.sign(noise[spikes])
        shown += scale * noise
        for at_h in handling.samples_h[column]:  # the line is opened: air gets in for two minutes
            shown[(times_h >= at_h) & (times_h < at_h + 2.0 / 60.0), oxygen] += 12.0
        np.clip(shown, low, high, out=shown)
        for tag, spec_of_tag in enumerate(AUTOMATED_TAGS):
            shown[:, tag] = np.round(shown[:, tag], spec_of_tag.decimals)
        shown[random.random(shown.shape) < LOSS_PROBABILITY] = np.nan
        if random.random() < 0.3:  # a network outage that nobody buffered
            lost_at = random.integers(len(times_h))
            shown[lost_at : lost_at + max(1, round(float(random.uniform(4.0, 20.0)) / minutes))] = np.nan
    return values


def remembering(white: NDArray[np.float64], memory: float) -> NDArray[np.float64]:
    """Noise whose neighbours along the first axis correlate by `memory`, of the same variance, out of white noise."""
    weights = memory ** np.arange(1 + int(np.log(1e-3) / np.log(memory)))
    weights /= np.sqrt(np.sum(weights**2))
    coloured: NDArray[np.float64] = weights[0] * white
    for lag, weight in enumerate(weights[1:], 1):
        coloured[lag:] += weight * white[:-lag]
    return coloured


def _shown(course: Course, p: Parameters, handling: Handling, faults: Faults) -> dict[str, Matrix]:
    """What noiseless instruments would show, by tag, shape (m, n): probes with their offsets, commands as given."""
    state, outputs, times = course.state, course.outputs, course.times_h
    return {
        "temperature": state[Row.TEMPERATURE]
        + p.temperature_offset_degC
        + faults.on(Effect.TEMPERATURE_READS_HIGH, times),
        "pH": outputs["ph"] + p.ph_offset + faults.on(Effect.PH_READS_HIGH, times),
        "dissolved_oxygen": state[Row.OXYGEN] + p.oxygen_offset + faults.on(Effect.OXYGEN_READS_HIGH, times),
        "gas_o2": outputs["gas_o2_percent"],
        "gas_co2": outputs["gas_co2_mmHg"] / MMHG_PER_PERCENT,
        "heater_duty": 100.0 * outputs["heater_duty"],
        "base_rate": outputs["base_mM_per_h"] * state[Row.VOLUME] / 1000.0,  # of 1 mol/L base
        "feed_rate": outputs["feed_mL_per_h"],
        "feed_total": np.cumsum(outputs["feed_mL_per_h"], axis=0) * (times[1] - times[0]),
        "weight": state[Row.VOLUME],
        "agitation": _agitation(times, handling, faults),
        "glucose": state[Row.GLUCOSE],
        "lactate": state[Row.LACTATE],
        "viable_cell_density": state[Row.LIVE],
    }


def _agitation(times_h: Vector, handling: Handling, faults: Faults) -> Matrix:
    turning = np.where(times_h[:, None] >= handling.agitated_from_h, SPEED_PER_MIN, 0.0)
    speed: Matrix = turning * (1.0 - faults.on(Effect.TRANSFER_LOST, times_h))
    return speed
