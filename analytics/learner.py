"""Learning trajectory, families of channels and limits from runs, each run scored by what the others taught."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from analytics.detectors.balance import RESIDUAL_CLIP
from analytics.detectors.declared import FittedBalance
from analytics.detectors.drift import smallest_silent_threshold
from analytics.grid import Grid
from analytics.layers import ASSAY, BALANCE, EWMA, LEVEL, LOOP, PAGE_HINKLEY, PREDICTION, STEP
from analytics.learning_assays import AssayCourses, assay_courses, fitted_pairs
from analytics.learning_courses import ORDINARY_SD, CourseLearner, Courses
from analytics.learning_declared import BalanceCourses, balance_courses, largest_of_balances, with_limits
from analytics.learning_levels import LARGEST_LEVEL, SMALLEST_LEVEL, learn_levels
from analytics.learning_loops import LARGEST_JUMP, SMALLEST_JUMP, learn_loops
from analytics.learning_phases import RunsOnCourse, lay_course
from analytics.learning_reading import WithinCells
from analytics.learning_steps import LARGEST_STEP, SMALLEST_STEP, learn_steps
from analytics.limits import CLIP, Budget, Family, in_force, limits_without, share_budget
from analytics.reference import Blind, Rule, TimeConstants, Trajectory, nothing_known
from analytics.relations import learn_weights, moves, unexplained
from analytics.runs import CompletedRun, cells_of_runs
from analytics.segment import Bools, Floats
from analytics.spread import carries_limit, ewma_levels, largest, residual_sd, resolution, spread_of, typical_scale
from analytics.template import DeclaredAssay, DeclaredBalance, DeclaredLoop, Template

SMALLEST_BALANCE = 3.0  # SD: no limit of an open balance is smaller, however well reference batches obey it
HOURS_PER_LOOK = 10.0  # of the prediction rule: how often a batch is looked at independently


def judged_cells(grid: Grid, blind: Sequence[Blind]) -> Bools:
    """Which cells lie beyond the declared blind time after the start."""
    judged: Bools = np.arange(1, grid.cells + 1) * grid.width_h > _blind_h(blind)
    return judged


def _blind_h(blind: Sequence[Blind]) -> float:
    """How long after the start nothing is judged."""
    return max((part.hours for part in blind if part.phase is None), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What reference batches showed."""

    runs: Sequence[CompletedRun]
    values: Floats  # (runs, cells, tags)
    steps: Floats  # (tags,): of the display
    own: Bools  # (tags,): carries a limit of its own
    places: RunsOnCourse


