"""Whole batches: repeatable, independent of their company, and as variable as published ones."""

from dataclasses import replace

import numpy as np
import pytest

from batchwitness.plant.batches import SimulatedBatch, simulate
from batchwitness.plant.quality import Result
from batchwitness.plant.specs import BatchSpec
from batchwitness.plant.tags import AUTOMATED_TAGS, MANUAL_TAGS

DONORS = 200


def _specs(process: str, count: int) -> list[BatchSpec]:
    return [
        BatchSpec(
            name=f"{process}-{n}",
            process="MAN-1.0" if process == "MAN-1.0" else "AUTO-2.0",
            donor=f"D-{n}",
            seed=5,
            activator_lot=f"ACT-{n // 6}",
            vector_lot=f"VEC-{n // 5}",
        )
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def automated() -> list[SimulatedBatch]:
    return simulate(_specs("AUTO-2.0", DONORS), interval_s=1800.0)


@pytest.fixture(scope="module")
def manual() -> list[SimulatedBatch]:
    return simulate(_specs("MAN-1.0", DONORS), interval_s=1800.0)


def test_the_same_specification_gives_the_same_batch_in_any_company(automated: list[SimulatedBatch]) -> None:
    alone = simulate([automated[17].spec], interval_s=1800.0)[0]
    assert np.array_equal(alone.values, automated[17].values, equal_nan=True)
    assert alone.results == automated[17].results
    assert alone.events == automated[17].events


def test_another_seed_gives_another_batch_of_the_same_donor(automated: list[SimulatedBatch]) -> None:
    again = simulate([replace(automated[17].spec, seed=6)], interval_s=1800.0)[0]
    assert not np.array_equal(again.values, automated[17].values, equal_nan=True)


def test_expansion_varies_between_donors_as_documented(automated: list[SimulatedBatch]) -> None:
    folds = np.array([batch.fold for batch in automated])
    low, middle, high = np.percentile(folds, [5, 50, 95])
    assert 25 < low < 37  # 32, 55 and 83 for donors alone; lots, bags, pumps and operators widen it
    assert middle == pytest.approx(55, rel=0.10)
    assert 75 < high < 95
    assert 0.30 < np.log(folds).std() < 0.40


def test_late_oxygen_demand_density_and_glucose_tell_the_expansion(automated: list[SimulatedBatch]) -> None:
    log_fold = np.log([batch.fold for batch in automated])

    def correlation(tag: str, day: int) -> float:
        at = int(np.searchsorted(automated[0].times_h, 24.0 * day))
        column = automated[0].tags.index(tag)
        values = np.array([np.nanmedian(batch.values[at - 4 : at, column]) for batch in automated])
        return float(np.corrcoef(log_fold, values)[0, 1])

    assert correlation("gas_o2", 12) > 0.75  # its scale differs between bags with their kLa
    assert correlation("viable_cell_density", 8) > 0.8
    assert correlation("glucose", 6) < -0.6
    assert correlation("lactate", 3) > 0.4


def test_manual_batches_vary_more_than_automated_ones(
    automated: list[SimulatedBatch], manual: list[SimulatedBatch]
) -> None:
    spread = {name: np.log([batch.fold for batch in of]).std() for name, of in (("auto", automated), ("man", manual))}
    assert spread["man"] > 1.4 * spread["auto"]


def test_healthy_batches_stay_inside_the_approved_ranges(
    automated: list[SimulatedBatch], manual: list[SimulatedBatch]
) -> None:
    for batches, tags in ((automated, AUTOMATED_TAGS), (manual, MANUAL_TAGS)):
        for column, tag in enumerate(tags):
            if tag.approved is not None:
                values = np.concatenate([batch.values[:, column] for batch in batches])
                assert np.nanmin(values) >= tag.approved[0], tag.name
                assert np.nanmax(values) <= tag.approved[1], tag.name


def test_every_reading_has_its_tags_resolution_and_physical_range(
    automated: list[SimulatedBatch], manual: list[SimulatedBatch]
) -> None:
    for batches, tags in ((automated, AUTOMATED_TAGS), (manual, MANUAL_TAGS)):
        for column, tag in enumerate(tags):
            values = np.concatenate([batch.values[:, column] for batch in batches])
            values = values[np.isfinite(values)]
            assert values.min() >= tag.physical[0]
            assert values.max() <= tag.physical[1]
            assert np.array_equal(values, np.round(values, tag.decimals)), tag.name


def test_people_read_about_every_twelve_hours_to_the_quarter_and_miss_some(manual: list[SimulatedBatch]) -> None:
    times = [batch.readings["glucose"][0] for batch in manual]
    assert all(np.all(hours * 4.0 == np.round(hours * 4.0)) for hours in times)
    between = np.concatenate([np.diff(hours) for hours in times])
    assert np.median(between) == pytest.approx(12.0, abs=0.25)
    assert between.std() > 1.0
    planned = 24 * len(manual)
    assert 0.90 * planned < sum(len(hours) for hours in times) < 0.97 * planned
    assert sum(len(batch.readings["viability"][0]) for batch in manual) < 0.55 * planned


def test_density_is_written_down_with_two_digits(manual: list[SimulatedBatch]) -> None:
    values = np.concatenate([batch.readings["viable_cell_density"][1] for batch in manual])
    assert all(float(f"{value:.1e}") == pytest.approx(value, rel=1e-9) for value in values)


def _stated(batches: list[SimulatedBatch], attribute: str) -> list[Result]:
    return [result for batch in batches for result in batch.results if result.attribute == attribute]


def test_results_lie_where_published_products_lie(automated: list[SimulatedBatch]) -> None:
    transduced = np.array([float(result.value) for result in _stated(automated, "transduced_fraction")])
    assert np.median(transduced) == pytest.approx(39, abs=5)
    assert 17 < np.percentile(transduced, 2.5) < np.percentile(transduced, 97.5) < 68
    copies = np.array([float(result.value) for result in _stated(automated, "vector_copy_number")])
    assert 1.0 < np.median(copies) < 2.5
    assert np.corrcoef(np.log(copies), transduced)[0, 1] > 0.7
    ratio = np.array([float(result.value) for result in _stated(automated, "cd4_cd8_ratio")])
    assert np.median(ratio) == pytest.approx(2.0, rel=0.2)
    viability = np.array([float(result.value) for result in _stated(automated, "viability")])
    assert np.median(viability) == pytest.approx(89, abs=4)


def test_most_endotoxin_results_are_below_the_limit_of_quantitation(automated: list[SimulatedBatch]) -> None:
    values = [result.value for result in _stated(automated, "endotoxin")]
    assert 0.88 < values.count("<0.5") / len(values) < 1.0
    assert all(value == "<0.5" or float(value) >= 0.5 for value in values)


def test_the_stated_expansion_is_the_true_one_with_the_error_of_counting(automated: list[SimulatedBatch]) -> None:
    stated = np.array([float(result.value) for result in _stated(automated, "fold_expansion")])
    error = np.log(stated / np.array([batch.fold for batch in automated]))
    assert error.std() == pytest.approx(0.06, abs=0.015)
    assert abs(error.mean()) < 0.02


@pytest.mark.parametrize("interval_s", [0.0, 30.0, 90.0])
def test_an_interval_that_is_no_whole_number_of_minutes_is_refused(interval_s: float) -> None:
    with pytest.raises(ValueError, match="whole number of minutes"):
        simulate([], interval_s=interval_s)


def test_batches_come_back_in_the_order_asked_for_whatever_their_process() -> None:
    specs = [*_specs("MAN-1.0", 1), *_specs("AUTO-2.0", 1), *_specs("MAN-1.0", 2)[1:]]
    assert [batch.spec for batch in simulate(specs, interval_s=3600.0)] == specs
