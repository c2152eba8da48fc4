"""How often and when a tag is usually read, and what is judged of a cell that was read otherwise."""

from dataclasses import dataclass

import numpy as np

from analytics.cells import ClosedCell
from analytics.segment import Bools, Floats, Int64s
from store.model.times import US_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualReading:
    """How the batches of a reference were read.

    The median of a few readings is noisier than those of the reference; where the course climbs it tells when they were
    taken, and where it moves within a cell, as while a vessel is filled, it may tell nothing else. Lost readings, or a
    batch that is read less often than those of its reference, would be drift with nothing wrong.

    Arrays are (positions, tags) unless said otherwise.
    """

    width_us: int  # of a cell
    fewest: Floats  # readings on which a cell must stand to be judged, at least one
    moving: Floats  # 1 where the course moves within a cell, else 0
    slope: Floats  # of the mean course, an hour; 0 where it turns or steps
    middle_us: Floats  # (1, tags): where in a cell the median of its readings lies in time; NaN: not known

    def too_few(self, readings: Int64s, place: int) -> Bools:
        """Of which tags a cell at a position of the course holds readings, but too few to be judged, (tags,)."""
        if not 0 <= place < len(self.fewest):
            return np.zeros(len(readings), np.bool_)
        few: Bools = (readings > 0) & (readings < self.fewest[place])
        return few

    def judged(self, closed: ClosedCell, place: int) -> Floats:
        """The values of a closed cell as if read at the usual time, (tags,); NaN where it was read too seldom.

        >>> usual = UsualReading(
        ...     width_us=US_PER_H, fewest=np.array([[3.0, 1.0]]), moving=np.zeros((1, 2)), slope=np.array([[0.0, 6.0]]),
        ...     middle_us=np.array([[0.5, 0.5]]) * US_PER_H,
        ... )
        >>> closed = ClosedCell(
        ...     index=0, end_us=US_PER_H, values=np.array([7.0, 40.0]), readings=np.array([2, 2]),
        ...     middles_us=np.array([0.25, 0.25]) * US_PER_H, closed_at=0,
        ... )
        >>> usual.judged(closed, 0).tolist()
        [nan, 41.5]
        """
        if not 0 <= place < len(self.fewest):
            return closed.values
        return self.brought(closed.values, closed.readings, closed.middles_us - closed.index * self.width_us, place)

    def brought(self, values: Floats, readings: Int64s | Floats, middles_us: Floats, places: int | Int64s) -> Floats:
        """The same of one cell, (tags,), or of all cells of a run, (cells, tags); middles are from the cell's start."""
        off_h = (middles_us - self.middle_us[0]) / US_PER_H
        moved = values - self.slope[places] * np.where(np.isnan(off_h), 0.0, off_h)
        return np.where(readings < self.fewest[places], np.nan, moved)
