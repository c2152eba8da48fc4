"""One budget of false alerts for a whole batch, shared by all channels of all layers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.methods.gumbel import fit_gumbel
from analytics.segment import Floats

SMALLEST_SCORE = 1e-3
SMALLEST_SPREAD = 0.1  # no two dozen batches show that their maxima agree better than within 10 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits that together let about `alpha` of unchanged batches alert at least once."""

    limits: Floats  # (layers, tags), NaN where a channel has no reference
    levels: Floats  # (layers,): the standardised limit common to the channels of a layer
    statistics: Floats  # (batches, layers): the largest standardised channel of each left-out batch


def share_budget(maxima: Floats, alpha: float, *, offsets: Sequence[float]) -> Budget:
    """Limits (layers, tags) from the largest |score| of every reference batch, (batches, layers, tags).

    The score of a batch must come from a reference without it. x = ln(maximum + offset of the layer); per channel
    the mean and the SD over the other batches, the SD shrunk half-way to the median SD of its layer, because 24
    batches know a spread only within 15 %. A batch's statistic in a layer is its largest standardised channel; a
    Gumbel distribution fitted to the statistics by L-moments gives the level that a share `alpha`/layers of batches
    would exceed: layers split the budget evenly, so that one with wild maxima does not blunt the others. With n
    batches no share below 1/(n + 1) can be observed in them: below it a level is an extrapolation.
    """
    batches, layers, tags = maxima.shape
    limits = np.full((layers, tags), np.nan)
    levels = np.full(layers, np.nan)
    statistics = np.zeros((batches, layers))
    for layer, offset in enumerate(offsets):
        x = np.log(np.maximum(maxima[:, layer], SMALLEST_SCORE) + offset)
        used = np.flatnonzero(np.isfinite(x).all(axis=0))
        if len(used) == 0:
            continue
        x = x[:, used]
        for batch in range(batches):
            mean, spread = _centre_and_spread(np.delete(x, batch, axis=0))
            statistics[batch, layer] = np.max((x[batch] - mean) / spread)
        fitted = fit_gumbel(statistics[:, layer].tolist())
        levels[layer] = fitted.quantile(1.0 - alpha / layers)
        mean, spread = _centre_and_spread(x)
        limits[layer, used] = np.exp(mean + levels[layer] * spread) - offset
    return Budget(limits=limits, levels=levels, statistics=statistics)


def _centre_and_spread(x: Floats) -> tuple[Floats, Floats]:
    """Mean and shrunk SD over batches, (tags,)."""
    spread = x.std(axis=0, ddof=1)
    return x.mean(axis=0), np.maximum((spread + np.median(spread)) / 2.0, SMALLEST_SPREAD)
