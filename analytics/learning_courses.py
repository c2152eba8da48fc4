"""Learning from whole courses of reference batches: components of all tags, each tag's own past, maturity and pace.

Every family is scored as the others are: each batch by what was learned without it, with the detector that runs live.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.detectors.components import Components, Distance, FittedComponents
from analytics.detectors.maturity import PACE_CLIP, FittedMaturity, Pace
from analytics.detectors.own_past import RESIDUAL_CLIP, FittedPast, OwnPast
from analytics.grid import Grid
from analytics.layers import HOTELLING_T2, OWN_PAST, PACE, SPE
from analytics.learning_phases import OnPath, RunsOnCourse
from analytics.limits import CLIP, Family
from analytics.reference import TimeConstants, Trajectory
from analytics.segment import Bools, Floats
from analytics.spread import ewma_levels, largest, residual_sd, spread_of

EXPLAINED = 0.9  # share of the variance that the components hold
MOST_CELLS = 0.75  # in which a tag speaks that has a part in the components
RANK = 3  # dimensions of a tag's own courses
SMALLEST_VARIANCE = 1e-6
ORDINARY_SD = 1.0  # of a number of the batch: between batches whose largest scores lie below it a ratio means nothing
ONE_WAY = 0.9  # of what the mean course of a tag moves at all within a window goes in one direction
FEWEST_SD = 1.0  # that it moves within the window
LARGEST_STEP = 0.25  # of that, in one cell: a recipe's step tells the clock and not how far a batch has come
LAG_SHARE = 0.04  # of the course: by how much batches are ahead or behind, before anything is seen of them


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCourses:
    """What was learned of whole courses; None is unknown."""

    components: FittedComponents | None = None
    own_past: FittedPast | None = None
    maturity: FittedMaturity | None = None

    def added_to(self, course: Trajectory, limits: Mapping[str, Floats], tags: Sequence[str]) -> Trajectory:
        """The trajectory with what was learned and the limits of its families, as rows of `tags`."""
        rows = dict(course.limits)
        parts = {HOTELLING_T2: self.components, SPE: self.components, OWN_PAST: self.own_past, PACE: self.maturity}
        for name, part in parts.items():
            if part is not None and name in limits:
                # A number of the batch has one limit, for each tag that has a part in it.
                of_tags = limits[name] if name == OWN_PAST else limits[name][0]
                rows[name] = np.where(np.isin(tags, part.tags), of_tags, np.nan)
        return replace(course, limits=rows, components=self.components, own_past=self.own_past, maturity=self.maturity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """What all batches taught, and what was learned without each; a family without an entry is unknown."""

    of_all: FittedCourses
    without_each: tuple[FittedCourses, ...]
    families: dict[str, Family]  # the largest scores of left-out batches


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseLearner:
    """What does not change from family to family: the cells of runs, (runs, cells, tags), and how they are read."""

    values: Floats
    steps: Floats  # (tags,): resolution of the display
    own: Bools  # (tags,): carries a limit of its own
    tags: Sequence[str]
    grid: Grid
    constants: TimeConstants
    judged: Bools  # (cells,)
    places: RunsOnCourse

    def learned(self, wanted: Collection[str]) -> Courses:
        """The wanted families, as far as the reference batches show what they need."""
        of_all, without_each = FittedCourses(), [FittedCourses() for _ in self.values]
        families: dict[str, Family] = {}
        distances = [name for name in (HOTELLING_T2, SPE) if name in wanted]
        if distances and (components := self._components(self._distances(None))) is not None:
            of_all = replace(of_all, components=components)
            left_out, of_components = self._of_components(distances)
            without_each = [replace(one, components=part) for one, part in zip(without_each, left_out, strict=True)]
            families |= of_components
        if OWN_PAST in wanted:
            past, pasts, families[OWN_PAST] = self._own_past()
            of_all = replace(of_all, own_past=past)
            without_each = [replace(one, own_past=part) for one, part in zip(without_each, pasts, strict=True)]
        if PACE in wanted and (maturity := self._maturity(None)) is not None:
            maturity, maturities, families[PACE] = self._pace(maturity)
            of_all = replace(of_all, maturity=maturity)
            without_each = [replace(one, maturity=part) for one, part in zip(without_each, maturities, strict=True)]
        # Together they take the share of one family: what is watched besides must not blunt what is watched anyway.
        families = {name: replace(family, share=1.0 / len(families)) for name, family in families.items()}
        return Courses(of_all=of_all, without_each=tuple(without_each), families=families)

    def _distances(self, without: int | None) -> Floats:
        """Z of all runs under the mean and SD of all but one, (runs, cells, tags)."""
        mean, sd = self._spread(without)
        along = self.places.along
        clipped: Floats = np.clip((self.values - along(mean)) / along(sd), -CLIP, CLIP)
        return clipped

    def _spread(self, without: int | None) -> tuple[Floats, Floats]:
        return spread_of(self._placed(self.values, without), self.steps, self.grid.cells_in(self.constants.smoothing_h))

    def _placed(self, values: Floats, without: int | None) -> Floats:
        """What runs showed by position, (runs, positions, …), of all of them or of all but one."""
        if without is None:
            return self.places.placed(values)
        return self.places.without(without).placed(np.delete(values, without, axis=0))

    def _slots(self) -> dict[str, int]:
        return {tag: slot for slot, tag in enumerate(self.tags)}

    def _components(self, z: Floats) -> FittedComponents | None:
        """Components of the smoothed z of runs; None with fewer than two tags that spread.

        Of the tags that speak in most cells: a tag that is read once a day would leave one cell a day to learn from.
        """
        levels = np.array([ewma_levels(run, self.grid, self.constants.components_h) for run in z])
        rows = levels[:, self.judged].reshape(-1, levels.shape[2])
        spreads = np.nanmean(np.where(np.isfinite(rows), rows, 0.0) ** 2, axis=0)
        spoke = np.isfinite(rows).mean(axis=0) > MOST_CELLS
        columns = np.flatnonzero(self.own & spoke & (spreads > SMALLEST_VARIANCE))
        if len(columns) < 2:
            return None
        known = rows[:, columns]
        known = known[np.isfinite(known).all(axis=1)]
        if len(known) <= len(columns):
            return None
        variances, directions = np.linalg.eigh(known.T @ known / len(known))
        variances, directions = variances[::-1], directions[:, ::-1]
        held = np.cumsum(variances) / variances.sum()
        count = min(int(np.searchsorted(held, EXPLAINED)) + 1, len(columns) - 1)
        # A direction and its opposite are one: the largest element is positive, so that learning again agrees.
        signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(len(columns))])
        return FittedComponents(
            tags=tuple(self.tags[column] for column in columns.tolist()),
            loadings=np.ascontiguousarray((directions * signs).T[:count]),
            variances=variances[:count],
            rest=max(float(variances[count:].mean()), SMALLEST_VARIANCE),
        )

    def _of_components(self, names: Sequence[str]) -> tuple[list[FittedComponents | None], dict[str, Family]]:
        """The components without each run, and the largest T² and SPE of it under them, (runs, 1) each."""
        without_each: list[FittedComponents | None] = []
        maxima = {name: np.full((len(self.values), 1), np.nan) for name in names}
        for run in range(len(self.values)):
            z = self._distances(run)
            fitted = self._components(np.delete(z, run, axis=0))
            without_each.append(fitted)
            if fitted is None:
                continue
            for name in names:
                layer = Components(
                    fitted,
                    Distance(name),
                    slots=self._slots(),
                    width_h=self.grid.width_h,
                    tau_h=self.constants.components_h,
                    limit=1.0,
                )
                scores = np.array([layer.update(cell, row) for cell, row in enumerate(z[run])])
                maxima[name][run, 0] = np.fmax.reduce(largest(scores, self.judged))
        return without_each, {name: Family(maxima=found, offset=ORDINARY_SD) for name, found in maxima.items()}

    def _past(self, z: Floats, residual: Floats) -> FittedPast:
        """The space of the courses of z of runs by position, for every tag that carries a limit."""
        columns = np.flatnonzero(self.own)
        rank = min(RANK, len(z) - 1)
        vectors = np.zeros((rank, self.places.positions, len(columns)))
        variances = np.full((rank, len(columns)), SMALLEST_VARIANCE)
        noise = np.ones(len(columns))
        for place, column in enumerate(columns):
            courses = np.nan_to_num(z[:, :, column])
            _, values, rows = np.linalg.svd(courses, full_matrices=False)
            signs = np.sign(rows[np.arange(rank), np.abs(rows[:rank]).argmax(axis=1)])
            vectors[:, :, place] = rows[:rank] * signs[:, None]
            variances[:, place] = np.maximum(values[:rank] ** 2 / len(z), SMALLEST_VARIANCE)
            left = courses - courses @ rows[:rank].T @ rows[:rank]
            noise[place] = max(float((left**2).mean()), SMALLEST_VARIANCE)
        return FittedPast(
            tags=tuple(self.tags[column] for column in columns.tolist()),
            vectors=vectors,
            variances=variances,
            noise=noise,
            residual_sd=residual[:, columns],
        )

    def _own_past(self) -> tuple[FittedPast, list[FittedPast], Family]:
        """The spaces of all runs, those without each, and the largest scores of every left-out run, (runs, tags)."""
        unscaled = np.ones((self.places.positions, len(self.tags)))
        span = self.grid.cells_in(self.constants.balance_window_h)
        residuals = np.empty_like(self.values)
        spaces = []
        for run in range(len(self.values)):
            z = self._distances(run)
            spaces.append(self._past(self._placed(z, run), unscaled))
            layer = self._past_layer(spaces[-1], run)
            residuals[run] = [layer.residual(cell, row) for cell, row in enumerate(z[run])]
        maxima = np.full((len(self.values), len(self.tags)), np.nan)
        without_each = []
        for run, residual in enumerate(residuals):
            of_others = residual_sd(self._placed(residuals, run), span)
            without_each.append(replace(spaces[run], residual_sd=of_others[:, self.own]))
            scaled = residual / self.places.only(run).along(of_others)[0]
            levels = ewma_levels(np.clip(scaled, -RESIDUAL_CLIP, RESIDUAL_CLIP), self.grid, self.constants.own_past_h)
            maxima[run] = largest(levels, self.judged)
        maxima[:, ~self.own] = np.nan
        placed = self.places.placed
        of_all = self._past(placed(self._distances(None)), residual_sd(placed(residuals), span))
        return of_all, without_each, Family(maxima=maxima)

    def _past_layer(self, fitted: FittedPast, run: int) -> OwnPast:
        return OwnPast(
            fitted,
            slots=self._slots(),
            width_h=self.grid.width_h,
            delay_h=self.constants.own_past_delay_h,
            tau_h=self.constants.own_past_h,
            path=OnPath(path=self.places.paths[run]),
        )

    def _maturity(self, without: int | None) -> FittedMaturity | None:
        """The tags that tell how far a batch has come; None where none does."""
        mean, sd = self._spread(without)
        tells = telling(mean, sd, self.own, self.grid.cells_in(self.constants.pace_window_h))
        columns = np.flatnonzero(tells.any(axis=0))
        if len(columns) == 0:
            return None
        return FittedMaturity(
            tags=tuple(self.tags[column] for column in columns.tolist()),
            mean=mean[:, columns],
            sd=sd[:, columns],
            tells=tells[:, columns],
            lag_sd=LAG_SHARE * self.grid.cells,
            pace_mean=np.ones(self.places.positions),
            pace_sd=np.ones(self.places.positions),
        )

    def _pace(self, every: FittedMaturity) -> tuple[FittedMaturity, list[FittedMaturity | None], Family]:
        """How fast reference batches went, of all and without each, and its largest score, (runs, 1)."""
        paces = np.full(self.values.shape[:2], np.nan)
        without_each: list[FittedMaturity | None] = []
        for run, values in enumerate(self.values):
            fitted = self._maturity(run)
            without_each.append(fitted)
            if fitted is not None:
                layer = Pace(
                    fitted,
                    slots=self._slots(),
                    width_h=self.grid.width_h,
                    tau_h=self.constants.maturity_h,
                    window_h=self.constants.pace_window_h,
                    path=OnPath(path=self.places.paths[run]),
                )
                paces[run] = [layer.pace_of(cell, row) for cell, row in enumerate(values)]
        maxima = np.full((len(paces), 1), np.nan)
        for run, pace in enumerate(paces):
            usual = self._spread_of_pace(self._placed(paces, run))
            if (left_out := without_each[run]) is not None:
                without_each[run] = replace(left_out, pace_mean=usual[0], pace_sd=usual[1])
            mean, sd = (self.places.only(run).along(part)[0] for part in usual)
            maxima[run] = largest(np.clip((pace - mean) / sd, -PACE_CLIP, PACE_CLIP)[:, None], self.judged)
        mean, sd = self._spread_of_pace(self.places.placed(paces))
        return replace(every, pace_mean=mean, pace_sd=sd), without_each, Family(maxima=maxima, offset=ORDINARY_SD)

    def _spread_of_pace(self, paces: Floats) -> tuple[Floats, Floats]:
        mean, sd = spread_of(paces[:, :, None], np.zeros(1), self.grid.cells_in(self.constants.pace_window_h))
        return mean[:, 0], sd[:, 0]


def telling(mean: Floats, sd: Floats, own: Bools, window: int) -> Floats:
    """Where tags tell how far a batch has come, (cells, tags): 1 or 0.

    Over the `window` around the cell the mean course moves by one SD or more, nine tenths of its moves in one
    direction and no more than a quarter of the way in one cell, and it does so for a whole window at a stretch. A step
    of the recipe moves with the clock: it would say that every batch is exactly where the clock is.
    """
    cells = len(mean)
    smooth = np.array([mean[max(0, cell - 2) : cell + 3].mean(axis=0) for cell in range(cells)])
    tells = np.zeros(mean.shape)
    for cell in range(cells):
        around = slice(max(0, cell - window // 2), cell + window // 2 + 1)
        moves = np.diff(smooth[around], axis=0)
        way = np.abs(moves.sum(axis=0))
        steps = np.abs(np.diff(mean[around], axis=0)).max(axis=0, initial=0.0)
        gradual = (way >= ONE_WAY * np.abs(moves).sum(axis=0)) & (steps <= LARGEST_STEP * way)
        tells[cell] = own & gradual & (way > 0.0) & (way >= FEWEST_SD * np.median(sd[around], axis=0))
    for column in tells.T:
        edges = np.flatnonzero(np.diff(np.concatenate([[0.0], column, [0.0]])))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            if last - first < window:
                column[first:last] = 0.0
    return tells
