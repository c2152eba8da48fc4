"""Learning which tags are held by equipment, and what sudden changes their recipe makes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.detectors.step import CLIP, StepCourse, changes_of, scores_of
from analytics.grid import Grid
from analytics.learning_phases import RunsOnCourse
from analytics.runs import CompletedRun, cells_of_runs
from analytics.segment import Bools, Floats
from analytics.spread import largest, median_down, rolling_max, spread_of

MOST_BINS = 6  # in a cell
FEWEST_BINS = 3
OFTEN = 0.8  # share of bins with a reading, or the tag speaks too seldom
RECIPE_SD = 3.0  # of usual changes, beyond which the mean change of all batches is the recipe's
JITTER = 2  # bins by which the recipe of one batch may be timed otherwise
SPREAD_H = 10.0  # width of the rolling maximum over the SD of changes
# A held tag is noise around its set-point: where it lies says nothing of where it lies a cell later,
PERSISTS = 0.3
# and its changes are of one size: one in twenty is larger than so many times the median, where normal ones have 2.9.
NOISE_RATIO = 1.3 * 1.96 / 0.6745
LARGE = 0.95
Z_CLIP = 6.0
# No smaller change alerts: two dozen batches do not know noise so far out. Other layers see what is smaller and lasts.
SMALLEST_STEP = 6.0  # SD
LARGEST_STEP = 0.95 * CLIP


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedSteps:
    """What reference batches teach of sudden changes."""

    course: StepCourse
    without_each: tuple[StepCourse, ...]  # by run: what the others teach
    maxima: Floats  # (runs, tags): the largest |score| of every run by the others, NaN for tags that are not held


def learn_steps(
    runs: Sequence[CompletedRun],
    *,
    grid: Grid,
    tags: Sequence[str],
    steps: Floats,
    own: Bools,
    blind_h: float,
    places: RunsOnCourse,
) -> LearnedSteps | None:
    """None where no tag is held, or readings are too sparse for bins finer than cells.

    `steps` are the steps of the tags' displays, `own` says which tags may alert by themselves, `places` where the cells
    of the runs lie.
    """
    bins = bins_in_cell(runs, grid, tags)
    if not bins:
        return None
    fine = Grid(width_us=grid.width_us // bins, cells=grid.cells * bins)
    values = cells_of_runs(runs, fine, tags)
    places = places.finer(runs, bins, fine)
    mean, sd = (places.along(part) for part in spread_of(places.placed(values), steps, 1))
    held = own & (np.isfinite(values).mean(axis=(0, 1)) >= OFTEN) & (_persistence(values, mean, sd, bins) < PERSISTS)
    changes = np.full_like(values, np.nan)
    for slot in np.flatnonzero(held):
        for run in range(len(runs)):
            changes[run, :, slot] = changes_of(values[run, :, slot])
        held[slot] = _is_noise(changes[:, :, slot])
    if not held.any():
        return None
    changes[:, :, ~held] = np.nan
    judged = np.arange(1, fine.cells + 1) * fine.width_h > blind_h
    maxima = np.full((len(runs), len(tags)), np.nan)
    without_each = []
    for run in range(len(runs)):
        others = _course(places.without(run).placed(np.delete(changes, run, axis=0)), steps, fine)
        without_each.append(others)
        here = places.only(run)
        low, high, sd_there = (here.along(part)[0] for part in (others.low, others.high, others.sd))
        for slot in np.flatnonzero(held):
            scores = scores_of(values[run, :, slot], (low[:, slot], high[:, slot], sd_there[:, slot]))
            maxima[run, slot] = largest(scores[:, None], judged)[0]
    return LearnedSteps(
        course=_course(places.placed(changes), steps, fine), without_each=tuple(without_each), maxima=maxima
    )


def bins_in_cell(runs: Sequence[CompletedRun], grid: Grid, tags: Sequence[str]) -> int:
    """Into how many bins a cell falls that hold a reading each; 0 where readings are too sparse."""
    gaps = [np.diff(np.sort(run.tags[tag][0])) for run in runs for tag in tags if tag in run.tags]
    gaps_h = np.concatenate(gaps) if gaps else np.empty(0)
    if not len(gaps_h):
        return 0
    spacing_h = float(np.median(gaps_h))
    for bins in range(MOST_BINS, FEWEST_BINS - 1, -1):
        if grid.width_us % bins == 0 and grid.width_h / bins >= 0.999 * spacing_h:
            return bins
    return 0


def _persistence(values: Floats, mean: Floats, sd: Floats, lag: int) -> Floats:
    """How alike distances from the mean course are `lag` bins apart, (tags,): the median over runs of −1 to 1."""
    z = np.clip((values - mean) / sd, -Z_CLIP, Z_CLIP)
    both = np.isfinite(z[:, lag:]) & np.isfinite(z[:, :-lag])
    later, earlier = np.where(both, z[:, lag:], 0.0), np.where(both, z[:, :-lag], 0.0)
    products, squares = (later * earlier).sum(axis=1), (later**2).sum(axis=1)
    alike: Floats = np.median(np.where(squares > 0, products / np.maximum(squares, 1e-12), 1.0), axis=0)
    return alike


def _is_noise(changes: Floats) -> bool:
    """Whether the changes of one tag, (runs, bins), are of one size but for those that the recipe makes in all runs."""
    known = np.isfinite(changes)
    usual = np.array(
        [np.median(column[seen]) if seen.any() else np.nan for column, seen in zip(changes.T, known.T, strict=True)]
    )
    off = np.abs(changes - usual)[known]
    return len(off) > 0 and float(np.quantile(off, LARGE)) <= NOISE_RATIO * float(np.median(off))


def _course(changes: Floats, steps: Floats, fine: Grid) -> StepCourse:
    """Least and greatest mean change around each bin, and the SD of changes; NaN where the recipe changes the tag.

    How far a tag goes there differs from batch to batch by more than two dozen batches show.
    """
    mean, sd = np.full(changes.shape[1:], np.nan), np.full(changes.shape[1:], np.nan)
    slots = np.flatnonzero(np.isfinite(changes).any(axis=(0, 1)))
    mean[:, slots], sd[:, slots] = spread_of(changes[:, :, slots], steps[slots], fine.cells_in(SPREAD_H))
    low, high = -rolling_max(-mean, 2 * JITTER), rolling_max(mean, 2 * JITTER)
    by_recipe = np.maximum(np.abs(low), np.abs(high)) > RECIPE_SD * median_down(sd)
    return StepCourse(width_us=fine.width_us, low=low, high=high, sd=np.where(by_recipe, np.nan, sd))
