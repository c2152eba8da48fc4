"""What a batch does beyond what its own past explains."""

from typing import Self

import numpy as np

from analytics.detectors.ewma import Ewma
from analytics.packing import pack, unpack
from analytics.segment import Floats


class Conditional:
    """Residual of z from the course that this batch's own past predicts, as an EWMA.

    Reference batches differ along a few directions (the leading singular vectors of their z courses). The position
    s of this batch along them is estimated from its cells older than a gap,

        s = (Σ v vᵀ·e + Λ⁻¹)⁻¹ Σ v z·e,

    with v the directions at a cell, Λ the variances of the reference batches along them and e < 1 the worth of an
    autocorrelated cell (Bayesian linear regression, e.g. Bishop 2006, eq. 3.53). The residual z − v·s over its RMS
    in left-out reference batches feeds the EWMA. The three-by-three systems are solved by cofactors with plain
    arithmetic, so their bits do not depend on a linear algebra library.
    """

    def __init__(
        self,
        *,
        basis: Floats,
        prior: Floats,
        residual_sd: Floats,
        evidence: float,
        gap_cells: int,
        width_h: float,
        tau_h: float,
    ) -> None:
        """`basis` is (cells, tags, 3), `prior` (tags, 3), `residual_sd` (cells, tags)."""
        cells, tags, rank = basis.shape
        if rank != 3:
            raise ValueError(f"the course space has three directions, not {rank}")
        self._basis = np.nan_to_num(basis)
        self._residual_sd = residual_sd
        self._evidence = evidence
        self._precision = 1.0 / prior
        self._moments = np.zeros((tags, 6))  # of Σ v vᵀ e: 00, 01, 02, 11, 12, 22
        self._sums = np.zeros((tags, 3))
        self._recent = np.full((gap_cells, tags), np.nan)
        self._cells = cells
        self._ewma = Ewma(tags=tags, width_h=width_h, tau_h=tau_h)

    def residual(self, cell: int, z: Floats) -> Floats:
        """The part of z that the past does not predict, (tags,); then this cell is remembered. NaN beyond the grid."""
        if cell >= self._cells:
            return np.full(len(z), np.nan)
        gap = len(self._recent)
        if cell >= gap:
            self._learn_own_past(self._basis[cell - gap], self._recent[cell % gap])
        position = _solve(self._moments, self._precision, self._sums)
        v = self._basis[cell]
        predicted = v[:, 0] * position[:, 0] + v[:, 1] * position[:, 1] + v[:, 2] * position[:, 2]
        self._recent[cell % gap] = z
        residual: Floats = z - predicted
        return residual

    def update(self, cell: int, z: Floats) -> Floats:
        """The EWMA of the scaled residual after this cell, (tags,), signed."""
        residual = self.residual(cell, z)
        if cell < self._cells:
            residual = np.clip(residual / self._residual_sd[cell], -6.0, 6.0)
        return self._ewma.update(cell, residual)

    def to_bytes(self) -> bytes:
        """The evidence gathered, the cells too young to count and the EWMA."""
        memory = np.frombuffer(self._ewma.to_bytes(), np.uint8)
        return pack(
            "conditional",
            1,
            {},
            {"moments": self._moments, "sums": self._sums, "recent": self._recent, "ewma": memory},
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("conditional", 1, data)
        self._moments, self._sums, self._recent = arrays["moments"], arrays["sums"], arrays["recent"]
        self._ewma.restore(arrays["ewma"].tobytes())
        return self

    def _learn_own_past(self, v: Floats, z: Floats) -> None:
        """Fold one old cell into the evidence about this batch's position. Nothing of the reference changes."""
        known = np.where(np.isnan(z), 0.0, self._evidence)
        value = np.nan_to_num(z)
        columns = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        for column, (left, right) in enumerate(columns):
            self._moments[:, column] += known * v[:, left] * v[:, right]
        for column in range(3):
            self._sums[:, column] += known * v[:, column] * value


def _solve(moments: Floats, precision: Floats, sums: Floats) -> Floats:
    """Solve the symmetric systems (moments + diag(precision)) x = sums, (systems, 3), by cofactors."""
    a, b, c, d, e, f = (moments[:, column] for column in range(6))
    a, d, f = a + precision[:, 0], d + precision[:, 1], f + precision[:, 2]
    c00, c01, c02 = d * f - e * e, c * e - b * f, b * e - c * d
    c11, c12, c22 = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = a * c00 + b * c01 + c * c02
    x, y, w = sums[:, 0], sums[:, 1], sums[:, 2]
    solved = np.empty_like(sums)
    solved[:, 0] = (c00 * x + c01 * y + c02 * w) / determinant
    solved[:, 1] = (c01 * x + c11 * y + c12 * w) / determinant
    solved[:, 2] = (c02 * x + c12 * y + c22 * w) / determinant
    return solved
