"""Corrections by people: what was put right in a batch, and putting right. No token does it, only msat and qa."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from api.auth import CORRECT
from api.corrections import (
    ConflictRow,
    CorrectionRow,
    IntervalRow,
    SelectionRow,
    read_conflicts,
    read_corrections,
    read_intervals,
    read_selection,
    tag_of_batch,
)
from api.database import Reading, Writing
from api.fields import (
    BIGGEST_ID,
    LONGEST_NAME,
    NAME,
    BatchName,
    Count,
    Cursor,
    Instant,
    KnownAt,
    Limit,
    Number,
    Reason,
    TagName,
)
from api.paging import Page, page
from api.series import batch_row
from records.actors import Actor
from records.corrections import Correction
from records.corrections_intervals import MOST_CHANGES, IntervalChange, correct_intervals
from records.corrections_readings import ReadingChange, Selection, correct_readings, settle_conflict
from records.starting_material import correct_starting_material
from store.model.batch import StartingMaterial
from store.model.correction import RevisionKind
from store.model.reading import Quality

MOST_ROWS_ID = 2**31 - 1

router = APIRouter(tags=["corrections"])
Corrector = Annotated[Actor, Depends(CORRECT)]
IntervalNumber = Annotated[int | None, Field(ge=1, le=MOST_ROWS_ID)]


class Made(BaseModel):
    """A correction that was made; what depends on it is recomputed from here on."""

    correction: int
    known_at: Instant


class ReadingsChange(BaseModel):
    """What holds of the selected readings instead, and what of them was seen."""

    tag: str = Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME)
    since: Instant
    until: Instant
    readings: Count
    version: Count
    kind: Literal["corrected", "invalidated", "reinstated"]
    value: Number | None = None  # of one reading
    multiply: Number = 1.0
    add: Number = 0.0
    quality: Literal["good", "uncertain"] = "good"
    reason: Reason


class OneInterval(BaseModel):
    """How a unit procedure or a phase was in truth."""

    unit_procedure: IntervalNumber = None
    phase_id: IntervalNumber = None
    started: Instant
    ended: Instant | None
    batch: str | None = Field(default=None, min_length=1, max_length=LONGEST_NAME, pattern=NAME)
    version: Count


class IntervalsChange(BaseModel):
    """All of it, or nothing."""

    changes: list[OneInterval] = Field(min_length=1, max_length=MOST_CHANGES)
    reason: Reason


class MaterialChange(BaseModel):
    """What a batch started from, and what was seen stated before; null: nobody had."""

    starting_material: StartingMaterial
    seen: StartingMaterial | None
    reason: Reason


class Settlement(BaseModel):
    """Which of two values holds."""

    keep: Literal["stored", "other"]
    version: Count
    reason: Reason


@router.get("/batches/{batch}/corrections")
def corrections(
    connection: Reading, batch: BatchName, cursor: Cursor = BIGGEST_ID, limit: Limit = 100
) -> Page[CorrectionRow]:
    """What people put right in a batch, newest first."""
    made = batch_row(connection, batch)
    found = read_corrections(connection, made["batch_id"], below=cursor, limit=limit + 1)
    return page(found, [correction.correction for correction in found], limit)


@router.get("/batches/{batch}/selection")
def selection(
    connection: Reading,
    batch: BatchName,
    tag: TagName,
    since: Annotated[Instant, Query()],
    until: Annotated[Instant, Query()],
) -> SelectionRow:
    """The readings of a tag with since ≤ time < until, as they hold and as they arrived."""
    return read_selection(connection, batch, tag, since, until)


@router.post("/batches/{batch}/corrections/readings")
def correct_readings_of_batch(connection: Writing, actor: Corrector, batch: BatchName, change: ReadingsChange) -> Made:
    """Correct, invalidate or reinstate readings. 409 when what is selected is not what was seen."""
    selected = Selection(
        tag_id=tag_of_batch(connection, batch, change.tag, change.since, change.until),
        since=change.since,
        until=change.until,
        readings=change.readings,
        version=change.version,
    )
    stated = ReadingChange(
        kind=RevisionKind(change.kind),
        value=change.value,
        multiply=change.multiply,
        add=change.add,
        quality=Quality[change.quality.upper()],
    )
    return _made(correct_readings(connection, selected, stated, actor=actor, reason=change.reason))


@router.get("/batches/{batch}/intervals")
def intervals(connection: Reading, batch: BatchName, as_known_at: KnownAt = None) -> list[IntervalRow]:
    """The unit procedures and phases of a batch as known at an instant, with every value they had by then."""
    return read_intervals(connection, batch_row(connection, batch)["batch_id"], as_known_at)


@router.post("/corrections/intervals")
def correct_some_intervals(connection: Writing, actor: Corrector, change: IntervalsChange) -> Made:
    """Correct unit procedures and phases, and whose they are. 409 when one was changed since it was seen."""
    changes = [
        IntervalChange(
            unit_procedure_id=one.unit_procedure,
            phase_id=one.phase_id,
            started=one.started,
            ended=one.ended,
            batch=one.batch,
            version=one.version,
        )
        for one in change.changes
    ]
    return _made(correct_intervals(connection, changes, actor=actor, reason=change.reason))


@router.post("/batches/{batch}/corrections/starting-material")
def correct_material(connection: Writing, actor: Corrector, batch: BatchName, change: MaterialChange) -> Made:
    """State what a batch started from, or correct it. 409 when somebody said otherwise since."""
    return _made(
        correct_starting_material(
            connection, batch, change.starting_material, seen=change.seen, actor=actor, reason=change.reason
        )
    )


@router.get("/batches/{batch}/conflicts")
def conflicts(connection: Reading, batch: BatchName, limit: Limit = 500) -> list[ConflictRow]:
    """Values that contradict readings of a batch, those nobody has settled first."""
    return read_conflicts(connection, batch_row(connection, batch)["batch_id"], limit=limit)


@router.post("/conflicts/{conflict}/settle")
def settle(
    connection: Writing,
    actor: Corrector,
    conflict: Annotated[int, Path(ge=1, le=BIGGEST_ID, description="number of a conflict")],
    settlement: Settlement,
) -> Made:
    """Say which of two values holds. 409 when somebody was faster."""
    return _made(
        settle_conflict(
            connection,
            conflict_id=conflict,
            keep_stored=settlement.keep == "stored",
            version=settlement.version,
            actor=actor,
            reason=settlement.reason,
        )
    )


def _made(correction: Correction) -> Made:
    return Made(correction=correction.correction_id, known_at=correction.known_at)
