"""How far the tags of a batch lie from the reference together, and from the way they hang together."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from analytics.detectors.attribution import added, attributed
from analytics.detectors.ewma import Ewma
from analytics.detectors.onset import Onset
from analytics.linear import solved
from analytics.packing import pack, unpack
from analytics.segment import Floats
from analytics.template import Further

FEWEST_KNOWN = 0.5  # share of the tags below which nothing is said of them together


class Distance(StrEnum):
    """Which of the two is watched."""

    HOTELLING_T2 = Further.HOTELLING_T2.value  # within the space of the components
    SPE = Further.SPE.value  # from it


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedComponents:
    """Principal components of the z of reference batches."""

    tags: tuple[str, ...]
    loadings: Floats  # (components, tags), orthonormal rows
    variances: Floats  # (components,)
    rest: float  # variance a direction beside the components has on average


class Components:
    """Hotelling's T² or the squared prediction error of the smoothed z of all tags, as its root.

    With P the loadings and Λ the variances of the components that hold 90 % of the variance of z over reference
    batches, and t = P z: T² = Σ t²/λ (Hotelling 1947), SPE = ‖z − P′t‖² (Jackson and Mudholkar 1979). z is an EWMA
    of the cells' z, as in the multivariate EWMA of Lowry, Woodall, Champ and Rigdon (1992). Roots, so that a score
    twice its limit means twice the distance, as in every layer. Contributions are the squares of the elements of
    P′Λ^(−½)t and of z − P′t: not negative and of sum T² and SPE (complete decomposition, Alcala and Qin 2011).

    Missing tags take the values most likely after the known ones, −Q_mm⁻¹ Q_mk z_k with Q the inverse covariance
    P′Λ⁻¹P + (I − P′P)/rest (known data regression, Nelson, Taylor and MacGregor 1996; Arteaga and Ferrer 2002): the
    values at which T² + SPE/rest is least, so what is not known never raises an alert. They contribute nothing. Below
    half of the tags nothing is said. The state is a level and two counts a tag, however long the batch.

    >>> pair = FittedComponents(
    ...     tags=("CER", "OUR"), loadings=np.array([[0.5, 0.5]]) * 2.0**0.5, variances=np.array([1.8]), rest=0.2)
    >>> spe = Components(
    ...     pair, Distance.SPE, slots={"CER": 0, "OUR": 1}, width_h=1.0, tau_h=0.1, limit=2.0)
    >>> spe.update(0, np.array([2.0, 1.8])).round(1).tolist()  # they move together, as they do
    [0.1, -0.1]
    >>> spe.update(1, np.array([2.0, -2.0])).round(1).tolist()
    [2.8, -2.8]
    >>> spe.update(2, np.array([2.0, np.nan])).round(1).tolist()
    [0.2, nan]
    """

    def __init__(
        self,
        fitted: FittedComponents,
        distance: Distance,
        *,
        slots: Mapping[str, int],
        width_h: float,
        tau_h: float,
        limit: float,
    ) -> None:
        """`slots` are the columns of all tags by name; a fitted tag that is not among them is missing throughout.

        From half the `limit` on a run is told to have begun.
        """
        self.distance = distance
        self._tags = len(slots)
        self._places = [place for place, tag in enumerate(fitted.tags) if tag in slots]
        self._slots = [slots[fitted.tags[place]] for place in self._places]
        self._loadings = fitted.loadings
        self._deviations = np.sqrt(fitted.variances)
        self._inverse = _inverse_covariance(fitted)
        self._limit = limit
        self._ewma = Ewma(tags=len(fitted.tags), width_h=width_h, tau_h=tau_h)
        self._onset = Onset(1)
        self._shares = np.zeros(self._tags)

    def update(self, cell: int, z: Floats) -> Floats:
        """The root of the statistic after this cell, by what the tags contribute to it, (tags,); NaN for no part."""
        row = np.full(self._loadings.shape[1], np.nan)
        row[self._places] = z[self._slots]
        level = self._ewma.update(cell, row)
        known = ~np.isnan(level)
        scores = np.full(self._tags, np.nan)
        self._shares = np.zeros(self._tags)
        if known.sum() < FEWEST_KNOWN * len(level):
            return scores
        parts = self.parts(level)
        squares = np.where(known, parts**2, np.nan)
        statistic = float(np.sqrt(added(np.where(known, squares, 0.0))))
        self._onset.update(cell, np.array([2.0 * statistic / self._limit]))
        sides = parts if self.distance is Distance.SPE else level
        scores[self._slots] = attributed(statistic, squares, sides)[self._places]
        total = statistic**2
        if total > 0.0:
            self._shares[self._slots] = np.nan_to_num(squares / total)[self._places]
        return scores

    def parts(self, level: Floats) -> Floats:
        """What each fitted tag adds before it is squared; `level` (fitted tags,) with NaN for what is not known."""
        missing = np.flatnonzero(np.isnan(level))
        if len(missing):
            known = np.where(np.isnan(level), 0.0, level)
            pull = np.array([added(self._inverse[place] * known) for place in missing.tolist()])
            level = known
            level[missing] = -solved(self._inverse[np.ix_(missing, missing)], pull)
        scores = np.array([added(loading * level) for loading in self._loadings])
        if self.distance is Distance.SPE:
            residual: Floats = level - (self._loadings * scores[:, None]).sum(axis=0)
            return residual
        scaled: Floats = (self._loadings * (scores / self._deviations)[:, None]).sum(axis=0)
        return scaled

    def shares(self) -> Floats:
        """The part of every tag in the newest statistic, (tags,), of sum 1; all 0 where nothing was said."""
        return self._shares

    def run_began(self, cell: int, slot: int, sign: float) -> int:  # noqa: ARG002 - the statistic is the batch's
        """The first cell of the present run beyond half the limit."""
        return self._onset.began(0, cell)

    def to_bytes(self) -> bytes:
        """The smoothed z, the beginning of the run and the newest shares."""
        return pack(
            "components",
            1,
            {"distance": str(self.distance)},
            {
                "ewma": np.frombuffer(self._ewma.to_bytes(), np.uint8),
                "onset": np.frombuffer(self._onset.to_bytes(), np.uint8),
                "shares": self._shares,
            },
        )

    def restore(self, data: bytes) -> Self:
        """This detector in the state those bytes describe."""
        _, arrays = unpack("components", 1, data)
        self._ewma.restore(arrays["ewma"].tobytes())
        self._onset.restore(arrays["onset"].tobytes())
        self._shares = arrays["shares"]
        return self


def _inverse_covariance(fitted: FittedComponents) -> Floats:
    inverse = np.eye(fitted.loadings.shape[1]) / fitted.rest
    for loading, variance in zip(fitted.loadings, fitted.variances.tolist(), strict=True):
        inverse += loading[:, None] * loading[None, :] * (1.0 / variance - 1.0 / fitted.rest)
    return inverse
