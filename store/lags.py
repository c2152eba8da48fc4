"""Lengths of time in bins, so that distributions can be added up: eight bins to a doubling, on both sides of zero.

A length of time between a source's clock and ours is negative where the source's clock is ahead.
"""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

FIRST_US = 1_000
DOUBLINGS = 32  # up to about 50 days
_POSITIVE = [round(FIRST_US * 2 ** (eighth / 8)) for eighth in range(8 * DOUBLINGS + 1)]
# Bin b holds EDGES_US[b − 1] ≤ length < EDGES_US[b], as PostgreSQL's width_bucket has it.
EDGES_US = [*(-edge for edge in reversed(_POSITIVE)), 0, *_POSITIVE]


def bins(lengths_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The bin of each length.

    >>> bins(np.array([-1, 0, 1_000])) - bins(np.array([0]))
    array([-1,  0,  1])
    """
    return np.searchsorted(EDGES_US, lengths_us, side="right").astype(np.int64)


def bin_of(length_us: int) -> int:
    """The bin of one length."""
    return bisect_right(EDGES_US, length_us)


def below_us(bin_: int) -> int | None:
    """What everything in a bin lies below; None for the last bin.

    >>> below_us(int(bins(np.array([1_000]))[0]))
    1091
    """
    return EDGES_US[bin_] if bin_ < len(EDGES_US) else None


def quantile_bin(readings_by_bin: dict[int, int], share: float) -> int:
    """The bin that holds the smallest length which at least `share` of all do not exceed."""
    wanted = share * sum(readings_by_bin.values())
    reached = 0
    for bin_ in sorted(readings_by_bin):
        reached += readings_by_bin[bin_]
        if reached >= wanted:
            return bin_
    raise ValueError("there is nothing in any bin")
