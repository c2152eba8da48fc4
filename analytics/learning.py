"""Learning the reference of a new process from its completed runs.

Nested: the scores from which limits are made come from references without the batch that is scored, so no batch
sets its own limit (limits learned in sample gave 20 to 70 % false alerts on simulated bioreactor batches).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import special

from analytics.cells import cell_medians
from analytics.detectors.balance import RESIDUAL_CLIP
from analytics.detectors.drift import smallest_silent_threshold
from analytics.detectors.ewma import Ewma
from analytics.grid import Grid
from analytics.layers import BALANCE, EWMA, PAGE_HINKLEY, PREDICTION
from analytics.limits import share_budget
from analytics.reference import (
    Blind,
    InputRun,
    ReferenceModel,
    Rule,
    TimeConstants,
    Trajectory,
    nothing_known,
)
from analytics.relations import learn_weights, moves, unexplained
from analytics.runs import CompletedRun
from analytics.segment import Floats
from store.model.reference import ReferenceRole
from store.model.times import US_PER_H

ALPHA = 0.03
CLIP = 6.0  # SD
FEWEST_IN_CELL = 4  # batches, below which a cell of a tag is not known
FLOOR_OF_MEDIAN_SD = 0.25
REACHABLE = 0.95  # of the clip
BEYOND_REFERENCE = 2.0  # times the largest score of any left-out batch
MOSTLY_ZERO = 0.5  # share of cells at zero beyond which a tag carries no limit of its own
HOURS_PER_LOOK = 10.0  # of the prediction rule: how often a batch is looked at independently


def learn_new(
    runs: Sequence[CompletedRun],
    *,
    grid: Grid,
    tags: Sequence[str],
    blind: Sequence[Blind] = (),
    constants: TimeConstants | None = None,
    alpha: float = ALPHA,
) -> ReferenceModel:
    """A frozen reference of the new process.

    `tags` are names; a run that lacks one counts as missing there. With fewer than 6 runs the reference carries an
    envelope but no limits; from 6 to 19 prediction limits (advisory); from 20 limits learned from left-out batches
    with one false-alert budget `alpha` a batch over all layers and tags. Raises ValueError without runs.
    """
    if not runs:
        raise ValueError("a reference needs at least one run")
    constants = constants or TimeConstants()
    values = cells_of_runs(runs, grid, tags)
    steps = np.array([resolution(runs, tag) for tag in tags])
    rule = Rule.for_batches(len(runs))
    mean, sd = _envelope(values, steps, grid.cells_in(constants.smoothing_h))
    course = Trajectory(
        mean=mean,
        sd=sd,
        scale=_scale(sd),
        weights=np.zeros((2, len(tags), len(tags))),
        residual_sd=nothing_known(grid.cells, len(tags)),
        limits={},
        constants=constants,
        blind=tuple(blind),
        clip=CLIP,
    )
    if rule is Rule.PREDICTION_LIMITS:
        course = _with_prediction_limits(course, values, grid, alpha)
    elif rule is Rule.LEARNED_LIMITS:
        course = _with_learned_limits(course, values, steps, grid, alpha)
    return ReferenceModel(
        role=ReferenceRole.NEW,
        rule=rule,
        grid=grid,
        alpha=alpha,
        tags=tuple(tags),
        inputs=tuple(InputRun(batch=run.batch, digest=run.digest().hex()) for run in runs),
        trajectory=course,
    )


def cells_of_runs(runs: Sequence[CompletedRun], grid: Grid, tags: Sequence[str]) -> Floats:
    """The cell medians of runs, (batches, cells, tags), as the live reducer would have closed them."""
    values = np.full((len(runs), grid.cells, len(tags)), np.nan)
    for row, run in enumerate(runs):
        for slot, tag in enumerate(tags):
            if tag not in run.tags:
                continue
            times_h, readings = run.tags[tag]
            cells = np.rint(np.asarray(times_h, np.float64) * US_PER_H).astype(np.int64) // grid.width_us
            inside = (cells >= 0) & (cells < grid.cells) & np.isfinite(readings)
            medians, _ = cell_medians(
                cells[inside],
                np.zeros(int(inside.sum()), np.int32),
                np.asarray(readings, np.float64)[inside] + 0.0,
                grid.cells,
                1,
            )
            values[row, :, slot] = medians[:, 0]
    return values


def judged_cells(grid: Grid, blind: Sequence[Blind]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which cells lie beyond the declared blind time after the start."""
    hours = max((part.hours for part in blind if part.phase is None), default=0.0)
    judged: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.arange(1, grid.cells + 1) * grid.width_h > hours
    return judged


def _with_prediction_limits(course: Trajectory, values: Floats, grid: Grid, alpha: float) -> Trajectory:
    """Prediction limits by the t distribution on the EWMA, the budget shared by Bonferroni over tags and looks."""
    own = _carries_limit(values) & np.isfinite(course.sd).any(axis=0)
    n = len(values)
    looks = max(1.0, float(own.sum()) * grid.hours / HOURS_PER_LOOK)
    limit = float(special.stdtrit(n - 1, 1.0 - alpha / (2.0 * looks))) * (1.0 + 1.0 / n) ** 0.5
    return replace(
        course,
        clip=max(CLIP, 2.0 * limit),
        limits={PREDICTION: np.where(own, limit, np.nan)},
    )


