"""Sudden changes of held tags: learned from what the recipe does, told within a few readings."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.detectors.bin_memory import CLIP, CONFIRM_WITHIN
from analytics.detectors.step import BEFORE, LONGEST, Step, StepCourse, changes_of
from analytics.grid import Grid
from analytics.layers import STEP
from analytics.learning import learn_new
from analytics.learning_phases import RunsOnCourse
from analytics.learning_steps import LARGEST_STEP, SMALLEST_STEP, bins_in_cell, learn_steps, scored
from analytics.limits import Family, share_budget
from analytics.monitor import BatchMonitor
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from analytics.segment import Floats, Segment, Tick
from store.model.alert import Alert
from store.model.times import US_PER_H
from tests.analytics.plant import START_US, drifts, pieces, stream_of, watching

HOURS = 40
PER_HOUR = 12
GRID = Grid(width_us=US_PER_H // 2, cells=2 * HOURS)
TAGS = ("agitation", "viable_cells")
BINS = 60


def run_of(seed: int, *, at_h: float = np.inf, change: float = 0.0, wild: Sequence[float] = ()) -> CompletedRun:
    """Agitation is held at 80, from about hour 20 on at 100, `change` more from `at_h` on; `wild` readings are 0."""
    rng = np.random.default_rng(seed)
    times_h = np.arange(HOURS * PER_HOUR) / PER_HOUR + 0.01
    agitation = np.where(times_h < 20.0 + rng.uniform(-0.1, 0.1), 80.0, 100.0) + rng.normal(0, 0.5, len(times_h))
    agitation += np.where(times_h >= at_h, change, 0.0)
    agitation[[round(hour * PER_HOUR) for hour in wild]] = 0.0
    cells = np.exp(times_h / 12.0) * rng.lognormal(0, 0.1) + rng.normal(0, 0.1, len(times_h))
    return CompletedRun(batch=f"B-{seed}", tags={"agitation": (times_h, agitation), "viable_cells": (times_h, cells)})


@pytest.fixture(scope="module")
def reference() -> ReferenceModel:
    runs = [run_of(seed) for seed in range(24)]
    return learn_new(runs, grid=GRID, tags=TAGS, blind=[Blind(phase=None, hours=1.0)])


def test_tags_are_judged_always_or_alone_or_not_as_their_changes_are_noise() -> None:
    """A flow is noise; a valve moves at random by any amount; oxygen is noise but when the valve moves."""
    runs = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        times_h = np.arange(HOURS * PER_HOUR) / PER_HOUR + 0.01
        moves = (rng.random(len(times_h)) < 0.01) * rng.lognormal(2.0, 1.0, len(times_h)) * rng.choice([-1, 1])
        valve = np.cumsum(moves)
        tags = {name: (times_h, rng.normal(50, 0.5, len(times_h))) for name in ("flow", "oxygen", "valve")}
        tags["oxygen"] = times_h, tags["oxygen"][1] + valve
        tags["valve"] = times_h, tags["valve"][1] + valve
        runs.append(CompletedRun(batch=f"B-{seed}", tags=tags))
    names = ("flow", "oxygen", "valve")
    learned = learn_steps(
        runs,
        grid=GRID,
        tags=names,
        steps=np.zeros(3),
        own=np.array([True, True, False]),
        blind_h=0.0,
        places=RunsOnCourse.of(runs, None, GRID),
    )
    assert learned is not None
    assert learned.course.alone.tolist() == [[0.0, 1.0, 0.0]]
    assert np.isnan(learned.maxima).all(axis=0).tolist() == [False, False, True]


def test_a_reference_with_sudden_changes_survives_its_bytes(reference: ReferenceModel) -> None:
    again = ReferenceModel.from_bytes(reference.to_bytes())
    assert again.to_bytes() == reference.to_bytes()
    assert again.trajectory is not None
    assert again.trajectory.steps is not None
    assert again.trajectory.steps.width_us == US_PER_H // 12


def test_a_sudden_change_is_told_before_its_cell_has_closed_and_says_from_what_to_what(
    reference: ReferenceModel,
) -> None:
    told = drifts(watching(reference, TAGS).feed(stream_of(run_of(99, at_h=10.02, change=-8.0), TAGS)))
    first = told[0]
    assert first.detector == STEP
    assert first.tags == ("agitation",)
    assert 10.0 < first.phase_time_h <= 10.4
    assert (first.onset_us - START_US) / US_PER_H == pytest.approx(10.0, abs=0.51)
    assert first.sentence.startswith("Agitation went from 79.8")
    assert "where the recipe does not change it" in first.sentence


def test_DETECT_3_an_alert_of_an_open_cell_carries_the_bins_from_which_its_score_follows(
    reference: ReferenceModel,
) -> None:
    first = drifts(watching(reference, TAGS).feed(stream_of(run_of(99, at_h=10.02, change=-8.0), TAGS)))[0]
    rows = [row for row in first.cells if "bin_end_h" in row]
    assert first.cells[: len(rows)] == tuple(rows), "they come first"
    assert {row["tag"] for row in rows} == {"agitation"}
    ends_h = [float(row["bin_end_h"]) for row in rows]
    assert np.diff(ends_h).tolist() == pytest.approx([1 / PER_HOUR] * 8)
    assert [row["bin_began_h"] for row in rows[1:]] == ends_h[:-1]
    assert ends_h[-1] <= first.phase_time_h
    values = [float(row["value"]) for row in rows]
    excesses = []
    for last in (8, 9):
        row = rows[last - 1]
        before, after = np.median(values[last - 8 : last - 3]), np.median(values[last - 3 : last])
        assert (row["before"], row["after"]) == (before, after)
        low, high, sd = (float(row[name]) for name in ("low", "high", "sd"))
        excesses.append(float((after - before - np.clip(after - before, low, high)) / sd))
        assert row["excess"] == pytest.approx(np.clip(excesses[-1], -CLIP, CLIP))
    assert rows[-1]["score"] == min((float(row["excess"]) for row in rows[-2:]), key=abs)
    assert (abs(float(rows[-1]["score"])), rows[-1]["limit"]) == (first.score, first.limit)


def test_what_the_recipe_changes_raises_nothing(reference: ReferenceModel) -> None:
    assert drifts(watching(reference, TAGS).feed(stream_of(run_of(100), TAGS))) == []


def test_wild_readings_with_good_ones_between_raise_nothing(reference: ReferenceModel) -> None:
    assert (
        drifts(watching(reference, TAGS).feed(stream_of(run_of(101, wild=[10.0, 10.0 + 2 / PER_HOUR, 30.0]), TAGS)))
        == []
    )


@given(cuts=st.lists(st.integers(0, 2 * HOURS * PER_HOUR), max_size=8))
@settings(max_examples=15, deadline=None)
def test_DETECT_1_cutting_the_stream_and_storing_the_state_change_nothing(
    reference: ReferenceModel, cuts: list[int]
) -> None:
    whole = stream_of(run_of(99, at_h=10.02, change=-8.0), TAGS)
    one = watching(reference, TAGS)
    expected = one.feed(whole)
    many, told = watching(reference, TAGS), []
    for piece in pieces(whole, cuts):
        told += many.feed(piece)
        many = BatchMonitor.from_bytes(many.to_bytes(), reference_new=reference, reference_old=None)
    assert told == expected
    assert many.to_bytes() == one.to_bytes()


def test_a_clock_that_is_ahead_does_not_hide_a_change(reference: ReferenceModel) -> None:
    whole = stream_of(run_of(99, at_h=10.02, change=-8.0), TAGS)
    watched = watching(reference, TAGS)
    told: list[Alert] = []
    for number, piece in enumerate(pieces(whole, range(0, len(whole), len(TAGS)))):
        told += watched.feed(ticked(piece))
        if number == 5 * PER_HOUR:
            told += watched.feed(lone_reading(START_US + 30 * US_PER_H))
    assert drifts(told)[0].detector == STEP


def test_a_change_after_which_the_tag_says_no_more_is_told_when_its_bins_are_over(reference: ReferenceModel) -> None:
    run = run_of(99, at_h=10.02, change=-8.0)
    times_h, values = run.tags["agitation"]
    said = times_h < 10.4
    run = replace(run, tags={**run.tags, "agitation": (times_h[said], values[said])})
    watched, told, unit_h = watching(reference, TAGS), [], 0.0
    for piece in pieces(stream_of(run, TAGS), range(0, 2 * HOURS * PER_HOUR, 2)):
        told += drifts(watched.feed(piece))
        if told:
            unit_h = (int(piece.source_times_us.max()) - START_US) / US_PER_H
            break
    assert told[0].detector == STEP
    assert unit_h < 10.6


def test_a_batch_that_ends_is_judged_to_its_last_whole_bin(reference: ReferenceModel) -> None:
    run = run_of(99, at_h=10.02, change=-8.0)
    short = {name: (times_h[times_h < 10.3], values[times_h < 10.3]) for name, (times_h, values) in run.tags.items()}
    watched = watching(reference, TAGS)
    told = watched.feed(stream_of(replace(run, tags=short), TAGS))
    assert drifts(told) == []
    assert drifts(watched.close(START_US + round(10.35 * US_PER_H)))[0].detector == STEP


def test_what_comes_too_late_for_its_bin_raises_nothing(reference: ReferenceModel) -> None:
    """A buffer that is sent after ten hours, with a change in it: nothing is told of hours that are over."""
    run = run_of(99, at_h=8.02, change=-8.0)
    whole = stream_of(run, TAGS)
    held = (whole.tag_ids == 100) & (whole.source_times_us < START_US + 15 * US_PER_H)
    held &= whole.source_times_us > START_US + 5 * US_PER_H
    early = np.flatnonzero(whole.source_times_us <= START_US + 15 * US_PER_H)
    watched = watching(reference, TAGS)
    watched.feed(whole.at(early[~held[early]]))
    late = watched.feed(whole.at(np.flatnonzero(held)))
    assert [alert for alert in drifts(late) if alert.detector == STEP] == []


def test_a_change_in_blind_time_is_not_told_with_the_next_cell(reference: ReferenceModel) -> None:
    assert reference.trajectory is not None
    blind = replace(reference, trajectory=replace(reference.trajectory, blind=(Blind(phase="feed", hours=2.0),)))
    watched = watching(blind, TAGS, lateness_s=900)
    whole = stream_of(run_of(99, at_h=10.02, change=-8.0), TAGS)
    first = whole.source_times_us < START_US + 10 * US_PER_H
    watched.feed(whole.at(np.flatnonzero(first)))
    watched.phase("feed", START_US + 10 * US_PER_H)
    rest = watched.feed(whole.at(np.flatnonzero(~first)))
    assert drifts(rest), "what lasts beyond the blind time is told by the other layers"
    assert all(alert.raised_us > START_US + 12 * US_PER_H for alert in drifts(rest))


def test_what_a_cell_tells_of_a_change_is_its_largest_and_not_its_newest() -> None:
    detector = Step(flat_course(1))
    for at in range(40):
        detector.note(at, np.array([0.0 if at < 20 else 9.0]))
        if at == 26:
            assert detector.update(0, np.zeros(1))[0] == 9.0
    assert detector.levels(0) == (0.0, 9.0)
    assert detector.began_us(0) in {20, 21}


def test_a_limit_beyond_which_no_score_can_come_is_brought_within_reach() -> None:
    maxima = np.random.default_rng(1).lognormal(1.2, 0.15, (20, 3))
    maxima[3, 1] = CLIP
    other = Family(maxima=np.random.default_rng(2).lognormal(1.0, 0.2, (20, 4)))
    steps = Family(maxima=maxima, least=SMALLEST_STEP, most=LARGEST_STEP)
    assert (share_budget([other, other, steps], 0.03).limits[2] <= LARGEST_STEP).all()


def ticked(segment: Segment) -> Segment:
    """The plant's clock follows these readings by a minute."""
    last_us = int(segment.source_times_us[-1]) if len(segment) else START_US
    return replace(segment, tick=Tick(plant_time_us=last_us + 60_000_000, transport_allowance_us=0))


