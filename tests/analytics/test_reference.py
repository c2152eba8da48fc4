from dataclasses import replace

import numpy as np
import pytest

from analytics.grid import Grid
from analytics.layers import BALANCE, EWMA, PAGE_HINKLEY, PREDICTION, STEP
from analytics.learning import learn_new
from analytics.learning_old import learn_old
from analytics.limits import Family, outlying, share_budget
from analytics.packing import UnknownFormat
from analytics.reference import FORMAT, Blind, ReferenceModel, Rule, digest_of
from analytics.runs import CompletedRun, cells_of_runs
from store.model.reference import ReferenceRole
from tests.analytics.plant import GRID, HOURS, TAGS, new_reference, old_reference, old_run, run_of


def test_DETECT_2_a_reference_survives_its_bytes_and_its_digest_covers_every_one_of_them(
    new: ReferenceModel, old: ReferenceModel
) -> None:
    for model in (new, old):
        data = model.to_bytes()
        again = ReferenceModel.from_bytes(data)
        assert again.to_bytes() == data
        assert again.digest == model.digest == digest_of(data)
        changed = bytearray(data)
        changed[-3] ^= 1
        assert digest_of(bytes(changed)) != model.digest


def test_learning_the_same_runs_again_gives_the_same_model(new: ReferenceModel) -> None:
    again = new_reference()
    assert again.inputs == new.inputs
    assert new.trajectory is not None
    assert again.trajectory is not None
    for name in ("mean", "sd", "residual_sd"):
        np.testing.assert_allclose(getattr(again.trajectory, name), getattr(new.trajectory, name), rtol=1e-9)
    for layer, limit in new.trajectory.limits.items():
        np.testing.assert_allclose(again.trajectory.limits[layer], limit, rtol=1e-9)


def test_one_changed_reading_of_one_run_changes_the_digest_of_the_reference() -> None:
    runs = [run_of(seed) for seed in range(5)]
    times_h, values = runs[0].tags["pH"]
    other = values.copy()
    other[17] += 1e-12
    changed = replace(runs[0], tags={**runs[0].tags, "pH": (times_h, other)})
    before = learn_new(runs, grid=GRID, tags=TAGS)
    after = learn_new([changed, *runs[1:]], grid=GRID, tags=TAGS)
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("batches", "rule", "layers"),
    [
        (5, Rule.RANGES_ONLY, set()),
        (6, Rule.PREDICTION_LIMITS, {PREDICTION}),
        (19, Rule.PREDICTION_LIMITS, {PREDICTION}),
        (20, Rule.LEARNED_LIMITS, {EWMA, BALANCE, PAGE_HINKLEY, STEP}),
    ],
)
def test_how_much_a_reference_may_say_follows_from_its_number_of_batches(
    batches: int, rule: Rule, layers: set[str]
) -> None:
    model = new_reference(batches)
    assert model.rule is rule
    assert model.trajectory is not None
    assert set(model.trajectory.limits) == layers
    assert np.isfinite(model.trajectory.mean).all() == (batches >= 5)


def test_the_envelope_is_the_mean_of_the_cell_medians(new: ReferenceModel) -> None:
    values = cells_of_runs([run_of(seed) for seed in range(24)], GRID, TAGS)
    assert new.trajectory is not None
    np.testing.assert_allclose(new.trajectory.mean, values.mean(axis=0), rtol=1e-12)
    # Smoothing and floors may widen the SD and never narrow it.
    assert (new.trajectory.sd >= values.std(axis=0, ddof=1) - 1e-12).all()


def test_runs_of_different_length_with_holes_are_learned_from_what_is_there() -> None:
    runs = []
    for seed in range(20):
        run = run_of(seed)
        until = HOURS - seed % 4 * 5
        tags = {
            name: (times_h[times_h < until], values[times_h < until])
            for name, (times_h, values) in run.tags.items()
            if not (name == "pH" and seed % 5 == 0)
        }
        runs.append(CompletedRun(batch=run.batch, tags=tags))
    model = learn_new(runs, grid=GRID, tags=TAGS)
    assert model.trajectory is not None
    assert np.isfinite(model.trajectory.mean).all()
    assert np.isfinite(model.trajectory.limits[EWMA]).all()


