"""How changes from bin to bin spread over reference batches: over hours, or over the bins around where it is more."""

import numpy as np

from analytics.grid import Grid
from analytics.segment import Floats

SPREAD_H = 10.0  # over which the size of usual changes is taken as one
JITTER = 2  # bins by which the recipe of one batch may be timed otherwise
MAD = 0.6745  # the median size of normal noise, in SD


def median_of_runs(values: Floats) -> Floats:
    """The median along the first axis of what is known; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN last
    counts = np.isfinite(values).sum(axis=0)[None]
    lower = np.take_along_axis(ordered, np.maximum(counts - 1, 0) // 2, axis=0)
    upper = np.take_along_axis(ordered, np.minimum(np.maximum(counts, 1) // 2, len(values) - 1), axis=0)
    middle: Floats = np.where(counts > 0, (lower + upper) / 2.0, np.nan)[0]
    return middle


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


def _windows(rows: Floats, reach: int, beyond: float) -> Floats:
    """(bins, tags, window): each bin's neighbours; `beyond` stands for those outside."""
    padded = np.pad(rows, ((reach, reach), (0, 0)), constant_values=beyond)
    windows: Floats = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return windows
