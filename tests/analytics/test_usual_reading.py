"""Lost readings, and a batch that is read less often than its reference, are no drift."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analytics.cells import ClosedCell
from analytics.context import Context
from analytics.episodes import AlertBook
from analytics.learning import learn_new
from analytics.learning_phases import RunsOnCourse
from analytics.learning_reading import WithinCells, fewest_readings
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun, cells_of_runs
from analytics.segment import Floats
from analytics.sparse_judge import SparseJudge
from analytics.usual_reading import UsualReading
from store.model.alert import Alert, AlertKind
from store.model.times import US_PER_H
from tests.analytics import tank

FILLED_H = 48.0  # half-way through the course the tank is filled within ten minutes


@pytest.fixture(scope="module")
def model() -> ReferenceModel:
    blind = [Blind(phase=None, hours=4.0)]
    runs = [filled(tank.run_of(seed)) for seed in range(24)]
    return learn_new(runs, grid=tank.GRID, tags=tank.ONLINE, blind=blind, template=tank.TEMPLATE)


def filled(run: CompletedRun) -> CompletedRun:
    times_h, level = run.tags["level"]
    return replace(run, tags={**run.tags, "level": (times_h, level + 80.0 * (times_h > FILLED_H + 0.2))})


def read_at(run: CompletedRun, kept: Callable[[Floats], np.ndarray[tuple[int], np.dtype[np.bool_]]]) -> CompletedRun:
    """The run with some of its online readings only."""
    return replace(
        run,
        tags={
            name: (times_h[kept(times_h)], values[kept(times_h)]) if name in tank.ONLINE else (times_h, values)
            for name, (times_h, values) in run.tags.items()
        },
    )


def lossy(run: CompletedRun, seed: int) -> CompletedRun:
    """In a quarter of its hours all but one reading is lost, and in the hour of filling all but one before it."""
    rng = np.random.default_rng(seed)
    hit = rng.random(tank.HOURS + 1) < 0.25
    hit[int(FILLED_H)] = True
    first = rng.integers(0, 2)
    return read_at(run, lambda times_h: ~hit[times_h.astype(int)] | (np.rint(times_h * 6).astype(int) % 6 == first))


def drifts(model: ReferenceModel, run: CompletedRun) -> list[Alert]:
    return [alert for alert in tank.alerts_of(model, run) if alert.kind is AlertKind.DRIFT]


def as_if_not_known(model: ReferenceModel) -> ReferenceModel:
    """The same reference, as if any reading were as good as six."""
    course = model.trajectory
    assert course is not None
    assert course.steps is not None
    anything = replace(
        course.reading,
        fewest=np.ones_like(course.reading.fewest),
        moving=np.zeros_like(course.reading.moving),
        slope=np.zeros_like(course.reading.slope),
    )
    steps = replace(course.steps, fewest=np.ones_like(course.steps.fewest))
    return replace(model, trajectory=replace(course, reading=anything, steps=steps))


def test_lost_readings_are_no_drift(model: ReferenceModel) -> None:
    runs = [filled(tank.run_of(seed)) for seed in range(700, 712)]
    whole = sum(bool(drifts(model, run)) for run in runs)
    lost = [lossy(run, number) for number, run in enumerate(runs)]
    assert sum(bool(drifts(model, run)) for run in lost) <= whole + 1
    assert sum(bool(drifts(as_if_not_known(model), run)) for run in lost) == len(lost), "what this is about"


def test_a_batch_that_is_read_too_seldom_is_said_to_be_so_once_for_all_its_tags(model: ReferenceModel) -> None:
    run = read_at(
        filled(tank.run_of(720)), lambda times_h: (times_h < 20.0) | (np.rint(times_h * 6).astype(int) % 6 < 2)
    )
    told = tank.alerts_of(model, run)
    assert not [alert for alert in told if alert.kind is AlertKind.DRIFT]
    sparse = [alert for alert in told if alert.detector == "sparse"]
    assert {alert.ordinal for alert in sparse} == {sparse[0].ordinal}
    first = sparse[0]
    assert first.kind is AlertKind.QUALITY
    assert first.tags == tank.ONLINE
    assert first.onset_us / US_PER_H == pytest.approx(20.0, abs=1.0)
    assert first.raised_us - first.onset_us == 4 * US_PER_H
    assert "has been read too seldom since hour" in first.sentence
    assert "2 readings in 1 h, where the reference needs 3" in first.sentence


def test_it_ends_when_all_tags_are_read_often_enough_again(model: ReferenceModel) -> None:
    seldom = lambda times_h: (times_h < 20.0) | (times_h > 40.0) | (np.rint(times_h * 6).astype(int) % 6 < 2)  # noqa: E731
    told = tank.alerts_of(model, read_at(filled(tank.run_of(721)), seldom))
    sparse = [alert for alert in told if alert.detector == "sparse"]
    assert sparse[-1].ended_us is not None
    assert sparse[-1].ended_us / US_PER_H == pytest.approx(40.0, abs=1.0)


def test_DETECT_1_what_is_read_too_seldom_does_not_depend_on_the_cut(model: ReferenceModel) -> None:
    stream = tank.stream_of(lossy(filled(tank.run_of(722)), 5))
    whole = tank.monitor(model)
    expected = whole.feed(stream)
    edges = sorted(np.random.default_rng(3).choice(np.arange(1, len(stream)), 60, replace=False).tolist())
    pieces, told = tank.monitor(model), []
    for number, piece in enumerate(tank.cut(stream, edges)):
        told += pieces.feed(piece)
        if number % 7 == 0:
            pieces = type(pieces).from_bytes(pieces.to_bytes(), reference_new=model, reference_old=None)
    assert told == expected
    assert pieces.to_bytes() == whole.to_bytes()


def test_the_hour_in_which_a_tank_is_filled_needs_most_of_its_readings(model: ReferenceModel) -> None:
    assert model.trajectory is not None
    reading, level = model.trajectory.reading, model.tags.index("level")
    assert np.flatnonzero(reading.moving[:, level]).tolist() == [int(FILLED_H)]
    assert not np.delete(reading.moving, level, axis=1).any()
    assert reading.fewest[int(FILLED_H), level] == 5.0
    assert np.delete(reading.fewest[:, level], int(FILLED_H)).tolist() == [3.0] * (tank.HOURS - 1)


def test_a_tag_that_speaks_on_change_is_judged_on_a_single_reading() -> None:
    readings = np.full((3, 40, 2), 6.0)
    readings[:, ::8, 1] = 1.0
    readings[:, 1::8, 1] = 0.0
    assert fewest_readings(readings).tolist() == [3.0, 1.0]


def test_a_course_has_a_slope_where_it_climbs_and_none_where_it_steps_or_turns() -> None:
    climbing = np.arange(12.0) * 2.0
    stepping = np.where(np.arange(12) < 6, 0.0, 50.0)
    turning = np.abs(np.arange(12.0) - 6.0)
    mean = np.array([climbing, stepping, turning]).T
    runs = [tank.run_of(seed) for seed in range(2)]
    within = WithinCells.of(runs, replace(tank.GRID, cells=12), ("acid", "feed", "level"))
    places = RunsOnCourse.of(runs, None, replace(tank.GRID, cells=12))
    slope = within.usual(mean, np.ones_like(mean), places, replace(tank.GRID, cells=12)).slope
    assert slope[1:-1, 0].tolist() == [2.0] * 10
    assert not slope[:, 1].any()
    assert slope[6, 2] == 0.0
    assert slope[5, 2] == -1.0


def test_learning_and_watching_bring_cells_to_the_same_time(model: ReferenceModel) -> None:
    assert model.trajectory is not None
    run = read_at(  # in the first half of each hour alone, and from hour 70 on once
        filled(tank.run_of(723)), lambda times_h: np.rint(times_h * 6).astype(int) % 6 < np.where(times_h < 70.0, 3, 1)
    )
    medians = cells_of_runs([run], tank.GRID, tank.ONLINE)
    learned = WithinCells.of([run], tank.GRID, tank.ONLINE).judged(
        medians, model.trajectory.reading, RunsOnCourse.of([run], None, tank.GRID)
    )
    watching = tank.monitor(model)
    watching.feed(tank.stream_of(run))
    assert watching._drift is not None
    watched = np.array(watching._drift.course.values)[:, : len(tank.ONLINE)]
    np.testing.assert_array_equal(watched, learned[0, : len(watched)])
    assert np.isnan(learned).sum() > 10, "cells that hold too little"
    known = np.isfinite(learned)
    assert (learned[known] != medians[known]).sum() > 10, "cells that were read at another time"


def sparse_of(counts: list[tuple[int, ...]]) -> list[Alert]:
    """What is told of cells of an hour that hold so many readings of each tag, of which three are needed."""
    tags = tank.tags()[: len(counts[0])]
    shape = 1, len(tags)
    reading = UsualReading(
        width_us=US_PER_H,
        fewest=np.full(shape, 3.0),
        moving=np.zeros(shape),
        slope=np.zeros(shape),
        middle_us=np.zeros(shape),
    )
    judge = SparseJudge(reading=reading, tags=tags, context=Context(start_us=0, software="test"), book=AlertBook())
    told = []
    for cell, row in enumerate(counts):
        closed = ClosedCell(
            index=cell,
            end_us=(cell + 1) * US_PER_H,
            values=np.zeros(len(row)),
            readings=np.array(row),
            middles_us=np.zeros(len(row)),
            closed_at=0,
        )
        told += judge.closed(closed, 0)
        data = judge.to_bytes()
        judge = SparseJudge(reading=reading, tags=tags, context=judge._context, book=judge._book)
        judge.restore(data)
    return told


def test_an_outage_between_two_cells_that_hold_little_is_silence_and_not_seldom_reading() -> None:
    assert sparse_of([(6,), (1,), *[(0,)] * 9, (2,), (6,)]) == []
    assert [alert.raised_us // US_PER_H for alert in sparse_of([(6,), *[(2,)] * 5])] == [5]


def test_a_tag_that_falls_silent_does_not_keep_the_alert_open() -> None:
    told = sparse_of([*[(2, 2)] * 5, *[(6, 0)] * 4])
    assert [alert.ended_us is None for alert in told] == [True, False]
    assert told[0].tags == tuple(tag.name for tag in tank.tags()[:2])


def test_who_is_named_first_is_read_too_seldom_now_and_who_is_read_well_again_is_not_named() -> None:
    told = sparse_of([*[(2, 6, 2)] * 3, *[(2, 2, 2)] * 2, (6, 2, 0), (6, 2, 0)])
    names = [tag.name for tag in tank.tags()[:3]]
    assert [alert.tags for alert in told] == [(names[0], names[2]), (names[1], names[2])]
    assert told[-1].sentence.startswith("Feed has been read too seldom")
    assert "2 readings in 1 h, where the reference needs 3" in told[-1].sentence