def _with_learned_limits(course: Trajectory, values: Floats, steps: Floats, grid: Grid, alpha: float) -> Trajectory:
    """Relations from all runs; limits from every run scored by the others."""
    batches, _, tags = values.shape
    constants = course.constants
    window = grid.cells_in(constants.smoothing_h)
    span = grid.cells_in(constants.balance_window_h)
    own = _carries_limit(values) & np.isfinite(course.sd).any(axis=0)
    judged = judged_cells(grid, course.blind)
    left_out_z = np.empty_like(values)
    residuals = np.empty_like(values)
    for batch in range(batches):
        others = np.delete(values, batch, axis=0)
        mean, sd = _envelope(others, steps, window)
        scale = _scale(sd)
        left_out_z[batch] = np.clip((values[batch] - mean) / sd, -CLIP, CLIP)
        weights = learn_weights(moves(others, mean, scale, span))
        residuals[batch] = unexplained(moves(values[batch : batch + 1], mean, scale, span), weights)[0]
    residuals[~np.isfinite(values)] = np.nan
    maxima = np.full((batches, 3, tags), np.nan)
    for batch in range(batches):
        z = left_out_z[batch]
        maxima[batch, 0] = _largest(_levels(z, grid, constants.ewma_h), judged)
        scaled = residuals[batch] / _residual_sd(np.delete(residuals, batch, axis=0), span)
        clipped = np.clip(scaled, -RESIDUAL_CLIP, RESIDUAL_CLIP)
        maxima[batch, 1] = _largest(_levels(clipped, grid, constants.balance_h), judged)
        for slot in np.flatnonzero(own):
            maxima[batch, 2, slot] = smallest_silent_threshold(z[:, slot].tolist(), judged.tolist())
    maxima[:, :, ~own] = np.nan
    limits = share_budget(maxima, alpha, offsets=(0.0, 0.0, CLIP)).limits
    # An EWMA of clipped values never passes the clip. What stays there must alert, unless left-out batches themselves
    # came half as far.
    reachable = np.maximum(REACHABLE * CLIP, BEYOND_REFERENCE * maxima.max(axis=0))
    limits[:2] = np.minimum(limits[:2], reachable[:2])
    scale = _scale(course.sd)
    return replace(
        course,
        scale=scale,
        weights=learn_weights(moves(values, course.mean, scale, span)),
        residual_sd=_residual_sd(residuals, span),
        limits={EWMA: limits[0], BALANCE: limits[1], PAGE_HINKLEY: np.maximum(limits[2], CLIP)},
    )


def _levels(rows: Floats, grid: Grid, tau_h: float) -> Floats:
    """The EWMA of one batch, (cells, tags), by the detector that runs live."""
    detector = Ewma(tags=rows.shape[1], width_h=grid.width_h, tau_h=tau_h)
    return np.array([detector.update(cell, row) for cell, row in enumerate(rows)])


def _scale(sd: Floats) -> Floats:
    """A typical SD per tag, (tags,); infinite for a tag without one, which then never moves."""
    typical = _median_down(sd)
    return np.where(typical > 0, typical, np.inf)


def _envelope(values: Floats, steps: Floats, window: int) -> tuple[Floats, Floats]:
    """Mean and SD over batches, (cells, tags); the SD widened to its neighbours' and kept off zero."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    enough = counts >= FEWEST_IN_CELL
    some = np.maximum(counts, 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / some
    squares = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0)
    sd = np.sqrt(squares / np.maximum(counts - 1, 1))
    sd = np.where(enough, sd, np.nan)
    sd = _rolling_max(sd, window)
    floor = np.maximum(FLOOR_OF_MEDIAN_SD * _median_down(sd), steps / 2.0)
    # A tag whose batches never differed at all and which shows no steps has no scale to measure distance in.
    sd = np.where(np.maximum(sd, floor) > 0, np.maximum(sd, floor), np.nan)
    return np.where(enough, mean, np.nan), np.where(enough, sd, np.nan)


def _residual_sd(residuals: Floats, window: int) -> Floats:
    """RMS over batches, (cells, tags), smoothed over neighbours and kept off zero."""
    known = np.isfinite(residuals)
    counts = np.maximum(known.sum(axis=0), 1)
    rms = np.sqrt((np.where(known, residuals, 0.0) ** 2).sum(axis=0) / counts)
    rms = _rolling_max(np.where(known.any(axis=0), rms, np.nan), window)
    floored = np.maximum(rms, np.maximum(FLOOR_OF_MEDIAN_SD * _median_down(rms), 1e-3))
    return np.asarray(floored, np.float64)


def _rolling_max(values: Floats, window: int) -> Floats:
    """Largest over a centred window of cells; NaN only where the whole window is."""
    reach = window // 2
    widest = values
    for shift in range(1, reach + 1):
        earlier = np.vstack([values[shift:], np.full((shift, values.shape[1]), np.nan)])
        later = np.vstack([np.full((shift, values.shape[1]), np.nan), values[:-shift]])
        widest = np.fmax(widest, np.fmax(earlier, later))
    return widest


def _median_down(values: Floats) -> Floats:
    """Median over cells per tag, 0 where a tag knows none."""
    return np.array(
        [float(np.median(column[np.isfinite(column)])) if np.isfinite(column).any() else 0.0 for column in values.T]
    )


def _carries_limit(values: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tags that may alert by themselves: known somewhere and not at zero most of the time."""
    known = np.isfinite(values)
    zeros = (values == 0.0).sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1)
    carries: np.ndarray[tuple[int], np.dtype[np.bool_]] = known.any(axis=(0, 1)) & (zeros < MOSTLY_ZERO)
    return carries


def _largest(scores: Floats, judged: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Largest |score| of the judged cells per tag, 0 where there was none."""
    largest: Floats = np.nanmax(np.abs(np.where(np.isnan(scores[judged]), 0.0, scores[judged])), axis=0)
    return largest


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
