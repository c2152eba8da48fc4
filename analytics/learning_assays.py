"""Learning how assays differ from what their online tags read when the sample was drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.detectors.assay import (
    AssayDifference,
    FittedAssay,
    OnlineReadings,
    cell_of_draw,
    scaled_difference,
    sd_by_hour,
)
from analytics.grid import Grid
from analytics.learning_phases import OnPath, RunsOnCourse
from analytics.runs import CompletedRun
from analytics.template import DeclaredAssay
from store.model.times import US_PER_H

FEWEST_DIFFERENCES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class AssayCourses:
    """One declared pair in several runs: per run the hours of the draws and the differences assay − online."""

    pair: DeclaredAssay
    grid: Grid
    drawn: tuple[tuple[float, ...], ...]
    differences: tuple[tuple[float, ...], ...]
    places: RunsOnCourse

    def fitted(self, without: int | None = None) -> FittedAssay | None:
        """Mean and spread of the differences; None with fewer than six."""
        runs = [run for run in range(len(self.drawn)) if run != without]
        hours = [self._course_h(run, hour) for run in runs for hour in self.drawn[run]]
        differences = [value for run in runs for value in self.differences[run]]
        if len(differences) < FEWEST_DIFFERENCES:
            return None
        mean = float(np.mean(differences))
        middles_h = (np.arange(self.places.positions, dtype=np.float64) + 0.5) * self.grid.width_h
        sd = sd_by_hour(hours, differences, mean=mean, middles_h=middles_h)
        if not sd.min() > 0:
            return None
        return FittedAssay(
            assay=self.pair.assay,
            checks=self.pair.checks,
            drawn_before_h=self.pair.drawn_before_h,
            within_h=self.pair.within_h,
            mean=mean,
            sd=sd,
        )

    def largest(self, run: int, fitted: FittedAssay, tau_h: float, blind_h: float) -> float:
        """The largest |level| of one run after the blind hours by a pair fitted without it, NaN without any."""
        level = AssayDifference(tags=1, tau_h=tau_h)
        largest = float("nan")
        for hour, difference in zip(self.drawn[run], self.differences[run], strict=True):
            level.note(0, hour, scaled_difference(fitted, difference, self._position(run, hour)))
            if hour > blind_h:
                largest = float(np.fmax(largest, abs(float(level.update(0, np.zeros(1))[0]))))
        return largest

    def _position(self, run: int, drawn_h: float) -> int:
        cell = min(cell_of_draw(drawn_h, self.grid.width_h), self.grid.cells - 1)
        return OnPath(path=self.places.paths[run]).at(cell)

    def _course_h(self, run: int, drawn_h: float) -> float:
        """The hour of a draw on the course: by the clock, the hour itself."""
        cell = min(cell_of_draw(drawn_h, self.grid.width_h), self.grid.cells - 1)
        return drawn_h + (self._position(run, drawn_h) - cell) * self.grid.width_h


def assay_courses(
    runs: Sequence[CompletedRun], pairs: Sequence[DeclaredAssay], grid: Grid, places: RunsOnCourse
) -> list[AssayCourses]:
    """Every declared pair in every run, by the comparison that runs live."""
    courses = []
    for pair in pairs:
        drawn, differences = [], []
        for run in runs:
            hours, values = _differences_of(run, pair)
            drawn.append(hours)
            differences.append(values)
        courses.append(
            AssayCourses(pair=pair, grid=grid, drawn=tuple(drawn), differences=tuple(differences), places=places)
        )
    return courses


def fitted_pairs(assays: Sequence[AssayCourses], without: int | None = None) -> list[FittedAssay]:
    """The pairs of which enough is known, without one run where one is named."""
    return [pair for part in assays if (pair := part.fitted(without)) is not None]


def _differences_of(run: CompletedRun, pair: DeclaredAssay) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if pair.assay not in run.tags or pair.checks not in run.tags:
        return (), ()
    times_h, readings = run.tags[pair.checks]
    online = OnlineReadings(pair.within_h, keep_h=float(np.ptp(times_h)) + 2 * pair.within_h)
    order = np.argsort(times_h, kind="stable")
    online.add(np.rint(times_h[order] * US_PER_H).astype(np.int64), readings[order])
    hours, differences = [], []
    for told_h, value in sorted(zip(*(part.tolist() for part in run.tags[pair.assay]), strict=True)):
        drawn_h = told_h - pair.drawn_before_h
        difference = value - online.at(round(drawn_h * US_PER_H))
        if np.isfinite(difference):
            hours.append(drawn_h)
            differences.append(difference)
    return tuple(hours), tuple(differences)
