"""What faults do to a typical batch: to its cells, and to what its instruments show."""

from dataclasses import replace

import numpy as np
import pytest

from batchwitness.plant.batches import SimulatedBatch, simulate
from batchwitness.plant.culture import Course
from batchwitness.plant.faults import Fault, FaultKind
from batchwitness.plant.kinetics import Row
from batchwitness.plant.specs import BatchSpec
from tests.batchwitness.plant import reference_run
from tests.batchwitness.plant.reference_run import AGITATION, FOLDS, HOT, LATE_FEED, TYPICAL


def test_every_fault_costs_the_documented_share_of_the_expansion(typical: Course) -> None:
    folds = reference_run.fold(typical)[1 : 1 + len(FOLDS)]
    wrong = [
        (fault.kind.value, fault.size, fold, documented)
        for (fault, documented), fold in zip(FOLDS, folds, strict=True)
        if abs(fold / documented - 1.0) > 0.04
    ]
    assert not wrong


def test_four_degrees_too_warm_kills_the_culture(typical: Course) -> None:
    assert reference_run.fold(typical)[TYPICAL.index(HOT)] < 1.0


def test_a_first_feed_a_day_late_costs_expansion(typical: Course) -> None:
    folds = reference_run.fold(typical)
    assert 0.85 < folds[TYPICAL.index(LATE_FEED)] / folds[0] < 0.97


def test_dissolved_oxygen_falls_to_a_fifth_within_half_an_hour_when_agitation_drops(typical: Course) -> None:
    oxygen = typical.state[Row.OXYGEN][:, TYPICAL.index(AGITATION)]
    assert oxygen[np.searchsorted(typical.times_h, 191.5)] == pytest.approx(50.0, abs=1.5)
    assert oxygen[np.searchsorted(typical.times_h, 192.5)] == pytest.approx(11.0, abs=2.0)
    assert oxygen.min() >= 0.0


FEED = Fault(kind=FaultKind.FEED_UNDERDELIVERS, start_h=126.0, size=0.3)
HEATER = Fault(kind=FaultKind.HEATER_FADES, start_h=26.0, size=0.52, ramp_h=12.0)
PROBE = Fault(kind=FaultKind.DO_PROBE_DRIFT, start_h=24.0, size=2.0)
VECTOR = Fault(kind=FaultKind.WEAK_VECTOR_LOT, start_h=24.0, size=0.3)
Twins = dict[FaultKind | None, SimulatedBatch]


@pytest.fixture(scope="module")
def twins() -> Twins:
    """One and the same batch, healthy and with each of four faults."""
    healthy = BatchSpec(name="CT-1", process="AUTO-2.0", donor="D-1", seed=3)
    faults = (None, FEED, HEATER, PROBE, VECTOR)
    batches = simulate([replace(healthy, fault=fault) for fault in faults], interval_s=600.0)
    return {None if fault is None else fault.kind: batch for fault, batch in zip(faults, batches, strict=True)}


def _typical(batch: SimulatedBatch, tag: str, from_h: float, to_h: float) -> float:
    """The median of a tag between two hours."""
    times_h, values = batch.readings[tag]
    return float(np.median(values[(times_h >= from_h) & (times_h < to_h)]))


def test_before_a_fault_begins_the_batch_is_the_same_reading_by_reading(twins: Twins) -> None:
    for fault in (FEED, HEATER, PROBE):
        before = twins[None].times_h < fault.start_h
        faulty = twins[fault.kind]
        assert np.array_equal(twins[None].values[before], faulty.values[before], equal_nan=True)
        assert not np.array_equal(twins[None].values, faulty.values, equal_nan=True)


def test_a_feed_that_under_delivers_reports_the_commanded_rate_and_shows_elsewhere(twins: Twins) -> None:
    plain, faulty = twins[None], twins[FaultKind.FEED_UNDERDELIVERS]
    assert _typical(faulty, "feed_rate", 126.0, 130.0) == _typical(plain, "feed_rate", 126.0, 130.0) > 0.0
    assert _typical(faulty, "weight", 160.0, 180.0) < _typical(plain, "weight", 160.0, 180.0) - 5.0
    assert _typical(faulty, "lactate", 160.0, 180.0) > _typical(plain, "lactate", 160.0, 180.0)
    assert _typical(faulty, "glucose", 160.0, 180.0) < _typical(plain, "glucose", 160.0, 180.0)


def test_a_fading_heater_shows_in_its_duty(twins: Twins) -> None:
    faulty = _typical(twins[FaultKind.HEATER_FADES], "heater_duty", 40.0, 60.0)
    assert faulty > _typical(twins[None], "heater_duty", 40.0, 60.0) + 30.0


def test_a_drifting_oxygen_probe_shows_in_the_gas_and_not_in_itself(twins: Twins) -> None:
    plain, faulty = twins[None], twins[FaultKind.DO_PROBE_DRIFT]
    oxygen = _typical(plain, "dissolved_oxygen", 240.0, 288.0)
    assert _typical(faulty, "dissolved_oxygen", 240.0, 288.0) == pytest.approx(oxygen, abs=1.0)
    assert _typical(faulty, "gas_o2", 240.0, 288.0) < _typical(plain, "gas_o2", 240.0, 288.0) - 2.0


def test_a_weak_vector_lot_leaves_the_telemetry_alone_and_lowers_transduction(twins: Twins) -> None:
    plain, weak = twins[None], twins[FaultKind.WEAK_VECTOR_LOT]
    assert np.array_equal(plain.values, weak.values, equal_nan=True)
    stated = [
        next(float(result.value) for result in batch.results if result.attribute == "transduced_fraction")
        for batch in (plain, weak)
    ]
    assert 0.70 < stated[1] / stated[0] < 0.95