def test_a_tag_at_zero_most_of_the_time_carries_no_limit_and_a_constant_one_no_scale() -> None:
    rng = np.random.default_rng(0)
    runs = []
    for seed in range(20):
        run = run_of(seed)
        times_h = run.tags["pH"][0]
        pump = np.where(rng.random(len(times_h)) < 0.1, 5.0, 0.0)
        runs.append(
            CompletedRun(
                batch=run.batch,
                tags={**run.tags, "antifoam": (times_h, pump), "set_point": (times_h, np.full_like(pump, 37.0))},
            )
        )
    model = learn_new(runs, grid=GRID, tags=(*TAGS, "antifoam", "set_point"))
    assert model.trajectory is not None
    for layer, limit in model.trajectory.limits.items():
        assert np.isnan(limit[3:]).all()
        assert layer == STEP or np.isfinite(limit[:3]).all()
    assert np.isnan(model.trajectory.sd[:, 4]).all()


def test_a_tag_whose_median_never_moves_off_its_display_step_has_half_a_step_as_sd() -> None:
    runs = []
    for seed in range(20):
        run = run_of(seed)
        times_h = run.tags["pH"][0]
        steps = np.where(np.arange(len(times_h)) % 7 == 0, 37.1, 37.0)
        runs.append(CompletedRun(batch=run.batch, tags={"temperature": (times_h, steps)}))
    model = learn_new(runs, grid=GRID, tags=("temperature",))
    assert model.trajectory is not None
    np.testing.assert_allclose(model.trajectory.sd, 0.05, rtol=1e-6)


def test_an_old_reference_knows_its_points_and_nothing_between(old: ReferenceModel) -> None:
    assert old.role is ReferenceRole.OLD
    assert old.points is not None
    assert old.points.hours == pytest.approx([12.0, 24.0, 36.0, 48.0, 60.0], rel=0.03)
    assert old.points.half_window_h < 2.0
    assert np.isfinite(old.points.limit[:3]).all()


def test_prediction_limits_of_an_old_reference_widen_as_batches_become_fewer() -> None:
    few, more, many = (old_reference(batches) for batches in (6, 12, 19))
    limits = [model.points.limit[1, 0] for model in (few, more, many) if model.points is not None]
    assert limits[0] > limits[1] > limits[2] > 2.0


def test_an_old_reference_of_twenty_batches_learns_its_limits() -> None:
    model = learn_old([old_run(seed) for seed in range(20)], grid=GRID, tags=("glucose",))
    assert model.rule is Rule.LEARNED_LIMITS
    assert model.points is not None
    known = np.isfinite(model.points.mean)
    assert len(np.unique(model.points.limit[known])) == 1


def test_a_batch_without_a_probe_takes_no_limit_away_and_widens_none(new: ReferenceModel) -> None:
    runs = [run_of(seed) for seed in range(24)]
    lacking = replace(runs[5], tags={name: course for name, course in runs[5].tags.items() if name != "pH"})
    runs[5] = lacking
    model = learn_new(runs, grid=GRID, tags=TAGS, blind=[Blind(phase=None, hours=2.0)])
    assert model.trajectory is not None
    assert new.trajectory is not None
    for layer, limits in new.trajectory.limits.items():
        np.testing.assert_allclose(model.trajectory.limits[layer], limits, rtol=0.15, err_msg=layer)


def test_an_old_reference_of_twenty_batches_keeps_a_tag_that_one_of_them_lacks() -> None:
    runs = [old_run(seed) for seed in range(20)]
    whole = learn_old(runs, grid=GRID, tags=("dissolved_oxygen", "glucose")).points
    runs[3] = replace(runs[3], tags={"glucose": runs[3].tags["glucose"]})
    lacking = learn_old(runs, grid=GRID, tags=("dissolved_oxygen", "glucose")).points
    assert whole is not None
    assert lacking is not None
    assert np.isfinite(lacking.limit[:, 0]).sum() == np.isfinite(whole.limit[:, 0]).sum() > 0


def test_a_shared_budget_lets_about_its_share_of_unchanged_batches_alert() -> None:
    rng = np.random.default_rng(11)
    alerted, trials = 0, 0
    for _ in range(60):
        spread = rng.uniform(0.2, 0.5, (2, 8))
        maxima = np.exp(rng.normal(0.0, 1.0, (24, 2, 8)) * spread)
        fresh = np.exp(rng.normal(0.0, 1.0, (100, 2, 8)) * spread)
        families = [Family(maxima=maxima[:, 0]), Family(maxima=maxima[:, 1])]
        limits = np.array(share_budget(families, 0.06).limits)
        alerted += int((fresh > limits).any(axis=(1, 2)).sum())
        trials += 100
    assert 0.01 < alerted / trials < 0.09


