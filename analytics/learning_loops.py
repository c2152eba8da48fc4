"""Learning how declared loops go on from bin to bin, and how far they lie off what is foretold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.bin_spread import MAD, median_of_runs, reaches, root_mean_square, usual_size
from analytics.detectors.bin_memory import CLIP
from analytics.detectors.loop import LAGS, FittedLoops, Loop
from analytics.formula import Course
from analytics.grid import Grid
from analytics.learning_phases import RunsOnCourse
from analytics.learning_steps import LearnedSteps
from analytics.segment import Bools, Floats
from analytics.spread import FLOOR_OF_MEDIAN_SD, largest, median_down
from analytics.template import DeclaredLoop

PASSES = 3  # of the regression, each without what lies far off in the one before
FAR = 5.0  # SD
PENALTY = 1e-9  # of the ridge, of each term's own square
# Both the reading and the answer must lie so far off: two dozen batches do not know noise farther out.
SMALLEST_JUMP = 4.5  # SD
LARGEST_JUMP = 0.95 * CLIP


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLoops:
    """What reference batches teach of declared loops."""

    fitted: FittedLoops
    without_each: tuple[FittedLoops, ...]  # by run: what the others teach
    maxima: Floats  # (runs, tags): the largest |score| of every run by the others, NaN for tags that are no loop's


def learn_loops(
    loops: Sequence[DeclaredLoop], steps: LearnedSteps, *, tags: Sequence[str], blind_h: float
) -> LearnedLoops | None:
    """What the runs whose sudden changes were learned teach of loops; None where none is declared."""
    if not loops:
        return None
    runs = len(steps.values)
    slots = {tag: slot for slot, tag in enumerate(tags)}
    width_h = steps.fine.width_h
    fits = [_Fit.of(loop, steps.values, slots, width_h) for loop in loops]
    bins = steps.values.shape[1]
    blank = FittedLoops(
        measured=tuple(loop.measured for loop in loops),
        answers=tuple(loop.answer.text for loop in loops),
        checks=tuple(loop.check for loop in loops),
        width_us=steps.fine.width_us,
        weights=np.array([fit.weights() for fit in fits]),
        mean=np.zeros((len(loops), steps.places.positions, 2)),
        sd=np.array([np.broadcast_to(fit.size, (steps.places.positions, 2)) for fit in fits]),
    )
    off = np.full((runs, len(loops), bins, 2), np.nan)
    without_each = []
    for run, rows in enumerate(steps.values):
        others = replace(blank, weights=np.array([fit.weights(without=run) for fit in fits]))
        without_each.append(others)
        loop = Loop(others, slots=slots, width_h=width_h)
        for at, row in enumerate(rows):
            loop.note(at, row, steps.restless[run, at])
            off[run, :, at] = np.where((loop.newest == at)[:, None], loop.off, np.nan)
    judged: Bools = np.arange(1, bins + 1) * width_h > blind_h
    maxima = np.full((runs, len(tags)), np.nan)
    for run, rows in enumerate(steps.values):
        kept = steps.places.without(run)
        without_each[run] = _spread(without_each[run], np.delete(off, run, axis=0), steps.fine, kept)
        loop = Loop(without_each[run], slots=slots, width_h=width_h)
        path = steps.places.paths[run].tolist()
        scores = np.array(
            [loop.note(at, row, steps.restless[run, at], position=path[at]) for at, row in enumerate(rows)]
        )
        maxima[run] = largest(scores, judged)
    fitted = _spread(blank, off, steps.fine, steps.places)
    return LearnedLoops(fitted=fitted, without_each=tuple(without_each), maxima=maxima)


def _spread(fitted: FittedLoops, off: Floats, fine: Grid, places: RunsOnCourse) -> FittedLoops:
    """With the mean and the spread of what was not foretold, `off` (runs, loops, bins, 2), of left-out runs."""
    means, spreads = [], []
    for loop in np.moveaxis(off, 1, 0):
        part = places.placed(loop)
        mean = median_of_runs(part)
        usual = usual_size(part - mean, fine)
        # Where the recipe changes the process, batches differ by more than the middle half of them shows.
        sd = np.fmax(usual, root_mean_square(part - mean, reaches(fine)[1]))
        means.append(mean)
        spreads.append(np.maximum(sd, FLOOR_OF_MEDIAN_SD * median_down(sd)))
    return replace(fitted, mean=np.array(means), sd=np.where(np.array(spreads) > 0, np.array(spreads), np.nan))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """The normal equations of one loop, by run."""

    gram: Floats  # (runs, terms, terms)
    product: Floats  # (runs, terms, 2)
    size: Floats  # (2,): the usual size of what is not foretold

    @classmethod
    def of(cls, loop: DeclaredLoop, values: Floats, slots: dict[str, int], width_h: float) -> "_Fit":
        """From the bins of runs, (runs, bins, tags), but for those that lie far off what the others foretell."""
        terms, targets = [], []
        for rows in values:
            course = Course(loop.answer, width_h)
            answer = [course.update({tag: float(row[slot]) for tag, slot in slots.items()}) for row in rows]
            both = np.array([rows[:, slots[loop.measured]], answer]).T
            lagged = np.full((len(both), 1 + 2 * LAGS), np.nan)
            lagged[:, 0] = 1.0
            for lag in range(1, LAGS + 1):
                lagged[lag:, [lag, LAGS + lag]] = both[:-lag]
            terms.append(lagged)
            targets.append(both)
        x, y = np.array(terms), np.array(targets)
        used = np.isfinite(x).all(axis=2) & np.isfinite(y).all(axis=2)
        x, y = np.where(used[:, :, None], x, 0.0), np.where(used[:, :, None], y, 0.0)
        near = np.repeat(used[:, :, None], 2, axis=2)
        size = np.ones(2)
        for _ in range(PASSES):
            weights = np.array([_solved(*_equations(x, y[:, :, side], near[:, :, side])) for side in range(2)]).T
            off: Floats = np.abs(y - x @ weights)
            size = np.array([float(np.median(off[:, :, side][used])) / MAD for side in range(2)])
            near = used[:, :, None] & (off <= FAR * size)
        sides = [
            [
                _equations(x[run : run + 1], y[run : run + 1, :, side], near[run : run + 1, :, side])
                for run in range(len(x))
            ]
            for side in range(2)
        ]
        return cls(
            gram=np.array([[gram for gram, _ in side] for side in sides]).swapaxes(0, 1),
            product=np.array([[product for _, product in side] for side in sides]).swapaxes(0, 1),
            size=np.maximum(size, 1e-9),
        )

    def weights(self, without: int | None = None) -> Floats:
        """(terms, 2), of all runs or without one."""
        kept = [run for run in range(len(self.gram)) if run != without]
        gram, product = self.gram[kept].sum(axis=0), self.product[kept].sum(axis=0)
        return np.array([_solved(*part) for part in zip(gram, product, strict=True)]).T


def _equations(x: Floats, y: Floats, kept: Bools) -> tuple[Floats, Floats]:
    """Gram matrix and products of the kept rows of runs; `x` is (runs, bins, terms), the others (runs, bins)."""
    rows = x[kept]
    return rows.T @ rows, rows.T @ y[kept]


def _solved(gram: Floats, product: Floats) -> Floats:
    own = np.where(np.diag(gram) > 0, np.diag(gram), 1.0)
    return np.asarray(np.linalg.solve(gram + PENALTY * np.diag(own), product), np.float64)
