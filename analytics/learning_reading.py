"""Learning how reference batches were read: how often, when in a cell, and where the course moves within one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.cells import cell_medians
from analytics.grid import Grid
from analytics.learning_phases import RunsOnCourse
from analytics.runs import CompletedRun
from analytics.segment import Bools, Floats
from analytics.spread import median_down
from analytics.usual_reading import UsualReading
from store.model.times import US_PER_H

HALF = 0.5  # of the usual readings must be there,
MOST = 0.75  # and so many where the course moves
RARELY = 0.05  # of the cells of reference batches stand on fewer: a tag that speaks on change does so often
OF_ORDINARY = 3.0  # times as far apart as the readings of the tag's median cell
OF_SD = 2.0  # SD of the reference
OF_RUNS = 0.75  # as far apart in a quarter of the batches: phases are placed by whole cells


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinCells:
    """How runs were read, cell by cell, (runs, cells, tags)."""

    readings: Floats  # how many
    apart: Floats  # how far they lie apart, NaN without any
    middles_us: Floats  # the median of when they were read, from the cell's start; NaN without any

    @classmethod
    def of(cls, runs: Sequence[CompletedRun], grid: Grid, tags: Sequence[str]) -> Self:
        """As the live reducer counts them."""
        shape = len(runs), grid.cells, len(tags)
        readings, apart, middles_us = np.zeros(shape), np.full(shape, np.nan), np.full(shape, np.nan)
        for row, run in enumerate(runs):
            for slot, tag in enumerate(tags):
                if tag not in run.tags:
                    continue
                times_h, values = (np.asarray(part, np.float64) for part in run.tags[tag])
                times_us = np.rint(times_h * US_PER_H).astype(np.int64)
                cells = times_us // grid.width_us
                inside = (cells >= 0) & (cells < grid.cells) & np.isfinite(values)
                cells, values = cells[inside], values[inside]
                low, high = np.full(grid.cells, np.inf), np.full(grid.cells, -np.inf)
                np.minimum.at(low, cells, values)
                np.maximum.at(high, cells, values)
                within_us = (times_us[inside] - cells * grid.width_us).astype(np.float64)
                middles, counts = cell_medians(cells, np.zeros(len(cells), np.int32), within_us, grid.cells, 1)
                readings[row, :, slot], middles_us[row, :, slot] = counts[:, 0], middles[:, 0]
                apart[row, :, slot] = np.where(counts[:, 0] > 0, high - low, np.nan)
        return cls(readings=readings, apart=apart, middles_us=middles_us)

    def usual(self, mean: Floats, sd: Floats, places: RunsOnCourse, grid: Grid) -> UsualReading:
        """What is usual; `mean` and `sd` are those of the runs, (positions, tags)."""
        moves = _moving(places.placed(self.apart), sd)
        return UsualReading(
            width_us=grid.width_us,
            fewest=np.where(moves, fewest_readings(self.readings, MOST), fewest_readings(self.readings)),
            moving=moves.astype(np.float64),
            slope=_slope(mean, grid.width_h),
            middle_us=_median_of_known(self.middles_us)[None],
        )

    def judged(self, values: Floats, usual: UsualReading, places: RunsOnCourse) -> Floats:
        """The values of the runs, (runs, cells, tags), as live ones are judged."""
        known = places.paths < len(usual.fewest)
        return np.array(
            [
                np.where(on[:, None], usual.brought(cells, readings, middles, np.where(on, path, 0)), cells)
                for on, path, cells, readings, middles in zip(
                    known, places.paths, values, self.readings, self.middles_us, strict=True
                )
            ]
        )


def fewest_readings(readings: Floats, share: float = HALF) -> Floats:
    """On how many readings a cell must stand to be judged, (tags,); `readings` are (runs, cells, tags)."""
    spoken = [column[column > 0] for column in readings.reshape(-1, readings.shape[2]).T]
    usual = np.array([np.median(some) if len(some) else 0.0 for some in spoken])
    rarely = np.array([np.quantile(some, RARELY, method="lower") if len(some) else 0.0 for some in spoken])
    fewest: Floats = np.maximum(np.minimum(np.ceil(share * usual), rarely), 1.0)
    return fewest


def _moving(apart: Floats, sd: Floats) -> Bools:
    """Where the course moves within a cell, (positions, tags); `apart` is by run."""
    known = np.isfinite(apart).sum(axis=0)
    place = np.maximum(np.ceil(OF_RUNS * known).astype(np.int64) - 1, 0)
    across = np.take_along_axis(np.sort(apart, axis=0), place[None], axis=0)[0]  # NaN is last
    moves: Bools = (across > OF_ORDINARY * median_down(across)) & (across > OF_SD * sd)
    return moves


def _slope(mean: Floats, width_h: float) -> Floats:
    """The lesser of the slopes to both neighbours where they have one sign, else 0 (the minmod limiter, Roe 1986).

    Across a step of the recipe, and where the course turns, nothing can be said of the time within a cell.
    """
    slopes = np.diff(mean, axis=0) / width_h
    nothing = np.full((1, mean.shape[1]), np.nan)
    before, after = np.concatenate([nothing, slopes]), np.concatenate([slopes, nothing])
    lesser = np.where(np.abs(before) < np.abs(after), before, after)
    return np.where(before * after > 0.0, lesser, 0.0)


def _median_of_known(values: Floats) -> Floats:
    """By tag, of all runs and cells, (tags,); NaN without any."""
    return np.array(
        [
            np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else np.nan
            for column in values.reshape(-1, values.shape[2]).T
        ]
    )
