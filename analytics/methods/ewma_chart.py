"""An exponentially weighted moving average of batches: small lasting shifts."""

import math
from dataclasses import dataclass
from typing import Self

from analytics.methods.control import ControlLimits, Side, Signal

WEIGHT = 0.2
REACH = 2.962  # with that weight one false signal in 500 points


@dataclass(frozen=True, slots=True, kw_only=True)
class EwmaChart:
    """z = λx + (1 − λ)z from the centre on, inside centre ± Lσ√(λ/(2 − λ)·(1 − (1 − λ)²ⁱ)) (Roberts 1959).

    The limits are the exact ones of point i, so that the first batches after a change are judged as strictly as later
    ones. λ in (0, 1]; λ = 0.2 with L = 2.962 has a mean run of 500 points in control and of 10.5 after a shift by one
    sigma (with the limits of late points; Lucas and Saccucci 1990).

    The strength of NIST/SEMATECH e-Handbook 6.3.2.4, weight 0.3:

    >>> chart = EwmaChart(limits=ControlLimits(centre=50.0, sigma=2.0539, n=20), weight=0.3, reach=3.0)
    >>> for value in [52.0, 47.0, 53.0, 49.3]:
    ...     chart, signals = chart.update(value)
    ...     print(round(chart.average, 2), signals)
    50.6 ()
    49.52 ()
    50.56 ()
    50.18 ()
    """

    limits: ControlLimits
    weight: float = WEIGHT
    reach: float = REACH
    points: int = 0
    deviation: float = 0.0  # of the average from the centre

    @property
    def average(self) -> float:
        """The average at the newest point, in the unit of the values."""
        return self.limits.centre + self.deviation

    def bounds(self) -> tuple[float, float]:
        """Lower and upper limit of the average at the newest point."""
        grown = 1.0 - (1.0 - self.weight) ** (2 * self.points)
        half = self.reach * self.limits.sigma * math.sqrt(self.weight / (2.0 - self.weight) * grown)
        return self.limits.centre - half, self.limits.centre + half

    def update(self, value: float) -> tuple[Self, tuple[Signal, ...]]:
        """The chart with one more point, and what that point signals."""
        after = type(self)(
            limits=self.limits,
            weight=self.weight,
            reach=self.reach,
            points=self.points + 1,
            deviation=self.weight * (value - self.limits.centre) + (1.0 - self.weight) * self.deviation,
        )
        lower, upper = after.bounds()
        if lower <= after.average <= upper:
            return after, ()
        side, limit = (Side.ABOVE, upper) if after.average > upper else (Side.BELOW, lower)
        return after, (Signal(rule="ewma", side=side, statistic=after.average, limit=limit, points=after.points),)
