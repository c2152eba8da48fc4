"""Families that rest on whole courses of reference batches, from the batches to an alert."""

from dataclasses import replace

import numpy as np
import pytest

from analytics.layers import families_of
from analytics.learning_courses import EXPLAINED, CourseLearner
from analytics.learning_phases import RunsOnCourse
from analytics.reference import ReferenceModel, TimeConstants
from analytics.runs import CompletedRun, cells_of_runs
from analytics.template import Further
from store.model.alert import Alert, AlertKind
from store.model.times import US_PER_H
from tests.analytics import tank


@pytest.fixture(scope="module")
def model() -> ReferenceModel:
    return tank.reference(tank.WHOLE_COURSES)


def learner(runs: list[CompletedRun]) -> CourseLearner:
    values = cells_of_runs(runs, tank.GRID, tank.ONLINE)
    return CourseLearner(
        values=values,
        steps=np.zeros(len(tank.ONLINE)),
        own=np.ones(len(tank.ONLINE), np.bool_),
        tags=tank.ONLINE,
        grid=tank.GRID,
        constants=TimeConstants(),
        judged=np.arange(tank.GRID.cells) >= 4,
        places=RunsOnCourse.of(runs, None, tank.GRID),
    )


@pytest.fixture(scope="module")
def learned() -> CourseLearner:
    return learner([tank.run_of(seed) for seed in range(24)])


def drifts(model: ReferenceModel, run: CompletedRun) -> list[Alert]:
    return [alert for alert in tank.alerts_of(model, run) if alert.kind is AlertKind.DRIFT]


def only(model: ReferenceModel, family: str) -> ReferenceModel:
    """The same reference, as if nothing else had limits."""
    assert model.trajectory is not None
    limits = {family: model.trajectory.limits[family]}
    return replace(model, trajectory=replace(model.trajectory, limits=limits))


def test_a_template_asks_for_families_and_without_it_there_are_none(model: ReferenceModel) -> None:
    assert model.trajectory is not None
    assert families_of(model.trajectory)[-4:] == tuple(Further)
    plain = tank.reference().trajectory
    assert plain is not None
    assert not set(families_of(plain)) & set(Further)
    assert (plain.components, plain.own_past, plain.maturity) == (None, None, None)


def test_components_hold_nine_tenths_of_the_variance_and_are_orthonormal(learned: CourseLearner) -> None:
    fitted = learned.learned({"spe"}).of_all.components
    assert fitted is not None
    held, count = fitted.variances.sum(), len(fitted.variances)
    rest = fitted.rest * (len(fitted.tags) - count)
    assert held / (held + rest) >= EXPLAINED
    assert (held - fitted.variances[-1]) / (held + rest) < EXPLAINED
    np.testing.assert_allclose(fitted.loadings @ fitted.loadings.T, np.eye(count), atol=1e-12)


def test_a_tag_that_is_read_now_and_then_has_no_part_in_the_components() -> None:
    runs = [tank.run_of(seed) for seed in range(24)]
    daily = []
    for run in runs:
        times_h, acid = run.tags["acid"]
        daily.append(replace(run, tags={**run.tags, "acid": (times_h[::144], acid[::144])}))
    fitted = learner(daily).learned({"spe"}).of_all.components
    assert fitted is not None
    assert fitted.tags == ("feed", "level", "pH")


def test_no_batch_sets_the_limit_it_is_judged_by(learned: CourseLearner) -> None:
    """A batch that stands out is scored by the others, so its score does not shrink with what it taught."""
    wild = tank.run_of(3)
    times_h, level = wild.tags["level"]
    runs = [tank.run_of(seed) for seed in range(24)]
    runs[3] = replace(wild, tags={**wild.tags, "level": (times_h, level + 40.0 * (times_h > 30.0))})
    before, after = (one.learned(set(Further)).families for one in (learned, learner(runs)))
    for name in ("spe", "own_past"):
        assert np.nanmax(after[name].maxima[3]) > 2.0 * np.nanmax(before[name].maxima[3])


def test_what_is_learned_without_a_batch_is_what_the_others_teach(learned: CourseLearner) -> None:
    runs = [tank.run_of(seed) for seed in range(24)]
    left_out = learned.learned(set(Further)).without_each[5]
    others = learner(runs[:5] + runs[6:]).learned(set(Further)).of_all
    for one, other in (
        (left_out.components, others.components),
        (left_out.own_past, others.own_past),
        (left_out.maturity, others.maturity),
    ):
        assert one is not None
        assert other is not None
        assert one.tags == other.tags
    assert left_out.components is not None
    assert others.components is not None
    np.testing.assert_allclose(left_out.components.loadings, others.components.loadings, atol=1e-9)
    assert left_out.own_past is not None
    assert others.own_past is not None
    np.testing.assert_allclose(left_out.own_past.vectors, others.own_past.vectors, atol=1e-9)
    # Spreads are of residuals beside spaces that know one batch less in the one and not in the other.
    np.testing.assert_allclose(left_out.own_past.residual_sd, others.own_past.residual_sd, rtol=0.2)
    assert left_out.maturity is not None
    assert others.maturity is not None
    np.testing.assert_allclose(left_out.maturity.mean, others.maturity.mean, atol=1e-9)
    np.testing.assert_array_equal(left_out.maturity.tells, others.maturity.tells)
    np.testing.assert_allclose(left_out.maturity.pace_sd, others.maturity.pace_sd, rtol=0.2)


