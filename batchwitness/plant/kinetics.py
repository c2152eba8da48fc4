"""The equations of T-cell expansion: rates of change of a state whose columns are batches.

Hours since the start of the batch, densities in 10⁶ cells/mL, concentrations in mmol/L, partial pressures in mmHg,
dissolved oxygen in % of air saturation, volumes in mL. Sources and assumptions are in docs/demo-plant.md.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from batchwitness.plant.parameters import Effect, Matrix, Parameters, Vector

CO2_SOLUBILITY = 0.0307  # mmol/L per mmHg at 37 °C
PK_CARBONIC = 6.1
BUFFER_MM = 12.0  # mmol/L per pH
OXYGEN_AT_AIR = 0.2  # mmol/L dissolved at 100 % of air saturation, 37 °C
AIR_O2_PERCENT = 21.0
LACTATE_FEED_MM, GLUTAMINE_FEED_MM, AMMONIUM_FEED_MM = 1.0, 4.0, 0.3

TEMPERATURE_SETPOINT_DEGC = 37.0
OXYGEN_SETPOINT = 50.0
PH_SETPOINT = 7.2
CO2_LIMIT_MMHG = 75.0
INCUBATOR_CO2_MMHG = 40.0

MMHG_PER_PERCENT = 7.13  # of a gas at 760 mmHg less 47 mmHg of water vapour
LN10 = float(np.log(10.0))


class Row(IntEnum):
    """Rows of the state; the last three belong to the controllers."""

    LIVE = 0
    DEAD = 1
    GLUCOSE = 2
    LACTATE = 3
    GLUTAMINE = 4
    AMMONIUM = 5
    OXYGEN = 6
    PCO2 = 7
    STRONG_IONS = 8
    TEMPERATURE = 9
    VOLUME = 10
    GAS_CO2 = 11
    OXYGEN_INTEGRAL = 12
    HEATER_INTEGRAL = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What the feed program commands; arrays have shape (n,)."""

    rate_mL_per_h: Vector
    target_mL: Vector  # the volume that the waste pump keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Change of the state per hour, shape (len(Row), n), and what cells and controllers do now, shape (n,)."""

    change: Matrix
    oxygen_stiffness_per_h: Vector  # −∂(change of oxygen)/∂oxygen, which a semi-implicit step needs
    ph: Vector
    gas_o2_percent: Vector
    gas_co2_mmHg: Vector
    heater_duty: Vector  # 0..1
    base_mM_per_h: Vector
    glucose_use_fmol_per_h: Vector  # per cell
    oxygen_use_mM_per_h: Vector


