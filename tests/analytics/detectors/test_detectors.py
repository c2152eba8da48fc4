import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import PageHinkley

from analytics.detectors.balance import Balance
from analytics.detectors.departure import MatchedPointWatch
from analytics.detectors.drift import DELTA, LEAST_CELLS, DriftChannel, smallest_silent_threshold
from analytics.detectors.ewma import Ewma
from analytics.detectors.quality import QualityWatch
from analytics.detectors.ranges import Bound, Excursion, RangeWatch, Spike
from analytics.detectors.silence import SilenceWatch
from analytics.relations import learn_weights, moves, unexplained
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
        library.update(z)  # type: ignore[no-untyped-call]
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


def coupled_runs(seed: int, batches: int, cells: int = 120) -> Floats:
    """A weight that integrates two flows, which wander from batch to batch; (batches, cells, 3)."""
    rng = np.random.default_rng(seed)
    flows = rng.normal(0, 1.0, (batches, 1, 2)) + np.cumsum(rng.normal(0, 0.2, (batches, cells, 2)), axis=1)
    weight = np.cumsum(2.0 * flows[:, :, 0] - flows[:, :, 1], axis=1) + rng.normal(0, 0.3, (batches, cells))
    return np.concatenate([flows, weight[:, :, None]], axis=2)


def test_learned_relations_find_the_balance_between_a_weight_and_its_flows() -> None:
    values = coupled_runs(1, 24)
    mean, scale = values.mean(axis=0), np.ones(3)
    seen = moves(values, mean, scale * 100.0, 20)
    weights = learn_weights(seen)
    # Over 20 cells the weight changes by 20 times the mean of 2·first − second.
    assert weights[1, :2, 2] == pytest.approx([40.0, -20.0], rel=0.1)
    assert (np.diagonal(weights, axis1=1, axis2=2) == 0.0).all()
    left = unexplained(seen, weights)[:, 20:, 2].std()
    assert left < 0.05 * seen.change[:, 20:, 2].std()


def test_the_live_balance_computes_what_learning_computed() -> None:
    values = coupled_runs(2, 24)
    values[3, 40:44, 1] = np.nan
    mean, scale = np.nanmean(values, axis=0), np.array([2.0, 2.0, 50.0])
    seen = moves(values, mean, scale, 20)
    weights = learn_weights(seen)
    detector = Balance(
        mean=mean,
        scale=scale,
        weights=weights,
        residual_sd=np.ones(mean.shape),
        window_cells=20,
        width_h=1.0,
        tau_h=10.0,
    )
    live = np.array([detector.residual(cell, row) for cell, row in enumerate(values[3])])
    expected = unexplained(seen, weights)[3]
    known = ~np.isnan(values[3])
    np.testing.assert_allclose(live[known], expected[known], rtol=1e-9, atol=1e-9)


def test_redundant_tags_do_not_explain_each_other() -> None:
    values = coupled_runs(3, 12)
    double = np.concatenate([values, values[:, :, 2:] * 1.01], axis=2)
    weights = learn_weights(moves(double, double.mean(axis=0), np.full(4, 50.0), 20))
    assert (weights[:, 2, 3] == 0.0).all()
    assert (weights[:, 3, 2] == 0.0).all()


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
    events = seen_of_range(watch, values, first_us)
    return [
        (event.position, event.left, event.time_us, event.onset_us) for event in events if isinstance(event, Excursion)
    ]


def seen_of_range(watch: RangeWatch, values: list[float], first_us: int = 0) -> list[Excursion | Spike]:
    count = len(values)
    return watch.update(
        slots=np.zeros(count, np.int32),
        times_us=first_us + np.arange(count, dtype=np.int64) * 10,
        values=np.array(values, np.float64),
        usable=np.ones(count, np.bool_),
    )


def test_a_single_reading_outside_an_approved_range_is_a_spike_and_no_excursion() -> None:
    assert seen_of_range(watch_range(), [1.5, 9.0, 1.5, 1.4, 0.0, 1.5]) == [
        Spike(position=2, bound=0, time_us=10, known_us=20, value=9.0),
        Spike(position=5, bound=0, time_us=40, known_us=50, value=0.0),
    ]


def test_a_spike_is_seen_wherever_the_stream_is_cut() -> None:
    watch = watch_range()
    assert seen_of_range(watch, [1.5, 9.0]) == []
    watch = watch_range().restore(watch.to_bytes())
    assert seen_of_range(watch, [1.5], first_us=20) == [Spike(position=0, bound=0, time_us=10, known_us=20, value=9.0)]


def doubts(watch: QualityWatch, readings: list[tuple[int, int, bool]]) -> list[tuple[int, bool, int, int]]:
    slots, times, usable = zip(*readings, strict=True)
    events = watch.update(
        slots=np.array(slots, np.int32), times_us=np.array(times, np.int64), usable=np.array(usable, np.bool_)
    )
    return [(event.slot, event.bad, event.time_us, event.since_us) for event in events]


def test_a_tag_is_in_doubt_when_all_it_said_for_a_while_was_bad_until_a_reading_is_usable() -> None:
    bad = [(0, time, False) for time in (10, 20, 30, 40, 50, 60, 70)]
    story = [(0, 0, True), *bad, (0, 80, True), (0, 90, False), (0, 100, True)]
    watch = QualityWatch(delays_us=np.array([50, -1], np.int64))
    assert doubts(watch, story) == [(0, True, 60, 10), (0, False, 80, 10)]


def test_a_few_bad_readings_or_those_of_a_tag_that_owes_none_raise_no_doubt() -> None:
    watch = QualityWatch(delays_us=np.array([50, -1], np.int64))
    assert doubts(watch, [(0, 0, False), (0, 60, False), (0, 70, True)]) == []
    assert doubts(watch, [(1, time, False) for time in range(0, 500, 10)]) == []


def test_doubt_is_the_same_however_the_stream_is_cut() -> None:
    story = [(slot, time, time < 20 or time > 110) for time in range(0, 160, 10) for slot in (0, 1)]
    delays = np.array([50, 40], np.int64)
    whole = doubts(QualityWatch(delays_us=delays), story)
    watch, parts = QualityWatch(delays_us=delays), []
    for reading in story:
        parts += doubts(watch, [reading])
        watch = QualityWatch(delays_us=delays).restore(watch.to_bytes())
    assert parts == whole == [(1, True, 60, 20), (0, True, 70, 20), (0, False, 120, 20), (1, False, 120, 20)]


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
    for first, last in pairwise(edges):
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
    for first, last in pairwise(edges):
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
