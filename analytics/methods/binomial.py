"""Exact intervals for a share."""

from dataclasses import dataclass
from typing import Self

from scipy import special


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its exact 95 % interval."""

    events: int
    trials: int
    interval: tuple[float, float]

    @classmethod
    def of(cls, events: int, trials: int) -> Self:
        """So many of so many. Raises ValueError as `exact_interval`."""
        return cls(events=events, trials=trials, interval=exact_interval(events, trials))


def exact_interval(events: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of Clopper and Pearson (1934) for a share, from the beta distribution.

    Raises ValueError unless 0 ≤ events ≤ trials. Without trials nothing is known: (0, 1).

    >>> [round(bound, 4) for bound in exact_interval(0, 30)]
    [0.0, 0.1157]
    """
    if not 0 <= events <= trials:
        raise ValueError(f"{events} events in {trials} trials")
    half = (1.0 - confidence) / 2.0
    low = 0.0 if events == 0 else float(special.betaincinv(events, trials - events + 1, half))
    high = 1.0 if events == trials else float(special.betaincinv(events + 1, trials - events, 1.0 - half))
    return low, high
