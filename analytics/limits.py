"""One budget of false alerts for a whole batch, shared by the families of channels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from analytics.detectors.maturity import PACE_CLIP
from analytics.layers import BALANCE, EWMA, OWN_PAST, PACE
from analytics.methods.gumbel import Gumbel, fit_gumbel
from analytics.segment import Floats

Ints = npt.NDArray[np.intp]

CLIP = 6.0  # SD
CLIPS = {EWMA: CLIP, BALANCE: CLIP, OWN_PAST: CLIP, PACE: PACE_CLIP}  # SD that no score of a family passes
REACHABLE = 0.95  # of the clip
BEYOND_REFERENCE = 2.0  # times the largest score of any left-out batch
FEWEST_JUDGED = 6  # batches in which a channel was judged, or it has no limit
SMALLEST_SCORE = 1e-3
SMALLEST_SHARE = 1e-9
SMALLEST_SPREAD = 0.1  # no two dozen batches show that their maxima agree better than within 10 %
OUTLYING = 0.01  # chance that any batch of an unremarkable set is called outlying


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Channels of one kind, which share a level."""

    maxima: Floats  # (batches, channels): the largest |score| of every batch, NaN where it was not judged
    offset: float = 0.0  # added before the logarithm
    least: float = 0.0  # no limit is smaller,
    most: float = math.inf  # and none larger: a score that is clipped must be able to alert
    share: float = 1.0  # of the budget, beside those of the other families


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
    Gumbel distribution fitted to the statistics by L-moments gives the level that a share of the batches would exceed:
    `alpha`/families of them, or more or less where families declare unequal shares. Families split the budget and not
    the level, so that one with wild maxima does not blunt the others; what a family cannot use, because none of its
    limits may be as low as its part would make them, goes to the others. With n batches no share below 1/(n + 1) can
    be observed in them: below it a level is an extrapolation.
    """
    known = [_Known.of(family) for family in families]
    parts = _parts(known, alpha)
    levels = np.full(len(families), np.nan)
    limits = []
    for number, one in enumerate(known):
        limit = np.full(one.family.maxima.shape[1], np.nan)
        if one.gumbel is not None:
            levels[number] = one.gumbel.quantile(1.0 - max(parts[number], SMALLEST_SHARE))
            limit[one.used] = np.exp(one.centre + levels[number] * one.spread) - one.family.offset
        limits.append(np.clip(limit, one.family.least, one.family.most))
    return Budget(limits=tuple(limits), levels=levels, statistics=np.array([one.statistics for one in known]).T)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the reference batches say of a family."""

    family: Family
    used: Ints  # channels
    centre: Floats  # of x, of the used channels
    spread: Floats
    statistics: Floats  # (batches,)
    gumbel: Gumbel | None  # of the statistics; None where no channel is used
    alert_at_least: float  # share of batches that the smallest limits the family may have would let alert

    @classmethod
    def of(cls, family: Family) -> Self:
        x = np.log(np.maximum(family.maxima, SMALLEST_SCORE) + family.offset)
        used = np.flatnonzero(np.isfinite(x).sum(axis=0) >= FEWEST_JUDGED)
        statistics = np.full(len(x), np.nan)
        if len(used) == 0:
            nothing = np.empty(0)
            return cls(
                family=family,
                used=used,
                centre=nothing,
                spread=nothing,
                statistics=statistics,
                gumbel=None,
                alert_at_least=0.0,
            )
        x = x[:, used]
        for batch in range(len(x)):
            mean, spread = _centre_and_spread(np.delete(x, batch, axis=0))
            known = np.isfinite(x[batch])
            if known.any():
                statistics[batch] = np.max(((x[batch] - mean) / spread)[known])
        gumbel = fit_gumbel(statistics[np.isfinite(statistics)].tolist())
        centre, spread = _centre_and_spread(x)
        at_least = 1.0
        if family.least > 0.0:
            at_least = gumbel.beyond(float(np.min((np.log(family.least + family.offset) - centre) / spread)))
        return cls(
            family=family,
            used=used,
            centre=centre,
            spread=spread,
            statistics=statistics,
            gumbel=gumbel,
            alert_at_least=at_least,
        )


def _parts(known: Sequence[_Known], alpha: float) -> list[float]:
    """What each family has of the budget: its share of what is left by those that cannot use theirs."""
    parts: dict[int, float] = {}
    while len(parts) < len(known):
        left = alpha - sum(parts.values())
        shares = sum(one.family.share for number, one in enumerate(known) if number not in parts)
        open_ = {number: left * one.family.share / shares for number, one in enumerate(known) if number not in parts}
        low = {number: known[number].alert_at_least for number in open_ if known[number].alert_at_least < open_[number]}
        parts |= low or open_
    return [parts[number] for number in range(len(known))]


def in_force(families: Mapping[str, Family], limits: Sequence[Floats]) -> dict[str, Floats]:
    """What each channel is judged by, of the `limits` that the budget gave the families, in their order.

    What is made of clipped values never passes the clip: what stays there must alert, unless left-out batches
    themselves came half as far.
    """
    channels = {}
    for (name, family), limit in zip(families.items(), limits, strict=True):
        if name in CLIPS:
            seen = np.where(np.isfinite(family.maxima), family.maxima, 0.0).max(axis=0)
            reachable = np.maximum(REACHABLE * CLIPS[name], BEYOND_REFERENCE * seen)
            channels[name] = np.minimum(limit, reachable)
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
