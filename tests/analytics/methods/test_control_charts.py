"""Control charts against numbers that others published or computed by another way."""

import random
from collections.abc import Iterator

import pytest

from analytics.methods.capability import performance, pp_interval, ppk_interval, ppk_lower_bound
from analytics.methods.control import ControlLimits, Side, Signal, lag1_autocorrelation
from analytics.methods.cusum import CusumChart
from analytics.methods.ewma_chart import EwmaChart
from analytics.methods.individuals import D2, D4, individual_bounds, limits_of, moving_range
from analytics.methods.run_length import cusum_run_length, ewma_run_length, shewhart_run_length
from analytics.methods.run_rules import DEFAULT_RULES, RunRule, broken_rules, false_rate

STANDARD = ControlLimits(centre=0.0, sigma=1.0, n=100)
NELSON = tuple(rule for rule in RunRule if rule.startswith("nelson"))
SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)

# Montgomery, Introduction to Statistical Quality Control (7th ed. 2013), table 9.1: 20 of N(10, 1), 10 of N(11, 1)
MONTGOMERY = [
    9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08,
    9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52,
]  # fmt: skip
# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.4
NIST_STRENGTH = [
    52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5,
    49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1,
]  # fmt: skip
NIST_AVERAGES = [
    50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33,
    50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99,
]  # fmt: skip


@pytest.mark.parametrize(
    ("shift", "expected"), [(0.0, 370.4), (0.5, 155.22), (1.0, 43.89), (1.5, 14.97), (2.0, 6.30), (3.0, 2.00)]
)
def test_three_sigma_runs_as_long_as_published(shift: float, expected: float) -> None:
    assert shewhart_run_length(shift) == pytest.approx(expected, abs=0.05 if expected > 100 else 0.005)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (4.0, (167.68, 74.22, 26.63, 13.29, 8.38, 4.75, 3.34, 2.19)),
        (5.0, (465.43, 139.49, 38.00, 17.05, 10.38, 5.75, 4.01, 2.57)),
    ],
)
def test_a_cusum_runs_as_long_as_a_markov_chain_says(decision: float, expected: tuple[float, ...]) -> None:
    found = [cusum_run_length(shift, slack=0.5, decision=decision) for shift in SHIFTS]
    assert found == pytest.approx(expected, rel=5e-4, abs=0.0051)


@pytest.mark.parametrize(
    ("weight", "reach", "expected"),
    [
        (0.2, 2.962, (499.7, 150.2, 41.8, 18.1, 10.5, 5.5, 3.7, 2.4)),
        (0.1, 2.814, (499.5, 106.3, 31.3, 15.8, 10.3, 6.1, 4.4, 2.9)),
    ],
)
def test_an_ewma_runs_as_long_as_a_markov_chain_says(weight: float, reach: float, expected: tuple[float, ...]) -> None:
    found = [ewma_run_length(shift, weight=weight, reach=reach) for shift in SHIFTS]
    assert found == pytest.approx(expected, rel=2e-3, abs=0.06)


def test_the_published_cusum_example_signals_where_the_book_says() -> None:
    chart = CusumChart(limits=ControlLimits(centre=10.0, sigma=1.0, n=100))
    sums, signalled = [], []
    for number, value in enumerate(MONTGOMERY, 1):
        chart, signals = chart.update(value)
        sums.append((round(chart.high, 2), round(chart.low, 2), chart.high_points))
        signalled += [(number, signal.side) for signal in signals]
    assert sums[:3] == [(0.0, 0.05, 0), (0.0, 1.56, 0), (0.0, 1.77, 0)]
    assert sums[28] == (5.28, 0.0, 7)  # the sum left zero at point 23: the shift lies between 22 and 23
    assert signalled == [(29, Side.ABOVE), (30, Side.ABOVE)]


def test_the_ewma_follows_the_handbook_and_narrows_its_limits_at_the_first_points() -> None:
    chart = EwmaChart(limits=ControlLimits(centre=50.0, sigma=2.0539, n=20), weight=0.3, reach=3.0)
    for value, average in zip(NIST_STRENGTH, NIST_AVERAGES, strict=True):
        chart, signals = chart.update(value)
        assert chart.average == pytest.approx(average, abs=0.0051)
        assert signals == ()
    assert chart.bounds() == pytest.approx((47.4115, 52.5884), abs=2e-3)
    first, _ = EwmaChart(limits=STANDARD, weight=0.2, reach=3.0).update(0.0)
    assert first.bounds() == pytest.approx((-0.6, 0.6))


def test_limits_of_individuals_come_from_the_moving_range() -> None:
    flow = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]  # NIST/SEMATECH e-Handbook 6.3.2.2
    limits = limits_of(flow)
    assert individual_bounds(limits) == pytest.approx((45.8159, 55.8041), abs=2e-3)
    assert (round(D2, 3), round(D4, 3)) == (1.128, 3.267)
    assert moving_range(50.0, 56.0, limits).upper == pytest.approx(3.267 * 1.8778, abs=2e-3)
    with pytest.raises(ValueError, match="limits need 6 points, there are 5"):
        limits_of(flow[:5])
    with pytest.raises(ValueError, match="a spread"):
        limits_of([5.0] * 8)


