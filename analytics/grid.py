"""The process-time grid on which readings become cells."""

from dataclasses import dataclass

from store.model.times import US_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cells of equal width from the start of the unit procedure.

    Cell k holds the readings with start + k·width ≤ source_time < start + (k + 1)·width.

    >>> Grid(width_us=1_800_000_000, cells=480).hours
    240.0
    """

    width_us: int
    cells: int

    def __post_init__(self) -> None:
        if self.width_us <= 0 or self.cells <= 0:
            raise ValueError(f"a grid needs a positive width and at least one cell: {self}")

    @property
    def width_h(self) -> float:
        """Width of one cell in hours of process time."""
        return self.width_us / US_PER_H

    @property
    def hours(self) -> float:
        """Length of the whole grid in hours."""
        return self.cells * self.width_h

    def cells_in(self, hours: float) -> int:
        """The number of cells nearest to a duration, at least one."""
        return max(1, round(hours / self.width_h))
