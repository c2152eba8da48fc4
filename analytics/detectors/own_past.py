"""Whether a tag goes on as this batch's own past says it will."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.alignment import BY_CLOCK, Positions
from analytics.detectors.ewma import Ewma
from analytics.detectors.onset import Onset
from analytics.linear import solved
from analytics.packing import pack, unpack
from analytics.segment import Floats

RESIDUAL_CLIP = 6.0
EVIDENCE_H = 10.0  # a batch's distance from the reference repeats itself for so long: one observation


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPast:
    """How reference batches' distances from their mean course went on, for each tag."""

    tags: tuple[str, ...]
    vectors: Floats  # (rank, positions, tags): courses of z, of unit length
    variances: Floats  # (rank, tags): of their scores over batches
    noise: Floats  # (tags,): variance of z that they leave
    residual_sd: Floats  # (positions, tags): RMS of what the past does not foretell, from left-out batches


class OwnPast:
    """Residual of z from what the batch's own past foretells, in RMS of left-out batches, as an EWMA.

    The courses of z of reference batches span a space of three dimensions per tag (their first right singular
    vectors v). The scores s of this batch in it are those most likely after its own z up to `delay_h` ago:
    s = (k Σ v v′/σ² + Λ⁻¹)⁻¹ k Σ v z/σ², Λ the variances of scores over reference batches, σ² what the space leaves
    (Bishop 2006, eq. 2.116 and 2.117; for running batches Nomikos and MacGregor 1995). Neighbouring cells repeat each
    other, so each counts k = cell/10 h. The forecast is v(t)′s: a batch that stands high is expected to stay high, and
    only what sets in within `delay_h` is new. A missing cell adds no evidence and has no score. The state is
    `delay_h` of z and twelve sums a tag, however long the batch.

    >>> flat = FittedPast(
    ...     tags=("pH",), vectors=np.ones((1, 40, 1)), variances=np.full((1, 1), 4.0), noise=np.ones(1),
    ...     residual_sd=np.ones((40, 1)),
    ... )
    >>> past = OwnPast(flat, slots={"pH": 0}, width_h=1.0, delay_h=10.0, tau_h=5.0)
    >>> high = [float(past.update(cell, np.array([3.0]))[0]) for cell in range(40)]
    >>> round(max(high), 1), round(high[-1], 1)  # standing high is no news after a while
    (2.6, 0.3)
    """

    def __init__(
        self,
        fitted: FittedPast,
        *,
        slots: Mapping[str, int],
        width_h: float,
        delay_h: float,
        tau_h: float,
        path: Positions = BY_CLOCK,
    ) -> None:
        """`slots` are the columns of all tags by name; a tag that was not fitted has no score."""
        self._path = path
        tags, (rank, cells, _) = len(slots), fitted.vectors.shape
        self._vectors = np.zeros((cells, rank, tags))
        self._unlikely = np.ones((rank, tags))  # 1/Λ
        self._weight = np.zeros(tags)  # k/σ²
        self._residual_sd = np.full((cells, tags), np.nan)
        for column, tag in enumerate(fitted.tags):
            if tag in slots:
                slot = slots[tag]
                self._vectors[:, :, slot] = fitted.vectors[:, :, column].T
                self._unlikely[:, slot] = 1.0 / fitted.variances[:, column]
                self._weight[slot] = min(1.0, width_h / EVIDENCE_H) / fitted.noise[column]
                self._residual_sd[:, slot] = fitted.residual_sd[:, column]
        self._recent = np.full((max(1, round(delay_h / width_h)), tags), np.nan)  # a ring of z
        self._squares = np.zeros((rank, rank, tags))
        self._products = np.zeros((rank, tags))
        self._foretold = np.zeros(tags)
        self._onset = Onset(tags)
        self._ewma = Ewma(tags=tags, width_h=width_h, tau_h=tau_h)

    def update(self, cell: int, z: Floats) -> Floats:
        """The EWMA of the scaled residual after this cell, (tags,), signed; NaN where nothing can be said."""
        at = self._path.at(cell)
        if at >= len(self._vectors):
            return np.full(len(z), np.nan)
        scaled = self.residual(cell, z) / self._residual_sd[at]
        self._onset.update(cell, scaled)
        return self._ewma.update(cell, np.clip(scaled, -RESIDUAL_CLIP, RESIDUAL_CLIP))

    def residual(self, cell: int, z: Floats) -> Floats:
        """Z less its forecast, (tags,)."""
        delay, place = len(self._recent), cell % len(self._recent)
        if cell >= delay:
            then, vectors = self._recent[place], self._vectors[self._path.at(cell - delay)]
            known = ~np.isnan(then)
            self._squares += np.where(known, self._weight * vectors[:, None] * vectors[None, :], 0.0)
            self._products += np.where(known, self._weight * vectors * then, 0.0)
        self._recent[place] = z
        left = self._squares.copy()
        for number in range(len(left)):
            left[number, number] += self._unlikely[number]
        scores = solved(left, self._products)
        self._foretold = (self._vectors[self._path.at(cell)] * scores).sum(axis=0)
        return z - self._foretold

    def foretold(self, slot: int) -> float:
        """The z that was expected of a tag in the newest cell."""
        return float(self._foretold[slot])

    def run_began(self, cell: int, slot: int, sign: float) -> int:  # noqa: ARG002 - every layer is told the side
        """The first cell of the present run of residuals beyond one RMS on one side."""
        return self._onset.began(slot, cell)

    def to_bytes(self) -> bytes:
        """The last z, the evidence and the level."""
        return pack(
            "own past",
            1,
            {},
            {
                "recent": self._recent,
                "squares": self._squares,
                "products": self._products,
                "foretold": self._foretold,
                "onset": np.frombuffer(self._onset.to_bytes(), np.uint8),
                "ewma": np.frombuffer(self._ewma.to_bytes(), np.uint8),
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("own past", 1, data)
        self._recent, self._foretold = arrays["recent"], arrays["foretold"]
        self._squares, self._products = arrays["squares"], arrays["products"]
        self._onset.restore(arrays["onset"].tobytes())
        self._ewma.restore(arrays["ewma"].tobytes())
        return self
