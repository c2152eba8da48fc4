"""Batches: the list and what is known of each."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from api.auth import SignedIn
from api.batch import BatchDetail, read_batch
from api.course import Course, read_course
from api.database import Reading, models, rows
from api.departure_points import DepartureDrawn, read_drawn
from api.departures import Departures, read_departures
from api.fields import (
    BIGGEST_ID,
    LONGEST_H,
    AscendingCursor,
    BatchName,
    Cursor,
    FromH,
    KnownAt,
    Limit,
    Names,
    OptionalName,
    RunNumber,
    StepS,
    TagName,
    split,
)
from api.flat import ROW_CAP
from api.overlay import Overlay, read_overlay
from api.paging import Page, page
from api.paper import PaperRecord, read_paper
from api.pseudonyms import shown_body, without
from api.results import Expected, Results, read_expected, read_results
from api.routes.alerts import AlertRow, read_batch_alerts
from api.series import (
    FAR_FUTURE,
    batch_row,
    batch_tags,
    read_series,
    read_series_as_known,
    windows_as_known,
)
from api.statement import Statement, read_statement
from store.model.batch import BatchStatus
from store.model.process import ProcessRole
from store.sql import queries

router = APIRouter(prefix="/batches", tags=["batches"])


class BatchRow(BaseModel):
    """One batch in a list."""

    batch_id: int
    batch: str
    product: str
    process: str
    role: ProcessRole
    status: BatchStatus
    end_reason: str | None
    unit: str | None
    started: datetime | None
    ended: datetime | None
    open_alerts: int
    alerts: int


@router.get("")
def list_batches(
    connection: Reading,
    actor: SignedIn,
    process: OptionalName = None,
    role: ProcessRole | None = None,
    status: BatchStatus | None = None,
    cursor: Cursor = BIGGEST_ID,
    limit: Limit = 100,
) -> Page[BatchRow]:
    """Batches of the old and the new process, newest first."""
    asked = {"below": cursor, "process": process, "role": role, "status": status, "limit": limit + 1}
    found = models(connection, BatchRow, queries("api_batches")["page"], asked)
    if "identity" not in actor.roles:
        ended = {batch.batch: batch for batch in found if batch.end_reason}
        for made in rows(connection, queries("api_pseudonyms")["of_batches"], {"batches": list(ended)}):
            ended[made["batch"]].end_reason = without(ended[made["batch"]].end_reason, made)
    return page(found, [batch.batch_id for batch in found], limit)


@router.get("/{batch}")
def one_batch(connection: Reading, actor: SignedIn, batch: BatchName) -> BatchDetail:
    """Where a batch stands. Pseudonyms are null unless the role `identity` is there."""
    return read_batch(connection, batch, identity="identity" in actor.roles)


class ReadingRow(BaseModel):
    """A reading, or the mean of a step with its extremes; a time is the beginning of its step."""

    time: datetime
    tag: str
    value: float
    minimum: float
    maximum: float
    corrected: int  # how many readings in it somebody corrected


class Readings(BaseModel):
    """Readings in order of time, the units of their tags, and whether the row limit cut something off."""

    batch: str
    units_of_measure: dict[str, str]
    truncated: bool
    readings: list[ReadingRow]


@router.get("/{batch}/readings", response_model=Readings)
def readings(
    connection: Reading,
    batch: BatchName,
    tags: Names = "",
    step_s: StepS = None,
    from_h: FromH = 0.0,
    to_h: Annotated[float, Query(ge=0, le=LONGEST_H, description="process hours to end before")] = LONGEST_H,
    as_known_at: KnownAt = None,
    *,
    original: Annotated[bool, Query(description="as they arrived, without corrections")] = False,
) -> Response:
    """Readings of a batch between two process hours, of all its tags unless some are named.

    As known at an instant the batch's intervals are those of then too, and hours count from its start as known then;
    such readings, and original ones, come each as it is unless a step is named.
    """
    made = batch_row(connection, batch)
    names = split(tags)
    if as_known_at is None and not original:
        found = batch_tags(connection, made["batch_id"], names or None)
    else:
        found = windows_as_known(connection, made["batch_id"], as_known_at or FAR_FUTURE, names)
    start = min((tag.started for tag in found), default=None) if as_known_at is not None else made["started"]
    series = []
    if start is not None:
        since, until = start + timedelta(hours=from_h), start + timedelta(hours=to_h)
        if as_known_at is None and not original:
            series = read_series(connection, found, since=since, until=until, step_s=step_s, limit=ROW_CAP + 1)
        else:
            series = read_series_as_known(
                connection,
                found,
                since=since,
                until=until,
                step_s=step_s or 0,
                limit=ROW_CAP + 1,
                known_at=as_known_at or FAR_FUTURE,
                original=original,
            )
    of = {tag.tag_id: tag.tag for tag in found}
    body = {
        "batch": batch,
        "units_of_measure": {tag.tag: tag.unit_of_measure for tag in found},
        "truncated": len(series) > ROW_CAP,
        "readings": [
            {
                "time": point["time"],
                "tag": of[point["tag_id"]],
                "value": point["value"],
                "minimum": point["minimum"],
                "maximum": point["maximum"],
                "corrected": point["corrected"],
            }
            for point in series[:ROW_CAP]
        ],
    }
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), media_type="application/json")


@router.get("/{batch}/course")
def course(connection: Reading, actor: SignedIn, batch: BatchName, run: RunNumber = None) -> Course:
    """How near each tag came to its limits, with alerts, phases and what was done to the batch, by process hours."""
    return read_course(connection, batch_row(connection, batch), identity="identity" in actor.roles, run=run)


@router.get("/{batch}/overlay")
def overlay(
    connection: Reading,
    batch: BatchName,
    tag: TagName,
    from_h: FromH = 0.0,
    step_s: StepS = None,
    run: RunNumber = None,
) -> Overlay:
    """One tag of a batch over the new reference and the old process's points: all that a chart needs."""
    return read_overlay(connection, batch, tag, from_h=from_h, step_s=step_s, run=run)


