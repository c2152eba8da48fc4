import numpy as np

from batchwitness.plant.batches import simulate
from batchwitness.plant.faults import FaultKind
from batchwitness.plant.trials import trials


def test_every_seed_is_a_plant_of_its_own_with_reference_unchanged_and_faulty_batches() -> None:
    drawn = list(trials([1, 2], reference=3, unchanged=2, interval_s=3600.0))
    assert [trial.seed for trial in drawn] == [1, 2]
    for trial in drawn:
        assert (len(trial.reference), len(trial.unchanged)) == (3, 2)
        assert all(batch.spec.fault is None for batch in (*trial.reference, *trial.unchanged))
        kinds = [batch.spec.fault.kind for batch in trial.faulty if batch.spec.fault]
        assert kinds == [FaultKind.HEATER_FADES, FaultKind.FEED_UNDERDELIVERS]
    donors = [batch.spec.donor for trial in drawn for batch in (*trial.reference, *trial.unchanged, *trial.faulty)]
    assert len(set(donors)) == len(donors)


def test_a_batch_of_a_trial_is_the_batch_that_its_specification_gives() -> None:
    trial = next(trials([7], reference=2, unchanged=0, interval_s=3600.0))
    alone = simulate([trial.faulty[1].spec], interval_s=3600.0)[0]
    assert np.array_equal(alone.values, trial.faulty[1].values, equal_nan=True)