@pytest.mark.parametrize(
    ("rule", "published"),
    list(zip(NELSON, (0.00269, 0.00386, 0.00278, 0.00491, 0.00317, 0.00547, 0.00323, 0.00010), strict=True)),
)
def test_each_rule_signals_as_seldom_in_control_as_simulated_by_others(rule: RunRule, published: float) -> None:
    assert false_rate(rule) == pytest.approx(published, rel=0.08)


def test_rules_signal_in_control_as_often_as_their_patterns_are_likely() -> None:
    draws = 80_000
    counts = dict.fromkeys(RunRule, 0)
    for signal in _signals_in_control(draws, tuple(RunRule)):
        counts[RunRule(signal.rule)] += 1
    for rule, count in counts.items():
        assert count / draws == pytest.approx(false_rate(rule), rel=0.3, abs=1e-4), rule


@pytest.mark.parametrize(("rules", "published"), [(NELSON, 73.5), (DEFAULT_RULES, 216.9)])
def test_rules_together_run_as_long_in_control_as_published(rules: tuple[RunRule, ...], published: float) -> None:
    rng = random.Random(11)
    runs, draws, values = 0, 0, list[float]()
    while draws < 80_000:
        values.append(rng.gauss(0.0, 1.0))
        draws += 1
        if broken_rules(values[-15:], STANDARD, rules):
            runs, values = runs + 1, []
    assert draws / runs == pytest.approx(published, rel=0.1)


@pytest.mark.parametrize(
    ("rule", "values", "side"),
    [
        (RunRule.NELSON_1, [-3.1], Side.BELOW),
        (RunRule.NELSON_2, [-0.1] * 9, Side.BELOW),
        (RunRule.WESTERN_ELECTRIC_4, [0.1] * 8, Side.ABOVE),
        (RunRule.NELSON_3, [0.5, 0.4, 0.3, 0.2, 0.1, 0.0], Side.BELOW),
        (RunRule.NELSON_4, [0.1, 0.2] * 7, Side.NEITHER),
        (RunRule.NELSON_5, [2.1, 0.0, 2.1], Side.ABOVE),
        (RunRule.NELSON_6, [-1.1, -1.1, 0.0, -1.1, -1.1], Side.BELOW),
        (RunRule.NELSON_7, [0.9, -0.9, 0.2] * 5, Side.NEITHER),
        (RunRule.NELSON_8, [1.1, -1.1] * 4, Side.NEITHER),
    ],
)
def test_a_rule_needs_its_whole_pattern(rule: RunRule, values: list[float], side: Side) -> None:
    assert [signal.side for signal in broken_rules(values, STANDARD, [rule])] == [side]
    if len(values) > 3:
        assert broken_rules(values[1:], STANDARD, [rule]) == ()


def test_points_on_a_line_are_beyond_nothing() -> None:
    assert broken_rules([3.0], STANDARD, [RunRule.NELSON_1]) == ()
    assert broken_rules([0.1] * 8 + [0.0], STANDARD, [RunRule.NELSON_2]) == ()
    assert broken_rules([0.0, 1.0, 2.0, 2.0, 2.5, 2.9], STANDARD, [RunRule.NELSON_3]) == ()


@pytest.mark.parametrize(("phi", "published"), [(0.0, 0.07), (0.5, 0.50), (0.9, 0.95)])
def test_neighbours_that_depend_on_each_other_bring_false_signals(phi: float, published: float) -> None:
    rng = random.Random(3)
    charts, outside = 1500, 0
    for _ in range(charts):
        value = rng.gauss(0.0, 1.0 / (1.0 - phi * phi) ** 0.5)
        values = [value := phi * value + rng.gauss(0.0, 1.0) for _ in range(30)]
        lower, upper = individual_bounds(limits_of(values))
        outside += not all(lower <= point <= upper for point in values)
    assert outside / charts == pytest.approx(published, abs=0.04)
    value = 0.0
    values = [value := phi * value + rng.gauss(0.0, 1.0) for _ in range(10_000)]
    assert lag1_autocorrelation(values) == pytest.approx(phi, abs=0.03)


def test_capability_has_bissells_bounds_and_is_hidden_until_there_are_enough_batches() -> None:
    assert ppk_interval(1.33, 50) == pytest.approx((1.0509, 1.6091), abs=5e-5)
    assert pp_interval(1.33, 50) == pytest.approx((1.0673, 1.5922), abs=5e-5)
    assert [ppk_lower_bound(1.33, n) for n in (10, 30, 50)] == pytest.approx([0.79, 1.03, 1.10], abs=0.005)
    values = [9.0, 11.0] * 10
    assert performance(values[:19], low=7.0, high=None).ppk is None
    found = performance(values, low=7.0, high=14.0)
    assert found.hidden is None
    assert found.ppk == pytest.approx(3.0 / (3.0 * (20 / 19) ** 0.5))
    assert found.lower == pytest.approx(ppk_lower_bound(found.ppk or 0.0, 20))
    assert performance([5.0] * 25, low=1.0, high=9.0).ppk is None


def _signals_in_control(draws: int, rules: tuple[RunRule, ...]) -> Iterator[Signal]:
    rng = random.Random(5)
    values = [0.0]
    for _ in range(draws):
        values = [*values[-14:], rng.gauss(0.0, 1.0)]
        yield from broken_rules(values, STANDARD, rules)
