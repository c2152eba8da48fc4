"""The Gumbel distribution of the largest of many, fitted by L-moments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

EULER = 0.577215664901532861


@dataclass(frozen=True, slots=True, kw_only=True)
class Gumbel:
    """F(x) = exp(−exp(−(x − location)/scale))."""

    location: float
    scale: float

    def quantile(self, probability: float) -> float:
        """The value that is not exceeded with this probability, 0 < probability < 1.

        >>> round(Gumbel(location=0.0, scale=1.0).quantile(0.97), 6)
        3.491367
        """
        if not 0 < probability < 1:
            raise ValueError(f"a probability between 0 and 1 is needed, not {probability}")
        return self.location - self.scale * math.log(-math.log(probability))

    def beyond(self, value: float) -> float:
        """The probability that a value is exceeded.

        >>> round(Gumbel(location=0.0, scale=1.0).beyond(3.491367), 6)
        0.03
        """
        if self.scale <= 0.0:
            return float(value < self.location)
        return -math.expm1(-math.exp(min((self.location - value) / self.scale, 700.0)))


def fit_gumbel(sample: Sequence[float]) -> Gumbel:
    """Fit by the first two L-moments (Hosking 1990, table 2): scale = l₂/ln 2, location = l₁ − γ·scale.

    Needs at least two values. Raises ValueError for fewer.

    >>> fitted = fit_gumbel([1.0, 2.0, 3.0, 4.0])
    >>> round(fitted.scale * math.log(2), 12), round(fitted.location + EULER * fitted.scale, 12)
    (0.833333333333, 2.5)
    """
    n = len(sample)
    if n < 2:
        raise ValueError("two values are the fewest that have a spread")
    ordered = sorted(sample)
    first = math.fsum(ordered) / n
    weighted = math.fsum(rank * value for rank, value in enumerate(ordered)) / (n * (n - 1))
    scale = (2.0 * weighted - first) / math.log(2.0)
    return Gumbel(location=first - EULER * scale, scale=scale)
