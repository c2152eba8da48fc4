"""Runs the equations over whole batches: the recipe, the feed program and the time step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from batchwitness.plant.faults import Faults
from batchwitness.plant.kinetics import (
    AMMONIUM_FEED_MM,
    GLUTAMINE_FEED_MM,
    INCUBATOR_CO2_MMHG,
    LACTATE_FEED_MM,
    Feed,
    Rates,
    Row,
    rates,
)
from batchwitness.plant.parameters import Matrix, Parameters, Vector

BATCH_H = 288.0  # both processes run twelve days
LARGEST_ML = 2000.0  # what the vessels of one batch hold
FEED_DECISION_H = 6.0  # how often the feed program looks at the density, counted from when it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing a person or the recipe does to one batch."""

    at_h: float
    batch: int  # column
    kind: Literal["fill", "sample"]
    amount_mL: float  # fill: the volume afterwards, at least what there is; sample: what is taken
    dilute_to: float | None = None  # fill: more where it takes more to come down to this density, up to LARGEST_ML


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What happened in n batches, on a common grid of hours, shape (m,); every quantity has shape (m, n)."""

    times_h: Vector
    state: dict[Row, Matrix]
    outputs: dict[str, Matrix]  # fields of kinetics.Rates, and feed_mL_per_h as commanded


def run(
    parameters: Parameters,
    *,
    steps: Sequence[Step],
    start_volume_mL: float,
    feed_from_h: Vector,
    density_gain: Vector,
    faults: Faults,
    record_every_min: int,
    step_min: float = 1.0,
    until_h: float = BATCH_H,
) -> Course:
    """Integrates with a fixed step: explicit for the slow quantities, linearly implicit for dissolved oxygen, which
    becomes stiff when the gas fails. `density_gain` is what the online density probe shows over the truth.
    """
    dt_h = step_min / 60.0
    count = round(until_h / dt_h)
    every = round(record_every_min / step_min)
    actions = sorted(steps, key=lambda step: step.at_h)
    state = start(parameters, start_volume_mL)
    per_h = np.zeros(parameters.batches)
    target_mL = np.full(parameters.batches, start_volume_mL)
    decide_every = round(FEED_DECISION_H / dt_h)
    feed_from = np.rint(feed_from_h / dt_h).astype(np.int64)
    recorded = np.empty((count // every + 1, len(Row), parameters.batches))
    outputs = {name: np.empty((count // every + 1, parameters.batches)) for name in RECORDED}
    done, ph = 0, None
    for k in range(count + 1):
        t_h = k * dt_h
        while done < len(actions) and actions[done].at_h <= t_h + 1e-9:
            _act(state, parameters, actions[done])
            if actions[done].kind == "fill":
                target_mL[actions[done].batch] = state[Row.VOLUME, actions[done].batch]
            done += 1
        decides = (k >= feed_from) & ((k - feed_from) % decide_every == 0)
        if parameters.controlled and decides.any():
            per_h = np.where(decides, np.maximum(per_h, feed_program(state[Row.LIVE] * density_gain)), per_h)
        feed = Feed(rate_mL_per_h=per_h * target_mL, target_mL=target_mL)
        now = rates(t_h, state, parameters, feed, faults.at(t_h), ph)
        ph = now.ph
        if k % every == 0:
            recorded[k // every] = state
            _record(outputs, k // every, now, feed)
        change = now.change
        change[Row.OXYGEN] /= 1.0 + dt_h * now.oxygen_stiffness_per_h
        state = state + dt_h * change
        np.maximum(state[: Row.TEMPERATURE - 1], 1e-9, out=state[: Row.TEMPERATURE - 1])
        np.maximum(state[Row.GAS_CO2], 0.0, out=state[Row.GAS_CO2])
    times: Vector = np.arange(count // every + 1, dtype=np.float64) * (every * dt_h)
    return Course(times_h=times, state={row: recorded[:, row] for row in Row}, outputs=outputs)


RECORDED = (
    "ph",
    "gas_o2_percent",
    "gas_co2_mmHg",
    "heater_duty",
    "base_mM_per_h",
    "glucose_use_fmol_per_h",
    "oxygen_use_mM_per_h",
    "feed_mL_per_h",
)


def start(parameters: Parameters, volume_mL: float) -> Matrix:
    """The state right after inoculation."""
    state = np.zeros((len(Row), parameters.batches))
    state[Row.LIVE] = parameters.start_density
    state[Row.DEAD] = parameters.start_density * (1.0 / parameters.start_viability - 1.0)
    state[Row.GLUCOSE] = parameters.glucose_feed_mM
    state[Row.LACTATE] = LACTATE_FEED_MM
    state[Row.GLUTAMINE] = GLUTAMINE_FEED_MM
    state[Row.AMMONIUM] = AMMONIUM_FEED_MM
    state[Row.STRONG_IONS] = parameters.strong_ions_feed_mM
    state[Row.VOLUME] = volume_mL
    if parameters.controlled:
        state[Row.OXYGEN], state[Row.PCO2], state[Row.GAS_CO2] = 60.0, 65.0, 65.0
        state[Row.TEMPERATURE], state[Row.HEATER_INTEGRAL] = 36.0, 0.5
    else:
        state[Row.OXYGEN], state[Row.PCO2], state[Row.GAS_CO2] = 100.0, INCUBATOR_CO2_MMHG, INCUBATOR_CO2_MMHG
        state[Row.TEMPERATURE] = parameters.ambient_degC
    return state


def feed_program(density: Vector) -> Vector:
    """Culture volumes per hour by density in 10⁶ cells/mL: 0, 0.5, 0.75 and 1 volume a day from 0, 2, 10 and 15."""
    per_day = np.select([density < 2.0, density < 10.0, density < 15.0], [0.0, 0.5, 0.75], default=1.0)
    hourly: Vector = per_day / 24.0
    return hourly


def _act(state: Matrix, parameters: Parameters, step: Step) -> None:
    """Fresh medium dilutes everything but the gases; a sample takes some of everything."""
    column = state[:, step.batch]
    if step.kind == "sample":
        column[Row.VOLUME] -= step.amount_mL
        return
    wanted_mL = max(step.amount_mL, column[Row.VOLUME])
    if step.dilute_to is not None:
        wanted_mL = max(wanted_mL, min(column[Row.VOLUME] * column[Row.LIVE] / step.dilute_to, LARGEST_ML))
    kept = column[Row.VOLUME] / wanted_mL
    fresh = {
        Row.LIVE: 0.0,
        Row.DEAD: 0.0,
        Row.GLUCOSE: parameters.glucose_feed_mM[step.batch],
        Row.LACTATE: LACTATE_FEED_MM,
        Row.GLUTAMINE: GLUTAMINE_FEED_MM,
        Row.AMMONIUM: AMMONIUM_FEED_MM,
        Row.STRONG_IONS: parameters.strong_ions_feed_mM[step.batch],
    }
    for row, value in fresh.items():
        column[row] = kept * column[row] + (1.0 - kept) * value
    if parameters.controlled:  # medium comes in at 36 °C
        column[Row.TEMPERATURE] = kept * column[Row.TEMPERATURE] + (1.0 - kept) * 36.0
    column[Row.VOLUME] = wanted_mL


def _record(outputs: dict[str, Matrix], index: int, now: Rates, feed: Feed) -> None:
    for name in RECORDED[:-1]:
        outputs[name][index] = getattr(now, name)
    outputs["feed_mL_per_h"][index] = feed.rate_mL_per_h
