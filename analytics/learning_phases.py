"""Laying out the course of a reference: the phases its batches share, how long they take, and where each cell lies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from analytics.alignment import CoursePhase, PhaseCourse, PhaseStart
from analytics.grid import Grid
from analytics.runs import CompletedRun
from analytics.segment import Floats, Int64s
from store.model.times import US_PER_H

NEARLY_EVERY = 0.9  # share of the batches that have a phase, and have it in its place, for it to count


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidPhase:
    """A phase of the batches of a reference, and whether cells are placed by it."""

    phase: str
    batches: int  # that had it
    least_h: float | None  # hours to the next phase that counts, or to the end; None where it does not count
    median_h: float | None
    greatest_h: float | None
    begins_h: float  # since the start of the unit procedure: the median, and of the earliest and the latest batch
    earliest_h: float
    latest_h: float
    why_not: str  # it does not count; "": it does


def lay_course(runs: Sequence[CompletedRun], grid: Grid) -> PhaseCourse | None:
    """The course that these runs share; None where no phase counts."""
    names = [name for name, why_not in _judged(runs).items() if not why_not]
    if not names:
        return None
    columns = _cells_of(runs, names, grid)
    laid = [(name, max(column), round(float(np.median(column)))) for name, column in columns.items()]
    return PhaseCourse.laid([part for part in laid if part[0] or part[1]], width_us=grid.width_us)


def laid_phases(runs: Sequence[CompletedRun], grid: Grid) -> tuple[LaidPhase, ...]:
    """Every phase of the runs, in the order in which phases usually begin, with how long it took or why it is left."""
    judged = _judged(runs)
    names = [name for name, why_not in judged.items() if not why_not]
    columns = _cells_of(runs, names, grid) if names else {}
    found = []
    for name, why_not in judged.items():
        begins = [start.since_us / US_PER_H for run in runs if (start := _first(run, name)) is not None]
        taken = [cells * grid.width_h for cells in columns.get(name, [])]
        found.append(
            LaidPhase(
                phase=name,
                batches=len(begins),
                least_h=min(taken) if taken else None,
                median_h=float(np.median(taken)) if taken else None,
                greatest_h=max(taken) if taken else None,
                begins_h=float(np.median(begins)),
                earliest_h=min(begins),
                latest_h=max(begins),
                why_not=why_not,
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOnCourse:
    """Where the cells of several runs lie. By the clock, without a course, each cell is its own position."""

    course: PhaseCourse | None
    paths: Int64s  # (runs, cells)
    positions: int

    @classmethod
    def of(cls, runs: Sequence[CompletedRun], course: PhaseCourse | None, grid: Grid) -> Self:
        """All starts of a completed run are known."""
        if course is None:
            paths = np.broadcast_to(np.arange(grid.cells, dtype=np.int64), (len(runs), grid.cells))
            return cls(course=None, paths=paths, positions=grid.cells)
        paths = np.array([course.path(starts_of(run), cells=grid.cells) for run in runs])
        return cls(course=course, paths=paths, positions=course.positions)

    def placed(self, values: npt.NDArray[Any]) -> Floats:
        """What runs showed cell by cell, (runs, cells, …), by position, (runs, positions, …); NaN where none was."""
        placed = np.full((len(values), self.positions, *values.shape[2:]), np.nan)
        for run, path in enumerate(self.paths):
            on = np.ones(len(path), np.bool_) if self.course is None else path < self.course.nowhere
            placed[run, path[on]] = values[run, on]
        return placed

    def along(self, course: Floats) -> Floats:
        """What is known of positions, (positions, …), as each run comes by it, (runs, cells, …)."""
        return course[self.paths]

    def without(self, run: int) -> Self:
        """All runs but one."""
        return replace(self, paths=np.delete(self.paths, run, axis=0))

    def only(self, run: int) -> Self:
        """One run."""
        return replace(self, paths=self.paths[run : run + 1])

    def finer(self, runs: Sequence[CompletedRun], parts: int, grid: Grid) -> Self:
        """The same for bins of which so many make a cell; `grid` is that of the bins."""
        return type(self).of(runs, None if self.course is None else self.course.finer(parts), grid)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPath:
    """The positions of one completed run."""

    path: Int64s  # (cells,)

    def at(self, cell: int, /) -> int:
        """The position of a cell."""
        return int(self.path[cell])


def starts_of(run: CompletedRun) -> list[PhaseStart]:
    """What was said of a run's phases."""
    return [PhaseStart(phase=phase.name, since_us=round(phase.from_h * US_PER_H)) for phase in run.phases]


def _judged(runs: Sequence[CompletedRun]) -> dict[str, str]:
    """Every phase in the order in which phases usually begin, and why it does not count, "" where it does."""
    starts = {
        name: [_first(run, name) for run in runs]
        for name in sorted({phase.name for run in runs for phase in run.phases if phase.name})
    }
    usual = {
        name: float(np.median([start.since_us for start in column if start is not None]))
        for name, column in starts.items()
    }
    judged: dict[str, str] = {}
    before: str | None = None
    for name in sorted(starts, key=lambda one: (usual[one], one)):
        had = [start is not None for start in starts[name]]
        if sum(had) < NEARLY_EVERY * len(runs):
            judged[name] = f"only {sum(had)} of {len(runs)} batches have it"
            continue
        if before is not None:
            pairs = [(one, two) for one, two in zip(starts[before], starts[name], strict=True) if one and two]
            behind = sum(two.since_us >= one.since_us for one, two in pairs)
            if behind < NEARLY_EVERY * len(pairs):
                judged[name] = f"in {len(pairs) - behind} of {len(pairs)} batches it begins before {before}"
                continue
        judged[name] = ""
        before = name
    return judged


def _first(run: CompletedRun, name: str) -> PhaseStart | None:
    return min((one for one in starts_of(run) if one.phase == name), key=lambda one: one.since_us, default=None)


def _cells_of(runs: Sequence[CompletedRun], names: Sequence[str], grid: Grid) -> dict[str, list[int]]:
    """How many cells each phase took, run by run, and first those before the phases, as "".

    Of runs in which the phase and the next one have their place: a phase that nobody ended by beginning the next is not
    longer for that.
    """
    order = ("", *names)
    course = PhaseCourse(
        phases=tuple(CoursePhase(name=name, first=0, cells=0, usual=0) for name in order), width_us=grid.width_us
    )
    taken: dict[str, list[int]] = {name: [] for name in order}
    for run in runs:
        begun = course.follow(starts_of(run)).begun
        cells = {phase.name: max(0, cell) for cell, phase in begun}
        for name, following in pairwise((*order, None)):
            if name in cells and (following is None or following in cells):
                until = _cells(run, grid) if following is None else cells[following]
                taken[name].append(max(0, until - cells[name]))
    return taken


def _cells(run: CompletedRun, grid: Grid) -> int:
    """Cells up to the last reading, as far as the grid goes."""
    last_h = max((float(times_h.max()) for times_h, _ in run.tags.values() if len(times_h)), default=0.0)
    return min(grid.cells, round(last_h * US_PER_H) // grid.width_us + 1)
