"""One batch: where it stands, what it is compared with, and how complete its record is."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.completeness import Completeness, read_completeness
from api.database import row, rows
from api.freshness import judge, read_spoken
from api.late import LateReadings, read_late
from api.material import unlike_reference
from api.overlay import PhaseHours, hour_of, read_phases
from api.placed import course_notes
from api.pseudonyms import without
from api.series import BatchTag, batch_row, batch_tags
from api.verdict import Verdict, read_monitors, verdict
from store.model.batch import BatchStatus, StartingMaterial
from store.model.process import ProcessRole
from store.model.reference import ReferenceRole, ReferenceState
from store.sql import queries


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
    materials: dict[str, int]  # batches it was learned from by kind of starting material
    changed_inputs: list[str]  # batches it learned from whose readings or intervals were corrected since


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
    starting_material: StartingMaterial | None
    unlike_reference: str | None  # what its starting material means for the verdict of its reference
    donor: str | None
    chain_of_identity: str | None
    identity_hidden: bool
    phases: list[PhaseHours]
    phase: str | None
    process_hour: float | None
    data_until: datetime | None  # while it runs: of the oldest tag that owes readings
    newest_reading: datetime | None
    no_data: bool  # it runs, and not one tag that owes readings is current
    silent_tags: list[str]
    clock_ahead: list[str]  # tags with readings from a clock that is ahead of the plant's
    analysed_until: datetime | None
    analysis_stands_still: bool
    in_envelope: bool | None
    worst_ratio: float | None
    software: str | None
    course_notes: list[str]  # what has to be said of where on the course of its reference it is held to be
    run: int | None  # of its monitor
    run_cause: str | None  # why one after the first began: correction, upgrade, late_readings
    late: LateReadings | None  # null: nobody watches it
    references: list[ReferenceRow]
    tags: list[TagRow]
    completeness: Completeness


def read_batch(connection: Connection, batch: str, *, identity: bool) -> BatchDetail:
    """The batch of that name; pseudonyms only where `identity` allows them. Raises NotFound."""
    made = batch_row(connection, batch)
    sql = queries("api_batches")
    of_batch = {"batch_id": made["batch_id"], "process_version_id": made["process_version_id"]}
    clock = read_clock(connection)
    tags = batch_tags(connection, made["batch_id"])
    phases = read_phases(connection, made)
    found = row(connection, sql["newest"], of_batch | {"tag": None, "latest": clock.latest})
    newest = None if found is None else found["newest"]
    spoken = read_spoken(connection, clock, made["batch_id"])
    fresh = judge(spoken, clock, running=bool(spoken))
    monitors = read_monitors(connection, made["batch_id"])
    monitor = monitors[-1] if monitors else None
    told = verdict(monitor, clock, silent=fresh.silent)
    references = [ReferenceRow(**found) for found in rows(connection, sql["references"], of_batch)]
    held = next((one.materials for one in references if one.role is ReferenceRole.NEW), None)
    return BatchDetail(
        **{name: made[name] for name in ("batch", "product", "process", "role", "status")},
        end_reason=made["end_reason"] if identity else without(made["end_reason"], made),
        **{name: made[name] for name in ("required_by", "unit", "started", "ended")},
        starting_material=made["starting_material"],
        unlike_reference=unlike_reference(made["starting_material"], held),
        donor=made["donor"] if identity else None,
        chain_of_identity=made["chain_of_identity"] if identity else None,
        identity_hidden=not identity and (made["donor"] is not None or made["chain_of_identity"] is not None),
        phases=phases,
        phase=phases[-1].phase if phases and phases[-1].to_h is None else None,
        process_hour=None if newest is None else hour_of(newest, made["started"]),
        data_until=fresh.data_until if spoken else newest,
        newest_reading=newest,
        no_data=fresh.no_data,
        silent_tags=list(fresh.silent),
        clock_ahead=list(fresh.ahead),
        analysed_until=told.analysed_until,
        analysis_stands_still=told.stands_still,
        in_envelope=None if fresh.no_data else told.in_envelope,
        worst_ratio=None if fresh.no_data else told.worst_ratio,
        software=None if monitor is None else monitor["software"],
        course_notes=[] if monitor is None else course_notes(monitor["snapshot"]),
        run=None if monitor is None else monitor["run"],
        run_cause=None if monitor is None else monitor["cause"],
        late=read_late(connection, made["batch_id"]),
        references=references,
        tags=_tags(tags, told, fresh.silent),
        completeness=read_completeness(connection, made),
    )


def _tags(tags: Sequence[BatchTag], told: Verdict, silent: Sequence[str]) -> list[TagRow]:
    """Each name once, in the order the tags were registered in."""
    once = {tag.tag: tag for tag in tags}
    found = []
    for tag in once.values():
        judged = told.tags.get(tag.tag, {})
        found.append(
            TagRow(
                tag=tag.tag,
                measurand=tag.measurand,
                unit_of_measure=tag.unit_of_measure,
                mapped=tag.mapped,
                in_envelope=judged.get("in_envelope"),
                z=judged.get("z"),
                worst_ratio=judged.get("worst_ratio"),
                silent=tag.tag in silent or bool(judged.get("silent", False)),
            )
        )
    return found
