"""One batch: where it stands, what it is compared with, and how complete its record is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row, row, rows
from api.overlay import PhaseHours, hour_of, read_phases
from api.pseudonyms import without
from api.series import FAR_FUTURE, BatchTag, Span, batch_row, batch_tags, resolution_for, span
from store.model.batch import BatchStatus
from store.model.process import ProcessRole
from store.model.reference import ReferenceRole, ReferenceState
from store.sql import queries

COARSEST_S = 3600


class TagRow(BaseModel):
    """A tag that speaks of the batch."""

    tag: str
    measurand: str
    unit_of_measure: str
    mapped: bool
    in_envelope: bool | None
    z: float | None
    worst_ratio: float | None
    silent: bool


class ReferenceRow(BaseModel):
    """A reference the batch is compared with."""

    role: ReferenceRole
    name: str
    digest: str
    software: str
    state: ReferenceState
    known_at: datetime
    batches: int
    learned_from_this: bool


class Completeness(BaseModel):
    """What is known about the record of a batch so far. Gaps and quarantine are counted while its readings arrived."""

    readings: int
    expected: int | None  # of the tags that report by an interval; null where none does
    received_share: float | None
    conflicts: int
    open_gaps: int
    messages_missing: int
    quarantined: int


class BatchDetail(BaseModel):
    """One batch."""

    batch: str
    product: str
    process: str
    role: ProcessRole
    status: BatchStatus
    end_reason: str | None
    required_by: datetime | None
    unit: str | None
    started: datetime | None
    ended: datetime | None
    donor: str | None
    chain_of_identity: str | None
    identity_hidden: bool
    phases: list[PhaseHours]
    phase: str | None
    process_hour: float | None
    data_until: datetime | None
    in_envelope: bool | None
    worst_ratio: float | None
    software: str | None
    references: list[ReferenceRow]
    tags: list[TagRow]
    completeness: Completeness


def read_batch(connection: Connection, batch: str, *, identity: bool) -> BatchDetail:
    """The batch of that name; pseudonyms only where `identity` allows them. Raises NotFound."""
    made = batch_row(connection, batch)
    sql = queries("api_batches")
    of_batch = {"batch_id": made["batch_id"], "process_version_id": made["process_version_id"]}
    tags = batch_tags(connection, made["batch_id"])
    phases = read_phases(connection, made)
    monitor = row(connection, sql["monitor"], of_batch) or {"snapshot": {}, "software": None}
    newest = row(connection, sql["data_until"], of_batch)
    until = None if newest is None else newest["data_until"]
    snapshot: Mapping[str, Any] = monitor["snapshot"]
    return BatchDetail(
        **{name: made[name] for name in ("batch", "product", "process", "role", "status")},
        end_reason=made["end_reason"] if identity else without(made["end_reason"], made),
        **{name: made[name] for name in ("required_by", "unit", "started", "ended")},
        donor=made["donor"] if identity else None,
        chain_of_identity=made["chain_of_identity"] if identity else None,
        identity_hidden=not identity and (made["donor"] is not None or made["chain_of_identity"] is not None),
        phases=phases,
        phase=phases[-1].phase if phases and phases[-1].to_h is None else None,
        process_hour=None if until is None else hour_of(until, made["started"]),
        data_until=until,
        in_envelope=snapshot.get("in_envelope"),
        worst_ratio=snapshot.get("worst_ratio"),
        software=monitor["software"],
        references=[ReferenceRow(**found) for found in rows(connection, sql["references"], of_batch)],
        tags=_tags(tags, snapshot),
        completeness=_completeness(connection, tags, until),
    )


def _tags(tags: Sequence[BatchTag], snapshot: Mapping[str, Any]) -> list[TagRow]:
    """Each name once, in the order the tags were registered in."""
    now = {judged["tag"]: judged for judged in snapshot.get("tags", ())}
    once = {tag.tag: tag for tag in tags}
    return [
        TagRow(
            tag=tag.tag,
            measurand=tag.measurand,
            unit_of_measure=tag.unit_of_measure,
            mapped=tag.mapped,
            in_envelope=now.get(tag.tag, {}).get("in_envelope"),
            z=now.get(tag.tag, {}).get("z"),
            worst_ratio=now.get(tag.tag, {}).get("worst_ratio"),
            silent=bool(now.get(tag.tag, {}).get("silent", False)),
        )
        for tag in once.values()
    ]


def _completeness(connection: Connection, tags: Sequence[BatchTag], until: datetime | None) -> Completeness:
    nothing = Completeness(
        readings=0,
        expected=None,
        received_share=None,
        conflicts=0,
        open_gaps=0,
        messages_missing=0,
        quarantined=0,
    )
    if not tags or until is None:
        return nothing
    counts = _counts(connection, tags)
    periodic = [tag for tag in tags if tag.reporting_mode == "periodic" and tag.interval_s]
    expected = sum(
        int((min(tag.ended or until, until) - tag.started).total_seconds() // (tag.interval_s or 1)) + 1
        for tag in periodic
        if tag.started <= until
    )
    received = sum(min(counts.get(tag.tag_id, 0), expected) for tag in periodic)
    return Completeness(
        readings=sum(counts.values()),
        expected=expected if periodic else None,
        received_share=min(1.0, received / expected) if periodic and expected else None,
        **_trouble(connection, tags),
    )


def _counts(connection: Connection, tags: Sequence[BatchTag]) -> dict[int, int]:
    """Usable readings by tag: whole hours from the overview, the ends of each interval counted."""
    counts: dict[int, int] = {}
    for (started, ended), members in groupby(tags, key=lambda tag: (tag.started, tag.ended or FAR_FUTURE)):
        ids = [tag.tag_id for tag in members]
        resolution_s = resolution_for(connection, ids[0], COARSEST_S)
        cut = span(started, ended, resolution_s or COARSEST_S)
        if resolution_s is None:  # no overview yet: all of it is counted
            cut = Span(started=started, ended=ended, whole_from=ended, whole_to=ended)
        asked = cut.parameters() | {"tag_ids": ids, "resolution_s": resolution_s}
        for found in rows(connection, queries("api_series")["counted"], asked):
            counts[found["tag_id"]] = counts.get(found["tag_id"], 0) + found["readings"]
    return counts


def _trouble(connection: Connection, tags: Sequence[BatchTag]) -> dict[str, int]:
    sql = queries("api_batches")
    asked: Row = {
        "tag_ids": [tag.tag_id for tag in tags],
        "units": sorted({tag.unit for tag in tags}),
        "started": min(tag.started for tag in tags),
        "ended": max(tag.ended or FAR_FUTURE for tag in tags),
    }
    received = row(connection, sql["received"], asked)
    assert received is not None
    found = row(connection, sql["trouble"], asked | received)
    assert found is not None
    return dict(found)
