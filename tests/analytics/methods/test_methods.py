import math

import numpy as np
import pytest

from analytics.detectors.ewma import Ewma
from analytics.methods.binomial import exact_interval
from analytics.methods.comparison import Verdict, compare, equivalence
from analytics.methods.gumbel import EULER, fit_gumbel
from analytics.methods.prediction import prediction_interval

OLD = [99.0, 100, 101, 98, 102, 100, 97, 101, 103, 100]
NEW = [98.0, 101, 99, 102, 100, 97, 103, 100, 99, 101]


def test_welch_and_tost_agree_with_independently_computed_numbers() -> None:
    compared = compare(OLD, NEW)
    result = equivalence(compared, margin=3.0)
    assert compared.difference == pytest.approx(-0.1, abs=1e-12)
    assert compared.df == pytest.approx(17.99372410255819, rel=1e-12)
    assert compared.interval == pytest.approx((-1.5028447866765386, 1.30284478667655), rel=1e-9)
    assert result.t_low == pytest.approx(3.584772548921939, rel=1e-9)
    assert result.t_high == pytest.approx(-3.8319982419510237, rel=1e-9)
    assert result.p == pytest.approx(0.0010593419295908326, rel=1e-7)
    assert result.verdict is Verdict.EQUIVALENT


def test_an_interval_across_the_margin_is_inconclusive_and_one_beyond_it_not_equivalent() -> None:
    assert equivalence(compare(OLD, NEW), margin=1.4).verdict is Verdict.INCONCLUSIVE
    moved = [value + 10.0 for value in NEW]
    assert equivalence(compare(OLD, moved), margin=3.0).verdict is Verdict.NOT_EQUIVALENT


def test_the_welch_test_reaches_the_published_power_of_a_two_sample_design() -> None:
    rng = np.random.default_rng(8)
    for old_n, new_n, power in ((6, 3, 0.26), (10, 5, 0.60), (30, 10, 0.98)):
        found = sum(
            equivalence(compare(rng.normal(size=old_n).tolist(), rng.normal(size=new_n).tolist()), margin=1.5).verdict
            is Verdict.EQUIVALENT
            for _ in range(1500)
        )
        assert found / 1500 == pytest.approx(power, abs=0.04)


def test_the_interval_of_an_sd_ratio_is_the_chi_square_one_when_the_old_sd_is_known_well() -> None:
    rng = np.random.default_rng(9)
    old = rng.normal(0, 2.0, 200_000)
    new = rng.normal(0, 2.0, 50)
    compared = compare(old.tolist(), new.tolist())
    assert compared.sd_ratio is not None
    assert compared.sd_ratio_interval is not None
    # 90 % chi-square bounds for 49 degrees of freedom: 33.930 and 66.339.
    low = compared.sd_ratio * math.sqrt(49 / 66.339)
    high = compared.sd_ratio * math.sqrt(49 / 33.930)
    assert compared.sd_ratio_interval == pytest.approx((low, high), rel=2e-3)


def test_groups_without_any_spread_are_refused() -> None:
    with pytest.raises(ValueError, match="neither group"):
        compare([1.0, 1.0], [2.0, 2.0])
    with pytest.raises(ValueError, match="fewest"):
        compare([1.0], [2.0, 3.0])


def test_exact_intervals_of_small_shares_are_those_of_clopper_and_pearson() -> None:
    # The rule of three's exact form: 1 − 0.025^(1/n).
    assert exact_interval(0, 32) == pytest.approx((0.0, 1 - 0.025 ** (1 / 32)), rel=1e-12)
    assert exact_interval(32, 32) == pytest.approx((0.025 ** (1 / 32), 1.0), rel=1e-12)
    # The share at whose lower bound 5 or more of 20 events have probability 2.5 %.
    low, high = exact_interval(5, 20)
    at_least = sum(math.comb(20, k) * low**k * (1 - low) ** (20 - k) for k in range(5, 21))
    at_most = sum(math.comb(20, k) * high**k * (1 - high) ** (20 - k) for k in range(6))
    assert (at_least, at_most) == pytest.approx((0.025, 0.025), rel=1e-9)


def test_a_gumbel_fit_finds_the_distribution_a_sample_came_from() -> None:
    rng = np.random.default_rng(10)
    fitted = fit_gumbel((3.0 - 0.5 * np.log(-np.log(rng.random(200_000)))).tolist())
    assert (fitted.location, fitted.scale) == pytest.approx((3.0, 0.5), abs=0.01)
    assert fitted.quantile(0.97) == pytest.approx(3.0 - 0.5 * math.log(-math.log(0.97)), abs=0.02)


def test_the_first_two_l_moments_of_a_fit_are_those_of_the_sample() -> None:
    sample = [1.0, 4.0, 2.0, 8.0]
    fitted = fit_gumbel(sample)
    # Mean 3.75; half the mean absolute difference of two draws without replacement: 23/12.
    assert fitted.location + EULER * fitted.scale == pytest.approx(3.75)
    assert fitted.scale * math.log(2) == pytest.approx(23 / 12)


def test_a_prediction_interval_holds_the_next_value_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    inside = 0
    for _ in range(4000):
        *sample, following = rng.normal(size=7).tolist()
        low, high = prediction_interval(sample, alpha=0.1)
        inside += low <= following <= high
    assert inside / 4000 == pytest.approx(0.9, abs=0.015)


def test_the_ewma_runs_as_long_as_its_average_run_length_says() -> None:
    """Independent normal values, λ = 0.2, fixed limits at 2.962 sigma: 10.5 cells to find a shift of one sigma."""
    rng = np.random.default_rng(12)
    series = 4000
    ewma = Ewma(tags=series, width_h=1.0, tau_h=-1.0 / math.log(0.8))
    limit = 2.962 * math.sqrt(0.2 / 1.8)
    lengths = np.zeros(series)
    for cell in range(200):
        level = ewma.update(cell, rng.normal(1.0, 1.0, series))
        lengths[(lengths == 0) & (np.abs(level) > limit)] = cell + 1
    assert (lengths > 0).all()
    assert lengths.mean() == pytest.approx(10.5, abs=0.4)


# Student's sleep data (Cushny and Peebles 1905); R's t.test(extra ~ group, data = sleep) gives −3.3654832, 0.2054832.
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_welchs_interval_is_that_of_students_sleep_data() -> None:
    found = compare(SLEEP_2, SLEEP_1, confidence=0.95)
    assert (found.difference, *found.interval) == pytest.approx((-1.58, -3.3654832, 0.2054832), abs=1e-6)


def test_the_interval_of_the_sd_ratio_is_that_of_the_f_distribution() -> None:
    found = compare(SLEEP_2, SLEEP_1, confidence=0.95)
    assert found.sd_ratio is not None
    assert found.sd_ratio_interval is not None
    assert found.sd_ratio**2 == pytest.approx(0.7983426, abs=1e-6)
    assert [bound**2 for bound in found.sd_ratio_interval] == pytest.approx([0.198297, 3.214123], abs=1e-4)
