"""Distance from the reference at the same position of its course."""

from typing import Self

import numpy as np

from analytics.alignment import BY_CLOCK, Positions
from analytics.packing import pack, unpack
from analytics.segment import Floats


class Envelope:
    """z = (value − mean) / SD of the reference batches at the position of the cell, clipped.

    Clipping at ±6 keeps one wild cell from dominating every memory behind it. NaN where the reference or the
    batch has nothing, and beyond the reference's course. Without state: each cell stands alone.

    >>> envelope = Envelope(mean=np.array([[7.2, 40.0]]), sd=np.array([[0.1, 2.0]]), clip=6.0)
    >>> envelope.update(0, np.array([7.0, 90.0])).round(2).tolist()
    [-2.0, 6.0]
    """

    def __init__(self, *, mean: Floats, sd: Floats, clip: float, path: Positions = BY_CLOCK) -> None:
        """`mean` and `sd` are (positions, tags), `clip` is in SD."""
        self._path = path
        self._mean = mean
        self._sd = sd
        self._clip = clip

    def update(self, cell: int, values: Floats) -> Floats:
        """The z of one cell, (tags,)."""
        at = self._path.at(cell)
        if at >= len(self._mean):
            return np.full(len(values), np.nan)
        distance = (values - self._mean[at]) / self._sd[at]
        clipped: Floats = np.clip(distance, -self._clip, self._clip)
        return clipped

    def to_bytes(self) -> bytes:
        """An envelope remembers nothing."""
        return pack("envelope", 1, {}, {})

    def restore(self, data: bytes) -> Self:
        """This envelope; `data` must be what `to_bytes` gave."""
        unpack("envelope", 1, data)
        return self
