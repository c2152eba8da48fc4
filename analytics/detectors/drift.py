"""A Page–Hinkley test on z by river: the only module that knows the library.

The test sees distances from the reference, never raw courses: a batch is a trajectory, and a drift test on it would
report growth. Its settings are frozen and its thresholds come from reference batches alone.
"""

from collections.abc import Iterable
from typing import Protocol, Self, cast

import numpy as np
from river.drift import PageHinkley

from analytics.packing import pack, unpack
from analytics.segment import Floats

DELTA = 1.0  # SD a cell: shifts of z that last and are smaller than this are the offsets between batches
LEAST_CELLS = 5  # the batch's own level is not known before
LEAST_THRESHOLD = 0.5  # SD·cells, where the search begins
SHARPNESS = 2.0**-6  # relative width to which a threshold is searched


class DriftChannel:
    """Per tag one two-sided Page–Hinkley test (Page 1954) on z, with the tag's own threshold.

    The library says whether the threshold was crossed and nothing else: the score is the threshold when it was and
    0 when it was not, with the sign of the cell. After a crossing the test starts anew.

    >>> channel = DriftChannel(thresholds=np.array([10.0]))
    >>> scores = [float(channel.update(cell, np.array([0.0 if cell < 10 else 5.0]))[0]) for cell in range(16)]
    >>> [cell for cell, score in enumerate(scores) if score]
    [13]
    """

    def __init__(self, *, thresholds: Floats) -> None:
        """`thresholds` is (tags,) in SD·cells; NaN: this tag is not tested."""
        self._thresholds = thresholds
        self._tests = [_test(float(threshold)) for threshold in thresholds]
        self._taken: list[list[float]] = [[] for _ in thresholds]

    def update(self, cell: int, z: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The score after this cell, (tags,)."""
        scores = np.zeros(len(z))
        for slot, (test, threshold, value) in enumerate(
            zip(self._tests, self._thresholds.tolist(), z.tolist(), strict=True)
        ):
            if value != value or threshold != threshold:  # noqa: PLR0124 - NaN is what differs from itself
                scores[slot] = np.nan
                continue
            test.update(value)
            if test.drift_detected:
                scores[slot] = threshold if value >= 0 else -threshold
                self._tests[slot] = _test(threshold)
                self._taken[slot] = []
            else:
                self._taken[slot].append(value)
        return scores

    def to_bytes(self) -> bytes:
        """The values taken since each test began: replaying them restores it through the public interface."""
        lengths = np.array([len(taken) for taken in self._taken], np.int64)
        values = np.array([value for taken in self._taken for value in taken], np.float64)
        return pack("page_hinkley", 1, {}, {"lengths": lengths, "values": values})

    def restore(self, data: bytes) -> Self:
        """This channel in the state those bytes describe."""
        _, arrays = unpack("page_hinkley", 1, data)
        ends = np.cumsum(arrays["lengths"])
        self._taken = [part.tolist() for part in np.split(arrays["values"], ends[:-1])]
        self._tests = [_test(float(threshold)) for threshold in self._thresholds]
        for test, taken in zip(self._tests, self._taken, strict=True):
            for value in taken:
                test.update(value)
        return self


def smallest_silent_threshold(z: Iterable[float], judged: Iterable[bool]) -> float:
    """The smallest threshold at which one course of z crosses nothing in its judged cells, within 1.6 %.

    Half an SD·cell or more.
    The first crossing happens where the test's statistic first exceeds the threshold, so crossing is monotone in it
    and a bisection over whole passes finds it without looking inside the library.
    """
    course = [(value, judge) for value, judge in zip(z, judged, strict=True) if value == value]  # noqa: PLR0124 - NaN
    low, high = LEAST_THRESHOLD, LEAST_THRESHOLD
    while _crosses(course, high):
        low, high = high, high * 2.0
    while high - low > SHARPNESS * high:
        middle = (low + high) / 2.0
        low, high = (middle, high) if _crosses(course, middle) else (low, middle)
    return high


def _crosses(course: list[tuple[float, bool]], threshold: float) -> bool:
    test = _test(threshold)
    for value, judged in course:
        test.update(value)
        if test.drift_detected:
            if judged:
                return True
            test = _test(threshold)
    return False


class _Test(Protocol):
    """What is used of the library, with types."""

    @property
    def drift_detected(self) -> bool: ...

    def update(self, x: float) -> None: ...


def _test(threshold: float) -> _Test:
    return cast("_Test", PageHinkley(min_instances=LEAST_CELLS, delta=DELTA, threshold=threshold))
