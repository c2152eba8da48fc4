"""How an ended batch lay to the old process, in words that nobody can take for drift."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection
from pydantic import BaseModel

from api.database import models
from store.sql import queries

LABEL = "comparison with the old process; says nothing of drift"


class DepartureRow(BaseModel):
    """One tag in one phase. Distances are signed, in standard deviations of the old process."""

    run: int
    superseded: bool  # by a correction, which began another run
    phase: str
    tag: str
    declared: int
    seen: int
    inside: int
    mean_distance: float | None
    largest_distance: float | None
    largest_h: float | None
    committed_time: datetime
    reference: str | None


class PhaseDeparture(BaseModel):
    """One phase over all its tags, with its sentence."""

    phase: str
    declared: int
    seen: int
    inside: int
    coverage: float  # seen / declared
    share_inside: float | None  # of the seen; about 0.95 is expected where the batch is like the old ones
    sentence: str


class Departures(BaseModel):
    """The statement of the newest run that ended, by phase and tag; `superseded` is what earlier runs stated."""

    label: str
    run: int | None  # None: nothing is stated, the batch runs or has no old process to be compared with
    phases: list[PhaseDeparture]
    tags: list[DepartureRow]
    superseded: list[DepartureRow]


def read_departures(connection: Connection, batch_id: int) -> Departures:
    """What is stated of a batch."""
    found = models(connection, DepartureRow, queries("departure")["of_batch"], {"batch_id": batch_id})
    newest = [row for row in found if not row.superseded]
    names = dict.fromkeys(row.phase for row in newest)
    return Departures(
        label=LABEL,
        run=newest[0].run if newest else None,
        phases=[_phase(name, [row for row in newest if row.phase == name]) for name in names],
        tags=newest,
        superseded=[row for row in found if row.superseded],
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
        sentence=_sentence(name, tags, declared, seen, inside),
    )


def _sentence(name: str, tags: Sequence[DepartureRow], declared: int, seen: int, inside: int) -> str:
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


def _side(distance: float) -> str:
    return f"{abs(distance):.1f} old SD {'above' if distance >= 0 else 'below'} it"
