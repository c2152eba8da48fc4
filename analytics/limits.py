"""One budget of false alerts for a whole batch, shared by the families of channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.layers import BALANCE, EWMA, PAGE_HINKLEY
from analytics.methods.gumbel import fit_gumbel
from analytics.segment import Floats

CLIP = 6.0  # SD
REACHABLE = 0.95  # of the clip
BEYOND_REFERENCE = 2.0  # times the largest score of any left-out batch
FEWEST_JUDGED = 6  # batches in which a channel was judged, or it has no limit
SMALLEST_SCORE = 1e-3
SMALLEST_SPREAD = 0.1  # no two dozen batches show that their maxima agree better than within 10 %
OUTLYING = 0.01  # chance that any batch of an unremarkable set is called outlying


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Channels of one kind, which share a level."""

    maxima: Floats  # (batches, channels): the largest |score| of every batch, NaN where it was not judged
    offset: float = 0.0  # added before the logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits that together let about `alpha` of unchanged batches alert at least once."""

    limits: tuple[Floats, ...]  # per family (channels,), NaN where a channel has no reference
    levels: Floats  # (families,): the standardised limit common to the channels of a family
    statistics: Floats  # (batches, families): the largest standardised channel of each left-out batch, NaN without


def share_budget(families: Sequence[Family], alpha: float) -> Budget:
    """Limits of every channel from the largest |score| of every reference batch.

    The score of a batch must come from a reference without it. A channel that a batch did not have, as when a probe
    was missing, is known from the others. x = ln(maximum + offset of the family); per channel
    the mean and the SD over the other batches, the SD shrunk half-way to the median SD of its family, because 24
    batches know a spread only within 15 %. A batch's statistic in a family is its largest standardised channel; a
    Gumbel distribution fitted to the statistics by L-moments gives the level that a share `alpha`/families of batches
    would exceed: families split the budget evenly, so that one with wild maxima does not blunt the others. With n
    batches no share below 1/(n + 1) can be observed in them: below it a level is an extrapolation.
    """
    batches = len(families[0].maxima)
    levels = np.full(len(families), np.nan)
    statistics = np.full((batches, len(families)), np.nan)
    limits = []
    for number, family in enumerate(families):
        limit = np.full(family.maxima.shape[1], np.nan)
        limits.append(limit)
        x = np.log(np.maximum(family.maxima, SMALLEST_SCORE) + family.offset)
        used = np.flatnonzero(np.isfinite(x).sum(axis=0) >= FEWEST_JUDGED)
        if len(used) == 0:
            continue
        x = x[:, used]
        for batch in range(batches):
            mean, spread = _centre_and_spread(np.delete(x, batch, axis=0))
            known = np.isfinite(x[batch])
            if known.any():
                statistics[batch, number] = np.max(((x[batch] - mean) / spread)[known])
        of_all = statistics[:, number]
        fitted = fit_gumbel(of_all[np.isfinite(of_all)].tolist())
        levels[number] = fitted.quantile(1.0 - alpha / len(families))
        mean, spread = _centre_and_spread(x)
        limit[used] = np.exp(mean + levels[number] * spread) - family.offset
    return Budget(limits=tuple(limits), levels=levels, statistics=statistics)


def in_force(families: Mapping[str, Family], limits: Sequence[Floats]) -> dict[str, Floats]:
    """What each channel is judged by, of the `limits` that the budget gave the families, in their order.

    An EWMA of clipped values never passes the clip: what stays there must alert, unless left-out batches themselves
    came half as far. The threshold of Page-Hinkley is no smaller than one clipped value.
    """
    channels = {}
    for (name, family), limit in zip(families.items(), limits, strict=True):
        if name in (EWMA, BALANCE):
            seen = np.where(np.isfinite(family.maxima), family.maxima, 0.0).max(axis=0)
            reachable = np.maximum(REACHABLE * CLIP, BEYOND_REFERENCE * seen)
            channels[name] = np.minimum(limit, reachable)
        elif name == PAGE_HINKLEY:
            channels[name] = np.maximum(limit, CLIP)
        else:
            channels[name] = limit
    return channels


def limits_without(families: Mapping[str, Family], batch: int, alpha: float) -> dict[str, Floats]:
    """What the other batches would be judged by: the limits in force without one."""
    others = {name: replace(one, maxima=np.delete(one.maxima, batch, axis=0)) for name, one in families.items()}
    return in_force(others, share_budget(list(others.values()), alpha).limits)


def outlying(statistics: Floats) -> list[int]:
    """Batches whose largest statistic is not of the same kind as the others', the most outlying first.

    Each batch is held against a Gumbel distribution fitted to the others; `OUTLYING` is the chance that one of an
    unremarkable set is called out.
    """
    largest = np.where(np.isfinite(statistics), statistics, -np.inf).max(axis=1)
    judged = np.isfinite(largest)
    found = []
    for batch in np.flatnonzero(judged).tolist():
        value = float(largest[batch])
        others = judged.copy()
        others[batch] = False
        fitted = fit_gumbel(largest[others].tolist())
        if value > fitted.quantile(1.0 - OUTLYING / int(judged.sum())):
            found.append(batch)
    return sorted(found, key=lambda batch: -float(largest[batch]))


def _centre_and_spread(x: Floats) -> tuple[Floats, Floats]:
    """Mean and shrunk SD over batches, (channels,)."""
    spread = np.nanstd(x, axis=0, ddof=1)
    return np.nanmean(x, axis=0), np.maximum((spread + np.median(spread)) / 2.0, SMALLEST_SPREAD)
