"""The course of a batch on one axis of process hours: how near each tag came to its limits, alerts, and what was done.

The scores are those by which the monitor raised its alerts, cell by cell, of the run that stands unless another is
asked for; marks are what the record holds of interventions, materials, alarms of the plant, calibrations and times out
of service.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.database import Row, rows
from api.overlay import AlertHours, PhaseHours, hour_of, read_alert_hours, read_phases
from api.pseudonyms import without
from store.events import NOTED
from store.sql import queries


class Mark(BaseModel):
    """Something that was done or happened, on the axis of process hours."""

    hour: float
    kind: str
    unit: str
    tag: str | None
    said: str  # in words; "" where nothing was


class Course(BaseModel):
    """Scores over limits, a column a tag: `ratio[tag][hour]`, null where it was not judged; 1 and more is beyond."""

    batch: str
    started: datetime
    until_h: float | None
    hours: list[float]  # ends of the cells
    tags: list[str]
    ratio: list[list[float | None]]
    layer: list[list[str | None]]  # which gave the ratio
    phases: list[PhaseHours]
    alerts: list[AlertHours]
    marks: list[Mark]


def read_course(connection: Connection, made: Row, *, identity: bool, run: int | None = None) -> Course:
    """The course of the batch `made` by the run that stands or by another; pseudonyms only with `identity`."""
    start: datetime = made["started"]
    sql = queries("score")
    cells = rows(connection, sql["of_batch"], {"batch_id": made["batch_id"], "run": run})
    tags = sorted({tag for cell in cells for tag in cell["tags"]})
    judged = [dict(zip(cell["tags"], zip(cell["ratio"], cell["layer"], strict=True), strict=True)) for cell in cells]
    asked = {"batch_id": made["batch_id"], "tag": None, "latest": read_clock(connection).latest}
    until = max((row["newest"] for row in rows(connection, queries("api_batches")["newest"], asked)), default=None)
    marks = rows(connection, sql["marks"], {"batch_id": made["batch_id"], "kinds": list(NOTED)})
    return Course(
        batch=made["batch"],
        started=start,
        until_h=None if until is None else hour_of(until, start),
        hours=[hour_of(cell["ended_time"], start) for cell in cells],
        tags=tags,
        ratio=[[_part(cell, tag, 0) for cell in judged] for tag in tags],
        layer=[[_part(cell, tag, 1) for cell in judged] for tag in tags],
        phases=read_phases(connection, made),
        alerts=read_alert_hours(connection, made, run=run),
        marks=[
            Mark(
                hour=hour_of(mark["source_time"], start),
                kind=mark["kind"],
                unit=mark["unit"],
                tag=mark["tag"],
                said=_said(mark, made, identity=identity),
            )
            for mark in marks
        ],
    )


def _part(cell: Mapping[str, tuple[float, str]], tag: str, index: int) -> Any:
    return cell[tag][index] if tag in cell else None


def _said(mark: Row, made: Row, *, identity: bool) -> str:
    lot = None if mark["lot"] is None else f"lot {mark['lot']}"
    words = ", ".join(part for part in (mark["material"], lot, mark["reason"], mark["comment"]) if part)
    return words if identity else without(words, made) or ""
