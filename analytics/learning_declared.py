"""Learning what a product template declares: coefficients of balances and spreads of assay differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from analytics.detectors.assay import (
    AssayDifference,
    FittedAssay,
    OnlineReadings,
    cell_of_draw,
    scaled_difference,
    sd_by_hour,
)
from analytics.detectors.declared import CLIP, Differences, FittedBalance, Terms
from analytics.detectors.ewma import Ewma
from analytics.grid import Grid
from analytics.layers import ASSAY, ASSAYS, BALANCE, EWMA, LEVEL, LOOP, PAGE_HINKLEY, STEP
from analytics.learning_phases import OnPath, RunsOnCourse
from analytics.reference import Trajectory
from analytics.runs import CompletedRun
from analytics.segment import Bools, Floats
from analytics.template import DeclaredAssay, DeclaredBalance
from store.model.times import US_PER_H

PENALTY = 1e-3  # of the ridge, per observation, on terms of unit RMS
FLOOR_OF_MEDIAN_SD = 0.25
FEWEST_DIFFERENCES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceCourses:
    """One declared balance over one span in several runs."""

    balance: DeclaredBalance
    span_h: float
    width_h: float
    differences: Floats  # (runs, cells, 1 + explaining)
    known: Bools  # (runs, cells): the accused tag spoke
    places: RunsOnCourse
    base: Floats | None  # (positions, 1 + explaining): what was taken off the terms before

    def without(self, run: int) -> Self:
        """These courses without one run."""
        return type(self)(
            balance=self.balance,
            span_h=self.span_h,
            width_h=self.width_h,
            differences=np.delete(self.differences, run, axis=0),
            known=np.delete(self.known, run, axis=0),
            places=self.places.without(run),
            base=self.base,
        )

    def fitted(self) -> FittedBalance:
        """Weights by ridge regression (Hoerl and Kennard 1970) of deviations from the mean course."""
        differences = self.places.placed(self.differences)
        mean = _mean_over_runs(differences)
        deviation = differences - mean
        weights = _ridge(deviation.reshape(-1, deviation.shape[2]))
        residual = deviation[:, :, 0] - deviation[:, :, 1:] @ weights
        return FittedBalance(
            name=self.balance.name,
            accuses=self.balance.accuses,
            target=self.balance.target,
            explained_by=self.balance.explained_by,
            statistic=self.balance.statistic,
            span_h=self.span_h,
            smoothing_h=self.balance.smoothing_h,
            check=self.balance.check,
            mean=mean,
            weights=weights,
            residual_sd=_spread(residual),
            base=self.base,
        )

    def largest(self, run: int, fitted: FittedBalance, judged: Bools, tau_h: float) -> float:
        """The largest |score| of one run in its judged cells by a balance fitted without it, NaN without any."""
        here = self.places.only(run)
        deviation = self.differences[run] - here.along(fitted.mean)[0]
        scaled = (deviation[:, 0] - deviation[:, 1:] @ fitted.weights) / here.along(fitted.residual_sd)[0]
        scaled = np.clip(np.where(self.known[run], scaled, np.nan), -CLIP, CLIP)
        level = Ewma(tags=1, width_h=self.width_h, tau_h=tau_h)
        scores = np.array([level.update(cell, np.array([value]))[0] for cell, value in enumerate(scaled)])
        seen = np.abs(scores[judged & np.isfinite(scores)])
        return float(seen.max()) if len(seen) else float("nan")


def balance_courses(
    values: Floats, tags: Sequence[str], balances: Sequence[DeclaredBalance], grid: Grid, places: RunsOnCourse
) -> list[BalanceCourses]:
    """Every declared balance over every span, from the cells of runs, (runs, cells, tags).

    The mean course that is taken off the terms is that of all runs, also where one is scored by the others: it stands
    for the way a run went, and what the others' mean still leaves is taken off by them (`BalanceCourses.fitted`).
    """
    slots = {tag: slot for slot, tag in enumerate(tags)}
    courses = []
    for balance in balances:
        terms = np.array([_terms_of(run, slots, balance, grid.width_h) for run in values])
        base = None
        if places.course is not None:
            base = _mean_over_runs(places.placed(terms))
            terms = terms - places.along(base)
        for span_h in balance.spans_h:
            differences = np.empty_like(terms)
            for run, rows in enumerate(terms):
                span = Differences(balance.statistic, max(1, round(span_h / grid.width_h)))
                differences[run] = [span.update(row) for row in rows]
            courses.append(
                BalanceCourses(
                    balance=balance,
                    span_h=span_h,
                    width_h=grid.width_h,
                    differences=differences,
                    known=np.isfinite(values[:, :, slots[balance.accuses]]),
                    places=places,
                    base=base,
                )
            )
    return courses


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


def largest_of_balances(
    name: str,
    parts: Sequence[BalanceCourses],
    fitted_without: Sequence[Sequence[FittedBalance]],
    judged: Bools,
    tau_h: float,
) -> Floats:
    """The largest scores of every run in the balances of one name, (runs, parts), by those fitted without it."""
    rows = []
    for run, fitted in enumerate(fitted_without):
        mine = [one for one in fitted if one.name == name]
        rows.append([part.largest(run, one, judged, tau_h) for part, one in zip(parts, mine, strict=True)])
    return np.array(rows)


def fitted_pairs(assays: Sequence[AssayCourses], without: int | None = None) -> list[FittedAssay]:
    """The pairs of which enough is known, without one run where one is named."""
    return [pair for part in assays if (pair := part.fitted(without)) is not None]


def with_limits(
    course: Trajectory,
    limits: Mapping[str, Floats],
    fitted: Sequence[FittedBalance],
    pairs: Sequence[FittedAssay],
    tags: Sequence[str],
) -> Trajectory:
    """The course with what was declared, and the limits of families as those of layers, (tags,) each."""
    channels = {name: limits[name] for name in (EWMA, BALANCE, PAGE_HINKLEY, STEP, LOOP, LEVEL) if name in limits}
    places: dict[str, int] = {}
    for part in fitted:
        place = places[part.name] = places.get(part.name, -1) + 1
        row = channels.setdefault(part.channel, np.full(len(tags), np.nan))
        row[tags.index(part.accuses)] = limits[part.name][place]
    for number, name in enumerate((ASSAY, ASSAYS) if pairs else ()):
        channels[name] = np.full(len(tags), np.nan)
        for place, pair in enumerate(pairs):
            channels[name][tags.index(pair.checks)] = limits[ASSAY][2 * place + number]
    return replace(course, declared=tuple(fitted), assays=tuple(pairs), limits=channels)


def _terms_of(run: Floats, slots: dict[str, int], balance: DeclaredBalance, width_h: float) -> Floats:
    terms = Terms((balance.target, *balance.explained_by), width_h=width_h, smoothing_h=balance.smoothing_h)
    return np.array([terms.update({tag: float(row[slots[tag]]) for tag in balance.tags}) for row in run])


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


def _mean_over_runs(differences: Floats) -> Floats:
    """(cells, terms): the mean of the runs that know a term; NaN where none does."""
    known = np.isfinite(differences)
    counts = known.sum(axis=0)
    mean: Floats = np.where(known, differences, 0.0).sum(axis=0) / np.maximum(counts, 1)
    return np.where(counts > 0, mean, np.nan)


def _ridge(rows: Floats) -> Floats:
    """Weights of the columns after the first for the first, (columns − 1,)."""
    rows = rows[np.isfinite(rows).all(axis=1)]
    terms, target = rows[:, 1:], rows[:, 0]
    if len(rows) == 0:
        return np.zeros(rows.shape[1] - 1)
    rms = np.sqrt((terms**2).mean(axis=0))
    rms = np.where(rms > 1e-12, rms, np.inf)
    scaled = terms / rms
    gram = scaled.T @ scaled + PENALTY * len(rows) * np.eye(terms.shape[1])
    weights: Floats = np.linalg.solve(gram, scaled.T @ target) / rms
    return weights


def _spread(residual: Floats) -> Floats:
    """RMS over runs per cell, widened to its neighbours' and kept off zero, (cells,); NaN where nothing is known."""
    known = np.isfinite(residual)
    counts = known.sum(axis=0)
    rms = np.sqrt((np.where(known, residual, 0.0) ** 2).sum(axis=0) / np.maximum(counts, 1))
    rms = np.where(counts > 0, rms, np.nan)
    padded = np.concatenate([np.full(2, np.nan), rms, np.full(2, np.nan)])
    widest = padded[2:-2]
    for shift in range(5):
        widest = np.fmax(widest, padded[shift : shift + len(rms)])
    seen = widest[np.isfinite(widest)]
    floor = FLOOR_OF_MEDIAN_SD * float(np.median(seen)) if len(seen) else np.nan
    spread: Floats = np.maximum(widest, floor)
    return np.where(spread > 0, spread, np.nan)