def rates(
    t_h: float, state: Matrix, p: Parameters, feed: Feed, effects: Matrix, ph_near: Vector | None = None
) -> Rates:
    """Rates at hour `t_h` of a state with the rows of Row under effects with the rows of Effect.

    `ph_near`, the pH a moment ago, saves time.
    """
    live, dead, glucose, lactate, glutamine, ammonium, oxygen, pco2, ions = state[: Row.TEMPERATURE]
    change = np.zeros_like(state)
    ph = acidity(pco2, ions, ph_near)
    relative = _relative_growth(t_h, state, p, ph)
    death = (
        p.death_base_per_h
        + p.death_activation_per_h * np.exp(-(((t_h - 26.0) / 18.0) ** 2))
        + 0.004 / (1.0 + (45.0 / lactate) ** 4)
        + 0.001 / (0.05 + glucose)
        + 0.02 * np.maximum(0.0, state[Row.TEMPERATURE] - 40.0)
    )
    per_cell = live / 1000.0  # fmol/cell/h × 10⁶ cells/mL = 1e-3 mmol/L/h
    glucose_use = (15.0 + p.glucose_growth_fmol_per_h * relative) * glucose / (0.2 + glucose)
    glutamine_use = 14.0 * (0.3 + relative) * glutamine / (0.3 + glutamine)
    lactate_made = p.lactate_yield * glucose_use * per_cell
    oxygen_capacity = (25.0 + p.oxygen_growth_fmol_per_h * relative) * per_cell
    oxygen_use = oxygen_capacity * oxygen / (1.0 + oxygen)
    transfer = p.transfer_per_h * (1.0 - effects[Effect.TRANSFER_LOST])

    gas_o2, gas_co2, base, duty = _control(t_h, state, p, ph, effects, change)
    arriving = feed.rate_mL_per_h * p.feed_gain * (1.0 - effects[Effect.FEED_LOST])
    inflow = arriving / state[Row.VOLUME]  # culture volumes per hour
    change[Row.VOLUME] = arriving - _drain(feed, state[Row.VOLUME])
    concentrating = change[Row.VOLUME] / state[Row.VOLUME]  # cells are retained by the filter, solutes are not
    change[Row.LIVE] = (p.growth_peak_per_h * relative - death - concentrating) * live
    change[Row.DEAD] = death * live - (0.01 + concentrating) * dead
    change[Row.GLUCOSE] = -glucose_use * per_cell + inflow * (p.glucose_feed_mM - glucose)
    change[Row.LACTATE] = lactate_made + inflow * (LACTATE_FEED_MM - lactate)
    ammonia = 0.0023 * glutamine
    change[Row.GLUTAMINE] = -glutamine_use * per_cell - ammonia + inflow * (GLUTAMINE_FEED_MM - glutamine)
    change[Row.AMMONIUM] = 0.75 * glutamine_use * per_cell + ammonia + inflow * (AMMONIUM_FEED_MM - ammonium)
    change[Row.OXYGEN] = transfer * (100.0 * gas_o2 / AIR_O2_PERCENT - oxygen) - 100.0 * oxygen_use / OXYGEN_AT_AIR
    change[Row.PCO2] = 0.9 * transfer * (gas_co2 - pco2) + oxygen_use / CO2_SOLUBILITY
    change[Row.STRONG_IONS] = base - lactate_made + inflow * (p.strong_ions_feed_mM - ions)
    return Rates(
        change=change,
        oxygen_stiffness_per_h=transfer + 100.0 / OXYGEN_AT_AIR * oxygen_capacity / (1.0 + oxygen) ** 2,
        ph=ph,
        gas_o2_percent=gas_o2,
        gas_co2_mmHg=gas_co2,
        heater_duty=duty,
        base_mM_per_h=base,
        glucose_use_fmol_per_h=glucose_use,
        oxygen_use_mM_per_h=oxygen_use,
    )


def acidity(pco2_mmHg: Vector, strong_ions_mM: Vector, near: Vector | None = None) -> Vector:
    """The pH at which bicarbonate and buffer (12 mmol/L per pH) balance the strong ions, by Newton's method.

    Five steps from the setpoint, or two from a value that is near.
    """
    bicarbonate_at_pk = CO2_SOLUBILITY * pco2_mmHg
    ph = np.full_like(pco2_mmHg, PH_SETPOINT) if near is None else near
    for _ in range(5 if near is None else 2):
        bicarbonate = bicarbonate_at_pk * np.exp(LN10 * (ph - PK_CARBONIC))
        ph = ph - (bicarbonate + BUFFER_MM * (ph - 7.2) - strong_ions_mM) / (LN10 * bicarbonate + BUFFER_MM)
    return ph


