"""A number about the whole batch as scores of its tags."""

import numpy as np

from analytics.segment import Floats


def attributed(statistic: float, contributions: Floats, sides: Floats) -> Floats:
    """Scores (tags,) of a statistic of the whole batch: what drove it most carries it whole, the others in proportion.

    So the batch is beyond its limit exactly when one of its tags is. `contributions` (tags,) are not negative, NaN for
    a tag that has no part; the signs of `sides` tell on which side each tag lies.

    >>> attributed(8.0, np.array([3.0, 6.0, np.nan]), np.array([1.5, -0.2, 9.0])).tolist()
    [4.0, -8.0, nan]
    """
    largest = np.nanmax(contributions, initial=0.0)
    share = contributions / largest if largest > 0.0 else np.where(np.isnan(contributions), np.nan, 0.0)
    scores: Floats = np.where(sides < 0.0, -1.0, 1.0) * statistic * share
    return scores


def added(values: Floats) -> float:
    """The sum, one after the other: the bits of a sum along one axis depend on the machine.

    >>> added(np.array([0.1, 0.2, 0.3]))
    0.6000000000000001
    """
    total = 0.0
    for value in values.tolist():
        total += value
    return total
