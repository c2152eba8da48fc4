"""Comparing two groups of batches: differences, equivalence and spread.

Exploratory wherever no protocol was fixed before the data were known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy import special


class Verdict(StrEnum):
    """The three verdicts of an equivalence test."""

    EQUIVALENT = "equivalent"  # the 90 % interval lies inside the margin
    NOT_EQUIVALENT = "not_equivalent"  # it lies wholly outside
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """New against old, in the unit of the values. Intervals are 90 %."""

    old_n: int
    new_n: int
    old_mean: float
    new_mean: float
    difference: float  # new − old
    interval: tuple[float, float]  # of the difference, Welch
    df: float  # Welch and Satterthwaite
    standard_error: float
    sd_ratio: float | None  # new over old; None when the old values do not differ
    sd_ratio_interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Two one-sided tests (Schuirmann 1987) of a difference against a symmetric margin."""

    t_low: float  # against −margin
    t_high: float  # against +margin
    df: float
    p: float  # the larger of the two
    verdict: Verdict


def compare(old: Sequence[float], new: Sequence[float], *, confidence: float = 0.90) -> Comparison:
    """Welch's difference of means and the ratio of SDs with its F interval.

    Both groups need two values at least, and one of them a spread: raises ValueError otherwise.
    """
    old_mean, old_variance = _moments(old)
    new_mean, new_variance = _moments(new)
    old_part, new_part = old_variance / len(old), new_variance / len(new)
    error = math.sqrt(old_part + new_part)
    if error == 0.0:
        raise ValueError("neither group has a spread")
    df = (old_part + new_part) ** 2 / (old_part**2 / (len(old) - 1) + new_part**2 / (len(new) - 1))
    reach = float(special.stdtrit(df, (1.0 + confidence) / 2.0)) * error
    difference = new_mean - old_mean
    ratio, ratio_interval = None, None
    if old_variance > 0:
        ratio = math.sqrt(new_variance / old_variance)
        half = (1.0 - confidence) / 2.0
        upper = float(special.fdtri(len(new) - 1, len(old) - 1, 1.0 - half))
        lower = float(special.fdtri(len(new) - 1, len(old) - 1, half))
        ratio_interval = (ratio / math.sqrt(upper), ratio / math.sqrt(lower))
    return Comparison(
        old_n=len(old),
        new_n=len(new),
        old_mean=old_mean,
        new_mean=new_mean,
        difference=difference,
        interval=(difference - reach, difference + reach),
        df=df,
        standard_error=error,
        sd_ratio=ratio,
        sd_ratio_interval=ratio_interval,
    )


def equivalence(compared: Comparison, *, margin: float) -> Equivalence:
    """Welch TOST at 5 % a side, which is the 90 % interval inside ±margin (margin > 0, else ValueError)."""
    if margin <= 0:
        raise ValueError(f"a margin is positive: {margin}")
    t_low = (compared.difference + margin) / compared.standard_error
    t_high = (compared.difference - margin) / compared.standard_error
    p = max(1.0 - float(special.stdtr(compared.df, t_low)), float(special.stdtr(compared.df, t_high)))
    low, high = compared.interval
    if -margin < low and high < margin:
        verdict = Verdict.EQUIVALENT
    elif high < -margin or low > margin:
        verdict = Verdict.NOT_EQUIVALENT
    else:
        verdict = Verdict.INCONCLUSIVE
    return Equivalence(t_low=t_low, t_high=t_high, df=compared.df, p=p, verdict=verdict)


def _moments(sample: Sequence[float]) -> tuple[float, float]:
    if len(sample) < 2:
        raise ValueError("two values are the fewest that have a spread")
    mean = math.fsum(sample) / len(sample)
    return mean, math.fsum((value - mean) ** 2 for value in sample) / (len(sample) - 1)