@router.get("/{batch}/completeness")
def completeness(connection: Reading, batch: BatchName) -> Statement:
    """What was owed, what came and how, what is missing and why: by tag and in total, and in words. It adds up."""
    return read_statement(connection, batch)


@router.get("/{batch}/departures")
def departures(connection: Reading, batch: BatchName, run: RunNumber = None) -> Departures:
    """How a batch lies to the old process, by phase and tag, at matched points; says nothing of drift."""
    return read_departures(connection, batch_row(connection, batch), run=run)


@router.get("/{batch}/departures/points")
def departure_points(connection: Reading, batch: BatchName, tag: TagName, run: RunNumber = None) -> DepartureDrawn:
    """One tag over the matched points of the old process: readings, points, what is not known, departure alerts."""
    return read_drawn(connection, batch_row(connection, batch), tag, run=run)


@router.get("/{batch}/paper")
def paper(connection: Reading, batch: BatchName) -> PaperRecord:
    """The record of a batch that people wrote down: how it was typed in and checked, and how often two disagreed."""
    return read_paper(connection, batch_row(connection, batch))


@router.get("/{batch}/results")
def results(connection: Reading, batch: BatchName, as_known_at: KnownAt = None) -> Results:
    """Every statement of every result, late and corrected ones visible, and what is expected or overdue."""
    return read_results(connection, batch_row(connection, batch), as_known_at=as_known_at)


@router.get("/{batch}/results/expected")
def expected(connection: Reading, batch: BatchName, as_known_at: KnownAt = None) -> Expected:
    """The sampling plan line by line: what came, what is due or overdue by the plant's clock, what came unexpected."""
    return read_expected(connection, batch_row(connection, batch), as_known_at=as_known_at)


@router.get("/{batch}/alerts")
def batch_alerts(connection: Reading, batch: BatchName) -> list[AlertRow]:
    """The newest 500 alerts of a batch, newest first, with what corrections did to them; `superseded` ones too."""
    batch_row(connection, batch)
    return read_batch_alerts(connection, batch)


class EventRow(BaseModel):
    """What happened to a batch; `body` as it was reported."""

    event: int
    kind: str
    source_time: datetime
    unit: str
    body: dict[str, Any]
    note: str | None


@router.get("/{batch}/events")
def events(
    connection: Reading, actor: SignedIn, batch: BatchName, cursor: AscendingCursor = 0, limit: Limit = 500
) -> Page[EventRow]:
    """What happened to a batch, in the order it was recorded. Pseudonyms are left out unless `identity` is there."""
    made = batch_row(connection, batch)
    asked = {"batch_id": made["batch_id"], "above": cursor, "limit": limit + 1}
    found = models(connection, EventRow, queries("api_batches")["events"], asked)
    if "identity" not in actor.roles:
        for event in found:
            event.body = shown_body(event.body, made)
            event.note = without(event.note, made)
    return page(found, [event.event for event in found], limit)
