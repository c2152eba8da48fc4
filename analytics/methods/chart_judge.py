"""What the rules of a chart say of batches: pure, from frozen limits and points in order.

Phase I is what the limits rest on and is not judged by them. Phase II are the batches that came to be known while the
limits were in use, in order of their starts; runs, averages and sums begin with the first of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analytics.methods.chart_rules import CUSUM, EWMA, OF_ONE_BATCH
from analytics.methods.control import ControlLimits, Side, Signal
from analytics.methods.cusum import CusumChart
from analytics.methods.ewma_chart import EwmaChart
from analytics.methods.individuals import individual_bounds
from analytics.methods.run_rules import RunRule, broken_rules
from store.model.chart import Chart, ChartPoint, WithoutNumber
from store.model.result import Scale

PATTERNS = {
    RunRule.NELSON_2: "9 batches in a row {side} the centre",
    RunRule.NELSON_3: "6 batches in a row each {trend} than the one before",
    RunRule.NELSON_4: "14 batches in a row alternate up and down",
    RunRule.NELSON_5: "2 of 3 batches more than 2 sigma {side} the centre",
    RunRule.NELSON_6: "4 of 5 batches more than 1 sigma {side} the centre",
    RunRule.NELSON_7: "15 batches in a row closer to the centre than 1 sigma",
    RunRule.NELSON_8: "8 batches in a row farther from the centre than 1 sigma",
    RunRule.WESTERN_ELECTRIC_2: "2 of 3 batches more than 2 sigma {side} the centre",
    RunRule.WESTERN_ELECTRIC_3: "4 of 5 batches more than 1 sigma {side} the centre",
    RunRule.WESTERN_ELECTRIC_4: "8 batches in a row {side} the centre",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One rule broken by one batch; statistic and limit in the chart's unit, those of a CUSUM in sigma."""

    batch_id: int
    signal: Signal
    sentence: str


def rule_in_words(rule: str) -> str:
    """What a rule looks for.

    >>> rule_in_words("nelson_2"), rule_in_words("nelson_1")
    ('9 batches in a row on one side of the centre', 'a batch more than 3 sigma from the centre')
    """
    if rule == EWMA:
        return "a small lasting shift, by a weighted average over the batches"
    if rule == CUSUM:
        return "a lasting shift, by a cumulative sum"
    pattern = PATTERNS.get(RunRule(rule), "a batch more than 3 sigma from the centre")
    return pattern.format(side="on one side of", trend="higher, or each lower,")


def judge(chart: Chart, points: Sequence[ChartPoint], limits: ControlLimits, rules: Sequence[str]) -> list[Judged]:
    """Every rule that points of phase II break, in their order. `limits` are of logarithms on a log scale."""
    run_rules = [RunRule(rule) for rule in rules if rule not in (EWMA, CUSUM)]
    ewma, cusum = EwmaChart(limits=limits), CusumChart(limits=limits)
    values: list[float] = []
    found: list[Judged] = []
    for point in points:
        if point.value is None or point.without is not None:
            signals = _of_bound(chart, point, limits, run_rules)
        else:
            value = math.log(point.value) if chart.scale is Scale.LOG else point.value
            values.append(value)
            signals = list(broken_rules(values, limits, run_rules))
            ewma, shifted = ewma.update(value)
            cusum, moved = cusum.update(value)
            signals += [*(shifted if EWMA in rules else ()), *(moved if CUSUM in rules else ())]
        for signal in signals:
            shown = _shown(chart, signal)
            found.append(Judged(batch_id=point.batch_id, signal=shown, sentence=_sentence(chart, point, shown)))
    return found


def _of_bound(chart: Chart, point: ChartPoint, limits: ControlLimits, rules: Sequence[RunRule]) -> list[Signal]:
    """A bound proves only that a value lies beyond it: judged where that alone is outside three sigma."""
    firsts = [rule for rule in rules if rule in OF_ONE_BATCH]
    if point.without is not WithoutNumber.BOUND or point.value is None or not firsts:
        return []
    lower, upper = individual_bounds(limits)
    value = math.log(point.value) if chart.scale is Scale.LOG else point.value
    if point.bound in (">", ">=") and value > upper:
        return [Signal(rule=str(firsts[0]), side=Side.ABOVE, statistic=value, limit=upper, points=1)]
    if point.bound in ("<", "<=") and value < lower:
        return [Signal(rule=str(firsts[0]), side=Side.BELOW, statistic=value, limit=lower, points=1)]
    return []


def _shown(chart: Chart, signal: Signal) -> Signal:
    if chart.scale is not Scale.LOG or signal.rule == CUSUM:
        return signal
    return replace(signal, statistic=math.exp(signal.statistic), limit=math.exp(signal.limit))


def _sentence(chart: Chart, point: ChartPoint, signal: Signal) -> str:
    unit = "" if chart.unit_of_measure == "1" else f" {chart.unit_of_measure}"
    what = f"{chart.subject} of {point.batch} is {point.value_text}{unit}"
    if signal.rule == EWMA:
        said = f"its weighted average over the batches is {signal.statistic:.4g}{unit}, {signal.side} its limit of"
        return f"{what}; {said} {signal.limit:.4g}{unit}: a small lasting shift (ewma)"
    if signal.rule == CUSUM:
        way = "up" if signal.side is Side.ABOVE else "down"
        return (
            f"{what}; since {signal.points} batches it has moved {way}: the cumulative sum is "
            f"{signal.statistic:.3g} sigma, beyond {signal.limit:g} (cusum)"
        )
    rule = RunRule(signal.rule)
    pattern = PATTERNS.get(rule)
    if pattern is None:
        end = "upper" if signal.side is Side.ABOVE else "lower"
        return f"{what}, {signal.side} the {end} control limit of {signal.limit:.4g}{unit} ({rule})"
    trend = "higher" if signal.side is Side.ABOVE else "lower"
    return f"{what}: {pattern.format(side=signal.side, trend=trend)} ({rule})"
