"""The drift layers over one reference: the same objects learn limits from left-out batches and judge live ones."""

from typing import Protocol, Self

from analytics.detectors.balance import Balance
from analytics.detectors.drift import DriftChannel
from analytics.detectors.ewma import Ewma
from analytics.grid import Grid
from analytics.reference import Trajectory
from analytics.segment import Floats


class Layer(Protocol):
    """A detector of the drift family: one row in, one row of signed scores out.

    The row is z, except for the balance, which sees the values themselves.
    """

    def update(self, cell: int, row: Floats, /) -> Floats:
        """The scores after this cell, (tags,); NaN where nothing can be said."""
        ...

    def to_bytes(self) -> bytes:
        """Canonical state."""
        ...

    def restore(self, data: bytes) -> Self:
        """This layer in the state those bytes describe."""
        ...


EWMA = "ewma"
BALANCE = "balance"
PAGE_HINKLEY = "page_hinkley"
PREDICTION = "prediction"


def build_layers(course: Trajectory, grid: Grid) -> dict[str, Layer]:
    """The layers for which the trajectory holds limits, in a fixed order."""
    tags = course.mean.shape[1]
    constants = course.constants
    layers: dict[str, Layer] = {}
    for name in (EWMA, PREDICTION):
        if name in course.limits:
            layers[name] = Ewma(tags=tags, width_h=grid.width_h, tau_h=constants.ewma_h)
    if BALANCE in course.limits:
        layers[BALANCE] = Balance(
            mean=course.mean,
            scale=course.scale,
            weights=course.weights,
            residual_sd=course.residual_sd,
            window_cells=grid.cells_in(constants.balance_window_h),
            width_h=grid.width_h,
            tau_h=constants.balance_h,
        )
    if PAGE_HINKLEY in course.limits:
        layers[PAGE_HINKLEY] = DriftChannel(thresholds=course.limits[PAGE_HINKLEY])
    return layers
