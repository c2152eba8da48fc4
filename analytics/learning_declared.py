"""Learning the balances that a product template declares: what explains them, and what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from analytics.detectors.assay import FittedAssay
from analytics.detectors.declared import CLIP, Differences, FittedBalance, Terms
from analytics.detectors.ewma import Ewma
from analytics.grid import Grid
from analytics.layers import ASSAY, ASSAYS, BALANCE, EWMA, LEVEL, LOOP, PAGE_HINKLEY, STEP
from analytics.learning_phases import RunsOnCourse
from analytics.reference import Trajectory
from analytics.segment import Bools, Floats
from analytics.template import DeclaredBalance

PENALTY = 1e-3  # of the ridge, per observation, on terms of unit RMS
FLOOR_OF_MEDIAN_SD = 0.25


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
    values: Floats,
    tags: Sequence[str],
    balances: Sequence[DeclaredBalance],
    grid: Grid,
    places: RunsOnCourse,
    course: Trajectory,
) -> list[BalanceCourses]:
    """Every declared balance over every span, from the cells of runs, (runs, cells, tags).

    `course` is that of all runs: by it a missing cell is filled.

    The mean course that is taken off the terms is that of all runs, also where one is scored by the others: it stands
    for the way a run went, and what the others' mean still leaves is taken off by them (`BalanceCourses.fitted`).
    """
    slots = {tag: slot for slot, tag in enumerate(tags)}
    courses = []
    for balance in balances:
        terms = np.array(
            [
                _terms_of(run, mean, moves, slots, balance, grid.width_h)
                for run, mean, moves in zip(
                    values, places.along(course.mean), places.along(course.reading.moving) > 0.0, strict=True
                )
            ]
        )
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


def _terms_of(
    run: Floats, mean: Floats, moves: Bools, slots: dict[str, int], balance: DeclaredBalance, width_h: float
) -> Floats:
    terms = Terms((balance.target, *balance.explained_by), width_h=width_h, smoothing_h=balance.smoothing_h)
    rows = []
    for values, expected, moving in zip(run, mean, moves, strict=True):
        now, usual = ({tag: float(part[slots[tag]]) for tag in balance.tags} for part in (values, expected))
        rows.append(terms.update(now, usual, {tag for tag in balance.tags if moving[slots[tag]]}))
    return np.array(rows)


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
