"""Learning the reference of a new process from its completed runs."""

from collections.abc import Sequence

from analytics.grid import Grid
from analytics.reference import Blind, ReferenceModel, TimeConstants
from analytics.runs import CompletedRun

ALPHA = 0.03


def learn_new(
    runs: Sequence[CompletedRun],
    *,
    grid: Grid,
    tags: Sequence[str],
    blind: Sequence[Blind] = (),
    constants: TimeConstants | None = None,
    alpha: float = ALPHA,
) -> ReferenceModel:
    """A frozen reference of the new process."""
    raise NotImplementedError
