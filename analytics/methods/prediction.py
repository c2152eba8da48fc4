"""Where the next batch is expected, given a few."""

import math
from collections.abc import Sequence

from scipy import special


def prediction_interval(sample: Sequence[float], *, alpha: float = 0.05) -> tuple[float, float]:
    """Two-sided t interval for one further value of a normal population (Hahn and Meeker 1991, section 4.3).

    mean ± t(1 − alpha/2, n − 1) · s · √(1 + 1/n). Raises ValueError for fewer than two values.

    >>> [round(bound, 3) for bound in prediction_interval([9.0, 10.0, 11.0, 10.0])]
    [7.095, 12.905]
    """
    n = len(sample)
    if n < 2:
        raise ValueError("two values are the fewest that have a spread")
    mean = math.fsum(sample) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in sample) / (n - 1))
    reach = float(special.stdtrit(n - 1, 1.0 - alpha / 2.0)) * sd * math.sqrt(1.0 + 1.0 / n)
    return mean - reach, mean + reach
