"""An exponentially weighted mean whose memory is process time."""

from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Floats

# After a silence the first cell counts for more, but never so much that it decides alone.
LARGEST_CATCH_UP = 0.5


class Ewma:
    """e ← e + λ (z − e) with λ = 1 − exp(−Δt/τ), Δt the hours since the tag's last known cell (Roberts 1959).

    Starts at 0, the reference's own level. Δt makes the memory a time of the process and not a number of
    readings. NaN where the cell held nothing.
    """

    def __init__(self, *, tags: int, width_h: float, tau_h: float) -> None:
        """`width_h` is the width of a cell, `tau_h` the memory."""
        self._step = width_h / tau_h
        self._largest = max(LARGEST_CATCH_UP, -float(np.expm1(-self._step)))
        self._level = np.zeros(tags)
        self._missed = np.zeros(tags)

    def update(self, cell: int, z: Floats) -> Floats:  # noqa: ARG002 - every layer is told the cell
        """The level after this cell, (tags,), signed."""
        weight = np.minimum(1.0 - np.exp(-self._step * (self._missed + 1.0)), self._largest)
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
