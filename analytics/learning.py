"""Learning the reference of a new process from its completed runs.

Nested: the scores from which limits are made come from references without the batch that is scored, so no batch
sets its own limit (limits learned in sample gave 20 to 70 % false alerts on simulated bioreactor batches).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from analytics.detectors.balance import RESIDUAL_CLIP
from analytics.detectors.drift import smallest_silent_threshold
from analytics.evidence import Evidence
from analytics.grid import Grid
from analytics.layers import ASSAY, BALANCE, EWMA, PAGE_HINKLEY, PREDICTION
from analytics.learning_declared import (
    AssayCourses,
    BalanceCourses,
    assay_courses,
    balance_courses,
    fitted_pairs,
    largest_of_balances,
    with_limits,
)
from analytics.limits import CLIP, Budget, Family, in_force, limits_without, outlying, share_budget
from analytics.reference import (
    FEWEST_FOR_LEARNED,
    Blind,
    InputRun,
    ReferenceModel,
    Rule,
    SetAside,
    TimeConstants,
    Trajectory,
    nothing_known,
)
from analytics.relations import learn_weights, moves, unexplained
from analytics.runs import CompletedRun, cells_of_runs
from analytics.segment import Bools, Floats
from analytics.spread import carries_limit, ewma_levels, largest, residual_sd, resolution, spread_of, typical_scale
from analytics.template import Template
from store.model.reference import ReferenceRole

ALPHA = 0.03
MOST_SET_ASIDE = 0.1  # share of the runs
LEVELS = (EWMA, PAGE_HINKLEY)  # how high a tag stands is a donor's nature; that tags contradict each other is not
HOURS_PER_LOOK = 10.0  # of the prediction rule: how often a batch is looked at independently


def learn_new(
    runs: Sequence[CompletedRun],
    *,
    grid: Grid,
    tags: Sequence[str],
    blind: Sequence[Blind] = (),
    constants: TimeConstants | None = None,
    alpha: float = ALPHA,
    template: Template | None = None,
    without: Collection[str] = (),
) -> ReferenceModel:
    """A frozen reference of the new process.

    `tags` are names; a run that lacks one counts as missing there. With fewer than 6 runs the reference carries an
    envelope but no limits; from 6 to 19 prediction limits (advisory); from 20 limits learned from left-out batches
    with one false-alert budget `alpha` a batch over all layers and tags. There, runs whose tags contradict each
    other as in no other run are set aside with the reason, a tenth of them at most and never so many that fewer than
    20 are left: limits learned from a batch in which something went wrong would not see the next one. `template`
    adds what is declared for the product, `without` names families of channels that are left out.
    Raises ValueError without runs.
    """
    return learn_new_with_evidence(
        runs, grid=grid, tags=tags, blind=blind, constants=constants, alpha=alpha, template=template, without=without
    )[0]


def learn_new_with_evidence(
    runs: Sequence[CompletedRun],
    *,
    grid: Grid,
    tags: Sequence[str],
    blind: Sequence[Blind] = (),
    constants: TimeConstants | None = None,
    alpha: float = ALPHA,
    template: Template | None = None,
    without: Collection[str] = (),
) -> tuple[ReferenceModel, Evidence | None]:
    """The reference of `learn_new`, with what its limits were made of; None where they were not learned."""
    if not runs:
        raise ValueError("a reference needs at least one run")
    learner = _Learner(
        grid=grid, tags=tags, blind=blind, constants=constants or TimeConstants(), alpha=alpha, without=without
    )
    rule = Rule.for_batches(len(runs))
    set_aside: list[SetAside] = []
    kept = list(runs)
    evidence = None
    if rule is Rule.LEARNED_LIMITS:
        course, families, budget, without_each = learner.learned(kept, template)
        most = min(int(MOST_SET_ASIDE * len(runs)), len(runs) - FEWEST_FOR_LEARNED)
        names = list(families)
        relating = [number for number, name in enumerate(names) if name not in LEVELS]
        statistics = budget.statistics[:, relating]
        out = outlying(statistics)[:most] if most > 0 and relating else []
        for batch in out:
            family = int(np.nanargmax(statistics[batch]))
            value = float(statistics[batch, family])
            set_aside.append(
                SetAside(
                    batch=runs[batch].batch,
                    digest=runs[batch].digest().hex(),
                    reason=f"scored by the others it stands out in {names[relating[family]]}: its largest score is "
                    f"{value:.1f} SD beyond theirs",
                )
            )
        if out:
            kept = [run for number, run in enumerate(runs) if number not in out]
            course, families, _, without_each = learner.learned(kept, template)
        evidence = Evidence(
            batches=tuple(run.batch for run in kept), families=families, without_each=tuple(without_each)
        )
    else:
        course = learner.with_few(kept, rule)
    model = ReferenceModel(
        role=ReferenceRole.NEW,
        rule=rule,
        grid=grid,
        alpha=alpha,
        tags=tuple(tags),
        inputs=tuple(InputRun(batch=run.batch, digest=run.digest().hex()) for run in kept),
        set_aside=tuple(set_aside),
        trajectory=course,
        template="" if template is None else template.text,
    )
    return model, evidence


def judged_cells(grid: Grid, blind: Sequence[Blind]) -> Bools:
    """Which cells lie beyond the declared blind time after the start."""
    hours = max((part.hours for part in blind if part.phase is None), default=0.0)
    judged: Bools = np.arange(1, grid.cells + 1) * grid.width_h > hours
    return judged


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learner:
    """What does not change while runs are put in and left out."""

    grid: Grid
    tags: Sequence[str]
    blind: Sequence[Blind]
    constants: TimeConstants
    alpha: float
    without: Collection[str]

    def with_few(self, runs: Sequence[CompletedRun], rule: Rule) -> Trajectory:
        """The trajectory of fewer than 20 runs."""
        values, _, course = self._begin(runs)
        if rule is Rule.RANGES_ONLY:
            return course
        own = carries_limit(values) & np.isfinite(course.sd).any(axis=0)
        n = len(values)
        looks = max(1.0, float(own.sum()) * self.grid.hours / HOURS_PER_LOOK)
        limit = float(special.stdtrit(n - 1, 1.0 - self.alpha / (2.0 * looks))) * (1.0 + 1.0 / n) ** 0.5
        return replace(
            course,
            clip=max(CLIP, 2.0 * limit),
            limits={PREDICTION: np.where(own, limit, np.nan)},
        )

    def learned(
        self, runs: Sequence[CompletedRun], template: Template | None
    ) -> tuple[Trajectory, dict[str, Family], Budget, list[Trajectory]]:
        """Relations from all runs; limits from every run scored by the others. Families by name, in order.

        Last what was learned without each run, with the limits that the others set.
        """
        values, steps, course = self._begin(runs)
        own = carries_limit(values) & np.isfinite(course.sd).any(axis=0)
        maxima, course, without_each = self._open_layers(values, steps, course, own)
        families = {
            EWMA: Family(maxima=maxima[:, 0]),
            BALANCE: Family(maxima=maxima[:, 1]),
            PAGE_HINKLEY: Family(maxima=maxima[:, 2], offset=CLIP),
        }
        balances = () if template is None else template.balances
        wanted = [balance for balance in balances if balance.name not in self.without]
        declared = balance_courses(values, self.tags, wanted, self.grid)
        by_name: dict[str, list[BalanceCourses]] = {}
        for part in declared:
            by_name.setdefault(part.balance.name, []).append(part)
        fitted_without = [[part.without(run).fitted() for part in declared] for run in range(len(runs))]
        judged = judged_cells(self.grid, course.blind)
        for name, parts in by_name.items():
            maxima = largest_of_balances(name, parts, fitted_without, judged, self.constants.declared_h)
            families[name] = Family(maxima=maxima)
        pairs_told = () if template is None or ASSAY in self.without else template.assays
        assays = assay_courses(runs, pairs_told, self.grid)
        assays = [part for part in assays if all(part.fitted(run) is not None for run in range(len(runs)))]
        if assays:
            families[ASSAY] = Family(maxima=self._of_assays(assays, course))
        families = {name: family for name, family in families.items() if name not in self.without}
        if not families:
            raise ValueError(f"nothing is left to judge by without {', '.join(sorted(self.without))}")
        budget = share_budget(list(families.values()), self.alpha)
        limits = in_force(families, budget.limits)
        course = with_limits(course, limits, [part.fitted() for part in declared], fitted_pairs(assays), self.tags)
        for run, fitted in enumerate(fitted_without):
            limits = limits_without(families, run, self.alpha)
            pairs = fitted_pairs(assays, without=run)
            without_each[run] = with_limits(without_each[run], limits, fitted, pairs, self.tags)
        return course, families, budget, without_each

    def _begin(self, runs: Sequence[CompletedRun]) -> tuple[Floats, Floats, Trajectory]:
        values = cells_of_runs(runs, self.grid, self.tags)
        steps = np.array([resolution(runs, tag) for tag in self.tags])
        mean, sd = spread_of(values, steps, self.grid.cells_in(self.constants.smoothing_h))
        course = Trajectory(
            mean=mean,
            sd=sd,
            scale=typical_scale(sd),
            weights=np.zeros((2, len(self.tags), len(self.tags))),
            residual_sd=nothing_known(self.grid.cells, len(self.tags)),
            limits={},
            constants=self.constants,
            blind=tuple(self.blind),
            clip=CLIP,
        )
        return values, steps, course

    def _open_layers(
        self, values: Floats, steps: Floats, course: Trajectory, own: Bools
    ) -> tuple[Floats, Trajectory, list[Trajectory]]:
        """The largest scores of the layers every plant has, (batches, 3, tags), and the relations between tags.

        The relations of all, and those without each batch.
        """
        batches, _, tags = values.shape
        constants, grid = self.constants, self.grid
        window = grid.cells_in(constants.smoothing_h)
        span = grid.cells_in(constants.balance_window_h)
        judged = judged_cells(grid, course.blind)
        left_out_z = np.empty_like(values)
        residuals = np.empty_like(values)
        without_each = []
        for batch in range(batches):
            others = np.delete(values, batch, axis=0)
            mean, sd = spread_of(others, steps, window)
            scale = typical_scale(sd)
            left_out_z[batch] = np.clip((values[batch] - mean) / sd, -CLIP, CLIP)
            weights = learn_weights(moves(others, mean, scale, span))
            residuals[batch] = unexplained(moves(values[batch : batch + 1], mean, scale, span), weights)[0]
            without_each.append(replace(course, mean=mean, sd=sd, scale=scale, weights=weights))
        residuals[~np.isfinite(values)] = np.nan
        maxima = np.full((batches, 3, tags), np.nan)
        for batch in range(batches):
            z = left_out_z[batch]
            maxima[batch, 0] = largest(ewma_levels(z, grid, constants.ewma_h), judged)
            others_residual_sd = residual_sd(np.delete(residuals, batch, axis=0), span)
            without_each[batch] = replace(without_each[batch], residual_sd=others_residual_sd)
            scaled = residuals[batch] / others_residual_sd
            clipped = np.clip(scaled, -RESIDUAL_CLIP, RESIDUAL_CLIP)
            maxima[batch, 1] = largest(ewma_levels(clipped, grid, constants.balance_h), judged)
            for slot in np.flatnonzero(own & np.isfinite(z[judged]).any(axis=0)):
                maxima[batch, 2, slot] = smallest_silent_threshold(z[:, slot].tolist(), judged.tolist())
        maxima[:, :, ~own] = np.nan
        of_all = replace(
            course,
            weights=learn_weights(moves(values, course.mean, course.scale, span)),
            residual_sd=residual_sd(residuals, span),
        )
        return maxima, of_all, without_each

    def _of_assays(self, parts: Sequence[AssayCourses], course: Trajectory) -> Floats:
        """The largest levels of every left-out run, (runs, 2 × pairs): alone and slow for every pair."""
        blind_h = max((part.hours for part in course.blind if part.phase is None), default=0.0)
        rows = []
        for run in range(len(parts[0].drawn)):
            row = []
            for part in parts:
                fitted = part.fitted(run)
                assert fitted is not None
                row += [part.largest(run, fitted, tau_h, blind_h) for tau_h in (0.0, self.constants.assay_h)]
            rows.append(row)
        return np.array(rows)