def _relative_growth(t_h: float, state: Matrix, p: Parameters, ph: Vector) -> Vector:
    """Growth rate over its peak: activation, substrate, inhibition, temperature and pH."""
    late_h = max(0.0, t_h - 110.0)
    activated = p.activation * (1.0 / (1.0 + (p.lag_h / max(t_h, 1e-9)) ** 5)) * np.exp(-late_h / p.decline_h)
    glucose, ammonium, oxygen = state[Row.GLUCOSE], state[Row.AMMONIUM], state[Row.OXYGEN]
    metabolic = glucose / (0.4 + glucose) / (1.0 + (state[Row.LACTATE] / p.lactate_inhibition_mM) ** 2)
    metabolic *= oxygen / (3.0 + oxygen) / (1.0 + (ammonium / 6.0) ** 2)
    warmth = _temperature_response(state[Row.TEMPERATURE]) / _RESPONSE_AT_37
    relative: Vector = activated * metabolic * warmth * np.exp(-(((ph - 7.1) / 0.45) ** 2))
    return relative


def _temperature_response(temperature_degC: Vector) -> Vector:
    response: Vector = np.exp(0.03 * (temperature_degC - 37.0)) / (
        (1.0 + np.exp((32.0 - temperature_degC) / 1.2)) * (1.0 + np.exp((temperature_degC - 40.3) / 0.4))
    )
    return response


_RESPONSE_AT_37 = float(_temperature_response(np.array([37.0]))[0])


def _control(
    t_h: float, state: Matrix, p: Parameters, ph: Vector, effects: Matrix, change: Matrix
) -> tuple[Vector, Vector, Vector, Vector]:
    """Gas O2 %, gas CO2 mmHg, base mmol/L/h and heater duty; fills in temperature and the controllers in `change`."""
    zero = np.zeros(p.batches)
    if not p.controlled:
        return zero + AIR_O2_PERCENT, zero + INCUBATOR_CO2_MMHG, zero, zero
    error = OXYGEN_SETPOINT - (state[Row.OXYGEN] + p.oxygen_offset + effects[Effect.OXYGEN_READS_HIGH])
    wanted = 0.5 * AIR_O2_PERCENT + 0.4 * error + state[Row.OXYGEN_INTEGRAL]
    gas_o2 = np.minimum(np.maximum(wanted, 1.0), 95.0)
    change[Row.OXYGEN_INTEGRAL] = np.where(gas_o2 == wanted, 0.15 * error, 0.0)

    error = ph + p.ph_offset + effects[Effect.PH_READS_HIGH] - PH_SETPOINT
    gas = state[Row.GAS_CO2]
    change[Row.GAS_CO2] = np.where((gas >= CO2_LIMIT_MMHG) & (error > 0) | (gas <= 0) & (error < 0), 0.0, 40.0 * error)
    gas_co2 = np.minimum(np.maximum(gas, 0.0), CO2_LIMIT_MMHG) * (1.0 - effects[Effect.CO2_LOST])
    base = np.where(gas <= 0.0, np.maximum(0.0, -10.0 * error), 0.0)

    error = TEMPERATURE_SETPOINT_DEGC - (
        state[Row.TEMPERATURE] + p.temperature_offset_degC + effects[Effect.TEMPERATURE_READS_HIGH]
    )
    wanted = 0.8 * error + state[Row.HEATER_INTEGRAL]
    duty = np.minimum(np.maximum(wanted, 0.0), 1.0)
    change[Row.HEATER_INTEGRAL] = np.where(duty == wanted, 0.8 * 3.0 * error, 0.0)  # anti-windup; Ti 20 min
    room = p.ambient_degC + p.ambient_swing_degC * np.sin(2.0 * np.pi / 24.0 * (t_h + p.clock_h - 9.0))
    change[Row.TEMPERATURE] = (room - state[Row.TEMPERATURE]) / 1.5 + 20.0 * duty * (1.0 - effects[Effect.HEATER_LOST])
    return gas_o2, gas_co2, base, duty


def _drain(feed: Feed, volume_mL: Vector) -> Vector:
    """mL/h of the waste pump: it follows the commanded feed, trimmed by the weight, and stands while nothing is fed."""
    trimmed = feed.rate_mL_per_h + 0.2 * (volume_mL - feed.target_mL)
    return np.where(feed.rate_mL_per_h > 0.0, np.maximum(trimmed, 0.0), 0.0)
