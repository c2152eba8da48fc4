"""Learning which tags change only with the recipe or alone, and what sudden changes the recipe makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.bin_spread import (
    ALONE,
    ALWAYS,
    around,
    floored,
    is_noise,
    mean_of_runs,
    median_of_runs,
    reaches,
    root_mean_square,
    usual_size,
    wanders,
)
from analytics.detectors.bin_memory import CLIP, CONFIRM_WITHIN, in_sd, lesser, outside
from analytics.detectors.step import CALM, NEVER, StepCourse, changes_of, expected
from analytics.grid import Grid
from analytics.learning_phases import RunsOnCourse
from analytics.learning_reading import WithinCells, fewest_readings
from analytics.runs import CompletedRun, cells_of_runs
from analytics.segment import Bools, Floats, Int64s
from analytics.spread import largest, median_down

MOST_BINS = 6  # in a cell
FEWEST_BINS = 3
OFTEN = 0.8  # share of bins with a reading, or the tag speaks too seldom
RECIPE_SD = 3.0  # of usual changes, beyond which the mean change of all batches is the recipe's
UNREST = 5.0  # of its usual changes, beyond which a tag is said to change beside another
# No smaller change alerts: two dozen batches do not know noise so far out. Other layers see what is smaller and lasts.
SMALLEST_STEP = 6.5  # SD
LARGEST_STEP = 0.95 * CLIP


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedSteps:
    """What reference batches teach of sudden changes."""

    course: StepCourse
    without_each: tuple[StepCourse, ...]  # by run: what the others teach
    maxima: Floats  # (runs, tags): the largest |score| of every run by the others, NaN for tags that are not judged
    bins: int  # in a cell
    fine: Grid
    places: RunsOnCourse  # where the bins of the runs lie
    values: Floats  # (runs, bins, tags)
    restless: Bools  # (runs, bins, tags): who had just changed in a run, by what the others teach


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
    """None where no tag can be judged, or readings are too sparse for bins finer than cells.

    `steps` are the steps of the tags' displays, `own` says which tags may alert by themselves, `places` where the cells
    of the runs lie.
    """
    bins = bins_in_cell(runs, grid, tags)
    if not bins:
        return None
    fine = Grid(width_us=grid.width_us // bins, cells=grid.cells * bins)
    values = cells_of_runs(runs, fine, tags)
    readings = WithinCells.of(runs, fine, tags).readings
    fewest = fewest_readings(readings)
    values[readings < fewest] = np.nan
    places = places.finer(runs, bins, fine)
    often = np.isfinite(values).mean(axis=(0, 1)) >= OFTEN
    changes, holes = np.full_like(values, np.nan), np.zeros(values.shape, np.int64)
    for slot in np.flatnonzero(often).tolist():
        for run in range(len(runs)):
            changes[run, :, slot], holes[run, :, slot] = changes_of(values[run, :, slot])
    placed = places.placed(changes)
    learning = _Learning.of(placed, steps, fine, fewest)
    first = learning.course(np.ones(len(runs), np.bool_), np.zeros(len(tags), np.bool_), placed)
    by_recipe = first.high - first.low > RECIPE_SD * median_down(first.unrest) / UNREST
    always = own & often & is_noise(np.where(by_recipe, np.nan, placed), ALWAYS)
    looked_at = zip(values, changes, holes, places.paths, strict=True)
    calm = np.array([calm_of(scored(*of_run[:3], first, of_run[3])[1]) for of_run in looked_at])
    quiet = places.placed(np.where(calm, changes, np.nan))
    alone = own & often & ~always & is_noise(np.where(by_recipe, np.nan, quiet), ALONE)
    if not (always | alone).any():
        return None
    judged = np.arange(1, fine.cells + 1) * fine.width_h > blind_h
    maxima = np.full((len(runs), len(tags)), np.nan)
    restless = np.zeros(values.shape, np.bool_)
    without_each = []
    for run, rows in enumerate(values):
        others = learning.course(np.arange(len(runs)) != run, alone, quiet)
        without_each.append(others)
        scores, restless[run] = scored(rows, changes[run], holes[run], others, places.paths[run])
        maxima[run] = np.where(always | alone, largest(scores, judged), np.nan)
    # What reference batches do themselves tells nothing. Of a tag that is held one may be that in which something went
    # wrong; one that wanders may do so by a programme of its own, in few batches.
    maxima[:, (maxima >= SMALLEST_STEP).sum(axis=0) > np.where(wanders(values, bins), 0, 1)] = np.nan
    if not np.isfinite(maxima).any():
        return None
    return LearnedSteps(
        course=learning.course(np.ones(len(runs), np.bool_), alone, quiet),
        without_each=tuple(without_each),
        maxima=maxima,
        bins=bins,
        fine=fine,
        places=places,
        values=values,
        restless=restless,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learning:
    """What does not change while runs are left out."""

    changes: Floats  # (runs, positions of bins, tags)
    steps: Floats  # (tags,)
    fine: Grid
    fewest: Floats  # (tags,): readings on which a bin must stand
    usual: Floats  # (positions, tags): the robust SD of changes in all runs; no limit is made of it

    @classmethod
    def of(cls, changes: Floats, steps: Floats, fine: Grid, fewest: Floats) -> Self:
        usual = usual_size(changes - median_of_runs(changes), fine)
        return cls(changes=changes, steps=steps, fine=fine, fewest=fewest, usual=floored(usual, steps))

    def course(self, kept: Bools, alone: Bools, quiet: Floats) -> StepCourse:
        """What the kept runs teach; the spread of tags that are judged alone is that of their `quiet` changes.

        Where the recipe changes a tag, up to twice its change or as much the other way passes: how far a tag goes
        there differs from batch to batch by more than two dozen batches show.
        """
        changes = self.changes[kept]
        mean = mean_of_runs(changes)
        low, high = around(mean)
        reach = np.maximum(np.abs(low), np.abs(high))
        slack = np.where(reach > RECIPE_SD * median_down(self.usual), reach, 0.0)
        off = np.where(alone, quiet[kept], changes) - mean
        wide, narrow = (root_mean_square(off, reach) for reach in reaches(self.fine))
        return StepCourse(
            width_us=self.fine.width_us,
            low=low - slack,
            high=high + slack,
            sd=floored(np.fmax(wide, narrow), self.steps),
            unrest=UNREST * self.usual,
            alone=alone[None].astype(np.float64),
            asked=int((~np.isnan(self.usual).all(axis=0)).sum()),
            fewest=self.fewest[None],
        )


def scored(values: Floats, changes: Floats, holes: Int64s, course: StepCourse, path: Int64s) -> tuple[Floats, Bools]:
    """What `Step` says of one run at once: scores and who is restless, (bins, tags), bit for bit.

    `path` is where its bins lie on the course, (bins,).
    """
    at = np.arange(len(values))[:, None]
    sd, unrest = course.sd[path], course.unrest[path]
    beyond = outside(changes, *expected(course, path[:, None], np.arange(values.shape[1]), holes))
    changed = np.maximum.accumulate(np.where(np.abs(beyond) > unrest, at, NEVER))
    heard = np.maximum.accumulate(np.where(np.isfinite(beyond), at, NEVER))
    asked = ~np.isnan(course.unrest).all(axis=0)
    restless: Bools = asked & ((at - changed <= CALM) | (at - heard > CONFIRM_WITHIN))
    excess = np.where((course.alone > 0.0) & ~calm_of(restless), np.nan, in_sd(beyond, sd))
    return confirmed(values, excess), restless


def confirmed(values: Floats, excess: Floats) -> Floats:
    """The lesser of two neighbouring excesses, (bins, tags), as `BinMemory.confirmed` has it."""
    at = np.arange(len(values))[:, None]
    spoke = np.isfinite(values)
    last = np.maximum.accumulate(np.where(spoke, at, NEVER))
    before = np.concatenate([np.full((1, values.shape[1]), NEVER), last[:-1]])
    earlier = np.take_along_axis(excess, np.maximum(before, 0), axis=0)
    scores: Floats = np.where(spoke & (at - before <= CONFIRM_WITHIN), lesser(earlier, excess), np.nan)
    return scores


def calm_of(restless: Bools) -> Bools:
    """Where all other tags are calm, (bins, tags)."""
    calm: Bools = restless.sum(axis=1, keepdims=True) - restless.astype(np.int64) == 0
    return calm
