"""What is missing of the record, by tag and cause, brought up to date with every stretch of the intake.

INGEST-4: a batch's record is complete or its gaps are stored with cause. A gap is a row; when it is filled, split,
ended or explained by something else, the row stays with the time from which it was otherwise, and new rows say what is
so.

Nothing is looked at that a stretch did not touch: new readings touch the hole they lie in, ticks what has become
overdue, events, quarantine, sequence numbers and our own absence the gaps they may explain. When anything here was
wrong, deriving the same stretch of time again gives what is so: gaps follow from the record alone.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import psycopg

from analytics.fresh import Fresh, PlantClock
from analytics.gap_causes import Interval, Part, explain
from analytics.gap_evidence import read_reports, silent_together, witnesses
from analytics.gap_looks import (
    Ends,
    Look,
    add_known,
    due_of,
    find_holes,
    holes_by_tag,
    look_again,
    owed_time,
    read_known,
    spans_of,
)
from analytics.gap_plan import Plan, nodes_of, read_plan
from analytics.gap_windows import add_readings, find_windows
from analytics.settings import AnalyticsSettings
from store.model.completeness import TagGap
from store.model.ids import TagId, UnitProcedureId
from store.model.times import US_PER_S, from_us
from store.owing import Due
from store.pieces import LATEST_US, Piece
from store.sql import queries


def derive_gaps(connection: psycopg.Connection, fresh: Fresh, settings: AnalyticsSettings) -> None:
    """Bring the gaps up to date with a stretch, in the caller's transaction, after its overviews."""
    horizon_us = _horizon_us(fresh.clock, settings)
    windows = find_windows(connection, fresh, horizon_us)
    units = windows.units() | set(np.unique(fresh.unit_id).tolist())
    if units:
        since_us = min(windows.since_us, int(fresh.time_us.min(initial=LATEST_US)))
        plan = read_plan(connection, nodes_of(connection, units), since_us=since_us, until_us=LATEST_US)
        known = read_known(connection, plan, since_us)
        add_readings(connection, fresh, plan, spans_of(known), windows)
        looks = find_holes(connection, plan, windows)
        add_known(looks, known, plan, windows)
        look_again(looks, known, plan, windows, horizon_us)
        _write(connection, looks, plan, known, fresh, horizon_us)
    for unit_procedure_id in windows.moved:
        connection.execute(queries("gap")["set_scope"], {"unit_procedure_id": unit_procedure_id})
    if fresh.clock is not None and horizon_us is not None:
        connection.execute(
            queries("gap")["set_horizon"],
            {
                "reached": from_us(horizon_us),
                "plant_time": from_us(fresh.clock.plant_us),
                "host_time": from_us(fresh.clock.host_us),
                "rate": fresh.clock.rate,
                "tag_version_id": windows.tag_version_id,
            },
        )


def _horizon_us(clock: PlantClock | None, settings: AnalyticsSettings) -> int | None:
    if clock is None:
        return None
    return clock.plant_us - round(settings.transport_allowance_s * clock.rate * US_PER_S)


def _write(
    connection: psycopg.Connection,
    looks: dict[Piece, Look],
    plan: Plan,
    known: dict[TagGap, int],
    fresh: Fresh,
    horizon_us: int | None,
) -> None:
    due = {
        (piece, ends): instants
        for piece, look in looks.items()
        for ends in look.holes
        if (instants := due_of(piece, ends, horizon_us)) is not None
    }
    holes = holes_by_tag(looks, set(due), known, plan, horizon_us)
    until_us = LATEST_US if horizon_us is None else horizon_us
    found: set[TagGap] = set()
    if due:
        spans = [owed_time(piece, ends, until_us) for piece, ends in due]
        since_us = min(start for start, _ in spans)
        reports = read_reports(
            connection,
            {piece for piece, _ in due},
            fresh.clock,
            since_us=since_us,
            until_us=max(end for _, end in spans),
        )
        for (piece, ends), instants in due.items():
            together = _silent_with(piece, owed_time(piece, ends, until_us), plan, holes) if piece.automatic else []
            evidence = reports.about(piece, together)
            parts = explain(instants, evidence, interval_us=piece.owing.interval_us)
            found |= set(_gaps(piece, ends, instants, parts))
    before = {gap: gap_id for look in looks.values() for gap, gap_id in look.known.items()}
    _replace(connection, before, found, fresh.committed)


def _silent_with(piece: Piece, hole: Interval, plan: Plan, holes: dict[int, list[Interval]]) -> list[Interval]:
    """When everything else that speaks the same way was silent too: all of the unit, else all of its publishers."""
    for units in ({piece.unit_id}, plan.node.get(piece.unit_id, frozenset())):
        others = (other for other in plan.meanwhile(units, *hole) if other.tag_id != piece.tag_id)
        if witnessed := witnesses(hole, others):
            return silent_together(witnessed, holes)
    return []


def _gaps(piece: Piece, ends: Ends, due: Due, parts: Sequence[Part]) -> Iterator[TagGap]:
    after, before = ends
    lasts = before is None and piece.owing.end_us is None
    start, end = piece.owing.start_us, piece.owing.end_us
    first_us = start if after is None else max(after, start)
    last_us = min(us for us in (before, end) if us is not None) if not lasts else None
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        yield TagGap(
            unit_procedure_id=UnitProcedureId(piece.unit_procedure_id),
            tag_id=TagId(piece.tag_id),
            after_us=after,
            before_us=before,
            from_us=first_us if number == 0 else due.at(part.first),
            to_us=last_us if is_last else due.at(parts[number + 1].first),
            missing=None if is_last and lasts else part.last - part.first + 1,
            interval_s=piece.owing.interval_us / US_PER_S,
            cause=part.cause,
            evidence=part.evidence,
        )


def _replace(connection: psycopg.Connection, before: dict[TagGap, int], found: set[TagGap], at: datetime) -> None:
    """Fill what is no longer so and write what is newly so."""
    sql = queries("gap")
    filled = sorted(gap_id for gap, gap_id in before.items() if gap not in found)
    if filled:
        connection.execute(sql["fill"], {"tag_gap_ids": filled, "filled_time": at})
    fresh = sorted(found - before.keys(), key=lambda gap: (gap.tag_id, gap.from_us))
    if not fresh:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            sql["find"],
            [
                {
                    "unit_procedure_id": gap.unit_procedure_id,
                    "tag_id": gap.tag_id,
                    "after_time": _time(gap.after_us),
                    "before_time": _time(gap.before_us),
                    "from_time": _time(gap.from_us),
                    "to_time": _time(gap.to_us),
                    "missing": gap.missing,
                    "interval_s": gap.interval_s,
                    "cause": gap.cause,
                    "evidence": gap.evidence,
                    "found_time": at,
                }
                for gap in fresh
            ],
        )


def _time(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)
