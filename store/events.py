"""Validate batch and equipment events and apply them to batches, unit procedures and phases.

Whatever cannot be applied is quarantined with its reason; an event that was applied before changes nothing.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from store.directory import KnownUnit
from store.draft import Draft, DraftEvent
from store.errors import PayloadRejected
from store.fields import batch_name, choice, optional_text, shown, text, time_us, within_window
from store.model.batch import StartingMaterial
from store.model.journal import Entry
from store.model.times import from_us
from store.payload import dump
from store.sql import queries

NOTED = ("material_used", "intervention", "plant_alarm", "calibration", "out_of_service", "in_service")
TEXTS = ("phase", "reason", "tag", "material", "lot", "comment", "position", "product", "process", "donor",
         "chain_of_identity", "outcome")  # fmt: skip
OUTCOMES = {"completed": "completed", "terminated": "terminated", "continues": "running"}  # to the batch's status


def draft_event(draft: Draft, entry: int, object_: Mapping[str, object], *, item: str, unit: KnownUnit) -> None:
    """Take one event object into the draft. Raises PayloadRejected naming the field and the value."""
    kind = text(object_, "event")
    if kind not in APPLY:
        raise PayloadRejected("unknown_event", f"event {shown(kind)} is none of {', '.join(APPLY)}")
    received_us = draft.entries[entry].received_us
    us = within_window(
        time_us(object_.get("time"), "time"), "time", earliest_us=unit.commissioned_us, received_us=received_us
    )
    if kind not in NOTED or object_.get("batch") is not None:
        batch_name(object_, "batch")
    if kind.startswith("phase_"):
        text(object_, "phase")
    for field in TEXTS:
        optional_text(object_, field)
    if object_.get("required_by") is not None:
        time_us(object_["required_by"], "required_by")
    if object_.get("starting_material") is not None:
        choice(object_, "starting_material", StartingMaterial)
    if kind.endswith("_recorded"):
        ended_us = within_window(
            time_us(object_.get("ended"), "ended"), "ended", earliest_us=unit.commissioned_us, received_us=received_us
        )
        if ended_us <= us:
            raise PayloadRejected("end_before_start", f"ended {shown(object_['ended'])} does not lie after its time")
    draft.events.append(
        DraftEvent(
            entry=entry,
            item=item,
            unit_id=unit.unit_id,
            positions=dict(unit.positions),
            kind=kind,
            time=from_us(us),
            body=dict(object_),
        )
    )


def write_event(cursor: psycopg.Cursor, event: DraftEvent, entries: list[Entry], *, chain_id: int, seq: int) -> bool:
    """Apply one event in the caller's transaction; False when it is known already.

    Raises PayloadRejected when it cannot be applied; then nothing of it has been written.
    """
    sql = queries("event")
    digest = hashlib.sha256(b"event\x00%d\x00" % event.unit_id + dump(event.body)).digest()
    if cursor.execute(sql["known"], {"digest": digest}).fetchone():
        return False
    try:
        with cursor.connection.transaction():
            applied = APPLY[event.kind](cursor, event)
            cursor.execute(
                sql["insert"],
                {
                    "chain_id": chain_id,
                    "block_seq": seq,
                    "entry": event.entry,
                    "unit_id": event.unit_id,
                    "batch_id": applied.batch_id,
                    "unit_procedure_id": applied.unit_procedure_id,
                    "ended_unit_procedure_id": applied.ended_unit_procedure_id,
                    "kind": event.kind,
                    "source_time": event.time,
                    "received_time": from_us(entries[event.entry].received_us),
                    "body": Jsonb(event.body),
                    "note": applied.note,
                    "digest": digest,
                },
            )
    except psycopg.errors.ExclusionViolation as error:
        raise PayloadRejected(
            "interval_overlaps",
            f"{event.kind} of {event.body.get('batch')} at {event.time.isoformat()} overlaps an interval that is "
            "already recorded there",
        ) from error
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an event was about and did."""

    batch_id: int | None
    unit_procedure_id: int | None = None  # the one it began, ended or had a phase in
    ended_unit_procedure_id: int | None = None  # the one it ended besides, as inferred
    note: str | None = None