def lone_reading(at_us: int) -> Segment:
    return Segment(
        ordinals=np.zeros(1, np.int64),
        tag_ids=np.array([100], np.int32),
        source_times_us=np.array([at_us], np.int64),
        values=np.array([80.0]),
        qualities=np.full(1, 192, np.uint8),
    )


def flat_course(tags: int, *, alone: Sequence[int] = (), asked: int = 1) -> StepCourse:
    flat = np.zeros((BINS, tags))
    judged_alone = np.zeros((1, tags))
    judged_alone[0, list(alone)] = 1.0
    return StepCourse(
        width_us=1,
        low=flat,
        high=flat,
        sd=flat + 1.0,
        unrest=flat + 5.0,
        alone=judged_alone,
        asked=asked,
        fewest=np.ones((1, tags)),
    )


def noted(course: StepCourse, rows: Floats) -> Floats:
    detector = Step(course)
    return np.array([detector.note(at, row) for at, row in enumerate(rows)])


@given(
    values=st.lists(
        st.one_of(st.just(float("nan")), st.floats(-5, 5), st.sampled_from([0.0, 100.0])),
        min_size=BINS,
        max_size=BINS,
    )
)
def test_a_score_is_the_lesser_of_two_neighbouring_excesses_of_the_changes_that_are_learned_from(
    values: list[float],
) -> None:
    rng = np.random.default_rng(3)
    low = rng.normal(0, 0.1, (BINS, 1))
    course = replace(flat_course(1), low=low, high=low + 0.2, sd=np.full((BINS, 1), 0.5))
    changes, holes = changes_of(np.array(values))
    # What reference batches change within the holes is expected too.
    around = [low[at - missing : at + 1, 0] for at, missing in enumerate(holes.tolist())]
    least, most = (np.array([limit(part) for part in around]) for limit in (np.min, np.max))
    excesses = np.clip((changes - np.clip(changes, least, most + 0.2)) / 0.5, -CLIP, CLIP)
    expected = np.full(BINS, np.nan)
    known = np.flatnonzero(np.isfinite(values)).tolist()
    for before, at in pairwise(known):
        if at - before <= CONFIRM_WITHIN:
            one, other = float(excesses[before]), float(excesses[at])
            expected[at] = 0.0 if one * other < 0.0 else (one if abs(one) < abs(other) else other + 0.0 * one)
    assert noted(course, np.array(values)[:, None])[:, 0].tobytes() == expected.tobytes()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_learning_and_watching_score_alike_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1.0, (BINS, 3)) + 20.0 * (rng.random((BINS, 3)) < 0.03).cumsum(axis=0)
    values[rng.random((BINS, 3)) < 0.1] = np.nan
    course = flat_course(3, alone=[0, 2], asked=3)
    shift = rng.normal(0, 0.5, (BINS, 3))
    course = replace(course, low=course.low + shift, high=course.high + shift)
    for part in (course.low, course.high, course.sd, course.unrest):
        part[-1] = np.nan  # nowhere
    path = np.sort(rng.integers(0, BINS, BINS))  # phases are left out, and the last is overstayed
    detector = Step(course)
    live, restless = [], []
    for at, row in enumerate(values):
        live.append(detector.note(at, row, position=int(path[at])))
        restless.append(detector.restless(at))
    of_tags = [changes_of(tag) for tag in values.T]
    learned = scored(
        values, np.array([part for part, _ in of_tags]).T, np.array([part for _, part in of_tags]).T, course, path
    )
    assert np.array(live).tobytes() == learned[0].tobytes()
    assert np.array(restless).tolist() == learned[1].tolist()


