"""Departure from an old process, at the hours somebody read it and nowhere else."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PointScore:
    """One matched point compared."""

    point: int
    hour: float
    values: Floats  # (tags,): median of the dense stream around the point
    scores: Floats  # (tags,): signed distance in old SD, NaN where either side has nothing


class MatchedPointWatch:
    """Compares the dense stream with an old process at matched points.

    The median of the cells whose middle lies within the half window of a point stands for the reading the old
    process would have had there; hand timing and rounding are in the old SD already. A point is compared once its
    last cell has closed. Nothing is interpolated between points.

    >>> watch = MatchedPointWatch(
    ...     hours=np.array([2.0]), half_window_h=1.0, mean=np.array([[20.0]]), sd=np.array([[2.0]]), width_h=1.0)
    >>> [(point.hour, float(point.scores[0])) for cell in range(5) for point in watch.update(cell, np.array([23.0]))]
    [(2.0, 1.5)]
    """

    def __init__(self, *, hours: Floats, half_window_h: float, mean: Floats, sd: Floats, width_h: float) -> None:
        """`hours` is (points,) ascending, `mean` and `sd` (points, tags)."""
        self._hours = hours
        self._mean = mean
        self._sd = sd
        self._width_h = width_h
        # Half a cell at least: a point must find one cell whose middle is near enough.
        self._reach_h = max(half_window_h, width_h / 2.0)
        self._next = 0
        self._window: list[tuple[int, Floats]] = []

    def update(self, cell: int, values: Floats) -> list[PointScore]:
        """The points that became comparable with this cell."""
        middle = (cell + 0.5) * self._width_h
        scores = []
        while self._next < len(self._hours) and middle > self._hours[self._next] + self._reach_h:
            scores.append(self._compare(self._next))
            self._next += 1
        if self._next == len(self._hours):
            self._window = []
            return scores
        oldest = self._hours[self._next] - self._reach_h
        self._window = [(at, row) for at, row in self._window if (at + 0.5) * self._width_h >= oldest]
        if middle >= oldest:
            self._window.append((cell, values))
        return scores

    def pending(self, until_h: float) -> list[PointScore]:
        """The points up to an hour that were not compared yet, by what was seen around them. Changes nothing."""
        return [self._compare(point) for point in range(self._next, len(self._hours)) if self._hours[point] <= until_h]

    def to_bytes(self) -> bytes:
        """The next point and the cells that may belong to it."""
        tags = self._mean.shape[1]
        cells = np.array([cell for cell, _ in self._window], np.int64)
        rows = np.array([row for _, row in self._window], np.float64).reshape(len(self._window), tags)
        return pack("departure", 1, {"next": self._next}, {"cells": cells, "rows": rows})

    def restore(self, data: bytes) -> Self:
        """This watch in the state those bytes describe."""
        fields, arrays = unpack("departure", 1, data)
        self._next = fields["next"]
        self._window = list(zip(arrays["cells"].tolist(), arrays["rows"], strict=True))
        return self

    def _compare(self, point: int) -> PointScore:
        low, high = self._hours[point] - self._reach_h, self._hours[point] + self._reach_h
        rows = [row for cell, row in self._window if low <= (cell + 0.5) * self._width_h <= high]
        values = median_down(np.array(rows)) if rows else np.full(self._mean.shape[1], np.nan)
        return PointScore(
            point=point,
            hour=float(self._hours[point]),
            values=values,
            scores=(values - self._mean[point]) / self._sd[point],
        )


def median_down(rows: Floats) -> Floats:
    """Median of the known values per column, NaN for a column without any."""
    ordered = np.sort(rows, axis=0)  # NaN last
    counts = np.sum(~np.isnan(rows), axis=0)
    columns = np.arange(rows.shape[1])
    upper = ordered[np.minimum(counts // 2, len(rows) - 1), columns]
    lower = ordered[np.maximum((counts - 1) // 2, 0), columns]
    return np.where(counts > 0, lower + (upper - lower) * 0.5, np.nan)
