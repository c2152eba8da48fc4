"""Learning which tags are held, where their recipe changes them, and where it holds them then."""

from dataclasses import dataclass

import numpy as np

from analytics.bin_spread import (
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
from analytics.detectors.bin_memory import CLIP, in_sd, outside
from analytics.detectors.level import LevelCourse, levels_of
from analytics.detectors.step import LONGEST
from analytics.grid import Grid
from analytics.learning_steps import RECIPE_SD, LearnedSteps, confirmed
from analytics.segment import Bools, Floats, Int64s
from analytics.spread import largest, median_down

AFTER = LONGEST  # bins from a change of the recipe on, over which a sudden change there may pass
# Two dozen batches do not know noise so far out, as with sudden changes. Other layers see what is smaller and lasts.
SMALLEST_LEVEL = 6.5  # SD
LARGEST_LEVEL = 0.95 * CLIP


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLevels:
    """What reference batches teach of held tags."""

    course: LevelCourse
    without_each: tuple[LevelCourse, ...]  # by run: what the others teach
    maxima: Floats  # (runs, tags): the largest |score| of every run by the others, NaN for tags that are not held


def learn_levels(sudden: LearnedSteps, *, steps: Floats, own: Bools, blind_h: float) -> LearnedLevels | None:
    """What the runs whose sudden changes were learned teach of levels; None where no tag is held.

    `steps` are the steps of the tags' displays, `own` says which tags may alert by themselves. A tag is held when its
    bins become bins of a watched batch, where it lies says nothing of where it lies a cell later, and its distances
    from the median course are noise of one size wherever the recipe does not change it. It is judged from there on
    where the recipe does, until a sudden change is seen again.
    """
    values, places, fine = sudden.values, sudden.places, sudden.fine
    runs, bins, tags = values.shape
    along = places.placed(values)
    watched = ~np.isnan(sudden.course.unrest).all(axis=0)
    levels = np.array([[levels_of(tag) for tag in rows.T] for rows in values]).swapaxes(1, 2)
    placed = places.placed(levels)
    usual = floored(usual_size(placed - median_of_runs(placed), fine), steps)
    low, high = around(mean_of_runs(placed))
    by_recipe = high - low > RECIPE_SD * median_down(usual)
    held = own & watched & ~wanders(along, sudden.bins) & is_noise(np.where(by_recipe, np.nan, placed), ALWAYS)
    judged = np.arange(1, bins + 1) * fine.width_h > blind_h
    maxima = np.full((runs, tags), np.nan)
    without_each = []
    for run, rows in enumerate(values):
        others = _course(np.delete(placed, run, axis=0), by_recipe, steps, fine)
        without_each.append(others)
        maxima[run] = np.where(held, largest(scored_levels(rows, others, places.paths[run]), judged), np.nan)
    # What reference batches do themselves tells nothing; one may be that in which something went wrong.
    maxima[:, (maxima >= SMALLEST_LEVEL).sum(axis=0) > 1] = np.nan
    if not np.isfinite(maxima).any():
        return None
    return LearnedLevels(
        course=_course(placed, by_recipe, steps, fine), without_each=tuple(without_each), maxima=maxima
    )


def _course(levels: Floats, by_recipe: Bools, steps: Floats, fine: Grid) -> LevelCourse:
    """What levels, (runs, positions of bins, tags), teach; `by_recipe` is where the recipe changes them.

    Around its changes batches differ by when they come. That is their spread there, and none of the hours around.
    """
    mean = mean_of_runs(levels)
    low, high = around(mean)
    lately = np.array([by_recipe[max(0, at - AFTER) : at + 1].any(axis=0) for at in range(len(by_recipe))])
    judged = lately & ~np.isnan(mean)
    far, near = reaches(fine)
    wide = root_mean_square(np.where(by_recipe, np.nan, levels - mean), far)
    narrow = root_mean_square(levels - mean, near)
    return LevelCourse(
        width_us=fine.width_us,
        low=np.where(judged, low, np.nan),
        high=np.where(judged, high, np.nan),
        sd=floored(np.fmax(wide, narrow), steps),
    )


def scored_levels(values: Floats, course: LevelCourse, path: Int64s) -> Floats:
    """What `Level` says of one run at once, (bins, tags), bit for bit; `path` is where its bins lie, (bins,)."""
    levels = np.array([levels_of(tag) for tag in values.T]).T
    return confirmed(values, in_sd(outside(levels, course.low[path], course.high[path]), course.sd[path]))