def test_the_row_of_a_cell_holds_the_largest_score_since_the_one_before_it() -> None:
    detector = Step(flat_course(1))
    scores = [detector.note(at, np.array([0.0 if at < 20 else 50.0]))[0] for at in range(30)]
    assert np.nanmax(scores) == CLIP
    row = np.zeros(1)
    assert detector.update(0, row)[0] == CLIP
    assert np.isnan(detector.update(1, row)[0])


def steps_at(*bins: float) -> Floats:
    """Rows of bins in which each tag goes from 0 to 9 at its bin."""
    return np.where(np.arange(BINS)[:, None] >= np.array(bins), 9.0, 0.0)


def test_a_tag_that_is_judged_alone_is_silent_while_another_changes() -> None:
    course = flat_course(2, alone=[0])
    assert np.nanmax(noted(course, steps_at(30, np.inf))[:, 0]) == 9.0
    assert np.nanmax(noted(course, steps_at(30, 28))[:, 0]) == 0.0
    assert np.nanmax(noted(course, steps_at(30, 28))[:, 1]) == 9.0, "the other one is judged as it is"


def test_a_tag_is_not_judged_alone_while_another_has_not_spoken() -> None:
    rows = steps_at(30, np.inf)
    rows[26:, 1] = np.nan
    scores = noted(flat_course(2, alone=[0]), rows)[:, 0]
    assert np.isnan(scores[30:]).all()
    assert np.isnan(noted(flat_course(2, alone=[0], asked=3), steps_at(30, np.inf))[:, 0]).all(), "one is missing"


