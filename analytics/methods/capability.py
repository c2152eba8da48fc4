"""How well a process fits its specification, with the lower bound that a few batches allow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

FEWEST = 20  # an observed 1.33 says at least 0.79 with 10 batches, 1.03 with 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Ppk of batches against a specification. Without enough batches there is no number, and `hidden` says why."""

    n: int
    ppk: float | None
    lower: float | None  # one-sided 95 % confidence bound
    hidden: str | None


def performance(values: Sequence[float], *, low: float | None, high: float | None) -> Capability:
    """Ppk = min(USL − x̄, x̄ − LSL)/3s over all values; below 20 of them, or without a spread, hidden.

    `low` and `high` are specification limits, None where there is none. Raises ValueError when both are None.

    >>> performance([9.0, 10.0, 11.0], low=5.0, high=15.0).hidden
    'Ppk needs 20 batches, there are 3'
    """
    if low is None and high is None:
        raise ValueError("a capability needs a specification limit")
    n = len(values)
    if n < FEWEST:
        return Capability(n=n, ppk=None, lower=None, hidden=f"Ppk needs {FEWEST} batches, there are {n}")
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    if sd == 0.0:
        return Capability(n=n, ppk=None, lower=None, hidden="Ppk needs values that differ")
    ppk = min([*([] if high is None else [high - mean]), *([] if low is None else [mean - low])]) / (3.0 * sd)
    return Capability(n=n, ppk=ppk, lower=ppk_lower_bound(ppk, n), hidden=None)


def ppk_lower_bound(ppk: float, n: int, *, confidence: float = 0.95) -> float:
    """What the Ppk is at least: Ppk − z√(1/(9n) + Ppk²/(2(n − 1))) (Bissell 1990).

    >>> [round(ppk_lower_bound(1.33, n), 2) for n in (10, 30, 50)]
    [0.79, 1.03, 1.1]
    """
    return ppk - float(special.ndtri(confidence)) * _ppk_error(ppk, n)


def ppk_interval(ppk: float, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Bissell's two-sided interval.

    >>> [round(bound, 4) for bound in ppk_interval(1.33, 50)]
    [1.0509, 1.6091]
    """
    reach = float(special.ndtri((1.0 + confidence) / 2.0)) * _ppk_error(ppk, n)
    return ppk - reach, ppk + reach


def pp_interval(pp: float, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of Pp = (USL − LSL)/6s, from the chi-square distribution of the variance.

    >>> [round(bound, 4) for bound in pp_interval(1.33, 50)]
    [1.0673, 1.5922]
    """
    half = (1.0 - confidence) / 2.0
    low, high = (float(special.chdtri(n - 1, tail)) for tail in (1.0 - half, half))
    return pp * math.sqrt(low / (n - 1)), pp * math.sqrt(high / (n - 1))


def _ppk_error(ppk: float, n: int) -> float:
    if n < 2:
        raise ValueError(f"two values are the fewest that have a spread, not {n}")
    return math.sqrt(1.0 / (9.0 * n) + ppk * ppk / (2.0 * (n - 1)))
