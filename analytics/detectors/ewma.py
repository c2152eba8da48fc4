"""An exponentially weighted mean whose memory is process time."""

from typing import Self

import numpy as np

from analytics.exact import exp
from analytics.packing import pack, unpack
from analytics.segment import Floats

# After a silence the first cell counts for more, but never so much that it decides alone.
LARGEST_CATCH_UP = 0.5


class Ewma:
    """e ← e + λ (z − e) with λ = 1 − exp(−Δt/τ), Δt the hours since the tag's last known cell (Roberts 1959).

    Starts at 0, the reference's own level. Δt makes the memory a time of the process and not a number of
    readings. NaN where the cell held nothing.

    >>> ewma = Ewma(tags=1, width_h=1.0, tau_h=2.0)
    >>> [round(float(ewma.update(cell, np.array([z]))[0]), 2) for cell, z in enumerate((1.0, 1.0, np.nan, 1.0))]
    [0.39, 0.63, nan, 0.82]
    """

    def __init__(self, *, tags: int, width_h: float, tau_h: float) -> None:
        """`width_h` is the width of a cell, `tau_h` the memory."""
        kept = exp(-width_h / tau_h)
        weights = [1.0 - kept]
        rest = kept
        while weights[-1] < LARGEST_CATCH_UP:
            rest *= kept
            weights.append(min(1.0 - rest, LARGEST_CATCH_UP))
        self._weights = np.array(weights)  # by the number of missed cells; the last for all beyond
        self._level = np.zeros(tags)
        self._missed = np.zeros(tags)

    def update(self, cell: int, z: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The level after this cell, (tags,), signed."""
        weight = self._weights[np.minimum(self._missed, len(self._weights) - 1).astype(np.intp)]
        known = ~np.isnan(z)
        moved = self._level + weight * (z - self._level)
        self._level = np.where(known, moved, self._level)
        self._missed = np.where(known, 0.0, self._missed + 1.0)
        return moved

    def to_bytes(self) -> bytes:
        """Levels and gaps."""
        return pack("ewma", 1, {}, {"level": self._level, "missed": self._missed})

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("ewma", 1, data)
        self._level, self._missed = arrays["level"], arrays["missed"]
        return self
