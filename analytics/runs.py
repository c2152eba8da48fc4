"""Completed batches as references are learned from them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.cells import cell_medians
from analytics.grid import Grid
from analytics.segment import Floats
from store.model.times import US_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOfRun:
    """A phase in hours since the start of the unit procedure."""

    name: str
    from_h: float
    to_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedRun:
    """What was measured in one batch: per tag name the hours since its start and the values, of equal length.

    Only good and uncertain readings belong here. Order does not matter.
    """

    batch: str
    tags: Mapping[str, tuple[Floats, Floats]]
    phases: tuple[PhaseOfRun, ...] = ()

    def digest(self) -> bytes:
        """SHA-256 over the batch's name, its tags in order of name with their readings in order of time, and phases.

        Of a phase its name and when it began: a reference places cells by them.
        """
        sha = hashlib.sha256(self.batch.encode())
        for name in sorted(self.tags):
            times_h, values = self.tags[name]
            order = np.lexsort((values, times_h))
            sha.update(f"\0{name}\0{len(times_h)}\0".encode())
            sha.update(np.ascontiguousarray(times_h[order], "<f8").tobytes())
            sha.update(np.ascontiguousarray(values[order], "<f8").tobytes())
        for phase in sorted(self.phases, key=lambda one: (one.from_h, one.name)):
            sha.update(f"\0phase {phase.name}\0".encode())
            sha.update(np.array([phase.from_h], "<f8").tobytes())
        return sha.digest()


def cells_of_runs(runs: Sequence[CompletedRun], grid: Grid, tags: Sequence[str]) -> Floats:
    """The cell medians of runs, (batches, cells, tags), as the live reducer would have closed them."""
    values = np.full((len(runs), grid.cells, len(tags)), np.nan)
    for row, run in enumerate(runs):
        for slot, tag in enumerate(tags):
            if tag not in run.tags:
                continue
            times_h, readings = run.tags[tag]
            cells = np.rint(np.asarray(times_h, np.float64) * US_PER_H).astype(np.int64) // grid.width_us
            inside = (cells >= 0) & (cells < grid.cells) & np.isfinite(readings)
            medians, _ = cell_medians(
                cells[inside],
                np.zeros(int(inside.sum()), np.int32),
                np.asarray(readings, np.float64)[inside] + 0.0,
                grid.cells,
                1,
            )
            values[row, :, slot] = medians[:, 0]
    return values
