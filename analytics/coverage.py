"""In which hours of its phases a process can be judged: known cells of tags with a limit, less the blind time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.grid import Grid
from analytics.learning_phases import RunsOnCourse
from analytics.reference import Blind, Trajectory
from analytics.runs import CompletedRun, PhaseOfRun
from analytics.segment import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCoverage:
    """One phase over the batches a reference was learned from."""

    phase: str
    batches: int  # that had it
    from_h: float  # where it began and how long it took: medians
    hours: float
    blind: float  # share of its hours
    tags: dict[str, float]  # share of its hours in which drift of the tag can be judged


def coverage_of(
    course: Trajectory, grid: Grid, tags: Sequence[str], runs: Sequence[CompletedRun]
) -> tuple[PhaseCoverage, ...]:
    """By phase, in the order in which phases usually begin. A tag without any limit is never judged.

    Hours beyond the grid, where a batch took longer than any reference batch, count as hours that are not judged, and
    so do those so far into a phase that too few reference batches were still in it.
    """
    limited = _limited(course, len(tags))
    places = RunsOnCourse.of(runs, course.phases, grid)
    found: dict[str, list[tuple[PhaseOfRun, Floats, float]]] = {}
    for number, run in enumerate(runs):
        judgeable = np.isfinite(places.only(number).along(course.sd)[0]) & limited
        seen = ~blind_cells(course.blind, run.phases, grid)
        for phase in run.phases:
            inside = _overlap_h(phase, grid)
            judged = (inside * seen) @ judgeable
            found.setdefault(phase.name, []).append((phase, judged, float(inside @ ~seen)))
    coverages = [_coverage(name, parts, tags) for name, parts in found.items()]
    return tuple(sorted(coverages, key=lambda one: one.from_h))


def blind_cells(blind: Iterable[Blind], phases: Iterable[PhaseOfRun], grid: Grid) -> Bools:
    """The cells in which drift of a batch with these phases is not judged, (cells,): as the live monitor has it."""
    ends_h = np.arange(1, grid.cells + 1) * grid.width_h
    cells: Bools = np.zeros(grid.cells, np.bool_)
    for part in blind:
        starts_h = [0.0] if part.phase is None else [phase.from_h for phase in phases if phase.name == part.phase]
        for start_h in starts_h:
            cells |= (ends_h > start_h) & (ends_h <= start_h + part.hours)
    return cells


def _limited(course: Trajectory, tags: int) -> Bools:
    """Which tags any layer may raise an alert for, (tags,)."""
    limited: Bools = np.zeros(tags, np.bool_)
    for limit in course.limits.values():
        limited |= np.isfinite(limit)
    return limited


def _overlap_h(phase: PhaseOfRun, grid: Grid) -> Floats:
    """Hours of each cell that lie in the phase, (cells,)."""
    starts_h = np.arange(grid.cells) * grid.width_h
    overlap: Floats = np.minimum(starts_h + grid.width_h, phase.to_h) - np.maximum(starts_h, phase.from_h)
    return np.maximum(overlap, 0.0)


def _coverage(name: str, parts: Sequence[tuple[PhaseOfRun, Floats, float]], tags: Sequence[str]) -> PhaseCoverage:
    hours = sum(phase.to_h - phase.from_h for phase, _, _ in parts)
    judged = np.sum([judged for _, judged, _ in parts], axis=0) / hours
    return PhaseCoverage(
        phase=name,
        batches=len(parts),
        from_h=float(np.median([phase.from_h for phase, _, _ in parts])),
        hours=float(np.median([phase.to_h - phase.from_h for phase, _, _ in parts])),
        blind=sum(blind for _, _, blind in parts) / hours,
        tags={tag: float(min(1.0, share)) for tag, share in zip(tags, judged, strict=True)},
    )
