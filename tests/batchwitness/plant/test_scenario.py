"""The story: how many batches of which kind, where, when, and what the laboratory stumbles over."""

import itertools
from collections import defaultdict
from datetime import timedelta

import pytest

from batchwitness.plant.faults import FaultKind
from batchwitness.plant.masterdata import masterdata
from batchwitness.plant.messages import PlacedBatch
from batchwitness.plant.scenario import Scenario, live_start
from tests.batchwitness.plant.conftest import END


def _ended(placed: PlacedBatch) -> timedelta:
    return timedelta(hours=placed.batch.end_h)


def test_sixteen_old_batches_precede_twenty_four_new_ones_that_precede_six_running_ones(
    history: Scenario, live: Scenario
) -> None:
    old = [placed for placed in history.placed if placed.batch.spec.process == "MAN-1.0"]
    new = [placed for placed in history.placed if placed.batch.spec.process == "AUTO-2.0"]
    assert (len(old), len(new), len(live.placed)) == (16, 24, 6)
    assert max(one.started + _ended(one) for one in old) < min(one.started for one in new)
    assert max(one.started + _ended(one) for one in new) < history.until <= min(one.started for one in live.placed)
    spanned = max(one.started for one in old) - min(one.started for one in old)
    assert timedelta(days=390) < spanned < timedelta(days=440)
    assert live.until < END
    assert {one.batch.spec.process for one in live.placed} == {"AUTO-2.0"}


def test_no_two_batches_share_a_position_at_a_time(history: Scenario, live: Scenario) -> None:
    at: dict[tuple[str, str], list[PlacedBatch]] = defaultdict(list)
    for placed in (*history.placed, *live.placed):
        at[placed.unit, placed.position].append(placed)
    for batches in at.values():
        ordered = sorted(batches, key=lambda placed: placed.started)
        for earlier, later in itertools.pairwise(ordered):
            assert earlier.started + _ended(earlier) < later.started


def test_exactly_two_running_batches_have_a_fault_and_no_earlier_one_has(history: Scenario, live: Scenario) -> None:
    assert all(placed.batch.spec.fault is None for placed in history.placed)
    faults = [placed.batch.spec.fault for placed in live.placed]
    assert {fault.kind for fault in faults if fault} == {FaultKind.HEATER_FADES, FaultKind.FEED_UNDERDELIVERS}
    assert sum(fault is not None for fault in faults) == 2
    first = min(live.placed, key=lambda placed: placed.started)
    assert first.batch.spec.fault is not None
    assert 24.0 <= first.batch.spec.fault.start_h <= 40.0


def test_four_running_batches_start_within_a_day_and_two_when_units_are_free(live: Scenario) -> None:
    hours = sorted((placed.started - live.placed[0].started).total_seconds() / 3600.0 for placed in live.placed)
    assert hours[3] < 24.0
    assert hours[4] > 288.0
    assert (live.until - live.placed[0].started) < timedelta(days=25)
    assert len({placed.unit for placed in live.placed[:4]}) == 4


def test_four_donors_gave_cells_for_both_processes(history: Scenario, live: Scenario) -> None:
    donors: dict[str, list[str]] = defaultdict(list)
    for placed in (*history.placed, *live.placed):
        donors[placed.batch.spec.donor].append(placed.batch.spec.process)
    twice = [sorted(processes) for processes in donors.values() if len(processes) > 1]
    assert twice == [["AUTO-2.0", "MAN-1.0"]] * 4


def test_batch_names_and_result_ids_are_unique(history: Scenario, live: Scenario) -> None:
    placed = (*history.placed, *live.placed)
    assert len({one.batch.spec.name for one in placed}) == 46
    results = [result.result for one in placed for result in one.batch.results]
    assert len(set(results)) == len(results)


def test_one_result_is_late_and_one_is_corrected(history: Scenario) -> None:
    due_h = {
        (plan["process"], plan["attribute"]): plan["due_h"]
        for plan in masterdata()["sampling_plan"]
        if plan["specimen"] != "IPC-1"
    }
    stated = [(one.batch.spec, result) for one in history.placed for result in one.batch.results]
    late = [
        result
        for spec, result in stated
        if result.status != "corrected" and result.measured_h > due_h[spec.process, result.attribute]
    ]
    assert [result.attribute for result in late] == ["vector_copy_number"]
    corrections = [result for _, result in stated if result.status == "corrected"]
    assert len(corrections) == 1
    replaced = next(result for _, result in stated if result.result == corrections[0].replaces)
    assert replaced.value != corrections[0].value
    assert replaced.measured_h < corrections[0].measured_h


@pytest.mark.parametrize("minutes", [0, 1, 500, 1439])
def test_the_running_part_ends_before_the_end_by_less_than_a_day(minutes: int) -> None:
    end = END + timedelta(minutes=minutes)
    left = end - (live_start(end) + timedelta(hours=588))
    assert timedelta(0) <= left < timedelta(days=1)
