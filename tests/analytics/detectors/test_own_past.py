"""What a batch's own past foretells."""

import numpy as np
import pytest

from analytics.detectors.own_past import EVIDENCE_H, FittedPast, OwnPast

CELLS = 60
DELAY = 8


def fitted(rank: int = 2) -> FittedPast:
    """Two smooth courses per tag: a level and a slope."""
    courses = np.array([np.ones(CELLS), np.linspace(-1.0, 1.0, CELLS)])[:rank]
    vectors = courses / np.sqrt((courses**2).sum(axis=1))[:, None]
    return FittedPast(
        tags=("pH", "CER"),
        vectors=np.repeat(vectors[:, :, None], 2, axis=2),
        variances=np.array([[90.0, 40.0], [20.0, 60.0]])[:rank],
        noise=np.array([0.3, 0.5]),
        residual_sd=np.full((CELLS, 2), 2.0),
    )


def past(part: FittedPast, slots: dict[str, int] | None = None) -> OwnPast:
    return OwnPast(part, slots=slots or {"pH": 0, "CER": 1}, width_h=1.0, delay_h=DELAY, tau_h=4.0)


def test_the_forecast_is_the_mean_of_a_linear_gaussian_model_after_the_evidence_up_to_the_delay() -> None:
    part = fitted()
    z = np.random.default_rng(2).normal(1.0, 1.0, (CELLS, 2))
    z[5:9, 1] = np.nan
    watch = past(part)
    residuals = [watch.residual(cell, row) for cell, row in enumerate(z)]
    for column in range(2):
        seen = [cell for cell in range(CELLS - DELAY) if not np.isnan(z[cell, column])]
        vectors = part.vectors[:, seen, column]
        weight = 1.0 / EVIDENCE_H / part.noise[column]
        precision = weight * vectors @ vectors.T + np.diag(1.0 / part.variances[:, column])
        scores = np.linalg.solve(precision, weight * vectors @ z[seen, column])
        expected = z[-1, column] - part.vectors[:, -1, column] @ scores
        assert residuals[-1][column] == pytest.approx(expected, rel=1e-9)
        assert watch.foretold(column) == pytest.approx(z[-1, column] - expected, rel=1e-9)


def test_a_batch_that_stands_high_from_the_start_is_foretold_and_one_that_steps_is_not() -> None:
    standing, stepping = past(fitted(1)), past(fitted(1))
    for cell in range(CELLS):
        high = standing.update(cell, np.full(2, 2.0))
        stepped = stepping.update(cell, np.full(2, 2.0 if cell >= CELLS - 6 else 0.0))
    assert (stepped > 2.0 * high).all()
    assert stepping.run_began(CELLS - 1, 0, 1.0) == CELLS - 6


def test_a_tag_without_a_fitted_course_and_cells_beyond_the_grid_have_no_score() -> None:
    watch = past(fitted(), {"pressure": 0, "CER": 1})
    scores = watch.update(0, np.ones(2))
    assert np.isnan(scores[0])
    assert np.isfinite(scores[1])
    assert np.isnan(watch.update(CELLS, np.ones(2))).all()


def test_the_state_is_as_large_at_the_end_of_a_batch_as_at_its_beginning() -> None:
    watch = past(fitted())
    sizes = set()
    for cell in range(CELLS):
        watch.update(cell, np.ones(2))
        sizes.add(len(watch.to_bytes()))
    assert len(sizes) == 1
