"""What people put right in a batch: the acts, what held before, and what can be put right."""

from datetime import datetime
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row, models, rows
from api.series import FAR_FUTURE, batch_row, batch_tags
from records.corrections_readings import see_selection
from store.errors import InputInvalid, NotFound
from store.model.correction import CorrectionKind, RevisionKind
from store.model.ids import TagId
from store.model.reading import Quality
from store.sql import queries

SHOWN_READINGS = 500  # of a selection; all of it is corrected


class CorrectionRow(BaseModel):
    """One act."""

    correction: int
    kind: CorrectionKind
    sentence: str
    actor: str
    printed_name: str | None
    reason: str
    known_at: datetime
    readings: int


class SelectedReading(BaseModel):
    """A reading as it holds and as it arrived."""

    time: datetime
    value: float
    quality: str
    original_value: float
    original_quality: str
    revised: RevisionKind | None
    version: int


class SelectionRow(BaseModel):
    """What a correction would be about; send `readings` and `version` back with it."""

    tag: str
    unit_of_measure: str
    since: datetime
    until: datetime
    readings: int
    version: int
    rows: list[SelectedReading]  # the first of them


class RevisionRow(BaseModel):
    """A value an interval had, from `known_at` on."""

    started: datetime
    ended: datetime | None
    batch: str | None
    actor: str
    reason: str
    known_at: datetime
    correction: int | None


class PhaseRow(BaseModel):
    """A phase of a unit procedure."""

    phase_id: int
    phase: str
    started: datetime
    ended: datetime | None
    version: int
    revisions: list[RevisionRow]


class IntervalRow(BaseModel):
    """A unit procedure; send `version` back with a correction of it."""

    unit_procedure: int
    unit: str
    position: str
    batch: str  # another one where it was moved away from the batch that was asked for
    started: datetime
    ended: datetime | None
    end_inferred: bool
    version: int
    revisions: list[RevisionRow]
    phases: list[PhaseRow]


class ConflictRow(BaseModel):
    """Two values of one tag and instant; send `version` back with what settles it."""

    conflict: int
    tag: str
    unit: str
    time: datetime
    stored_value: float
    stored_quality: str
    other_value: float
    other_quality: str
    received_time: datetime
    settled: bool
    value_now: float
    version: int


def read_corrections(connection: Connection, batch_id: int, *, below: int, limit: int) -> list[CorrectionRow]:
    """The acts that touched a batch, newest first."""
    asked = {"batch_id": batch_id, "below": below, "limit": limit}
    return models(connection, CorrectionRow, queries("api_corrections")["of_batch"], asked)


def tag_of_batch(connection: Connection, batch: str, tag: str, since: datetime, until: datetime) -> TagId:
    """The tag that speaks of a batch under a name from `since` to `until`. Raises NotFound and InputInvalid."""
    made = batch_row(connection, batch)
    named = batch_tags(connection, made["batch_id"], [tag])
    if not named:
        raise NotFound(f"batch {batch!r} has no tag named {tag!r}")
    spoken = {
        found.tag_id: found
        for found in named
        if found.started <= since and (found.ended is None or until <= found.ended)
    }
    if len(spoken) != 1:
        windows = "; ".join(
            f"{found.unit} from {found.started.isoformat()} to "
            f"{'now' if found.ended is None else found.ended.isoformat()}"
            for found in named
        )
        raise InputInvalid(
            f"since {since.isoformat()}, until {until.isoformat()}: select inside one interval; {tag} spoke of {batch} "
            f"in {windows}"
        )
    return TagId(next(iter(spoken)))


def read_selection(connection: Connection, batch: str, tag: str, since: datetime, until: datetime) -> SelectionRow:
    """The readings that a correction of this tag and time would be about."""
    tag_id = tag_of_batch(connection, batch, tag, since, until)
    selection = see_selection(connection, tag_id, since, until)
    asked = {"tag_id": tag_id, "since": since, "until": until, "limit": SHOWN_READINGS}
    unit = next(
        found.unit_of_measure for found in batch_tags(connection, batch_row(connection, batch)["batch_id"], [tag])
    )
    return SelectionRow(
        tag=tag,
        unit_of_measure=unit,
        since=since,
        until=until,
        readings=selection.readings,
        version=selection.version,
        rows=[
            SelectedReading(**_qualities(row, "quality", "original_quality"))
            for row in rows(connection, queries("api_corrections")["selected"], asked)
        ],
    )


def read_intervals(connection: Connection, batch_id: int, known_at: datetime | None) -> list[IntervalRow]:
    """The unit procedures and phases of a batch as known at an instant, with every value they had by then."""
    sql = queries("api_corrections")
    asked: Row = {"batch_id": batch_id, "known_at": known_at or FAR_FUTURE}
    found = rows(connection, sql["intervals"], asked)
    asked["unit_procedures"] = [interval["unit_procedure"] for interval in found]
    revisions = rows(connection, sql["interval_revisions"], asked)
    phases = rows(connection, sql["interval_phases"], asked)

    def revised(unit_procedure: int, phase_id: int | None) -> list[RevisionRow]:
        return [
            RevisionRow(**{name: revision[name] for name in RevisionRow.model_fields})
            for revision in revisions
            if (revision["unit_procedure"], revision["phase_id"]) == (unit_procedure, phase_id)
        ]

    return [
        IntervalRow(
            **interval,
            revisions=revised(interval["unit_procedure"], None),
            phases=[
                PhaseRow(
                    **{name: phase[name] for name in ("phase_id", "phase", "started", "ended", "version")},
                    revisions=revised(interval["unit_procedure"], phase["phase_id"]),
                )
                for phase in phases
                if phase["unit_procedure"] == interval["unit_procedure"]
            ],
        )
        for interval in found
    ]


def read_conflicts(connection: Connection, batch_id: int, *, limit: int) -> list[ConflictRow]:
    """Values that contradict readings of a batch, the open ones first."""
    asked = {"batch_id": batch_id, "limit": limit}
    found = rows(connection, queries("api_corrections")["conflicts"], asked)
    return [ConflictRow(**_qualities(row, "stored_quality", "other_quality")) for row in found]


def _qualities(row: Row, *fields: str) -> dict[str, Any]:
    return row | {field: Quality(row[field]).name.lower() for field in fields}
