import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import PageHinkley

from analytics.detectors.conditional import Conditional, _solve
from analytics.detectors.departure import MatchedPointWatch
from analytics.detectors.drift import DELTA, LEAST_CELLS, DriftChannel, smallest_silent_threshold
from analytics.detectors.ewma import Ewma
from analytics.detectors.ranges import Bound, RangeWatch
from analytics.detectors.silence import SilenceWatch
from analytics.segment import Floats

ONE = np.ones(1)


def test_the_memory_of_the_ewma_is_process_time_and_not_a_number_of_cells() -> None:
    fine = Ewma(tags=1, width_h=0.5, tau_h=3.0)
    coarse = Ewma(tags=1, width_h=1.0, tau_h=3.0)
    for cell in range(12):
        level_fine = fine.update(cell, ONE)
    for cell in range(6):
        level_coarse = coarse.update(cell, ONE)
    assert level_fine[0] == pytest.approx(1.0 - math.exp(-6.0 / 3.0), rel=1e-12)
    assert level_coarse[0] == pytest.approx(level_fine[0], rel=1e-12)


def test_the_first_cell_after_a_long_hole_never_decides_alone() -> None:
    ewma = Ewma(tags=1, width_h=0.5, tau_h=10.0)
    for cell in range(200):
        ewma.update(cell, np.full(1, np.nan))
    assert ewma.update(200, np.full(1, 6.0))[0] == pytest.approx(3.0)


def test_the_drift_channel_crosses_exactly_where_the_library_does() -> None:
    rng = np.random.default_rng(3)
    course = np.concatenate([rng.normal(0, 1, 60), rng.normal(4, 1, 60)]).clip(-6, 6)
    library = PageHinkley(min_instances=LEAST_CELLS, delta=DELTA, threshold=30.0)
    expected = []
    for cell, z in enumerate(course.tolist()):
        library.update(z)
        if library.drift_detected:
            expected.append(cell)
    channel = DriftChannel(thresholds=np.array([30.0]))
    found = [cell for cell, z in enumerate(course) if channel.update(cell, np.array([z]))[0] != 0.0]
    assert found == expected
    assert found[0] >= 60


def test_the_smallest_silent_threshold_is_silent_and_a_little_less_is_not() -> None:
    rng = np.random.default_rng(4)
    course = rng.normal(0, 1, 200) + np.linspace(0, 3, 200)
    threshold = smallest_silent_threshold(course.tolist(), [True] * 200)

    def crosses(limit: float) -> bool:
        channel = DriftChannel(thresholds=np.array([limit]))
        return any(channel.update(cell, np.array([z]))[0] != 0.0 for cell, z in enumerate(course))

    assert not crosses(threshold)
    assert crosses(threshold * 0.95)


