"""What every control chart between batches says of a point."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """On which side of the centre a signal lies."""

    ABOVE = "above"
    BELOW = "below"
    NEITHER = "neither"  # a pattern that has no side: trends apart, alternation, too little scatter


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One rule that a point breaks."""

    rule: str  # its convention and number: "nelson_2", "ewma", "cusum"
    side: Side
    statistic: float  # what was compared, in the unit of the values
    limit: float  # what it was compared with
    points: int  # how many points the pattern spans, the newest included


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """Where a process in control lies: frozen once it is drafted, and shared by all charts of a series."""

    centre: float
    sigma: float  # from the moving range of neighbours; > 0
    n: int  # points it rests on

    def __post_init__(self) -> None:
        """Raises ValueError for limits that limit nothing."""
        if not (math.isfinite(self.centre) and math.isfinite(self.sigma) and self.sigma > 0):
            raise ValueError(f"limits need a centre and a spread: centre {self.centre}, sigma {self.sigma}")


def lag1_autocorrelation(values: Sequence[float]) -> float:
    """Correlation of neighbours: Σ(xᵢ − x̄)(xᵢ₊₁ − x̄) / Σ(xᵢ − x̄)² (NIST/SEMATECH e-Handbook 1.3.5.12).

    Charts take points for independent. At 0.5, every second chart of 30 points in control shows a point outside.
    Raises ValueError for values without a spread.

    >>> round(lag1_autocorrelation([1.0, 2.0, 3.0, 4.0, 5.0]), 3)
    0.4
    """
    mean = math.fsum(values) / len(values) if values else 0.0
    total = math.fsum((value - mean) ** 2 for value in values)
    if total == 0.0:
        raise ValueError("values without a spread have no autocorrelation")
    return math.fsum((a - mean) * (b - mean) for a, b in itertools.pairwise(values)) / total
