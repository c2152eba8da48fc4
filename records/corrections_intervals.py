"""Correct when unit procedures and phases were, and which batch a unit procedure belongs to.

Readings carry no batch, so this moves them between batches. All changes of one act are judged together: neighbours may
trade an hour, two batches may trade places. A phase that began or ended with its unit procedure moves along with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg

from records.actors import Actor
from records.corrections import Correction, check_may_correct, shown_time, write_correction
from store.errors import Conflict, InputInvalid, NotFound, translated
from store.model.correction import CorrectionKind
from store.sql import queries

MOST_CHANGES = 50  # in one act
AHEAD = timedelta(hours=24)  # as ingest allows


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalChange:
    """How a unit procedure or a phase was in truth; `version` is how many revisions of it were seen."""

    unit_procedure_id: int | None = None
    phase_id: int | None = None
    started: datetime
    ended: datetime | None  # None: it still lasts
    batch: str | None = None  # of a unit procedure: whose it was; None: as before
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """A unit procedure or phase as it stands, or as it shall be."""

    name: str
    batch_id: int
    batch: str
    started: datetime
    ended: datetime | None
    end_inferred: bool
    commissioned: datetime
    version: int

    def told(self) -> dict[str, object]:
        ended = None if self.ended is None else self.ended.isoformat()
        return {"batch": self.batch, "started": self.started.isoformat(), "ended": ended}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    unit_procedure_id: int
    name: str
    started: datetime
    ended: datetime | None
    version: int

    def told(self) -> dict[str, object]:
        ended = None if self.ended is None else self.ended.isoformat()
        return {"phase": self.name, "started": self.started.isoformat(), "ended": ended}


def correct_intervals(
    connection: psycopg.Connection, changes: Sequence[IntervalChange], *, actor: Actor, reason: str
) -> Correction:
    """Make all changes or none, in the caller's transaction.

    Raises NotAllowed, NotFound, InputInvalid with a sentence that names what overlaps, reaches beyond or cannot be, and
    Conflict when an interval was changed since it was seen.
    """
    check_may_correct(actor, reason)
    _check(changes)
    sql = queries("correction")
    with translated(), connection.transaction():
        ids = {
            "unit_procedure_ids": [change.unit_procedure_id for change in changes if change.unit_procedure_id],
            "phase_ids": [change.phase_id for change in changes if change.phase_id],
        }
        intervals = _lock_unit_procedures(connection, ids)
        touched = {"unit_procedure_ids": sorted(intervals)}
        phases = _lock_phases(connection, touched)
        new_intervals, new_phases = dict(intervals), dict(phases)
        for change in changes:
            if change.unit_procedure_id is not None:
                interval = intervals.get(change.unit_procedure_id)
                _check_seen(change, interval, "unit procedure")
                assert interval is not None
                new_intervals[change.unit_procedure_id] = _changed(connection, interval, change)
            else:
                assert change.phase_id is not None
                phase = phases.get(change.phase_id)
                _check_seen(change, phase, "phase")
                assert phase is not None
                new_phases[change.phase_id] = replace(phase, started=change.started, ended=change.ended)
        stated = {change.phase_id for change in changes}
        for phase_id, phase in phases.items():
            if phase_id not in stated:
                before, after = intervals[phase.unit_procedure_id], new_intervals[phase.unit_procedure_id]
                new_phases[phase_id] = _moved_along(phase, before, after)
        told = _Told.of(intervals, new_intervals, phases, new_phases)
        if not told.sentences:
            raise InputInvalid("nothing changes: the intervals are as stated already")
        correction = write_correction(
            connection,
            kind=CorrectionKind.INTERVALS,
            actor=actor,
            reason=reason,
            subject="intervals:" + ",".join(sorted({interval.name for interval in intervals.values()})),
            sentence="; ".join(told.sentences),
            old={"intervals": told.old},
            new={"intervals": told.new},
        )
        connection.execute(sql["say_who"], {"correction_id": correction.correction_id})
        connection.execute(sql["wait_to_judge"])
        _write(connection, told)
        _refuse_impossible(connection, touched)
        try:
            connection.execute(sql["judge"])
        except psycopg.errors.ExclusionViolation as error:
            raise Conflict("an event has taken that place meanwhile; look again") from error
        connection.execute(sql["say_no_more"])
    return correction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What changes: for the database, for the audit trail and for people."""

    intervals: Mapping[int, _Interval]
    phases: Mapping[int, _Phase]
    old: list[dict[str, object]]
    new: list[dict[str, object]]
    sentences: list[str]

    @staticmethod
    def of(
        intervals: Mapping[int, _Interval],
        new_intervals: Mapping[int, _Interval],
        phases: Mapping[int, _Phase],
        new_phases: Mapping[int, _Phase],
    ) -> "_Told":
        changed = {key: new for key, new in new_intervals.items() if new.told() != intervals[key].told()}
        moved = {key: new for key, new in new_phases.items() if new.told() != phases[key].told()}
        old, new, sentences = [], [], []
        for key, interval in changed.items():
            before = intervals[key]
            old.append({"unit_procedure": key} | before.told())
            new.append({"unit_procedure": key} | interval.told())
            whose = f"{before.batch}, in truth of {interval.batch}," if before.batch != interval.batch else before.batch
            sentences.append(f"{interval.name} of {whose} was {_span(interval)} instead of {_span(before)}")
        for key, phase in moved.items():
            old.append({"phase_id": key} | phases[key].told())
            new.append({"phase_id": key} | phase.told())
            of = new_intervals[phase.unit_procedure_id].batch
            sentences.append(f"phase {phase.name} of {of} was {_span(phase)} instead of {_span(phases[key])}")
        return _Told(intervals=changed, phases=moved, old=old, new=new, sentences=sentences)


