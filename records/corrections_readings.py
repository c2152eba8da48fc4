"""Correct, invalidate and reinstate readings, and settle which of two contradicting values holds.

`reading` is never touched: each act appends a revision to each reading it is about. Whoever acts says how many readings
and which newest correction they saw; where either differs by now the act is refused.
"""

import math
from dataclasses import dataclass
from datetime import datetime

import psycopg

from records.actors import Actor
from records.corrections import Correction, check_may_correct, shown_time, write_correction
from store.errors import Conflict, InputInvalid, NotFound, translated
from store.model.correction import CorrectionKind, RevisionKind
from store.model.ids import TagId
from store.model.reading import Quality
from store.sql import queries

MOST_READINGS = 100_000  # in one act; a day of readings a second is 86,400


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The readings of a tag with since ≤ source_time < until, as somebody saw them."""

    tag_id: TagId
    since: datetime
    until: datetime
    readings: int  # how many they saw
    version: int  # the newest correction they saw among them, 0 for none


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingChange:
    """What is to hold: for a correction either `value`, of one reading, or each value × `multiply` + `add`."""

    kind: RevisionKind  # not settled
    value: float | None = None
    multiply: float = 1.0
    add: float = 0.0
    quality: Quality = Quality.GOOD  # of what is corrected


def see_selection(connection: psycopg.Connection, tag_id: TagId, since: datetime, until: datetime) -> Selection:
    """What is selected now, to be looked at before it is corrected."""
    parameters = {"tag_id": tag_id, "since": since, "until": until}
    with translated():
        row = connection.execute(queries("correction")["selection"], parameters).fetchone()
    assert row is not None
    return Selection(tag_id=tag_id, since=since, until=until, readings=row[0], version=row[1])


def correct_readings(
    connection: psycopg.Connection, selection: Selection, change: ReadingChange, *, actor: Actor, reason: str
) -> Correction:
    """Say what holds of the selected readings, in the caller's transaction.

    Raises NotAllowed, InputInvalid (no reason, nothing to change, a value the tag cannot physically have), NotFound,
    and Conflict when what is selected is not what was seen.
    """
    check_may_correct(actor, reason)
    _check(selection, change)
    sql = queries("correction")
    with translated(), connection.transaction():
        connection.execute(sql["lock_tag"], {"tag_id": selection.tag_id})
        name, low, high = _tag(connection, selection.tag_id)
        seen = see_selection(connection, selection.tag_id, selection.since, selection.until)
        if seen != selection:
            raise Conflict(
                f"what is selected of {name} has changed since you saw it: {seen.readings} readings where there were "
                f"{selection.readings}, newest correction {seen.version or 'none'} where it was "
                f"{selection.version or 'none'}; look again"
            )
        if not 1 <= seen.readings <= MOST_READINGS:
            raise InputInvalid(
                f"{seen.readings} readings of {name} are selected; 1 to {MOST_READINGS} can be corrected"
            )
        if change.value is not None and seen.readings != 1:
            raise InputInvalid(f"value: one value for {seen.readings} readings; select one, or multiply and add")
        told = {
            "kind": str(change.kind),
            "tag_id": selection.tag_id,
            "tag": name,
            "since": selection.since.isoformat(),
            "until": selection.until.isoformat(),
            "readings": seen.readings,
        }
        if change.kind is RevisionKind.CORRECTED:
            told |= {"value": change.value, "multiply": change.multiply, "add": change.add}
            told |= {"quality": change.quality.name.lower()}
        correction = write_correction(
            connection,
            kind=CorrectionKind.READINGS,
            actor=actor,
            reason=reason,
            subject=f"readings:{name}",
            sentence=_sentence(name, selection, change),
            old={"version": selection.version},
            new=told,
        )
        parameters = {
            "tag_id": selection.tag_id,
            "since": selection.since,
            "until": selection.until,
            "kind": str(change.kind),
            "value": change.value,
            "multiply": change.multiply,
            "add": change.add,
            "quality": int(change.quality),
            "correction_id": correction.correction_id,
            "known_at": correction.known_at,
        }
        if connection.execute(sql["revise"], parameters).rowcount == 0:
            raise InputInvalid(f"all {seen.readings} readings of {name} that are selected are {change.kind} already")
        _refuse_beyond(connection, correction.correction_id, name, low, high)
    return correction


def settle_conflict(
    connection: psycopg.Connection, *, conflict_id: int, keep_stored: bool, version: int, actor: Actor, reason: str
) -> Correction:
    """Decide a conflict for the value that was stored first, or for the other; `version` is that of the reading.

    It settles every conflict of that tag and instant known by now. Raises NotAllowed, InputInvalid without a reason,
    NotFound, and Conflict when it is settled or the reading was corrected since it was seen.
    """
    check_may_correct(actor, reason)
    sql = queries("correction")
    with translated(), connection.transaction():
        found = connection.execute(sql["conflict"], {"conflict_id": conflict_id}).fetchone()
        if found is None:
            raise NotFound(f"there is no conflict {conflict_id}")
        tag_id = found[0]
        connection.execute(sql["lock_tag"], {"tag_id": tag_id})
        found = connection.execute(sql["conflict"], {"conflict_id": conflict_id}).fetchone()
        assert found is not None
        _, time, value, quality, stored_value, stored_quality, now, newest, settled = found
        if settled or now != version:
            raise Conflict(f"conflict {conflict_id} has been settled or its reading corrected since you saw it")
        name, _, _ = _tag(connection, tag_id)
        if keep_stored:
            value, quality = stored_value, stored_quality
        correction = write_correction(
            connection,
            kind=CorrectionKind.READINGS,
            actor=actor,
            reason=reason,
            subject=f"readings:{name}",
            sentence=f"{name} at {shown_time(time)}: the conflict is settled, {value} holds",
            old={"version": version, "stored": stored_value},
            new={
                "kind": "settled",
                "tag_id": tag_id,
                "time": time.isoformat(),
                "conflict": conflict_id,
                "value": value,
            },
        )
        connection.execute(
            sql["settle"],
            {
                "tag_id": tag_id,
                "source_time": time,
                "sequence": version + 1,
                "value": value,
                "quality": quality,
                "settled_through": newest,
                "correction_id": correction.correction_id,
                "known_at": correction.known_at,
            },
        )
    return correction


def _check(selection: Selection, change: ReadingChange) -> None:
    if change.kind is RevisionKind.SETTLED:
        raise InputInvalid("kind: a conflict is settled by itself, not by a selection")
    if not selection.since < selection.until:
        raise InputInvalid(f"until {selection.until.isoformat()} does not lie after {selection.since.isoformat()}")
    for field, number in (("value", change.value), ("multiply", change.multiply), ("add", change.add)):
        if number is not None and not math.isfinite(number):
            raise InputInvalid(f"{field} must be a finite number, not {number}")
    if change.value is not None and (change.multiply, change.add) != (1.0, 0.0):
        raise InputInvalid("value: give one value, or multiply and add, not both")
    says_value = change.value is not None or (change.multiply, change.add) != (1.0, 0.0)
    if change.kind is not RevisionKind.CORRECTED and says_value:
        raise InputInvalid(f"value: what is {change.kind} gets no other value; correct it, or leave the values out")
    if change.kind is RevisionKind.CORRECTED and not says_value:
        raise InputInvalid("value: say what holds instead: a value, or what to multiply by or to add")
    if change.quality is Quality.BAD:
        raise InputInvalid("quality: what is corrected is good or uncertain; what is bad is invalidated")


def _tag(connection: psycopg.Connection, tag_id: TagId) -> tuple[str, float, float]:
    """How people call it, and what it can physically measure."""
    row = connection.execute(queries("correction")["tag"], {"tag_id": tag_id}).fetchone()
    if row is None:
        raise NotFound(f"there is no tag {tag_id}")
    unit, position, name, low, high = row
    return "/".join(part for part in (unit, position, name) if part), low, high


def _sentence(name: str, selection: Selection, change: ReadingChange) -> str:
    how_many = "1 reading" if selection.readings == 1 else f"{selection.readings} readings"
    what: str = change.kind
    if change.kind is RevisionKind.CORRECTED:
        what = f"corrected to {change.value:g}" if change.value is not None else f"corrected: {_formula(change)}"
    return f"{name}: {how_many} from {shown_time(selection.since)} to before {shown_time(selection.until)} {what}"


def _formula(change: ReadingChange) -> str:
    factor = "" if change.multiply == 1.0 else f" × {change.multiply:g}"
    sign = "−" if change.add < 0 else "+"
    return f"each{factor}" + ("" if change.add == 0.0 else f" {sign} {abs(change.add):g}")


def _refuse_beyond(connection: psycopg.Connection, correction_id: int, name: str, low: float, high: float) -> None:
    parameters = {"correction_id": correction_id, "low": low, "high": high}
    row = connection.execute(queries("correction")["beyond"], parameters).fetchone()
    assert row is not None
    if row[0]:
        raise InputInvalid(
            f"value: {row[0]} of the corrected values lie outside what {name} can physically have, {low:g} to "
            f"{high:g}: {row[1]:g}"
        )