def test_further_families_share_the_share_of_one(learned: CourseLearner) -> None:
    both = learned.learned({"spe", "pace"}).families
    assert sum(family.share for family in both.values()) == pytest.approx(1.0)
    assert both["spe"].share == both["pace"].share


def test_a_level_that_runs_ahead_is_told_as_pace_with_the_place_of_the_batch(model: ReferenceModel) -> None:
    run = tank.run_of(510)
    ahead = {
        tag: (times_h, np.interp(times_h + 0.5 * np.maximum(times_h - 40.0, 0.0), times_h, values))
        for tag in ("feed", "level")
        for times_h, values in (run.tags[tag],)
    }
    alert = drifts(only(model, "pace"), replace(run, tags={**run.tags, **ahead}))[0]
    assert alert.detector == "pace"
    assert alert.tags[0] in ahead
    assert 45.0 < alert.raised_us / US_PER_H < 70.0
    assert 40.0 <= alert.onset_us / US_PER_H <= 50.0
    assert "of the reference's pace since hour" in alert.sentence
    assert "by the clock" in alert.sentence
    assert {tag for tag, _ in alert.contributions} <= set(ahead)
    assert sum(share for _, share in alert.contributions) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("family", "said"),
    [("hotelling_t2", "Hotelling's T²"), ("spe", "squared prediction error")],
)
def test_an_alert_of_components_names_what_drove_it(model: ReferenceModel, family: str, said: str) -> None:
    run = tank.run_of(511)
    after = {
        tag: (times_h, values + size * (times_h > 50.0))
        for tag, size in (("acid", 0.6), ("level", -40.0), ("feed", 3.0), ("pH", 0.08))
        for times_h, values in (run.tags[tag],)
    }
    alert = drifts(only(model, family), replace(run, tags={**run.tags, **after}))[0]
    assert alert.detector == family
    assert type(alert.detector) is str, "as the database stores it"
    assert 50.0 < alert.raised_us / US_PER_H < 60.0
    assert 48.0 <= alert.onset_us / US_PER_H <= 55.0
    shares = [share for _, share in alert.contributions]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert said in alert.sentence
    assert f"driven by {alert.contributions[0][0]} ({100 * shares[0]:.0f} %)" in alert.sentence


def test_a_step_is_told_beside_what_the_batchs_own_past_foretold(model: ReferenceModel) -> None:
    run = tank.run_of(512)
    times_h, acid = run.tags["acid"]
    alert = drifts(
        only(model, "own_past"), replace(run, tags={**run.tags, "acid": (times_h, acid + (times_h > 50.0))})
    )[0]
    assert (alert.detector, alert.tags[0]) == ("own_past", "acid")
    assert 50.0 < alert.raised_us / US_PER_H < 62.0
    assert 49.0 <= alert.onset_us / US_PER_H <= 51.0
    assert "Acid is above what the batch's own past foretells since hour" in alert.sentence


def test_a_reference_with_whole_courses_survives_its_bytes(model: ReferenceModel) -> None:
    again = ReferenceModel.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert again.trajectory is not None
    assert again.trajectory.components is not None
    assert again.trajectory.components.tags == tank.ONLINE


@pytest.mark.parametrize("seed", range(2))
def test_DETECT_1_whole_courses_do_not_depend_on_how_the_stream_was_cut(model: ReferenceModel, seed: int) -> None:
    stream = tank.stream_of(tank.run_of(513, delivered=0.8, sensor=0.1))
    whole = tank.monitor(model)
    expected = whole.feed(stream)
    edges = sorted(np.random.default_rng(seed).choice(np.arange(1, len(stream)), 30, replace=False).tolist())
    pieces, told = tank.monitor(model), []
    for number, piece in enumerate(tank.cut(stream, edges)):
        told += pieces.feed(piece)
        if number % 5 == seed:
            pieces = type(pieces).from_bytes(pieces.to_bytes(), reference_new=model, reference_old=None)
    assert told == expected
    assert pieces.to_bytes() == whole.to_bytes()


def test_a_batch_without_some_tags_is_judged_by_what_is_left(model: ReferenceModel) -> None:
    run = tank.run_of(514)
    few = replace(run, tags={name: part for name, part in run.tags.items() if name in {"acid", "feed"}})
    assert not drifts(model, few)
    none = replace(run, tags={"pH_sample": run.tags["pH_sample"]})
    assert not drifts(model, none)


def test_unchanged_batches_raise_few_alerts(model: ReferenceModel) -> None:
    assert sum(bool(drifts(model, tank.run_of(seed))) for seed in range(600, 620)) <= 3
