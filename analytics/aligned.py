"""References seen from a batch: their columns in the order of the batch's own tags."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.reference import MatchedPoints, Trajectory
from analytics.segment import Floats


def align_trajectory(course: Trajectory, columns: Sequence[int]) -> Trajectory:
    """The trajectory with one column per slot; −1 stands for a tag the reference does not know."""
    return replace(
        course,
        mean=_pick(course.mean, columns, np.nan),
        sd=_pick(course.sd, columns, np.nan),
        scale=_pick(course.scale[None], columns, np.nan)[0],
        weights=_pick(_pick(course.weights, columns, 0.0).swapaxes(1, 2), columns, 0.0).swapaxes(1, 2),
        residual_sd=_pick(course.residual_sd, columns, np.nan),
        reading=replace(
            course.reading,
            fewest=_pick(course.reading.fewest, columns, 1.0),
            moving=_pick(course.reading.moving, columns, 0.0),
            slope=_pick(course.reading.slope, columns, 0.0),
            middle_us=_pick(course.reading.middle_us, columns, np.nan),
        ),
        limits={layer: _pick(limit[None], columns, np.nan)[0] for layer, limit in course.limits.items()},
        steps=None
        if course.steps is None
        else replace(
            course.steps,
            low=_pick(course.steps.low, columns, np.nan),
            high=_pick(course.steps.high, columns, np.nan),
            sd=_pick(course.steps.sd, columns, np.nan),
            unrest=_pick(course.steps.unrest, columns, np.nan),
            alone=_pick(course.steps.alone, columns, 0.0),
            fewest=_pick(course.steps.fewest, columns, 1.0),
        ),
        levels=None
        if course.levels is None
        else replace(
            course.levels,
            low=_pick(course.levels.low, columns, np.nan),
            high=_pick(course.levels.high, columns, np.nan),
            sd=_pick(course.levels.sd, columns, np.nan),
        ),
    )


def align_points(points: MatchedPoints, columns: Sequence[int]) -> MatchedPoints:
    """The matched points with one column per slot; −1 stands for a tag without a correspondence."""
    return replace(
        points,
        mean=_pick(points.mean, columns, np.nan),
        sd=_pick(points.sd, columns, np.nan),
        batches=_pick(points.batches, columns, 0.0),
        limit=_pick(points.limit, columns, np.nan),
    )


def _pick(array: Floats, columns: Sequence[int], missing: float) -> Floats:
    """Columns along axis 1."""
    chosen = np.full((array.shape[0], len(columns), *array.shape[2:]), missing)
    for slot, column in enumerate(columns):
        if column >= 0:
            chosen[:, slot] = array[:, column]
    return chosen
