"""Learning the reference of an old process from its sparse, rounded, hand-timed readings."""

from collections.abc import Sequence

import numpy as np
from scipy import special

from analytics.detectors.departure import median_down
from analytics.grid import Grid
from analytics.learning import ALPHA
from analytics.limits import Family, share_budget
from analytics.reference import InputRun, MatchedPoints, ReferenceModel, Rule
from analytics.runs import CompletedRun, cells_of_runs
from analytics.segment import Floats
from analytics.spread import FEWEST_IN_CELL, resolution
from store.model.reference import ReferenceRole

LEAST_SPACING_H = 1.0  # closer readings are a stream and are thinned to points of this distance
TIMING_SD_H = 0.5  # of a hand-timed reading, where the readings themselves do not show it


def learn_old(runs: Sequence[CompletedRun], *, grid: Grid, tags: Sequence[str], alpha: float = ALPHA) -> ReferenceModel:
    """A frozen reference of the old process at matched points.

    The points are the multiples of the usual distance between readings; a reading belongs to the nearest. Between
    batches, hand timing and rounding widen the SD at a point by themselves; it is kept off zero by half a step of
    the display. `grid` is the cell grid of the live monitor. Limits are t prediction limits shared by Bonferroni
    over points and tags below 20 runs, learned from left-out batches from 20 on. Raises ValueError without runs.
    """
    if not runs:
        raise ValueError("a reference needs at least one run")
    hours, half_window_h, values = _at_points(runs, grid, tags)
    batches = np.isfinite(values).sum(axis=0).astype(np.float64)
    steps = np.array([resolution(runs, tag) for tag in tags])
    mean, sd = _spread(values, steps)
    rule = Rule.for_batches(len(runs))
    limit = np.full(mean.shape, np.nan)
    if rule is Rule.PREDICTION_LIMITS:
        compared = np.isfinite(mean)
        n = np.maximum(batches, 2.0)
        quantile = special.stdtrit(n - 1.0, 1.0 - alpha / (2.0 * max(1, int(compared.sum()))))
        limit = np.where(compared, quantile * np.sqrt(1.0 + 1.0 / n), np.nan)
    elif rule is Rule.LEARNED_LIMITS:
        limit = np.broadcast_to(_learned(values, steps, alpha), mean.shape).copy()
        limit[~np.isfinite(mean)] = np.nan
    return ReferenceModel(
        role=ReferenceRole.OLD,
        rule=rule,
        grid=grid,
        alpha=alpha,
        tags=tuple(tags),
        inputs=tuple(InputRun(batch=run.batch, digest=run.digest().hex()) for run in runs),
        points=MatchedPoints(
            hours=hours,
            half_window_h=half_window_h,
            mean=mean,
            sd=sd,
            batches=batches,
            limit=limit,
        ),
    )


def _at_points(runs: Sequence[CompletedRun], grid: Grid, tags: Sequence[str]) -> tuple[Floats, float, Floats]:
    """Hours of the points, the half window around them and the old values there, (batches, points, tags)."""
    spacing_h = _spacing(runs, tags)
    if spacing_h < LEAST_SPACING_H:
        dense = Grid(width_us=grid.width_us, cells=grid.cells)
        values = cells_of_runs(runs, dense, tags)
        stride = grid.cells_in(LEAST_SPACING_H)
        kept = np.arange(stride - 1, grid.cells, stride)
        return np.asarray((kept + 0.5) * grid.width_h, np.float64), grid.width_h / 2.0, values[:, kept]
    count = max(1, int(np.floor(grid.hours / spacing_h)))
    hours = np.arange(1, count + 1, dtype=np.float64) * spacing_h
    values = np.full((len(runs), count, len(tags)), np.nan)
    offsets = []
    for row, run in enumerate(runs):
        for slot, tag in enumerate(tags):
            times_h, readings = run.tags.get(tag, (np.empty(0), np.empty(0)))
            points = np.rint(times_h / spacing_h).astype(np.int64) - 1
            for point in np.unique(points[(points >= 0) & (points < count)]):
                here = np.flatnonzero(points == point)
                nearest = here[np.argmin(np.abs(times_h[here] - hours[point]))]
                offsets.append(float(times_h[nearest] - hours[point]))
                values[row, point, slot] = readings[nearest]
    timing_sd_h = float(np.median(np.abs(offsets))) * 1.4826 if offsets else TIMING_SD_H
    return hours, min(max(timing_sd_h, TIMING_SD_H), spacing_h / 4.0), values


def _spacing(runs: Sequence[CompletedRun], tags: Sequence[str]) -> float:
    """The usual hours between two readings of a tag, to the nearest tenth of an hour."""
    gaps = [np.diff(np.sort(run.tags[tag][0])) for run in runs for tag in tags if tag in run.tags]
    known = np.concatenate([gap[gap > 0] for gap in gaps]) if gaps else np.empty(0)
    return max(0.1, round(float(np.median(known)), 1)) if len(known) else 12.0


def _spread(values: Floats, steps: Floats) -> tuple[Floats, Floats]:
    """Mean and SD over batches at every point, (points, tags)."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(counts, 1)
    squares = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0)
    sd = np.sqrt(squares / np.maximum(counts - 1, 1))
    floor = np.maximum(np.nan_to_num(median_down(np.where(counts > 1, sd, np.nan))) * 0.25, steps / 2.0)
    enough = (counts >= FEWEST_IN_CELL) & (np.maximum(sd, floor) > 0)
    return np.where(enough, mean, np.nan), np.where(enough, np.maximum(sd, floor), np.nan)


def _learned(values: Floats, steps: Floats, alpha: float) -> Floats:
    """Limits per tag, (tags,), from the largest distance of every left-out batch."""
    maxima = np.empty((len(values), values.shape[2]))
    for batch in range(len(values)):
        mean, sd = _spread(np.delete(values, batch, axis=0), steps)
        distance = np.abs((values[batch] - mean) / sd)
        known = np.isfinite(distance)
        maxima[batch] = np.where(known.any(axis=0), np.where(known, distance, 0.0).max(axis=0), np.nan)
    budget = share_budget([Family(maxima=maxima)], alpha).limits[0]
    mostly_zero = (values == 0.0).sum(axis=(0, 1)) > 0.5 * np.isfinite(values).sum(axis=(0, 1))
    return np.where(mostly_zero, np.nan, budget)
