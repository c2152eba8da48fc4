"""How changes from bin to bin spread over reference batches: over hours, or over the bins around where it is more."""

from collections.abc import Sequence

import numpy as np

from analytics.grid import Grid
from analytics.segment import Bools, Floats
from analytics.spread import FEWEST_IN_CELL, FLOOR_OF_MEDIAN_SD, median_down, rolling_max

SPREAD_H = 10.0  # over which the size of usual changes is taken as one
JITTER = 2  # bins by which the recipe of one batch may be timed otherwise
MAD = 0.6745  # the median size of normal noise, in SD
PERSISTS = 0.3  # autocorrelation of the distance from the mean course from a cell to the next, of a tag that wanders
# The changes of noise are of one size: by how much the share of them that is told is larger, at most, than the median,
# in multiples of what it is in normal noise. A tag that is judged alone changes with the others too, and what is left
# of that at the edges must not decide.
ALWAYS = ((0.95, 1.96, 1.3), (0.999, 3.29, 1.5))
ALONE = ((0.95, 1.96, 1.3), (0.99, 2.576, 1.5))


def median_of_runs(values: Floats) -> Floats:
    """The median along the first axis of what is known; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN last
    counts = np.isfinite(values).sum(axis=0)[None]
    lower = np.take_along_axis(ordered, np.maximum(counts - 1, 0) // 2, axis=0)
    upper = np.take_along_axis(ordered, np.minimum(np.maximum(counts, 1) // 2, len(values) - 1), axis=0)
    middle: Floats = np.where(counts > 0, (lower + upper) / 2.0, np.nan)[0]
    return middle


def mean_of_runs(values: Floats) -> Floats:
    """The mean along the first axis of what is known; NaN where fewer runs are than tell a mean."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(counts, 1)
    return np.where(counts >= FEWEST_IN_CELL, mean, np.nan)


def around(mean: Floats) -> tuple[Floats, Floats]:
    """The least and the greatest of a mean, (bins, tags), around each bin: a recipe is never timed to the bin."""
    return -rolling_max(-mean, 2 * JITTER), rolling_max(mean, 2 * JITTER)


def usual_size(deviations: Floats, fine: Grid) -> Floats:
    """The usual size of deviations, (runs, bins, tags), in SD, (bins, tags): by medians, deaf to single large ones."""
    sizes = median_of_runs(np.abs(deviations)) / MAD
    wide, narrow = (median_of_runs(np.moveaxis(_windows(sizes, reach, np.nan), 2, 0)) for reach in reaches(fine))
    return np.fmax(wide, narrow)


def root_mean_square(deviations: Floats, reach: int) -> Floats:
    """RMS of deviations, (runs, bins, tags), over `reach` bins on either side, (bins, tags); NaN where none is known.

    What n runs are off their mean is less than they are off that of all, by 1 − 1/n.
    """
    known = np.isfinite(deviations)
    squares = np.where(known, deviations, 0.0) ** 2
    total, count = (_windows(part, reach, 0.0).sum(axis=2) for part in (squares.sum(axis=0), known.sum(axis=0) + 0.0))
    runs = len(deviations)
    root: Floats = np.sqrt(total / np.maximum(count, 1.0) * (runs / (runs - 1)))
    return np.where(count > 0, root, np.nan)


def reaches(fine: Grid) -> tuple[int, int]:
    """Bins on either side: of some hours, and of the timing of a recipe."""
    return max(JITTER, fine.cells_in(SPREAD_H) // 2), JITTER


def floored(spread: Floats, steps: Floats) -> Floats:
    """A spread of changes, (positions, tags), kept off zero; NaN for a tag whose changes are none as a rule."""
    typical = median_down(spread)
    floored = np.maximum(spread, np.maximum(FLOOR_OF_MEDIAN_SD * typical, steps / 2.0))
    return np.where((typical > 0) & (floored > 0), floored, np.nan)


def wanders(values: Floats, lag: int) -> Bools:
    """Whether where a tag lies says something of where it lies `lag` bins later, (tags,), by the median run."""
    off = values - median_of_runs(values)
    both = np.isfinite(off[:, lag:]) & np.isfinite(off[:, :-lag])
    later, earlier = np.where(both, off[:, lag:], 0.0), np.where(both, off[:, :-lag], 0.0)
    alike = (later * earlier).sum(axis=1) / np.maximum((later**2).sum(axis=1), 1e-12)
    wanders: Bools = np.median(alike, axis=0) >= PERSISTS
    return wanders


def is_noise(changes: Floats, sizes: Sequence[tuple[float, float, float]]) -> Bools:
    """Of which tags the changes, (runs, positions, tags), are of one size.

    `sizes` are shares of changes, how large they are at most in normal noise in SD, and how much more is let pass.
    """
    off = np.abs(changes - median_of_runs(changes))
    noise = np.zeros(changes.shape[2], np.bool_)
    for slot in range(changes.shape[2]):
        known = off[:, :, slot][np.isfinite(off[:, :, slot])]
        noise[slot] = len(known) > 0 and all(
            float(np.quantile(known, share)) <= more * sds / MAD * float(np.median(known)) for share, sds, more in sizes
        )
    return noise


def _windows(rows: Floats, reach: int, beyond: float) -> Floats:
    """(bins, tags, window): each bin's neighbours; `beyond` stands for those outside."""
    padded = np.pad(rows, ((reach, reach), (0, 0)), constant_values=beyond)
    windows: Floats = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return windows
