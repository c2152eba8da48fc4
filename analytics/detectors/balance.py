"""Whether a tag moves as the other tags say it must."""

from typing import Self

import numpy as np

from analytics.alignment import BY_CLOCK, Positions
from analytics.detectors.ewma import Ewma
from analytics.packing import pack, unpack
from analytics.segment import Floats

CLIP = 10.0  # of a deviation, in typical SD: relations are linear near the reference only
RESIDUAL_CLIP = 6.0


class Balance:
    """Residual of every tag's change over a window from what the others explain, as an EWMA.

    With d the deviation from the reference mean at the position of the cell, in typical SD, and H the window, the
    change D = d(t) − d(t − H) of a tag is explained by the changes of the other tags and by their mean deviations A
    over the window: a weight by the flows that fed it, dissolved oxygen by uptake, aeration and stirring. The weights
    are a ridge regression (Hoerl and Kennard 1970) over reference batches. Taking changes removes the offset between
    batches; what remains is scaled by its RMS in left-out batches and feeds the EWMA. A missing cell keeps the last
    deviation of its tag, but the change of a tag to or from one is not judged. Sums and products only, so bits do not
    depend on a linear algebra library.

    >>> weights = np.zeros((2, 2, 2))
    >>> weights[0, 0, 1] = 1.0  # the second tag changes by what the first does
    >>> balance = Balance(
    ...     mean=np.zeros((9, 2)), scale=np.ones(2), weights=weights, residual_sd=np.full((9, 2), 0.5),
    ...     window_cells=4, width_h=1.0, tau_h=0.1,
    ... )
    >>> for cell, values in enumerate(([0.0, 0.0], [1.0, 1.0], [2.0, 1.0])):
    ...     score = balance.update(cell, np.array(values))
    >>> round(float(score[1]), 2), round(balance.surplus(2, 1), 2)
    (-2.0, -1.0)
    """

    def __init__(
        self,
        *,
        mean: Floats,
        scale: Floats,
        weights: Floats,
        residual_sd: Floats,
        window_cells: int,
        width_h: float,
        tau_h: float,
        path: Positions = BY_CLOCK,
    ) -> None:
        """`mean` and `residual_sd` are (positions, tags), `scale` (tags,), `weights` (2, explaining, explained)."""
        tags = len(scale)
        self._path = path
        self._mean = mean
        self._scale = scale
        self._weights = weights
        self._residual_sd = residual_sd
        self._deviations = np.zeros((window_cells + 1, tags))  # a ring of the last H + 1 cells
        self._missing = np.zeros((window_cells + 1, tags), np.bool_)  # which of them were kept from before
        self._residuals = np.full((window_cells, tags), np.nan)  # a ring, scaled
        self._ewma = Ewma(tags=tags, width_h=width_h, tau_h=tau_h)

    def update(self, cell: int, values: Floats) -> Floats:
        """The EWMA of the scaled residual after this cell, (tags,), signed; NaN where the cell held nothing."""
        at = self._path.at(cell)
        if at >= len(self._mean):
            return np.full(len(values), np.nan)
        size = len(self._missing)
        self._missing[cell % size] = np.isnan(values) | np.isnan(self._mean[at])
        known = ~self._missing[cell % size]
        if cell >= size - 1:
            known &= ~self._missing[(cell + 1) % size]  # the window's first
        residual = np.where(known, self.residual(cell, values), np.nan)
        scaled = residual / self._residual_sd[at]
        self._residuals[cell % len(self._residuals)] = scaled
        return self._ewma.update(cell, np.clip(scaled, -RESIDUAL_CLIP, RESIDUAL_CLIP))

    def residual(self, cell: int, values: Floats) -> Floats:
        """The part of each tag's change over the window that the others do not explain, in typical SD, (tags,)."""
        size = len(self._deviations)
        last = self._deviations[(cell - 1) % size] if cell else np.zeros(len(values))
        deviation = (values - self._mean[self._path.at(cell)]) / self._scale
        here = np.where(np.isnan(deviation), last, np.clip(deviation, -CLIP, CLIP))
        self._deviations[cell % size] = here
        first = max(0, cell - size + 1)
        change = here - self._deviations[first % size]
        level = np.zeros(len(here))
        for earlier in range(first + 1, cell + 1):
            level += self._deviations[earlier % size]
        level /= size - 1
        explained = (self._weights[0] * change[:, None]).sum(axis=0)
        explained += (self._weights[1] * level[:, None]).sum(axis=0)
        residual: Floats = change - explained
        return residual

    def surplus(self, cell: int, slot: int) -> float:
        """The newest unexplained change of a tag in its own unit."""
        scaled = float(self._residuals[cell % len(self._residuals), slot])
        return scaled * float(self._residual_sd[self._path.at(cell), slot]) * float(self._scale[slot])

    def run_began(self, cell: int, slot: int, sign: float) -> int:
        """The first cell of the present run of residuals beyond one SD on one side, within the window."""
        size = len(self._residuals)
        first, doubtful = cell, 0
        for earlier in range(cell, max(-1, cell - size), -1):
            scaled = float(self._residuals[earlier % size, slot])
            if np.isnan(scaled):
                continue
            if scaled * sign >= 1.0:
                first, doubtful = earlier, 0
            else:
                doubtful += 1
                if doubtful > 1:
                    break
        return first

    def to_bytes(self) -> bytes:
        """The deviations and residuals of the window and the EWMA."""
        memory = np.frombuffer(self._ewma.to_bytes(), np.uint8)
        return pack(
            "balance",
            2,
            {},
            {
                "deviations": self._deviations,
                "missing": self._missing,
                "residuals": self._residuals,
                "ewma": memory,
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("balance", 2, data)
        self._missing = arrays["missing"]
        self._deviations, self._residuals = arrays["deviations"], arrays["residuals"]
        self._ewma.restore(arrays["ewma"].tobytes())
        return self