def _check(changes: Sequence[IntervalChange]) -> None:
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise InputInvalid(f"changes: {len(changes)} are given; 1 to {MOST_CHANGES} can be made at once")
    seen: set[tuple[int | None, int | None]] = set()
    for change in changes:
        if (change.unit_procedure_id is None) == (change.phase_id is None):
            raise InputInvalid("changes: each is of one unit procedure or of one phase")
        if change.batch is not None and change.phase_id is not None:
            raise InputInvalid("batch: a phase belongs to the batch of its unit procedure")
        if change.ended is not None and change.ended <= change.started:
            raise InputInvalid(f"ended {change.ended.isoformat()} does not lie after {change.started.isoformat()}")
        latest = datetime.now(UTC) + AHEAD
        for field, time in (("started", change.started), ("ended", change.ended)):
            if time is not None and time > latest:
                raise InputInvalid(f"{field} {time.isoformat()} lies more than 24 h ahead")
        key = (change.unit_procedure_id, change.phase_id)
        if key in seen:
            raise InputInvalid("changes: the same interval is changed twice")
        seen.add(key)


def _check_seen(change: IntervalChange, now: _Interval | _Phase | None, what: str) -> None:
    if now is None:
        raise NotFound(f"there is no {what} {change.unit_procedure_id or change.phase_id}")
    if now.version != change.version:
        raise Conflict(f"{what} {now.name} has changed since you saw it: look again, then correct")


def _changed(connection: psycopg.Connection, interval: _Interval, change: IntervalChange) -> _Interval:
    if change.started < interval.commissioned:
        raise InputInvalid(
            f"started {change.started.isoformat()} lies before the commissioning of {interval.name}, "
            f"{interval.commissioned.isoformat()}"
        )
    batch_id, batch = interval.batch_id, interval.batch
    if change.batch is not None and change.batch != batch:
        row = connection.execute(queries("correction")["batch"], {"name": change.batch}).fetchone()
        if row is None:
            raise NotFound(f"there is no batch named {change.batch!r}")
        batch_id, batch = row[0], change.batch
    return replace(
        interval,
        batch_id=batch_id,
        batch=batch,
        started=change.started,
        ended=change.ended,
        end_inferred=interval.end_inferred and change.ended == interval.ended,
    )


def _moved_along(phase: _Phase, before: _Interval, after: _Interval) -> _Phase:
    started = after.started if phase.started == before.started else phase.started
    ended = after.ended if phase.ended == before.ended else phase.ended
    return replace(phase, started=started, ended=ended)


def _lock_unit_procedures(connection: psycopg.Connection, ids: Mapping[str, object]) -> dict[int, _Interval]:
    found = {}
    for row in connection.execute(queries("correction")["lock_unit_procedures"], ids):
        key, batch_id, batch, unit, position, _, started, ended, end_inferred, commissioned, version = row
        found[key] = _Interval(
            name=f"{unit}/{position}",
            batch_id=batch_id,
            batch=batch,
            started=started,
            ended=ended,
            end_inferred=end_inferred,
            commissioned=commissioned,
            version=version,
        )
    return found


def _lock_phases(connection: psycopg.Connection, touched: Mapping[str, object]) -> dict[int, _Phase]:
    return {
        key: _Phase(unit_procedure_id=of, name=name, started=started, ended=ended, version=version)
        for key, of, name, started, ended, version in connection.execute(queries("correction")["lock_phases"], touched)
    }


def _write(connection: psycopg.Connection, told: _Told) -> None:
    sql = queries("correction")
    for key, interval in told.intervals.items():
        parameters = {"unit_procedure_id": key, "batch_id": interval.batch_id, "end_inferred": interval.end_inferred}
        times = {"started": interval.started, "ended": interval.ended}
        connection.execute(sql["set_unit_procedure"], parameters | times)
    for key, phase in told.phases.items():
        if phase.ended is not None and phase.ended <= phase.started:
            raise InputInvalid(f"phase {phase.name} would end before it starts: correct or move it too")
        times = {"started": phase.started, "ended": phase.ended}
        connection.execute(sql["set_phase"], {"phase_id": key} | times)


def _refuse_impossible(connection: psycopg.Connection, touched: Mapping[str, object]) -> None:
    sql = queries("correction")
    problems = [
        f"{batch} at {unit}/{position} {_between(since, until)} would overlap {other}, which was there "
        f"{_between(other_since, other_until)}"
        for batch, since, until, other, other_since, other_until, unit, position in connection.execute(
            sql["overlapping"], touched
        )
    ]
    for phase, since, until, other, batch in connection.execute(sql["phases_amiss"], touched):
        amiss = f"would overlap phase {other}" if other else "would reach beyond its unit procedure"
        problems.append(f"phase {phase} of {batch}, {_between(since, until)}, {amiss}: correct it in the same act")
    for batch, status, places in connection.execute(sql["running_twice"], touched):
        why = f"it is {status}" if status != "running" else f"it would run in {places} places at once"
        problems.append(f"{batch} cannot still be running here: {why}")
    if problems:
        raise InputInvalid("; ".join(problems))


def _span(interval: _Interval | _Phase) -> str:
    return _between(interval.started, interval.ended)


def _between(since: datetime, until: datetime | None) -> str:
    return f"from {shown_time(since)} {'on' if until is None else f'to {shown_time(until)}'}"