def test_after_a_hole_longer_than_a_change_may_take_nothing_is_said() -> None:
    rows = steps_at(np.inf)
    rows[20 : 20 + LONGEST] = np.nan
    rows[20 + LONGEST :] = 9.0
    scores = noted(flat_course(1), rows)[:, 0]
    assert np.nanmax(np.abs(scores)) == 0.0
    assert np.isnan(scores[20 + LONGEST : 20 + LONGEST + BEFORE]).all()


def test_what_climbs_all_the_time_climbs_no_faster_over_a_hole() -> None:
    whole = np.arange(BINS, dtype=np.float64)
    holed = whole.copy()
    holed[[21, 23, 24]] = np.nan
    changes, holes = changes_of(holed)
    known = np.isfinite(changes)
    assert changes[known].tolist() == [4.0] * int(known.sum())
    assert holes[[20, 25, 31, 32]].tolist() == [0, 3, 2, 0]


def test_a_step_of_the_recipe_that_falls_into_a_hole_is_expected_behind_it() -> None:
    course = flat_course(1)
    course.high[19:27] = 9.0  # a step in bin 20 is seen in bins 21 to 24, give or take two
    rows = steps_at(20.0)[:, :1]
    rows[19:25] = np.nan
    assert np.nanmax(noted(course, rows)) == 0.0
    assert np.nanmax(noted(flat_course(1), rows)) == pytest.approx(9.0 * 4 / 10)


