"""Hotelling's T² and the squared prediction error against their definitions."""

import numpy as np
import pytest

from analytics.detectors.components import Components, Distance, FittedComponents
from analytics.segment import Floats

TAGS = ("CER", "OUR", "DO2", "T", "V")
ALL = {tag: slot for slot, tag in enumerate(TAGS)}


def fitted(components: int = 2) -> tuple[FittedComponents, Floats]:
    """Components of a covariance, and the covariance they stand for."""
    rng = np.random.default_rng(8)
    mixed = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5))
    variances, directions = np.linalg.eigh(mixed.T @ mixed / 400)
    variances, directions = variances[::-1], directions[:, ::-1]
    rest = float(variances[components:].mean())
    spread = np.concatenate([variances[:components], np.full(5 - components, rest)])
    part = FittedComponents(
        tags=TAGS, loadings=directions[:, :components].T, variances=variances[:components], rest=rest
    )
    return part, directions @ np.diag(spread) @ directions.T


def layer(distance: Distance, slots: dict[str, int] | None = None) -> Components:
    """Without memory, so that the level is the cell's z."""
    return Components(fitted()[0], distance, slots=slots or ALL, width_h=1.0, tau_h=1e-3, limit=3.0)


def statistic(scores: Floats) -> float:
    return float(np.nanmax(np.abs(scores))) ** 2


def test_the_two_statistics_are_those_of_the_textbook() -> None:
    part, _ = fitted()
    z = np.array([1.0, -2.0, 0.5, 3.0, -1.0])
    scores = part.loadings @ z
    assert statistic(layer(Distance.HOTELLING_T2).update(0, z)) == pytest.approx((scores**2 / part.variances).sum())
    left = z - part.loadings.T @ scores
    assert statistic(layer(Distance.SPE).update(0, z)) == pytest.approx((left**2).sum())


@pytest.mark.parametrize("distance", list(Distance))
def test_shares_are_parts_of_the_statistic_and_its_largest_carries_it_whole(distance: Distance) -> None:
    watch = layer(distance)
    scores = watch.update(0, np.array([1.0, -2.0, 0.5, 3.0, -1.0]))
    shares = watch.shares()
    assert (shares >= 0.0).all()
    assert shares.sum() == pytest.approx(1.0)
    assert np.argmax(shares) == np.argmax(np.abs(scores))
    np.testing.assert_allclose(np.abs(scores) / np.abs(scores).max(), shares / shares.max())


def test_a_missing_tag_takes_the_value_that_is_most_likely_after_the_others() -> None:
    part, covariance = fitted()
    z = np.array([1.0, np.nan, 0.5, np.nan, -1.0])
    known, missing = [0, 2, 4], [1, 3]
    filled = z.copy()
    filled[missing] = covariance[np.ix_(missing, known)] @ np.linalg.solve(covariance[np.ix_(known, known)], z[known])
    watch = layer(Distance.SPE)
    np.testing.assert_allclose(watch.parts(z), filled - part.loadings.T @ (part.loadings @ filled), atol=1e-12)
    scores = watch.update(0, z)
    assert np.isnan(scores[missing]).all()
    assert (watch.shares()[missing] == 0.0).all()


def test_what_is_not_known_makes_no_batch_more_distant() -> None:
    part, _ = fitted()
    rng = np.random.default_rng(9)
    for z in rng.normal(size=(50, 5)) * 3.0:
        holed = z.copy()
        holed[rng.integers(5)] = np.nan

        def together(row: Floats) -> float:
            spe, t2 = (statistic(layer(distance).update(0, row)) for distance in reversed(Distance))
            return t2 + spe / part.rest

        assert together(holed) <= together(z) + 1e-9


def test_with_less_than_half_of_the_tags_nothing_is_said() -> None:
    watch = layer(Distance.HOTELLING_T2)
    assert np.isfinite(watch.update(0, np.array([1.0, 1.0, 1.0, np.nan, np.nan]))[:3]).all()
    assert np.isnan(watch.update(1, np.array([1.0, 1.0, np.nan, np.nan, np.nan]))).all()
    assert (watch.shares() == 0.0).all()


def test_a_batch_without_a_tag_and_with_another_one_is_judged_by_those_that_were_learned() -> None:
    slots = {"pressure": 0, "V": 1, "T": 2, "DO2": 3, "OUR": 4}
    scores = layer(Distance.SPE, slots).update(0, np.array([50.0, -1.0, 3.0, 0.5, -2.0]))
    assert np.isnan(scores[0])
    holed = layer(Distance.SPE).update(0, np.array([np.nan, -2.0, 0.5, 3.0, -1.0]))
    np.testing.assert_array_equal(scores[1:], holed[:0:-1])


def test_a_run_begins_where_half_of_the_limit_was_passed() -> None:
    watch = Components(fitted()[0], Distance.SPE, slots=ALL, width_h=1.0, tau_h=1e-3, limit=1.0)
    direction = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    unit = float(np.nanmax(np.abs(watch.update(0, direction))))
    for cell, distance in enumerate((0.1, 0.2, 0.6, 0.8, 1.2), 1):
        watch.update(cell, direction * distance / unit)
    assert watch.run_began(5, 0, 1.0) == 3