@dataclass(slots=True, kw_only=True)
class _Taught:
    """What they taught so far: all of them, those without each, and by family the scores of each by the others."""

    course: Trajectory
    without_each: list[Trajectory]
    families: dict[str, Family]

    def add(self, part: str, of_all: Any, without_each: Sequence[Any]) -> None:
        """Fill in a part of the trajectories."""
        self.course = replace(self.course, **{part: of_all})
        self.without_each = [
            replace(one, **{part: left_out}) for one, left_out in zip(self.without_each, without_each, strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """The declared balances as all batches fit them, and as those without each do."""

    of_all: list[FittedBalance]
    without_each: list[list[FittedBalance]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """What does not change while runs are put in and left out."""

    grid: Grid
    tags: Sequence[str]
    blind: Sequence[Blind]
    constants: TimeConstants
    alpha: float
    without: Collection[str]

    def with_few(self, runs: Sequence[CompletedRun], rule: Rule) -> Trajectory:
        """The trajectory of fewer than 20 runs."""
        seen, course = self._begin(runs)
        if rule is Rule.RANGES_ONLY:
            return course
        n = len(runs)
        looks = max(1.0, float(seen.own.sum()) * self.grid.hours / HOURS_PER_LOOK)
        limit = float(special.stdtrit(n - 1, 1.0 - self.alpha / (2.0 * looks))) * (1.0 + 1.0 / n) ** 0.5
        return replace(
            course,
            clip=max(CLIP, 2.0 * limit),
            limits={PREDICTION: np.where(seen.own, limit, np.nan)},
        )

    def learned(
        self, runs: Sequence[CompletedRun], template: Template | None
    ) -> tuple[Trajectory, dict[str, Family], Budget, list[Trajectory]]:
        """Relations from all runs; limits from every run scored by the others. Families by name, in order.

        Last what was learned without each run, with the limits that the others set.
        """
        seen, course = self._begin(runs)
        taught = self._open_layers(seen, course)
        self._of_minutes(seen, taught, () if template is None else template.loops)
        declared = self._declared(seen, taught, () if template is None else template.balances)
        assays = self._assays(seen, taught, () if template is None else template.assays)
        courses = self._whole_courses(seen, () if template is None else template.also)
        families = {
            name: family for name, family in (taught.families | courses.families).items() if name not in self.without
        }
        if not families:
            raise ValueError(f"nothing is left to judge by without {', '.join(sorted(self.without))}")
        budget = share_budget(list(families.values()), self.alpha)
        limits = in_force(families, budget.limits)
        of_all = with_limits(taught.course, limits, declared.of_all, fitted_pairs(assays), self.tags)
        without_each = []
        for run, left_out in enumerate(taught.without_each):
            others = limits_without(families, run, self.alpha)
            pairs = fitted_pairs(assays, without=run)
            one = with_limits(left_out, others, declared.without_each[run], pairs, self.tags)
            without_each.append(courses.without_each[run].added_to(one, others, self.tags))
        return courses.of_all.added_to(of_all, limits, self.tags), families, budget, without_each

    def _begin(self, runs: Sequence[CompletedRun]) -> tuple[_Seen, Trajectory]:
        values = cells_of_runs(runs, self.grid, self.tags)
        steps = np.array([resolution(runs, tag) for tag in self.tags])
        places = RunsOnCourse.of(runs, lay_course(runs, self.grid), self.grid)
        window = self.grid.cells_in(self.constants.smoothing_h)
        within = WithinCells.of(runs, self.grid, self.tags)
        reading = within.usual(*spread_of(places.placed(values), steps, window), places, self.grid)
        values = within.judged(values, reading, places)
        mean, sd = spread_of(places.placed(values), steps, window)
        course = Trajectory(
            mean=mean,
            sd=sd,
            scale=typical_scale(sd),
            weights=np.zeros((2, len(self.tags), len(self.tags))),
            residual_sd=nothing_known(places.positions, len(self.tags)),
            reading=reading,
            limits={},
            constants=self.constants,
            blind=tuple(self.blind),
            clip=CLIP,
            phases=places.course,
        )
        own = carries_limit(values) & np.isfinite(sd).any(axis=0)
        return _Seen(runs=runs, values=values, steps=steps, own=own, places=places), course

    def _open_layers(self, seen: _Seen, course: Trajectory) -> _Taught:
        """The layers every plant has, with the relations between tags."""
        values, steps, own, places = seen.values, seen.steps, seen.own, seen.places
        batches, _, tags = values.shape
        constants, grid = self.constants, self.grid
        window = grid.cells_in(constants.smoothing_h)
        span = grid.cells_in(constants.balance_window_h)
        judged = judged_cells(grid, self.blind)
        left_out_z = np.empty_like(values)
        residuals = np.empty_like(values)
        unknown = ~np.isfinite(values)
        without_each = []
        for batch in range(batches):
            others, elsewhere, here = np.delete(values, batch, axis=0), places.without(batch), places.only(batch)
            mean, sd = spread_of(elsewhere.placed(others), steps, window)
            scale = typical_scale(sd)
            left_out_z[batch] = np.clip((values[batch] - here.along(mean)[0]) / here.along(sd)[0], -CLIP, CLIP)
            weights = learn_weights(moves(others, elsewhere.along(mean), scale, span))
            alone = moves(values[batch : batch + 1], here.along(mean), scale, span)
            residuals[batch] = unexplained(alone, weights)[0]
            unknown[batch] |= ~np.isfinite(here.along(mean)[0])
            without_each.append(replace(course, mean=mean, sd=sd, scale=scale, weights=weights))
        residuals[unknown] = np.nan
        residuals[:, span:][unknown[:, :-span]] = np.nan  # a change from a cell that held nothing
        maxima = np.full((batches, 3, tags), np.nan)
        for batch in range(batches):
            z = left_out_z[batch]
            maxima[batch, 0] = largest(ewma_levels(z, grid, constants.ewma_h), judged)
            others_residual_sd = residual_sd(places.without(batch).placed(np.delete(residuals, batch, axis=0)), span)
            without_each[batch] = replace(without_each[batch], residual_sd=others_residual_sd)
            scaled = residuals[batch] / places.only(batch).along(others_residual_sd)[0]
            clipped = np.clip(scaled, -RESIDUAL_CLIP, RESIDUAL_CLIP)
            maxima[batch, 1] = largest(ewma_levels(clipped, grid, constants.balance_h), judged)
            for slot in np.flatnonzero(own & np.isfinite(z[judged]).any(axis=0)):
                maxima[batch, 2, slot] = smallest_silent_threshold(z[:, slot].tolist(), judged.tolist())
        maxima[:, :, ~own] = np.nan
        of_all = replace(
            course,
            weights=learn_weights(moves(values, places.along(course.mean), course.scale, span)),
            residual_sd=residual_sd(places.placed(residuals), span),
        )
        families = {
            EWMA: Family(maxima=maxima[:, 0]),
            BALANCE: Family(maxima=maxima[:, 1], least=SMALLEST_BALANCE),
            PAGE_HINKLEY: Family(maxima=maxima[:, 2], offset=CLIP, least=CLIP),
        }
        return _Taught(course=of_all, without_each=without_each, families=families)

    def _of_minutes(self, seen: _Seen, taught: _Taught, loops: Sequence[DeclaredLoop]) -> None:
        """Add the layers of bins, which share the part of one family."""
        blind_h = _blind_h(self.blind)
        sudden = learn_steps(
            seen.runs,
            grid=self.grid,
            tags=self.tags,
            steps=seen.steps,
            own=seen.own,
            blind_h=blind_h,
            places=seen.places,
        )
        if sudden is None:
            return
        families = {STEP: Family(maxima=sudden.maxima, offset=ORDINARY_SD, least=SMALLEST_STEP, most=LARGEST_STEP)}
        taught.add("steps", sudden.course, sudden.without_each)
        jumps = learn_loops(loops, sudden, tags=self.tags, blind_h=blind_h)
        if jumps is not None:
            families[LOOP] = Family(maxima=jumps.maxima, offset=ORDINARY_SD, least=SMALLEST_JUMP, most=LARGEST_JUMP)
            taught.add("loops", jumps.fitted, jumps.without_each)
        held = learn_levels(sudden, steps=seen.steps, own=seen.own, blind_h=blind_h)
        if held is not None:
            families[LEVEL] = Family(maxima=held.maxima, offset=ORDINARY_SD, least=SMALLEST_LEVEL, most=LARGEST_LEVEL)
            taught.add("levels", held.course, held.without_each)
        taught.families |= {name: replace(one, share=1.0 / len(families)) for name, one in families.items()}

    def _declared(self, seen: _Seen, taught: _Taught, balances: Sequence[DeclaredBalance]) -> _Fitted:
        """The declared balances; each is a family with all its spans."""
        wanted = [balance for balance in balances if balance.name not in self.without]
        declared = balance_courses(seen.values, self.tags, wanted, self.grid, seen.places, taught.course)
        by_name: dict[str, list[BalanceCourses]] = {}
        for part in declared:
            by_name.setdefault(part.balance.name, []).append(part)
        without_each = [[part.without(run).fitted() for part in declared] for run in range(len(seen.runs))]
        judged = judged_cells(self.grid, self.blind)
        for name, parts in by_name.items():
            maxima = largest_of_balances(name, parts, without_each, judged, self.constants.declared_h)
            taught.families[name] = Family(maxima=maxima)
        return _Fitted(of_all=[part.fitted() for part in declared], without_each=without_each)

    def _assays(self, seen: _Seen, taught: _Taught, pairs: Sequence[DeclaredAssay]) -> list[AssayCourses]:
        """The declared pairs of assay and online tag of which every left-out batch leaves enough."""
        wanted = () if ASSAY in self.without else pairs
        assays = assay_courses(seen.runs, wanted, self.grid, seen.places)
        known = [part for part in assays if all(part.fitted(run) is not None for run in range(len(seen.runs)))]
        if known:
            taught.families[ASSAY] = Family(maxima=self._of_assays(known))
        return known

    def _whole_courses(self, seen: _Seen, also: Sequence[str]) -> Courses:
        learner = CourseLearner(
            values=seen.values,
            steps=seen.steps,
            own=seen.own,
            tags=self.tags,
            grid=self.grid,
            constants=self.constants,
            judged=judged_cells(self.grid, self.blind),
            places=seen.places,
        )
        return learner.learned(set(also) - set(self.without))

    def _of_assays(self, parts: Sequence[AssayCourses]) -> Floats:
        """The largest levels of every left-out run, (runs, 2 × pairs): alone and slow for every pair."""
        blind_h = _blind_h(self.blind)
        rows = []
        for run in range(len(parts[0].drawn)):
            row = []
            for part in parts:
                fitted = part.fitted(run)
                assert fitted is not None
                row += [part.largest(run, fitted, tau_h, blind_h) for tau_h in (0.0, self.constants.assay_h)]
            rows.append(row)
        return np.array(rows)
