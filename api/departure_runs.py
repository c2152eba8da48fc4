"""The runs of a batch that are held against an old process: what each compared, and what it never could."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row, rows
from api.overlay import PhaseHours, hour_of
from store.errors import NotFound
from store.model.times import from_us
from store.sql import queries


class DepartureRun(BaseModel):
    """A run of a monitor; `stated` is when it stated how its ended batch lay to the old process."""

    run: int
    cause: str | None  # why one after the first began: correction, upgrade, late_readings
    corrected: str | None  # the correction that began it, in words
    corrected_by: str | None
    corrected_why: str | None
    superseded: bool
    finished: bool  # it has come to the end of the batch, or of what it was to judge
    stated: datetime | None
    software: str
    reference: str
    digest: str
    batches: int


class ComparedTag(BaseModel):
    """A tag that one of the old process stands for, and in which phases; none named: in all."""

    tag: str
    old_tag: str
    phases: list[str]

    def holds_in(self, phase: str) -> bool:
        """Whether the old tag stands for it there."""
        return not self.phases or phase in self.phases


class NeverCompared(BaseModel):
    """A tag of the batch of which nothing can be said against the old process."""

    tag: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """A run with what it is pinned to."""

    monitor_id: int
    started: datetime  # hours of its points count from it
    compared_until: datetime | None  # its newest point
    tags: tuple[ComparedTag, ...]  # by name
    never: tuple[NeverCompared, ...]
    told: DepartureRun

    def tag(self, name: str) -> ComparedTag | None:
        """What stands for a tag, None where nothing does."""
        return next((one for one in self.tags if one.tag == name), None)


def read_runs(connection: Connection, batch_id: int) -> list[ComparedRun]:
    """Every run of a batch that has a reference of an old process, the newest first."""
    return [_run(found) for found in rows(connection, queries("api_departures")["runs"], {"batch_id": batch_id})]


def chosen(runs: Sequence[ComparedRun], run: int | None) -> list[ComparedRun]:
    """The runs of that number, one for each unit procedure; those that stand where none is named. Raises NotFound."""
    if run is None:
        return [one for one in runs if not one.told.superseded]
    found = [one for one in runs if one.told.run == run]
    if not found:
        raise NotFound(f"this batch has no run {run} that is held against an old process")
    return found


def phase_at(phases: Sequence[PhaseHours], hour: float) -> str:
    """The phase that began last before an hour, "" before the first."""
    begun = [phase.phase for phase in phases if phase.from_h <= hour]
    return begun[-1] if begun else ""


def offset_h(run: ComparedRun, made: Row) -> float:
    """Process hours of the batch at which a run's own hours begin."""
    return hour_of(run.started, made["started"])


def at_hour(run: ComparedRun, hour: float) -> datetime:
    """The instant of an hour of a run."""
    return run.started + timedelta(hours=hour)


def _run(found: Row) -> ComparedRun:
    tags, never = [], []
    for tag in sorted(found["tags"]):
        stated = [one for one in found["correspondences"] if one["new_tag"] == tag]
        old_tag = stated[0]["old_tag"] if stated else None  # a run compares a tag with one of the old process
        if old_tag is None:
            never.append(NeverCompared(tag=tag, why="nobody has stated that a tag of the old process stands for it"))
        elif old_tag not in found["known"]:
            never.append(NeverCompared(tag=tag, why=f"{old_tag} stands for it, and too few old batches tell of that"))
        else:
            phases = [one["phase"] for one in stated if one["old_tag"] == old_tag]
            tags.append(ComparedTag(tag=tag, old_tag=old_tag, phases=[] if None in phases else phases))
            never += [
                NeverCompared(
                    tag=tag, why=f"in {one['phase']} {one['old_tag']} stands for it, elsewhere {old_tag} does"
                )
                for one in stated
                if one["old_tag"] != old_tag
            ]
    return ComparedRun(
        monitor_id=found["monitor_id"],
        started=from_us(found["started_us"]),
        compared_until=found["compared_until"],
        tags=tuple(tags),
        never=tuple(never),
        told=DepartureRun(**{name: found[name] for name in DepartureRun.model_fields}),
    )