def test_small_systems_are_solved_as_a_linear_algebra_library_solves_them() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(50, 6, 3))
    moments = np.einsum("tki,tkj->tij", rows, rows)
    flat = np.stack([moments[:, i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], axis=1)
    precision, sums = rng.uniform(0.5, 5, (50, 3)), rng.normal(size=(50, 3))
    full = moments + np.eye(3) * precision[:, None, :]
    assert _solve(flat, precision, sums) == pytest.approx(np.linalg.solve(full, sums[:, :, None])[:, :, 0], rel=1e-9)


def test_a_course_inside_the_reference_space_is_predicted_from_its_own_past() -> None:
    rng = np.random.default_rng(6)
    basis = rng.normal(size=(200, 1, 3))
    detector = Conditional(
        basis=basis,
        prior=np.ones((1, 3)),
        residual_sd=np.ones((200, 1)),
        evidence=1.0,
        gap_cells=5,
        width_h=1.0,
        tau_h=10.0,
    )
    course = basis[:, 0] @ np.array([1.0, -0.5, 0.8])
    residuals = np.array([detector.residual(cell, np.array([z]))[0] for cell, z in enumerate(course)])
    assert residuals[:5] == pytest.approx(course[:5])
    assert np.abs(residuals[150:]).max() < 0.1


def test_an_old_point_is_compared_once_its_window_has_closed_and_never_between_points() -> None:
    watch = MatchedPointWatch(
        hours=np.array([12.0, 24.0]),
        half_window_h=1.0,
        mean=np.full((2, 1), 10.0),
        sd=np.full((2, 1), 2.0),
        width_h=0.5,
    )
    found = {}
    for cell in range(60):
        values = np.array([14.0 if 22 <= cell < 26 else 99.0 if 30 < cell < 40 else 10.0])
        for point in watch.update(cell, values):
            found[cell] = (point.hour, point.scores[0])
    assert found == {26: (12.0, 2.0), 50: (24.0, 0.0)}


def watch_range(low: float = 1.0, high: float = 2.0, confirm: int = 2) -> RangeWatch:
    return RangeWatch(bounds=[Bound(slot=0, low=low, high=high, confirm=confirm)], slots=1, hold_us=30)


def range_events(watch: RangeWatch, values: list[float], first_us: int = 0) -> list[tuple[int, bool, int, int]]:
    count = len(values)
    events = watch.update(
        slots=np.zeros(count, np.int32),
        times_us=first_us + np.arange(count, dtype=np.int64) * 10,
        values=np.array(values, np.float64),
        usable=np.ones(count, np.bool_),
    )
    return [(event.position, event.left, event.time_us, event.onset_us) for event in events]


def test_a_single_reading_outside_an_approved_range_is_a_counted_spike_and_no_excursion() -> None:
    watch = watch_range()
    assert range_events(watch, [1.5, 9.0, 1.5, 1.4, 0.0, 1.5]) == []
    assert watch.spikes.tolist() == [2]


def test_two_readings_outside_are_an_excursion_from_the_first_until_readings_stay_inside() -> None:
    events = range_events(watch_range(), [1.5, 9.0, 9.0, 1.5, 9.0, 1.5, 1.5, 1.5, 1.5])
    assert events == [(2, True, 20, 10), (7, False, 40, 10)]


def test_one_reading_by_hand_is_enough_for_an_excursion() -> None:
    assert range_events(watch_range(confirm=1), [1.5, 9.0]) == [(1, True, 10, 10)]


@given(
    st.lists(st.sampled_from([0.0, 1.5, 9.0]), max_size=30),
    st.lists(st.integers(0, 30), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_DETECT_1_excursions_do_not_depend_on_how_readings_were_grouped(values: list[float], cuts: list[int]) -> None:
    expected = [event[1:] for event in range_events(watch_range(), values)]
    watch = watch_range()
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    found = []
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        found += [event[1:] for event in range_events(watch, values[first:last], 10 * first)]
        restored = watch_range()
        watch = restored.restore(watch.to_bytes())
    assert found == expected


def silence_events(
    watch: SilenceWatch, slots: list[int], times: list[int], watermark_us: int, before_us: int = 0
) -> list[tuple[int, bool, int]]:
    times_us = np.array(times, np.int64)
    reached = np.maximum(np.maximum.accumulate(times_us), before_us) if times else times_us
    events = watch.update(
        slots=np.array(slots, np.int32), times_us=times_us, reached_us=reached, watermark_us=watermark_us
    )
    return [(event.slot, event.silent, event.time_us) for event in events]


def two_tags(delay_us: int = 50) -> SilenceWatch:
    return SilenceWatch(delays_us=np.array([delay_us, -1], np.int64), start_us=0)


def test_a_tag_is_silent_when_unit_time_passes_its_last_reading_by_the_delay() -> None:
    assert silence_events(two_tags(), [0, 1, 1, 0], [10, 40, 61, 62], 62) == [(0, True, 60), (0, False, 62)]


def test_a_tag_that_owes_no_reading_is_never_silent_and_a_tick_is_enough_for_the_others() -> None:
    watch = two_tags()
    assert silence_events(watch, [], [], 49) == []
    assert silence_events(watch, [], [], 5_000) == [(0, True, 50)]
    assert silence_events(watch, [], [], 9_000) == []


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 400)), max_size=30),
    st.lists(st.integers(0, 30), max_size=4),
)
@settings(max_examples=300, deadline=None)
def test_DETECT_1_silence_does_not_depend_on_how_readings_were_grouped(
    readings: list[tuple[int, int]], cuts: list[int]
) -> None:
    slots, times = [slot for slot, _ in readings], [time for _, time in readings]

    def reached(last: int) -> int:
        return max(times[:last], default=0)

    expected = silence_events(two_tags(), slots, times, reached(len(times)))
    watch = two_tags()
    edges = [0, *sorted(min(cut, len(times)) for cut in cuts), len(times)]
    found = []
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        found += silence_events(watch, slots[first:last], times[first:last], reached(last), reached(first))
        watch = two_tags().restore(watch.to_bytes())
    assert found == expected


def test_the_drift_channel_needs_a_shift_larger_than_the_offsets_between_batches() -> None:
    def crossed(shift: float) -> bool:
        course: Floats = np.where(np.arange(200) < 100, 0.0, shift)
        channel = DriftChannel(thresholds=np.array([20.0]))
        return any(channel.update(cell, np.array([z]))[0] != 0.0 for cell, z in enumerate(course))

    assert not crossed(0.9)
    assert crossed(2.5)
