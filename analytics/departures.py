"""How a batch lay to the old process, phase by phase: a statement made once, when the batch has ended.

Not drift: it compares with what the old process did, at the points at which somebody read it, and says nothing of
whether the new process has changed. Between the points nothing is known, and coverage says how many there were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analytics.segment import Floats

INSIDE = 0.95  # share of points expected inside the interval where the batch is like the old ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One tag in one phase against the old process. Distances are signed, in old SD; None where nothing was seen."""

    phase: str  # "" before the first
    tag: str
    declared: int  # points at which the old process is known
    seen: int  # of these with readings of this batch around them
    inside: int  # of the seen inside the 95 % prediction interval of the old batches
    mean_distance: float | None
    largest_distance: float | None
    largest_h: float | None  # hours since the start


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPoint:
    """One matched point beside this batch: a number for each of `tags`, None where nothing is known."""

    point: int
    at_us: int
    tags: tuple[str, ...]  # those of which the old process is known there, in whatever phase
    values: tuple[float | None, ...]  # of this batch around the point; None: nothing usable was read
    expected: tuple[float, ...]  # mean of the old batches
    sd: tuple[float, ...]
    reach: tuple[float | None, ...]  # half width of the 95 % prediction interval, in SD
    limits: tuple[float | None, ...]  # distance that raises an alert, in SD


def departures_of(
    *,
    phases: Sequence[str],
    tags: Sequence[str],
    scores: Floats,
    declared: Floats,
    reach: Floats,
    hours: Floats,
) -> tuple[Departure, ...]:
    """Statements by phase and tag, in order of the points.

    `phases` names the phase of each point; `scores` is (points, tags) in old SD, NaN where nothing was seen; `declared`
    is 1 where the old process is known and comparable, `reach` the half width of the interval in old SD.
    """
    found = []
    for phase in dict.fromkeys(phases):
        of_phase = np.array([name == phase for name in phases])
        for slot, tag in enumerate(tags):
            points = np.flatnonzero(of_phase & (declared[:, slot] > 0))
            if not len(points):
                continue
            seen = points[np.isfinite(scores[points, slot])]
            z = scores[seen, slot]
            largest = int(np.argmax(np.abs(z))) if len(seen) else None
            found.append(
                Departure(
                    phase=phase,
                    tag=tag,
                    declared=len(points),
                    seen=len(seen),
                    inside=int(np.sum(np.abs(z) <= reach[seen, slot])),
                    mean_distance=None if largest is None else float(np.sum(z) / len(z)),
                    largest_distance=None if largest is None else float(z[largest]),
                    largest_h=None if largest is None else float(hours[seen[largest]]),
                )
            )
    return tuple(found)


def prediction_reach(batches: Floats) -> Floats:
    """Half width of the 95 % prediction interval for one further batch in SD: t(0.975, n − 1)·√(1 + 1/n).

    Hahn and Meeker (1991), section 4.3, at each point on its own. NaN for fewer than two batches.

    >>> [round(reach, 3) for reach in prediction_reach(np.array([4.0, 20.0])).tolist()]
    [3.558, 2.145]
    """
    n = np.where(batches >= 2, batches, np.nan)
    return np.asarray(special.stdtrit(n - 1.0, (1.0 + INSIDE) / 2.0) * np.sqrt(1.0 + 1.0 / n), np.float64)
