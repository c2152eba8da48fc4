"""How donors, reagent lots, equipment and operators make one batch differ from another."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from batchwitness.plant.faults import FaultKind, share_lost
from batchwitness.plant.parameters import Parameters, Vector, nominal
from batchwitness.plant.specs import BatchSpec, randomness


def draw(specs: Sequence[BatchSpec]) -> Parameters:
    """Parameters of batches of one process; donor effects are lognormal about the nominal value."""
    controlled = specs[0].process == "AUTO-2.0"
    typical = nominal(len(specs), controlled=controlled)
    donors = np.array([_donor(spec.donor) for spec in specs]).T
    lots = np.array([randomness("activator lot", spec.activator_lot).standard_normal(3) for spec in specs]).T
    batch = np.array([randomness("batch", spec.name, spec.seed).standard_normal(12) for spec in specs]).T
    weak_lot = np.array([share_lost(spec.fault, FaultKind.WEAK_ACTIVATOR_LOT) for spec in specs])

    growth, lag, decline, inhibition, death, activation_death, glucose, lactate, oxygen = donors
    return replace(
        typical,
        growth_peak_per_h=_scaled(typical.growth_peak_per_h, 0.09, growth)
        * np.exp((0.035 if controlled else 0.05) * batch[0]),  # batch within donor, operator
        lag_h=_scaled(typical.lag_h, 0.15, lag),
        decline_h=_scaled(typical.decline_h, 0.20, decline),
        activation=_scaled(typical.activation, 0.033, lots[0]) * (1.0 - weak_lot),
        lactate_inhibition_mM=_scaled(typical.lactate_inhibition_mM, 0.10, inhibition),
        death_base_per_h=_scaled(typical.death_base_per_h, 0.35, death),
        death_activation_per_h=_scaled(typical.death_activation_per_h, 0.40, activation_death),
        glucose_growth_fmol_per_h=_scaled(typical.glucose_growth_fmol_per_h, 0.15, glucose),
        lactate_yield=_scaled(typical.lactate_yield, 0.06, lactate),
        oxygen_growth_fmol_per_h=_scaled(typical.oxygen_growth_fmol_per_h, 0.12, oxygen),
        transfer_per_h=_scaled(typical.transfer_per_h, 0.10, batch[1]),  # every bag is new
        glucose_feed_mM=_scaled(typical.glucose_feed_mM, 0.025, lots[1]),
        strong_ions_feed_mM=_scaled(typical.strong_ions_feed_mM, 0.02, lots[2]),
        start_density=_scaled(typical.start_density, 0.05 if controlled else 0.10, batch[2]),
        start_viability=np.clip(typical.start_viability + 0.015 * batch[3], 0.85, 0.99),
        ambient_degC=(typical.ambient_degC if controlled else 37.0) + (0.7 if controlled else 0.15) * batch[4],
        ambient_swing_degC=np.abs(0.5 + 0.15 * batch[5]),
        clock_h=np.array([spec.clock_h for spec in specs]),
        temperature_offset_degC=0.05 * batch[6],
        oxygen_offset=1.0 * batch[7],
        ph_offset=0.02 * batch[8],
        feed_gain=np.exp(0.02 * batch[9]),
    )


def _donor(donor: str) -> Vector:
    """Standard normal effects of a donor: growth peak, lag (ρ −0.5 with growth), decline, lactate inhibition, base
    death, activation death, glucose use (ρ 0.3 with growth), lactate yield, oxygen use.
    """
    effects = randomness("donor", donor).standard_normal(9)
    growth = effects[0]
    effects[1] = -0.5 * growth + np.sqrt(0.75) * effects[1]
    effects[6] = 0.3 * growth + np.sqrt(0.91) * effects[6]
    return effects


def _scaled(typical: Vector, cv: float, effect: Vector) -> Vector:
    scaled: Vector = typical * np.exp(cv * effect)
    return scaled
