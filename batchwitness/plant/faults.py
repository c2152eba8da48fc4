"""What can go wrong in a batch, how much and from when. Nothing that is published names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np

from batchwitness.plant.parameters import Effect, Matrix, Vector


class FaultKind(StrEnum):
    """The faults the plant can have; sizes are given in the unit stated."""

    HEATER_FADES = "heater_fades"  # share of the heater's power lost
    FEED_UNDERDELIVERS = (
        "feed_underdelivers"  # share of the commanded flow lost; the reported rate is the commanded one
    )
    FIRST_FEED_LATE = "first_feed_late"  # h
    DO_PROBE_DRIFT = "do_probe_drift"  # % of air a day, reads high when positive
    DO_PROBE_FOULING = "do_probe_fouling"  # % of air, reads low
    PH_PROBE_DRIFT = "ph_probe_drift"  # pH a day, reads high when positive
    PH_PROBE_STEP = "ph_probe_step"  # pH, reads high when positive
    TEMPERATURE_OFFSET = (
        "temperature_offset"  # °C by which the culture is really warmer while the probe shows the setpoint
    )
    AGITATION_DROPS = "agitation_drops"  # share of the speed, and so of kLa, lost
    CO2_SUPPLY_LOST = "co2_supply_lost"  # share of the supply lost
    WEAK_ACTIVATOR_LOT = "weak_activator_lot"  # share of activation lost, from the start
    WEAK_VECTOR_LOT = "weak_vector_lot"  # share of the titre lost; telemetry stays normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of one batch: it grows from nothing to its size over `ramp_h` and ends at `end_h`."""

    kind: FaultKind
    start_h: float
    size: float
    ramp_h: float = 0.0
    end_h: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The effects of the faults of n batches over time; arrays have shape (len(Effect), n)."""

    size: Matrix
    start_h: Matrix
    ramp_h: Matrix
    end_h: Matrix
    any_fault: bool

    def at(self, t_h: float) -> Matrix:
        """The effects at an hour, shape (len(Effect), n)."""
        if not self.any_fault:
            return self.size
        risen = np.clip((t_h - self.start_h) / self.ramp_h, 0.0, 1.0)
        effects: Matrix = self.size * risen * (t_h < self.end_h)
        return effects

    def on(self, effect: Effect, times_h: Vector) -> Matrix:
        """One effect over many hours, shape (len(times_h), n)."""
        risen = np.clip((times_h[:, None] - self.start_h[effect]) / self.ramp_h[effect], 0.0, 1.0)
        course: Matrix = self.size[effect] * risen * (times_h[:, None] < self.end_h[effect])
        return course


def effects_of(faults: Sequence[Fault | None]) -> Faults:
    """The effects of one fault, or none, per batch."""
    shape = (len(Effect), len(faults))
    size, start, end = np.zeros(shape), np.zeros(shape), np.full(shape, np.inf)
    ramp = np.full(shape, 1.0 / 60.0)
    for column, fault in enumerate(faults):
        effect = None if fault is None else _effect(fault)
        if fault is None or effect is None:
            continue
        row, reached, over_h = effect
        size[row, column], start[row, column], end[row, column] = reached, fault.start_h, fault.end_h
        ramp[row, column] = max(over_h, 1.0 / 60.0)
    return Faults(size=size, start_h=start, ramp_h=ramp, end_h=end, any_fault=bool(np.any(size)))


def share_lost(fault: Fault | None, kind: FaultKind) -> float:
    """The size of a fault that acts on a lot or on the recipe, 0 when the batch has another fault or none."""
    return fault.size if fault is not None and fault.kind is kind else 0.0


def _effect(fault: Fault) -> tuple[Effect, float, float] | None:
    """Row, size reached and hours to reach it; None for faults that act on lots or on the recipe."""
    drift_h = 1000.0  # longer than any batch: a steady drift never reaches its end
    match fault.kind:
        case FaultKind.HEATER_FADES:
            return Effect.HEATER_LOST, fault.size, fault.ramp_h
        case FaultKind.FEED_UNDERDELIVERS:
            return Effect.FEED_LOST, fault.size, fault.ramp_h
        case FaultKind.DO_PROBE_DRIFT:
            return Effect.OXYGEN_READS_HIGH, fault.size * drift_h / 24.0, drift_h
        case FaultKind.DO_PROBE_FOULING:
            return Effect.OXYGEN_READS_HIGH, -fault.size, fault.ramp_h
        case FaultKind.PH_PROBE_DRIFT:
            return Effect.PH_READS_HIGH, fault.size * drift_h / 24.0, drift_h
        case FaultKind.PH_PROBE_STEP:
            return Effect.PH_READS_HIGH, fault.size, fault.ramp_h
        case FaultKind.TEMPERATURE_OFFSET:
            return Effect.TEMPERATURE_READS_HIGH, -fault.size, fault.ramp_h
        case FaultKind.AGITATION_DROPS:
            return Effect.TRANSFER_LOST, fault.size, fault.ramp_h
        case FaultKind.CO2_SUPPLY_LOST:
            return Effect.CO2_LOST, fault.size, fault.ramp_h
        case FaultKind.FIRST_FEED_LATE | FaultKind.WEAK_ACTIVATOR_LOT | FaultKind.WEAK_VECTOR_LOT:
            return None
        case _:
            assert_never(fault.kind)
