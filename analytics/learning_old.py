"""Learning the reference of an old process from its sparse, rounded, hand-timed readings."""

from collections.abc import Sequence

from analytics.grid import Grid
from analytics.reference import ReferenceModel
from analytics.runs import CompletedRun


def learn_old(
    runs: Sequence[CompletedRun], *, grid: Grid, tags: Sequence[str], alpha: float = 0.03
) -> ReferenceModel:
    """A frozen reference of the old process at matched points. `grid` is the cell grid of the live monitor."""
    raise NotImplementedError