def _start(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    sql = queries("event")
    position_id = _position(event)
    process_id = _process(cursor, event)
    batch_id = _started_before(cursor, event, process_id)
    if batch_id is not None and cursor.execute(sql["open_of_batch"], {"batch_id": batch_id}).fetchone():
        name = event.body["batch"]
        raise PayloadRejected("batch_started_twice", f"batch {name} is already running and was started again")
    vacated = _vacate(cursor, position_id, event.time)
    applied = _occupy(cursor, event, batch_id, process_id, position_id, ended=None)
    if vacated is None:
        return applied
    return replace(applied, ended_unit_procedure_id=vacated[0], note=f"ended {vacated[1]} as inferred")


def _record_unit_procedure(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    """A unit procedure that is over and told as a whole: whatever runs at the position now goes on."""
    sql = queries("event")
    outcome = optional_text(event.body, "outcome") or "completed"
    if outcome not in OUTCOMES:
        raise PayloadRejected("unknown_choice", f"outcome must be one of {', '.join(OUTCOMES)}, not {shown(outcome)}")
    process_id = _process(cursor, event)
    batch_id = _started_before(cursor, event, process_id)
    runs = batch_id is not None and cursor.execute(sql["open_of_batch"], {"batch_id": batch_id}).fetchone()
    if runs and outcome != "continues":
        raise PayloadRejected("batch_started_twice", f"batch {event.body['batch']} is running, so it is not {outcome}")
    applied = _occupy(cursor, event, batch_id, process_id, _position(event), ended=_ended(event))
    if outcome != "continues":
        reason = optional_text(event.body, "reason")
        cursor.execute(sql["end_batch"], {"batch_id": applied.batch_id, "status": OUTCOMES[outcome], "reason": reason})
    return applied


def _record_phase(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    """A phase that is over and told as a whole."""
    sql = queries("event")
    batch_id = _batch(cursor, event)
    during = Range(event.time, _ended(event))
    asked = {"batch_id": batch_id, "unit_id": event.unit_id, "during": during}
    row = cursor.execute(sql["procedure_around"], asked).fetchone()
    if row is None:
        raise PayloadRejected(
            "outside_unit_procedure", f"batch {event.body['batch']} has no unit procedure here that the phase lies in"
        )
    name = event.body["phase"]
    cursor.execute(sql["insert_phase"], {"unit_procedure_id": row[0], "name": name, "during": during})
    return Applied(batch_id=batch_id, unit_procedure_id=row[0])


def _started_before(cursor: psycopg.Cursor, event: DraftEvent, process_id: int) -> int | None:
    """The batch, which may not be over nor of another process; None when it is new."""
    name = text(event.body, "batch")
    batch = cursor.execute(queries("event")["batch"], {"name": name}).fetchone()
    if batch is None:
        return None
    batch_id, batch_process_id, status, material = batch
    if status != "running":
        raise PayloadRejected("batch_over", f"batch {name} is {status} and cannot start again")
    if batch_process_id != process_id:
        raise PayloadRejected(
            "batch_process_differs",
            f"batch {name} was started as another process than {event.body.get('process')}",
        )
    stated = optional_text(event.body, "starting_material")
    if stated is not None and material not in {None, stated}:
        raise PayloadRejected("batch_material_differs", f"batch {name} started from {material}, not from {stated}")
    known: int = batch_id
    return known


def _occupy(
    cursor: psycopg.Cursor,
    event: DraftEvent,
    batch_id: int | None,
    process_id: int,
    position_id: int,
    *,
    ended: datetime | None,
) -> Applied:
    """Write the unit procedure, and the batch where it is new."""
    sql = queries("event")
    if batch_id is None:
        name = event.body["batch"]
        row = cursor.execute(
            sql["insert_batch"],
            {
                "name": name,
                "process_version_id": process_id,
                "donor": optional_text(event.body, "donor"),
                "starting_material": optional_text(event.body, "starting_material"),
                "chain_of_identity": optional_text(event.body, "chain_of_identity"),
                "required_by": _required_by(event),
            },
        ).fetchone()
        assert row is not None
        batch_id = row[0]
        # A result that another chain states right now sees this batch, or is seen here.
        cursor.execute(queries("result")["alone"])
        cursor.execute(sql["assign_results"], {"batch_id": batch_id, "name": name})
    elif event.body.get("starting_material") is not None:
        stated = {"batch_id": batch_id, "starting_material": event.body["starting_material"]}
        cursor.execute(sql["state_material"], stated)
    started = cursor.execute(
        sql["insert_unit_procedure"],
        {
            "batch_id": batch_id,
            "unit_id": event.unit_id,
            "position_id": position_id,
            "during": Range(event.time, ended),
        },
    ).fetchone()
    assert started is not None
    return Applied(batch_id=batch_id, unit_procedure_id=started[0])


def _vacate(cursor: psycopg.Cursor, position_id: int, time: datetime) -> tuple[int, str] | None:
    """End whatever still occupies the position, as inferred; which unit procedure of which batch it was."""
    sql = queries("event")
    occupied = cursor.execute(sql["open_at_position"], {"position_id": position_id}).fetchone()
    if occupied is None:
        return None
    unit_procedure_id, started, other = occupied
    if started >= time:
        raise PayloadRejected(
            "position_occupied",
            f"the position has been occupied by {other} since {started.isoformat()}, after this start at "
            f"{time.isoformat()}",
        )
    cursor.execute(sql["end_unit_procedure"], {"unit_procedure_id": unit_procedure_id, "ended": time, "inferred": True})
    cursor.execute(sql["end_phases"], {"unit_procedure_id": unit_procedure_id, "ended": time})
    return unit_procedure_id, other


def _end(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    batch_id = _batch(cursor, event)
    return Applied(batch_id=batch_id, unit_procedure_id=_end_open(cursor, event, batch_id, required=True))


def _end_batch(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    sql = queries("event")
    batch_id, status = _known_batch(cursor, event)
    if status != "running":
        raise PayloadRejected("batch_over", f"batch {event.body['batch']} is {status} already")
    if not cursor.execute(sql["was_here"], {"batch_id": batch_id, "unit_id": event.unit_id}).fetchone():
        raise PayloadRejected("other_unit", f"batch {event.body['batch']} was never in this unit")
    unit_procedure_id = _end_open(cursor, event, batch_id, required=False)
    status = "completed" if event.kind == "batch_ended" else "terminated"
    cursor.execute(
        sql["end_batch"],
        {"batch_id": batch_id, "status": status, "reason": optional_text(event.body, "reason")},
    )
    return Applied(batch_id=batch_id, unit_procedure_id=unit_procedure_id)


def _end_open(cursor: psycopg.Cursor, event: DraftEvent, batch_id: int, *, required: bool) -> int | None:
    sql = queries("event")
    row = cursor.execute(sql["open_of_batch"], {"batch_id": batch_id}).fetchone()
    if row is None:
        if required:
            raise PayloadRejected("not_running", f"batch {event.body['batch']} has no running unit procedure to end")
        return None
    unit_procedure_id: int
    unit_procedure_id, started, unit_id = row
    if unit_id != event.unit_id:
        raise PayloadRejected("other_unit", f"batch {event.body['batch']} is running in another unit")
    _after(started, event, "its start")
    cursor.execute(
        sql["end_unit_procedure"], {"unit_procedure_id": unit_procedure_id, "ended": event.time, "inferred": False}
    )
    cursor.execute(sql["end_phases"], {"unit_procedure_id": unit_procedure_id, "ended": event.time})
    return unit_procedure_id


def _start_phase(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    sql = queries("event")
    batch_id = _batch(cursor, event)
    unit_procedure_id, started = _running(cursor, event, batch_id)
    if event.time < started:
        raise PayloadRejected("before_start", f"phase {event.body['phase']} starts before its unit procedure")
    row = cursor.execute(sql["open_phase"], {"unit_procedure_id": unit_procedure_id}).fetchone()
    note = None
    if row is not None:
        phase_id, name, phase_started = row
        _after(phase_started, event, f"the start of phase {name}, which is still running")
        cursor.execute(sql["end_phase"], {"phase_id": phase_id, "ended": event.time})
        note = f"ended phase {name}"
    cursor.execute(
        sql["insert_phase"],
        {"unit_procedure_id": unit_procedure_id, "name": event.body["phase"], "during": Range(event.time, None)},
    )
    return Applied(batch_id=batch_id, unit_procedure_id=unit_procedure_id, note=note)


def _end_phase(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    sql = queries("event")
    batch_id = _batch(cursor, event)
    unit_procedure_id, _ = _running(cursor, event, batch_id)
    row = cursor.execute(sql["open_phase"], {"unit_procedure_id": unit_procedure_id}).fetchone()
    if row is None or row[1] != event.body["phase"]:
        raise PayloadRejected("not_running", f"phase {shown(event.body['phase'])} is not running")
    _after(row[2], event, "its start")
    cursor.execute(sql["end_phase"], {"phase_id": row[0], "ended": event.time})
    return Applied(batch_id=batch_id, unit_procedure_id=unit_procedure_id)


def _note(cursor: psycopg.Cursor, event: DraftEvent) -> Applied:
    name = optional_text(event.body, "batch")
    if name is None:
        return Applied(batch_id=None)
    row = cursor.execute(queries("event")["batch"], {"name": name}).fetchone()
    return Applied(batch_id=None, note=f"no batch {name} is known") if row is None else Applied(batch_id=row[0])


APPLY: dict[str, Callable[[psycopg.Cursor, DraftEvent], Applied]] = {
    "unit_procedure_started": _start,
    "unit_procedure_ended": _end,
    "phase_started": _start_phase,
    "phase_ended": _end_phase,
    "batch_ended": _end_batch,
    "unit_procedure_recorded": _record_unit_procedure,
    "phase_recorded": _record_phase,
    "batch_terminated": _end_batch,
    **dict.fromkeys(NOTED, _note),
}


def _position(event: DraftEvent) -> int:
    name = optional_text(event.body, "position")
    if name is None:
        if len(event.positions) == 1:
            return next(iter(event.positions.values()))
        raise PayloadRejected("missing_field", f"position is missing; this unit has {sorted(event.positions)}")
    if name not in event.positions:
        raise PayloadRejected(
            "unknown_position", f"position {shown(name)} is not one of this unit's {sorted(event.positions)}"
        )
    return event.positions[name]


def _process(cursor: psycopg.Cursor, event: DraftEvent) -> int:
    name = text(event.body, "process")
    parameters = {"process": name, "product": optional_text(event.body, "product")}
    rows = cursor.execute(queries("event")["process"], parameters).fetchall()
    if len(rows) != 1:
        raise PayloadRejected(
            "unknown_process",
            f"process {shown(name)} of product {shown(event.body.get('product'))} is "
            + ("made for more than one product; name the product" if rows else "not known"),
        )
    process_version_id: int = rows[0][0]
    return process_version_id


def _batch(cursor: psycopg.Cursor, event: DraftEvent) -> int:
    return _known_batch(cursor, event)[0]


def _known_batch(cursor: psycopg.Cursor, event: DraftEvent) -> tuple[int, str]:
    row = cursor.execute(queries("event")["batch"], {"name": event.body["batch"]}).fetchone()
    if row is None:
        raise PayloadRejected("unknown_batch", f"batch {shown(event.body['batch'])} has never started")
    return row[0], row[2]


def _running(cursor: psycopg.Cursor, event: DraftEvent, batch_id: int) -> tuple[int, datetime]:
    row = cursor.execute(queries("event")["open_of_batch"], {"batch_id": batch_id}).fetchone()
    if row is None or row[2] != event.unit_id:
        raise PayloadRejected("not_running", f"batch {event.body['batch']} is not running in this unit")
    return row[0], row[1]


def _after(started: datetime, event: DraftEvent, what: str) -> None:
    if event.time <= started:
        raise PayloadRejected(
            "end_before_start",
            f"{event.kind} at {event.time.isoformat()} does not lie after {what} at {started.isoformat()}",
        )


def _ended(event: DraftEvent) -> datetime:
    return from_us(time_us(event.body["ended"], "ended"))


def _required_by(event: DraftEvent) -> datetime | None:
    stated = event.body.get("required_by")
    return None if stated is None else from_us(time_us(stated, "required_by"))