def test_a_family_with_a_smaller_share_gets_wider_limits_and_leaves_the_others_more() -> None:
    maxima = np.exp(np.random.default_rng(13).normal(0.0, 0.3, (24, 8)))

    def limits(*shares: float) -> list[float]:
        families = [Family(maxima=maxima, share=share) for share in shares]
        return [float(limit[0]) for limit in share_budget(families, 0.06).limits]

    even, uneven = limits(1.0, 1.0, 1.0), limits(1.0, 0.5, 0.5)
    assert uneven[0] < even[0] < uneven[1] == uneven[2]
    assert limits(1.0, 1.0) == limits(0.5, 0.5)


def test_a_batch_of_another_kind_is_called_outlying_and_an_unremarkable_set_hardly_ever() -> None:
    rng = np.random.default_rng(12)
    called = 0
    for _ in range(200):
        statistics = rng.gumbel(2.0, 0.4, (24, 3))
        called += bool(outlying(statistics))
        statistics[7, 1] = 9.0
        assert outlying(statistics)[0] == 7
    assert called <= 12


def test_a_run_in_which_something_went_wrong_is_set_aside_with_the_reason() -> None:
    runs = [run_of(seed) for seed in range(24)] + [run_of(24, fault_from_h=20.0, step=-15.0)]
    model = learn_new(runs, grid=GRID, tags=TAGS, blind=[Blind(phase=None, hours=2.0)])
    assert [part.batch for part in model.set_aside] == ["B-24"]
    assert "stands out" in model.set_aside[0].reason
    assert [part.batch for part in model.inputs] == [f"B-{seed}" for seed in range(24)]
    without = learn_new(runs[:24], grid=GRID, tags=TAGS, blind=[Blind(phase=None, hours=2.0)])
    assert model.trajectory is not None
    assert without.trajectory is not None
    for name, limit in without.trajectory.limits.items():
        np.testing.assert_array_equal(model.trajectory.limits[name], limit)
    assert ReferenceModel.from_bytes(model.to_bytes()).set_aside == model.set_aside


def test_what_a_family_cannot_use_of_the_budget_goes_to_the_others() -> None:
    maxima = np.random.default_rng(5).lognormal(1.0, 0.2, (24, 6))
    wild = Family(maxima=maxima[:, :3])
    tame = Family(maxima=maxima[:, 3:])
    floored = Family(maxima=maxima[:, 3:], least=100.0)
    even = share_budget([wild, tame], 0.04).limits
    less = share_budget([wild, floored], 0.04).limits
    assert (less[1] == 100.0).all()
    assert (less[0] < even[0]).all()
    alone = share_budget([wild], 0.04).limits
    np.testing.assert_allclose(less[0], alone[0], rtol=1e-6)


def test_nothing_of_the_budget_is_lost_when_several_families_cannot_use_theirs() -> None:
    maxima = np.random.default_rng(7).lognormal(1.0, 0.2, (24, 9))
    free = Family(maxima=maxima[:, :3])
    alone = share_budget([free], 0.04).limits[0]
    far = Family(maxima=maxima[:, 3:6], least=100.0)
    farther = Family(maxima=maxima[:, 6:], least=1000.0)
    np.testing.assert_allclose(share_budget([far, free, farther], 0.04).limits[1], alone, rtol=1e-6)


def test_a_family_whose_limits_are_beyond_the_least_has_its_even_part() -> None:
    maxima = np.random.default_rng(6).lognormal(1.0, 0.2, (24, 6))
    free = [Family(maxima=maxima[:, :3]), Family(maxima=maxima[:, 3:])]
    bounded = [free[0], Family(maxima=maxima[:, 3:], least=0.5)]
    for one, other in zip(share_budget(free, 0.04).limits, share_budget(bounded, 0.04).limits, strict=True):
        assert one.tolist() == other.tolist()


def test_no_run_is_set_aside_where_fewer_than_twenty_would_be_left() -> None:
    runs = [run_of(seed) for seed in range(19)] + [run_of(24, fault_from_h=20.0, step=-15.0)]
    assert learn_new(runs, grid=GRID, tags=TAGS).set_aside == ()


def test_bytes_of_another_version_are_refused_by_name() -> None:
    data = new_reference(5).to_bytes()
    with pytest.raises(UnknownFormat, match=f"expected reference version {FORMAT}"):
        ReferenceModel.from_bytes(data.replace(b'"version":%d' % FORMAT, b'"version":%d' % (FORMAT + 1)))
    with pytest.raises(UnknownFormat, match="end inside"):
        ReferenceModel.from_bytes(data[:-8])


def test_a_grid_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match="positive width"):
        Grid(width_us=0, cells=3)
