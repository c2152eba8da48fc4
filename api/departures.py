"""How a batch lies to the old process, by phase and tag, in words that nobody can take for drift.

Of an ended batch it is what its run stated when it ended; of one that runs, the same of the points compared so far.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from analytics.methods.binomial import exact_interval
from api.clock import read_clock
from api.database import Row, rows
from api.departure_runs import (
    ComparedRun,
    ComparedTag,
    DepartureRun,
    NeverCompared,
    chosen,
    offset_h,
    phase_at,
    read_runs,
)
from api.overlay import hour_of, read_phases
from store.sql import queries

LABEL = "comparison with the old process; says nothing of drift"


class DepartureRow(BaseModel):
    """One tag in one phase. Distances are signed, in standard deviations of the old process."""

    run: int
    superseded: bool  # by a correction, an upgrade or late readings, which began another run
    phase: str
    tag: str
    declared: int
    seen: int
    inside: int
    coverage: float  # seen / declared
    share_inside: float | None  # of the seen; about 0.95 is expected where the batch is like the old ones
    interval: tuple[float, float] | None  # of that share, exact, 95 %, as if the points were independent
    mean_distance: float | None
    largest_distance: float | None
    largest_h: float | None
    committed_time: datetime | None  # when it was stated; null: of a batch that runs
    reference: str | None
    sentence: str


class PhaseDeparture(BaseModel):
    """One phase over all its tags, with its sentence."""

    phase: str
    declared: int
    seen: int
    inside: int
    coverage: float
    share_inside: float | None
    sentence: str


class Departures(BaseModel):
    """How a batch lies to the old process by one run; `superseded` is what earlier runs stated."""

    label: str
    batch: str
    run: int | None  # null: nobody compares the batch with an old process
    stated: datetime | None  # null: the batch runs, and this is of the points compared so far
    data_until: datetime | None
    until_h: float | None
    compared_until_h: float | None  # the newest matched point that was compared
    phases: list[PhaseDeparture]
    tags: list[DepartureRow]
    compared: list[ComparedTag]
    never_compared: list[NeverCompared]
    runs: list[DepartureRun]
    superseded: list[DepartureRow]


def read_departures(connection: Connection, made: Row, *, run: int | None = None) -> Departures:
    """What is known of the batch `made` by the run that stands, or by an earlier one. Raises NotFound for another."""
    runs = read_runs(connection, made["batch_id"])
    shown = chosen(runs, run)
    stated = read_stated(connection, made["batch_id"])
    having = {(one.told.run, one.told.superseded) for one in shown if one.told.stated is not None}
    found = [row for row in stated if (row.run, row.superseded) in having]
    running = [one for one in shown if one.told.stated is None]
    found += [row for one in running for row in _so_far(connection, made, one)]
    latest = read_clock(connection).latest
    asked = {"batch_id": made["batch_id"], "tag": None, "latest": latest}
    until = max((row["newest"] for row in rows(connection, queries("api_batches")["newest"], asked)), default=None)
    compared_until = max((one.compared_until for one in shown if one.compared_until is not None), default=None)
    return Departures(
        label=LABEL,
        batch=made["batch"],
        run=shown[0].told.run if shown else None,
        stated=max((row.committed_time for row in found if row.committed_time), default=None) if not running else None,
        data_until=until,
        until_h=None if until is None else hour_of(until, made["started"]),
        compared_until_h=None if compared_until is None else hour_of(compared_until, made["started"]),
        phases=phase_departures(found),
        tags=found,
        compared=list({one.tag: one for run in shown for one in run.tags}.values()),
        never_compared=list({(one.tag, one.why): one for run in shown for one in run.never}.values()),
        runs=[one.told for one in runs],
        superseded=[row for row in stated if row.superseded],
    )


def read_stated(connection: Connection, batch_id: int) -> list[DepartureRow]:
    """What runs stated of a batch once it had ended, the newest run first."""
    return [_row(found) for found in rows(connection, queries("departure")["of_batch"], {"batch_id": batch_id})]


def phase_departures(found: Sequence[DepartureRow]) -> list[PhaseDeparture]:
    """The same over all tags of each phase, in their order."""
    return [_phase(name, [row for row in found if row.phase == name]) for name in dict.fromkeys(r.phase for r in found)]


def _so_far(connection: Connection, made: Row, run: ComparedRun) -> list[DepartureRow]:
    """What the run would state if the batch had ended with the newest point it compared."""
    phases = read_phases(connection, made)
    shift_h = offset_h(run, made)
    matches = {one.tag: one for one in run.tags}
    gathered: dict[tuple[str, str], list[tuple[float, Row]]] = {}
    asked = {"monitor_id": run.monitor_id, "tag": None}
    found = rows(connection, queries("api_departures")["points"], asked)
    for time, at_once in groupby(found, key=itemgetter("time")):
        hour = hour_of(time, run.started)
        phase = phase_at(phases, hour + shift_h)
        for point in at_once:
            match = matches.get(point["tag"])
            if match is not None and match.holds_in(phase):
                gathered.setdefault((phase, point["tag"]), []).append((hour, point))
    order = ["", *(phase.phase for phase in phases)]
    return [
        _row(_counted(run, phase, tag, gathered[phase, tag]))
        for phase, tag in sorted(gathered, key=lambda key: (order.index(key[0]), key[1]))
    ]


def _counted(run: ComparedRun, phase: str, tag: str, points: Sequence[tuple[float, Row]]) -> Row:
    seen = [(hour, distance_of(point), is_inside(point)) for hour, point in points if point["value"] is not None]
    largest = max(seen, key=lambda one: abs(one[1]), default=None)
    return {
        "run": run.told.run,
        "superseded": run.told.superseded,
        "phase": phase,
        "tag": tag,
        "declared": len(points),
        "seen": len(seen),
        "inside": sum(inside for _, _, inside in seen),
        "mean_distance": sum(distance for _, distance, _ in seen) / len(seen) if seen else None,
        "largest_distance": None if largest is None else largest[1],
        "largest_h": None if largest is None else largest[0],
        "committed_time": None,
        "reference": run.told.reference,
    }


def distance_of(point: Mapping[str, Any]) -> float:
    """Signed distance of a batch from the old mean at a point where it was seen, in old SD."""
    return float((point["value"] - point["expected"]) / point["sd"])


def is_inside(point: Mapping[str, Any]) -> bool:
    """Whether a batch was seen inside the 95 % prediction interval of the old batches there."""
    return point["reach"] is not None and abs(distance_of(point)) <= point["reach"]


def _row(found: Row) -> DepartureRow:
    declared, seen, inside = found["declared"], found["seen"], found["inside"]
    return DepartureRow(
        **found,
        coverage=seen / declared,
        share_inside=inside / seen if seen else None,
        interval=exact_interval(inside, seen) if seen else None,
        sentence=_tag_sentence(found),
    )


def _phase(name: str, tags: Sequence[DepartureRow]) -> PhaseDeparture:
    declared, seen = sum(row.declared for row in tags), sum(row.seen for row in tags)
    inside = sum(row.inside for row in tags)
    return PhaseDeparture(
        phase=name,
        declared=declared,
        seen=seen,
        inside=inside,
        coverage=seen / declared,
        share_inside=inside / seen if seen else None,
        sentence=_phase_sentence(name, tags, declared, seen, inside),
    )


def _phase_sentence(name: str, tags: Sequence[DepartureRow], declared: int, seen: int, inside: int) -> str:
    where = f"In {name}" if name else "Before the first phase"
    if not seen:
        return f"{where} none of {declared} matched points was seen: nothing can be said against the old process."
    distances = "; ".join(
        f"{row.tag} {_side(row.mean_distance)} on average, farthest {_side(row.largest_distance)} at hour "
        f"{row.largest_h:.1f}"
        for row in tags
        if row.mean_distance is not None and row.largest_distance is not None and row.largest_h is not None
    )
    return (
        f"{where} {seen} of {declared} matched points were seen; {inside} of them lie inside the 95 % prediction "
        f"interval of the old process. {distances}."
    )


def _tag_sentence(found: Row) -> str:
    where = f"In {found['phase']}" if found["phase"] else "Before the first phase"
    tag, declared, seen, inside = found["tag"], found["declared"], found["seen"], found["inside"]
    points = "matched point" if declared == 1 else "matched points"
    if not seen:
        return f"{where} {tag} was seen at none of {declared} {points}: nothing can be said against the old process."
    low, high = exact_interval(inside, seen)
    of_these = f"{inside} of these {seen} lie" if seen > 1 else "It lies" if inside else "It does not lie"
    return (
        f"{where} {tag} was seen at {seen} of {declared} {points}. {of_these} inside the 95 % prediction interval of "
        f"the old batches: {100 * inside / seen:.0f} %, exact 95 % interval {100 * low:.0f} to {100 * high:.0f} %. "
        f"{tag} lies {_side(found['mean_distance'])} on average, farthest "
        f"{_side(found['largest_distance'])} at hour {found['largest_h']:.1f}."
    )


def _side(distance: float | None) -> str:
    assert distance is not None
    return f"{abs(distance):.1f} old SD {'above' if distance >= 0 else 'below'} the old mean"
