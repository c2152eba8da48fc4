"""How reference batches differ from each other: means, spreads and what a tag's display can tell apart."""

from collections.abc import Sequence

import numpy as np

from analytics.detectors.ewma import Ewma
from analytics.grid import Grid
from analytics.runs import CompletedRun
from analytics.segment import Bools, Floats

FEWEST_IN_CELL = 4  # batches, below which a cell of a tag is not known
FLOOR_OF_MEDIAN_SD = 0.25
SMALLEST_RESIDUAL = 0.02  # of what is in SD already: a total that follows its flow to the digit is not known better
MOSTLY_ZERO = 0.5  # share of cells at zero beyond which a tag carries no limit of its own


def ewma_levels(rows: Floats, grid: Grid, tau_h: float) -> Floats:
    """The EWMA of one batch, (cells, tags), by the detector that runs live."""
    detector = Ewma(tags=rows.shape[1], width_h=grid.width_h, tau_h=tau_h)
    return np.array([detector.update(cell, row) for cell, row in enumerate(rows)])


def typical_scale(sd: Floats) -> Floats:
    """A typical SD per tag, (tags,); infinite for a tag without one, which then never moves."""
    typical = median_down(sd)
    return np.where(typical > 0, typical, np.inf)


def spread_of(values: Floats, steps: Floats, window: int) -> tuple[Floats, Floats]:
    """Mean and SD over batches, (cells, tags); the SD widened to its neighbours' and kept off zero."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    enough = counts >= FEWEST_IN_CELL
    some = np.maximum(counts, 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / some
    squares = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0)
    sd = np.sqrt(squares / np.maximum(counts - 1, 1))
    sd = np.where(enough, sd, np.nan)
    sd = rolling_max(sd, window)
    floor = np.maximum(FLOOR_OF_MEDIAN_SD * median_down(sd), steps / 2.0)
    # A tag whose batches never differed at all and which shows no steps has no scale to measure distance in.
    sd = np.where(np.maximum(sd, floor) > 0, np.maximum(sd, floor), np.nan)
    return np.where(enough, mean, np.nan), np.where(enough, sd, np.nan)


def residual_sd(residuals: Floats, window: int) -> Floats:
    """RMS over batches, (cells, tags), smoothed over neighbours and kept off zero."""
    known = np.isfinite(residuals)
    counts = np.maximum(known.sum(axis=0), 1)
    rms = np.sqrt((np.where(known, residuals, 0.0) ** 2).sum(axis=0) / counts)
    rms = rolling_max(np.where(known.any(axis=0), rms, np.nan), window)
    floored = np.maximum(rms, np.maximum(FLOOR_OF_MEDIAN_SD * median_down(rms), SMALLEST_RESIDUAL))
    return np.asarray(floored, np.float64)


def rolling_max(values: Floats, window: int) -> Floats:
    """Largest over a centred window of cells; NaN only where the whole window is."""
    reach = window // 2
    widest = values
    for shift in range(1, reach + 1):
        earlier = np.vstack([values[shift:], np.full((shift, values.shape[1]), np.nan)])
        later = np.vstack([np.full((shift, values.shape[1]), np.nan), values[:-shift]])
        widest = np.fmax(widest, np.fmax(earlier, later))
    return widest


def median_down(values: Floats) -> Floats:
    """Median over cells per tag, 0 where a tag knows none."""
    return np.array(
        [float(np.median(column[np.isfinite(column)])) if np.isfinite(column).any() else 0.0 for column in values.T]
    )


def carries_limit(values: Floats) -> Bools:
    """Tags that may alert by themselves: known somewhere and not at zero most of the time."""
    known = np.isfinite(values)
    zeros = (values == 0.0).sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1)
    carries: Bools = known.any(axis=(0, 1)) & (zeros < MOSTLY_ZERO)
    return carries


def largest(scores: Floats, judged: Bools) -> Floats:
    """Largest |score| of the judged cells per tag, NaN where there was none."""
    known = np.isfinite(scores[judged])
    largest: Floats = np.abs(np.where(known, scores[judged], 0.0)).max(axis=0, initial=0.0)
    return np.where(known.any(axis=0), largest, np.nan)


def resolution(runs: Sequence[CompletedRun], tag: str) -> float:
    """The smallest step between neighbouring values of a tag: the resolution of its display, 0 without one."""
    parts = [run.tags[tag][1] for run in runs if tag in run.tags]
    if not parts:
        return 0.0
    distinct = np.unique(np.concatenate([np.asarray(part, np.float64) for part in parts]))
    distinct = distinct[np.isfinite(distinct)]
    if len(distinct) < 2:
        return 0.0
    steps = np.diff(distinct)
    real = steps[steps > 1e-9 * max(1.0, float(np.abs(distinct).max()))]
    return float(real.min()) if len(real) else 0.0
