"""One budget of false alerts for a whole batch, shared by all channels of all layers."""

from dataclasses import dataclass

import numpy as np

from analytics.methods.gumbel import fit_gumbel
from analytics.segment import Floats

SMALLEST_SCORE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits that together let about `alpha` of unchanged batches alert at least once."""

    limits: Floats  # (layers, tags), NaN where a channel has no reference
    level: float  # the common standardised limit
    statistics: Floats  # (batches,): the largest standardised channel of each left-out batch


def share_budget(maxima: Floats, alpha: float) -> Budget:
    """Limits (layers, tags) from the largest |score| of every reference batch, (batches, layers, tags).

    The score of a batch must come from a reference without it. x = ln(maximum); per channel the mean and the SD
    over the other batches, the SD shrunk half-way to the median SD of its layer, because 24 batches know a spread
    only within 15 %. A batch's statistic is its largest standardised channel; a Gumbel distribution fitted
    to the statistics by L-moments gives the level that a share `alpha` of batches would exceed. With n batches no
    share below 1/(n + 1) can be observed in them: below it the level is an extrapolation.
    """
    x = np.log(np.maximum(maxima, SMALLEST_SCORE))
    limits = np.full(x.shape[1:], np.nan)
    statistics = np.zeros(len(x))
    if not np.isfinite(x).any():
        return Budget(limits=limits, level=float("nan"), statistics=statistics)
    for batch in range(len(x)):
        mean, spread = _centre_and_spread(np.delete(x, batch, axis=0))
        statistics[batch] = np.nanmax((x[batch] - mean) / spread)
    level = fit_gumbel(statistics.tolist()).quantile(1.0 - alpha)
    mean, spread = _centre_and_spread(x)
    return Budget(limits=np.exp(mean + level * spread), level=level, statistics=statistics)


def _centre_and_spread(x: Floats) -> tuple[Floats, Floats]:
    """Mean and shrunk SD over batches, (layers, tags)."""
    spread = x.std(axis=0, ddof=1)
    typical = np.array([_median_known(layer) for layer in spread])
    return x.mean(axis=0), np.maximum((spread + typical[:, None]) / 2.0, 1e-6)


def _median_known(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0
