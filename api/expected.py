"""What the sampling plan asks of batches, what answered it, and what is overdue by the plant's clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.database import Row, row, rows
from api.fields import to_ms
from store.model.result import Expectation
from store.sql import queries

OPEN = frozenset({Expectation.NOT_YET_DRAWN, Expectation.AWAITED, Expectation.OVERDUE})


class PlanRow(BaseModel):
    """A line of the sampling plan for a batch. `answers` are ids of valid results, preliminary ones among them."""

    batch: str
    unit: str | None
    attribute: str
    specimen: str
    before_release: bool
    at_h: float
    due_h: float
    sample_at: datetime
    due: datetime
    state: Expectation
    overdue: bool
    overdue_since: datetime | None
    answers: list[int]


def read_plan(
    connection: Connection,
    *,
    batches: Sequence[str] | None,
    now: datetime,
    as_known_at: datetime | None = None,
    open_only: bool = False,
    limit: int,
) -> list[PlanRow]:
    """The lines for some batches, or for all, by due time, judged at the plant's time `now`; at most `limit`.

    `open_only` leaves out what has been answered. A batch that was never started owes nothing.
    """
    asked = {
        "all_batches": batches is None,
        "batches": list(batches or ()),
        "as_known_at": as_known_at,
        "open_only": open_only,
        "limit": limit,
    }
    return [_line(found, now) for found in rows(connection, queries("api_results")["plan"], asked)]


def flat_lines(lines: Sequence[PlanRow], now: datetime) -> list[dict[str, str | int | float | bool | None]]:
    """Lines as flat rows, `time` being when the result is due."""
    return [
        {
            "time": to_ms(line.due),
            "batch": line.batch,
            "unit": line.unit,
            "attribute": line.attribute,
            "specimen": line.specimen,
            "state": line.state,
            "before_release": line.before_release,
            "sample_at": to_ms(line.sample_at),
            "overdue_h": round((now - line.due).total_seconds() / 3600, 3) if line.overdue else None,
        }
        for line in lines
    ]


def plant_now(connection: Connection, as_known_at: datetime | None) -> datetime:
    """The plant's time now, or at an instant of the host's clock; that instant itself where nothing had ticked."""
    if as_known_at is None:
        return read_clock(connection).now
    found = row(connection, queries("api_results")["plant_time"], {"instant": as_known_at})
    told: datetime = as_known_at if found is None else found["plant_time"]
    return told


def _line(found: Row, now: datetime) -> PlanRow:
    started: datetime = found["started"]
    sample_at, due = (started + timedelta(hours=found[field]) for field in ("at_h", "due_h"))
    state = _state(found, sample_at=sample_at, due=due, now=now)
    overdue = state is Expectation.OVERDUE
    return PlanRow(
        batch=found["batch"],
        unit=found["unit"],
        attribute=found["attribute"],
        specimen=found["specimen"],
        before_release=found["before_release"],
        at_h=found["at_h"],
        due_h=found["due_h"],
        sample_at=sample_at,
        due=due,
        state=state,
        overdue=overdue,
        overdue_since=due if overdue else None,
        answers=found["answers"],
    )


def _state(found: Row, *, sample_at: datetime, due: datetime, now: datetime) -> Expectation:
    """The end of a batch silences nothing that is still due; only a terminated one is not drawn from any more."""
    if found["answered"]:
        return Expectation.RECEIVED
    if found["batch_status"] == "terminated" and found["ended"] is not None and sample_at > found["ended"]:
        return Expectation.NOT_DRAWN
    if due < now:
        return Expectation.OVERDUE
    return Expectation.NOT_YET_DRAWN if now < sample_at else Expectation.AWAITED
