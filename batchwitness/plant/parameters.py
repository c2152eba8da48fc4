"""What differs between batches: the parameters of the model, one number a batch."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]  # one number a batch, shape (n,)
Matrix = NDArray[np.float64]  # shape (rows, n)


class Effect(IntEnum):
    """What can go wrong while a batch runs; a matrix of effects has these rows and is 0 in a healthy batch."""

    TEMPERATURE_READS_HIGH = 0  # °C
    OXYGEN_READS_HIGH = 1  # % of air
    PH_READS_HIGH = 2
    FEED_LOST = 3  # share of the commanded flow that does not arrive
    TRANSFER_LOST = 4  # share of kLa
    HEATER_LOST = 5  # share of the heater's power
    CO2_LOST = 6  # share of the CO2 supply


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Cells, lots and instruments of n batches. Values and sources: docs/demo-plant.md. Shapes (n,)."""

    controlled: bool  # False: static culture in an incubator, no feed and no control
    growth_peak_per_h: Vector
    lag_h: Vector
    decline_h: Vector  # time constant at which activation fades
    activation: Vector  # 1 for a good activator lot
    lactate_inhibition_mM: Vector
    death_base_per_h: Vector
    death_activation_per_h: Vector
    glucose_growth_fmol_per_h: Vector  # per cell, at full growth, above maintenance
    lactate_yield: Vector  # mol lactate per mol glucose
    oxygen_growth_fmol_per_h: Vector
    transfer_per_h: Vector  # kLa
    glucose_feed_mM: Vector
    strong_ions_feed_mM: Vector
    start_density: Vector  # live, 10⁶ cells/mL
    start_viability: Vector  # 0..1
    ambient_degC: Vector
    ambient_swing_degC: Vector  # amplitude over a day
    clock_h: Vector  # hour of the day at which the batch starts
    temperature_offset_degC: Vector  # calibration of the probes that the controllers act on
    oxygen_offset: Vector  # % of air
    ph_offset: Vector
    feed_gain: Vector  # true flow over commanded flow of a healthy pump

    @property
    def batches(self) -> int:
        """How many batches there are."""
        return len(self.lag_h)


def nominal(batches: int, *, controlled: bool) -> Parameters:
    """The same typical batch, `batches` times: no donor, lot or instrument differs."""

    def every(value: float) -> Vector:
        return np.full(batches, value)

    return Parameters(
        controlled=controlled,
        growth_peak_per_h=every(0.041),
        lag_h=every(34.0),
        decline_h=every(130.0),
        activation=every(1.0),
        lactate_inhibition_mM=every(40.0),
        death_base_per_h=every(0.0015),
        death_activation_per_h=every(0.007),
        glucose_growth_fmol_per_h=every(90.0),
        lactate_yield=every(1.6),
        oxygen_growth_fmol_per_h=every(45.0),
        transfer_per_h=every(3.5),
        glucose_feed_mM=every(20.0),
        strong_ions_feed_mM=every(30.0),
        start_density=every(1.43 if controlled else 1.0),
        start_viability=every(0.95),
        ambient_degC=every(22.0),
        ambient_swing_degC=every(0.0),
        clock_h=every(9.0),
        temperature_offset_degC=every(0.0),
        oxygen_offset=every(0.0),
        ph_offset=every(0.0),
        feed_gain=every(1.0),
    )
