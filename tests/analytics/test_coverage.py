"""In which hours of a phase drift can be judged, and that the live monitor agrees."""

from dataclasses import replace

import numpy as np
import pytest

from analytics.coverage import blind_cells, coverage_of
from analytics.learning import learn_new
from analytics.reference import Blind
from analytics.runs import PhaseOfRun
from tests.analytics import tank

PHASES = (PhaseOfRun(name="growth", from_h=0.0, to_h=24.0), PhaseOfRun(name="feeding", from_h=24.0, to_h=96.0))
BLIND = (Blind(phase=None, hours=6.0), Blind(phase="feeding", hours=18.0))


def test_blind_hours_and_hours_without_a_course_count_against_a_phase() -> None:
    runs = [replace(tank.run_of(seed), phases=PHASES) for seed in range(24)]
    tags = [*tank.ONLINE, "pH_sample"]
    model = learn_new(runs, grid=tank.GRID, tags=tags, blind=BLIND)
    assert model.trajectory is not None
    growth, feeding = coverage_of(model.trajectory, model.grid, model.tags, runs)
    assert [(one.phase, one.batches, one.from_h, one.hours) for one in (growth, feeding)] == [
        ("growth", 24, 0.0, 24.0),
        ("feeding", 24, 24.0, 72.0),
    ]
    assert (growth.blind, feeding.blind) == pytest.approx((6 / 24, 18 / 72))
    assert growth.tags["acid"] == pytest.approx(18 / 24)
    assert feeding.tags["acid"] == pytest.approx(54 / 72)
    known = np.isfinite(model.trajectory.sd[:, tags.index("pH_sample")])
    samples = known[24:96] & ~blind_cells(BLIND, PHASES, model.grid)[24:]
    assert 0 < feeding.tags["pH_sample"] < 1, "a sample every eight hours leaves most hours unknown"
    assert feeding.tags["pH_sample"] == pytest.approx(samples.sum() / 72)


def test_a_phase_beyond_the_grid_is_not_judged_there_and_a_tag_without_limits_never() -> None:
    runs = [
        replace(tank.run_of(seed), phases=(PhaseOfRun(name="late", from_h=72.0, to_h=120.0),)) for seed in range(24)
    ]
    model = learn_new(runs, grid=tank.GRID, tags=tank.ONLINE)
    assert model.trajectory is not None
    none = replace(model.trajectory, limits={})
    (late,) = coverage_of(model.trajectory, model.grid, model.tags, runs)
    assert late.tags["acid"] == pytest.approx(24 / 48)
    (late,) = coverage_of(none, model.grid, model.tags, runs)
    assert set(late.tags.values()) == {0.0}


def test_the_cells_called_blind_are_those_in_which_the_live_monitor_raises_nothing() -> None:
    runs = [replace(tank.run_of(seed), phases=PHASES) for seed in range(24)]
    model = learn_new(runs, grid=tank.GRID, tags=tank.ONLINE, blind=BLIND)
    watching = tank.monitor(model)
    for phase in PHASES:
        watching.phase(phase.name, round(phase.from_h * 3_600_000_000))
    run = tank.run_of(900)
    times_h, acid = run.tags["acid"]
    far_off = replace(run, tags={**run.tags, "acid": (times_h, acid + np.where(times_h > 24.0, 5.0, 0.0))})
    raised = next(alert for alert in watching.feed(tank.stream_of(far_off)) if alert.kind == "drift")
    first = next(cell for cell in range(24, 96) if not blind_cells(BLIND, PHASES, model.grid)[cell])
    assert raised.phase_time_h == first + 1.0
