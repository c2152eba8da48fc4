"""Individuals and moving range: one value a batch."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.methods.control import ControlLimits

FEWEST = 6  # below that limits are a guess
D2 = 2.0 / math.sqrt(math.pi)  # mean range of two standard normal values, 1.128
D3 = math.sqrt(2.0 - 4.0 / math.pi)  # and its standard deviation, 0.853
D4 = 1.0 + 3.0 * D3 / D2  # 3.267
REACH = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingRange:
    """The range of two neighbours, and how large it gets in a process in control."""

    value: float
    upper: float

    @property
    def outside(self) -> bool:
        """Whether neighbours differ more than a process in control lets them."""
        return self.value > self.upper


def limits_of(values: Sequence[float]) -> ControlLimits:
    """Limits from points in order: the mean, and the mean moving range over d₂ (Montgomery 2013, section 6.4).

    The moving range keeps a slow trend out of the spread. Raises ValueError for fewer than six values, or none that
    differ from their neighbours.

    The flow rates of NIST/SEMATECH e-Handbook 6.3.2.2, whose limits are 45.8159 and 55.8041 with d₂ cut to 1.128:

    >>> flow = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
    >>> limits = limits_of(flow)
    >>> round(limits.centre, 2), round(limits.centre + 3 * limits.sigma * D2 / 1.128, 4)
    (50.81, 55.8041)
    """
    if len(values) < FEWEST:
        raise ValueError(f"limits need {FEWEST} points, there are {len(values)}")
    ranges = [abs(b - a) for a, b in itertools.pairwise(values)]
    return ControlLimits(
        centre=math.fsum(values) / len(values),
        sigma=math.fsum(ranges) / len(ranges) / D2,
        n=len(values),
    )


def individual_bounds(limits: ControlLimits) -> tuple[float, float]:
    """Three sigma below and above the centre.

    >>> individual_bounds(ControlLimits(centre=10.0, sigma=1.0, n=20))
    (7.0, 13.0)
    """
    return limits.centre - REACH * limits.sigma, limits.centre + REACH * limits.sigma


def moving_range(before: float, value: float, limits: ControlLimits) -> MovingRange:
    """The range of two neighbours with its upper limit, D₄ times the mean range.

    >>> moving_range(10.0, 14.0, ControlLimits(centre=10.0, sigma=1.0, n=20)).outside
    True
    """
    return MovingRange(value=abs(value - before), upper=D4 * D2 * limits.sigma)
