"""Levels of held tags: learned where the recipe changes a tag, told when a part of its step does not come."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.detectors.level import LONGEST, Level, LevelCourse, levels_of
from analytics.grid import Grid
from analytics.layers import EWMA, LEVEL, STEP
from analytics.learning import learn_new
from analytics.learning_levels import SMALLEST_LEVEL, scored_levels
from analytics.monitor import BatchMonitor
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from store.model.alert import Alert
from store.model.times import US_PER_H
from tests.analytics.plant import START_US, drifts, pieces, stream_of, watching

HOURS = 40
PER_HOUR = 12
GRID = Grid(width_us=US_PER_H // 2, cells=2 * HOURS)
TAGS = ("gas_flow", "viable_cells", "stirring")
BINS = 60
STEP_H = 20.0  # of the recipe


def run_of(seed: int, *, step: float = 20.0, at_h: float | None = None, wild: Sequence[float] = ()) -> CompletedRun:
    """Gas flow is held at 80 and by recipe `step` higher from about hour 20 on; stirring is always held at 300."""
    rng = np.random.default_rng(seed)
    times_h = np.arange(HOURS * PER_HOUR) / PER_HOUR + 0.01
    begins_h = STEP_H + rng.uniform(-0.1, 0.1) if at_h is None else at_h
    gas = np.where(times_h < begins_h, 80.0, 80.0 + step) + rng.normal(0, 0.5, len(times_h))
    gas[[round(hour * PER_HOUR) for hour in wild]] = 0.0
    cells = np.exp(times_h / 12.0) * rng.lognormal(0, 0.1) + rng.normal(0, 0.1, len(times_h))
    stirring = 300.0 + rng.normal(0, 1.0, len(times_h))
    return CompletedRun(
        batch=f"B-{seed}", tags=dict(zip(TAGS, ((times_h, row) for row in (gas, cells, stirring)), strict=True))
    )


@pytest.fixture(scope="module")
def reference() -> ReferenceModel:
    runs = [run_of(seed) for seed in range(24)]
    return learn_new(runs, grid=GRID, tags=TAGS, blind=[Blind(phase=None, hours=1.0)])


def told_of(reference: ReferenceModel, run: CompletedRun) -> list[Alert]:
    return drifts(watching(reference, TAGS).feed(stream_of(run, TAGS)))


def test_a_held_tag_is_judged_from_a_change_of_its_recipe_on_and_other_tags_are_not(reference: ReferenceModel) -> None:
    course = reference.trajectory
    assert course is not None
    assert course.levels is not None
    assert np.isfinite(course.limits[LEVEL]).tolist() == [True, False, False]
    assert course.limits[LEVEL][0] >= SMALLEST_LEVEL
    judged_h = np.flatnonzero(np.isfinite(course.levels.low[:, 0])) / PER_HOUR
    assert STEP_H - 0.5 < judged_h.min() < STEP_H
    assert STEP_H + 1.0 < judged_h.max() < STEP_H + 2.0


def test_a_reference_with_levels_survives_its_bytes(reference: ReferenceModel) -> None:
    again = ReferenceModel.from_bytes(reference.to_bytes())
    assert again.to_bytes() == reference.to_bytes()
    assert again.trajectory is not None
    assert again.trajectory.levels is not None


def test_a_part_of_the_recipes_step_that_does_not_come_is_told_within_bins(reference: ReferenceModel) -> None:
    first = told_of(reference, run_of(99, step=14.0))[0]
    assert first.detector == LEVEL
    assert first.tags == ("gas_flow",)
    assert STEP_H < first.phase_time_h < STEP_H + 0.6
    assert (first.onset_us - START_US) / US_PER_H == pytest.approx(STEP_H, abs=0.51)
    assert first.sentence.startswith("Gas flow is held 6.38 % below the reference since hour 20.0 (93.54 ")


def test_DETECT_3_an_alert_of_a_level_carries_the_bins_from_which_its_score_follows(reference: ReferenceModel) -> None:
    first = told_of(reference, run_of(99, step=14.0))[0]
    rows = [row for row in first.cells if "bin_end_h" in row]
    assert [row["layer"] for row in rows] == [LEVEL] * 4
    assert [row["bin_began_h"] for row in rows[1:]] == [row["bin_end_h"] for row in rows[:-1]]
    values = [float(row["value"]) for row in rows]
    excesses = []
    for last in (3, 4):
        row = rows[last - 1]
        level, low, high, sd = (float(row[name]) for name in ("level", "low", "high", "sd"))
        assert level == np.median(values[last - 3 : last])
        excesses.append((level - min(max(level, low), high)) / sd)
        assert row["excess"] == pytest.approx(excesses[-1])
    assert abs(float(rows[-1]["score"])) == pytest.approx(min(np.abs(excesses))) == pytest.approx(first.score)
    assert rows[-1]["limit"] == first.limit


@pytest.mark.parametrize("at_h", [None, STEP_H - 0.15, STEP_H + 0.15])
def test_a_recipe_that_is_a_bin_early_or_late_raises_nothing(reference: ReferenceModel, at_h: float | None) -> None:
    assert told_of(reference, run_of(100, at_h=at_h)) == []


def test_wild_readings_with_good_ones_between_raise_nothing(reference: ReferenceModel) -> None:
    assert told_of(reference, run_of(101, wild=[20.5, 20.5 + 2 / PER_HOUR, 21.0])) == []


def test_a_change_where_the_recipe_makes_none_is_told_as_one(reference: ReferenceModel) -> None:
    run = run_of(99)
    times_h, values = run.tags["gas_flow"]
    values = values - np.where(times_h > 10.0, 8.0, 0.0)
    told = told_of(reference, replace(run, tags={**run.tags, "gas_flow": (times_h, values)}))
    assert told[0].detector == STEP


@given(cuts=st.lists(st.integers(0, 3 * HOURS * PER_HOUR), max_size=8))
@settings(max_examples=15, deadline=None)
def test_DETECT_1_cutting_the_stream_and_storing_the_state_change_nothing(
    reference: ReferenceModel, cuts: list[int]
) -> None:
    whole = stream_of(run_of(99, step=14.0), TAGS)
    one = watching(reference, TAGS)
    expected = one.feed(whole)
    many, told = watching(reference, TAGS), []
    for piece in pieces(whole, cuts):
        told += many.feed(piece)
        many = BatchMonitor.from_bytes(many.to_bytes(), reference_new=reference, reference_old=None)
    assert LEVEL in {alert.detector for alert in told}
    assert told == expected
    assert many.to_bytes() == one.to_bytes()


def test_a_batch_without_the_tag_is_watched_without_its_level(reference: ReferenceModel) -> None:
    run = run_of(99, step=14.0)
    without = replace(run, tags={name: part for name, part in run.tags.items() if name != "gas_flow"})
    watched = watching(reference, TAGS[1:])
    told = [*watched.feed(stream_of(without, TAGS[1:])), *watched.close(START_US + HOURS * US_PER_H)]
    assert {alert.detector for alert in told} & {LEVEL, STEP, EWMA} == set()


def flat_course(tags: int) -> LevelCourse:
    flat = np.zeros((BINS, tags))
    return LevelCourse(width_us=1, low=flat, high=flat, sd=flat + 1.0)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_learning_and_watching_score_alike_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1.0, (BINS, 3)) + 20.0 * (rng.random((BINS, 3)) < 0.03).cumsum(axis=0)
    values[rng.random((BINS, 3)) < 0.1] = np.nan
    shift = rng.normal(0, 0.5, (BINS, 3))
    course = replace(flat_course(3), low=shift, high=shift + rng.random((BINS, 3)))
    for part in (course.low, course.high, course.sd):
        part[-1] = np.nan  # nowhere
    path = np.sort(rng.integers(0, BINS, BINS))  # phases are left out, and the last is overstayed
    detector = Level(course)
    live = np.array([detector.note(at, row, position=int(path[at])) for at, row in enumerate(values)])
    assert live.tobytes() == scored_levels(values, course, path).tobytes()


def test_what_a_cell_tells_of_a_level_is_its_farthest_and_not_its_newest() -> None:
    detector = Level(flat_course(1))
    for at in range(30):
        detector.note(at, np.array([9.0 if 20 <= at < 25 else 0.0]), judged=at != 28)
    assert detector.update(0, np.zeros(1))[0] == 9.0
    assert (detector.level(0).level, detector.score_told(0)) == (9.0, 9.0)
    assert detector.began_us(0) in {20, 21}
    assert np.isnan(detector.update(1, np.zeros(1))[0])


def test_after_a_hole_nothing_is_said_until_its_level_is_that_of_now() -> None:
    values = np.full(BINS, 9.0)
    values[20 : 20 + LONGEST] = np.nan
    levels = levels_of(values)
    known = np.flatnonzero(np.isfinite(levels)).tolist()
    assert known == [*range(2, 20), *range(20 + LONGEST + 2, BINS)]
    assert np.isnan(levels_of(np.array([1.0, np.nan, 2.0]))).all()
