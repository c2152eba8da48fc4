"""Where a batch is on the course of the reference, and how fast it goes."""

import numpy as np
import pytest

from analytics.detectors.maturity import FittedMaturity, Maturity, Pace
from analytics.learning_courses import telling
from analytics.segment import Floats

CELLS = 100
SLOTS = {"CER": 0, "pH": 1, "OUR": 2}


def fitted(**changed: Floats) -> FittedMaturity:
    """Two tags that climb, one of them only in the first half."""
    hours = np.arange(CELLS, dtype=np.float64)
    mean = np.array([hours / 4.0, np.minimum(hours, 50.0) / 2.0]).T
    tells = np.array([np.ones(CELLS), (hours < 45.0).astype(np.float64)]).T
    parts = {"pace_mean": np.ones(CELLS), "pace_sd": np.full(CELLS, 0.05), "tells": tells} | changed
    return FittedMaturity(tags=("CER", "OUR"), mean=mean, sd=np.full((CELLS, 2), 0.5), lag_sd=4.0, **parts)


def values_at(hours: float) -> Floats:
    """What a batch shows that is at an hour of the course."""
    return np.array([hours / 4.0, 7.0, min(hours, 50.0) / 2.0])


def test_a_batch_is_where_the_course_shows_what_it_shows() -> None:
    for lag in (-6.0, -2.5, 0.0, 3.0):
        maturity = Maturity(fitted(), slots=SLOTS, width_h=1.0, tau_h=3.0)
        for cell in range(40):
            assert maturity.update(cell, values_at(cell + lag))
        assert maturity.lag == pytest.approx(lag, abs=0.5)
        assert maturity.position(39) == pytest.approx((40 + lag) / CELLS, abs=0.005)


def test_the_position_stays_between_0_and_1_and_is_looked_for_within_reach() -> None:
    maturity = Maturity(fitted(), slots=SLOTS, width_h=1.0, tau_h=3.0)
    for cell in range(CELLS):
        maturity.update(cell, values_at(cell + 60.0))
        assert 0.0 <= maturity.position(cell) <= 1.0
        assert abs(maturity.lag) <= fitted().reach


def test_where_no_tag_tells_a_batch_goes_with_the_clock() -> None:
    silent = fitted(tells=np.zeros((CELLS, 2)))
    pace = Pace(silent, slots=SLOTS, width_h=1.0, tau_h=3.0, window_h=10.0)
    assert all(np.isnan(pace.update(cell, values_at(cell / 2.0))).all() for cell in range(CELLS))
    assert pace.maturity.lag == 0.0
    missing = Maturity(fitted(), slots={"pH": 0}, width_h=1.0, tau_h=3.0)
    assert not missing.update(0, np.ones(1))


def test_pace_tells_a_batch_that_falls_behind_by_the_tags_that_show_it() -> None:
    pace = Pace(fitted(), slots=SLOTS, width_h=1.0, tau_h=3.0, window_h=10.0)
    hour, scores = 0.0, []
    for cell in range(44):
        hour += 1.0 if cell < 25 else 0.6
        scores.append(pace.update(cell, values_at(hour - 1.0)))
    assert np.nanmax(np.abs(scores[12:25])) < 1.0
    assert np.nanmin(scores[-1]) < -4.0
    assert np.isnan(scores[-1][1])
    assert pace.pace == pytest.approx(0.6, abs=0.15)
    assert pace.shares().sum() == pytest.approx(1.0)
    assert pace.shares()[1] == 0.0
    assert 18 <= pace.run_began(43, 0, -1.0) <= 28


def test_a_cell_without_readings_holds_the_place() -> None:
    maturity = Maturity(fitted(), slots=SLOTS, width_h=1.0, tau_h=3.0)
    for cell in range(30):
        maturity.update(cell, values_at(cell - 3.0))
    lag = maturity.lag
    assert not maturity.update(30, np.full(3, np.nan))
    assert maturity.lag == lag


def test_what_climbs_gradually_tells_and_a_step_of_the_recipe_does_not() -> None:
    hours = np.arange(CELLS, dtype=np.float64)
    climbs = np.minimum(hours, 60.0) / 3.0
    steps = np.where(hours >= 30.0, 5.0, 0.0)
    waves = 3.0 * np.sin(hours / 2.0)
    flat = hours / 1000.0
    sd = np.ones((CELLS, 5))
    told = telling(np.array([climbs, steps, waves, flat, climbs]).T, sd, np.array([True] * 4 + [False]), 12)
    assert told[:50, 0].all()
    assert not told[70:, 0].any()
    assert not told[:, 1:].any()