def test_a_change_is_that_of_two_medians() -> None:
    values = np.array([1.0, 9.0, 1.0, 1.0, 1.0, 4.0, 4.0, -9.0])
    assert changes_of(values)[0].tolist()[-1] == 3.0
    assert np.isnan(changes_of(values)[0][:-1]).all()


def test_readings_that_are_no_denser_than_cells_leave_no_room_for_sudden_changes() -> None:
    hours = np.arange(40.0)
    sparse = CompletedRun(batch="B", tags={"agitation": (hours, hours)})
    assert bins_in_cell([sparse], GRID, TAGS) == 0


def test_detect_3_the_excess_of_a_change_over_a_hole_follows_from_what_the_alert_carries() -> None:
    course = replace(flat_course(1), low=np.full((BINS, 1), -0.5), high=np.full((BINS, 1), 0.5))
    rows = steps_at(20.0)[:, :1] * 2.0
    rows[18:20] = np.nan
    detector = Step(course)
    scores = [float(detector.note(at, row)[0]) for at, row in enumerate(rows[:23])]
    detector.update(0, rows[0])
    changes = [one.change for one in detector.seen(0) if one.change is not None]
    assert max(change.high for change in changes) > 0.5, "more time lies between the levels, so more is expected"
    for change in changes:
        assert change.excess == pytest.approx((change.after - change.before - change.high) / change.sd)
    assert min(change.excess for change in changes) == np.nanmax(scores) > SMALLEST_STEP
