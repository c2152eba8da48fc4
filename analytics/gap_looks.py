"""What is looked at anew for gaps: the holes found in the readings, and the known gaps that they confirm or replace."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from analytics.gap_causes import Interval
from analytics.gap_evidence import merged
from analytics.gap_plan import Plan
from analytics.gap_windows import Windows
from store.model.completeness import GapCause, TagGap
from store.model.ids import TagId, UnitProcedureId
from store.model.times import US_PER_S, from_us, to_us
from store.owing import OVERDUE_INTERVALS, Due
from store.pieces import EARLIEST_US, LATEST_US, Piece
from store.sql import queries

Ends = tuple[int | None, int | None]  # the readings before and after a hole; None: there is none


@dataclass(slots=True)
class Look:
    """What is found of one piece in this stretch."""

    piece: Piece
    reach: list[Interval] = field(default_factory=list)  # the time in which its holes were looked for
    holes: set[Ends] = field(default_factory=set)
    known: dict[TagGap, int] = field(default_factory=dict)  # rows that are to be confirmed or filled


def find_holes(connection: psycopg.Connection, plan: Plan, windows: Windows) -> dict[Piece, Look]:
    """The holes of every piece in the windows on its tag, as far as the readings next to them."""
    asked: list[tuple[Piece, int, int]] = []
    for tag_id, unit_procedure_id, since_us, until_us in windows.to_derive(plan):
        for piece in plan.pieces.get(tag_id, ()):
            if unit_procedure_id not in {None, piece.unit_procedure_id}:
                continue
            since, until = max(since_us, piece.floor_us), min(until_us, piece.ceiling_us)
            if since <= until:
                asked.append((piece, since, until))
    looks: dict[Piece, Look] = {}
    if not asked:
        return looks
    rows = connection.execute(
        queries("gap")["holes"],
        {
            "tag_ids": [piece.tag_id for piece, _, _ in asked],
            "sinces": [from_us(since) for _, since, _ in asked],
            "untils": [from_us(until) for _, _, until in asked],
            "floors": [from_us(max(EARLIEST_US, piece.floor_us)) for piece, _, _ in asked],
            "ceilings": [from_us(piece.ceiling_us) for piece, _, _ in asked],
            "lengths": [piece.owing.hole_us / US_PER_S for piece, _, _ in asked],
        },
    )
    for number, after, before, previous, following in rows:
        piece = asked[number - 1][0]
        look = looks.setdefault(piece, Look(piece=piece))
        low = EARLIEST_US if previous is None else to_us(previous)
        high = LATEST_US if following is None else to_us(following)
        if (low, high) not in look.reach:
            look.reach.append((low, high))
        if after is None and previous is not None:
            continue  # the beginning of what was looked at, not of a hole
        look.holes.add((_us(after), _us(before)))
    return looks


def read_known(connection: psycopg.Connection, plan: Plan, since_us: int) -> dict[TagGap, int]:
    """The gaps of the plan's tags that are so now and reach beyond a time, each with its row."""
    asked = {"tag_ids": sorted(plan.pieces), "since": from_us(since_us), "until": from_us(LATEST_US)}
    found = {}
    for gap_id, *row in connection.execute(queries("gap")["known"], asked):
        procedure_id, tag_id, after, before, from_time, to_time, missing, interval_s, cause, evidence = row
        gap = TagGap(
            unit_procedure_id=UnitProcedureId(procedure_id),
            tag_id=TagId(tag_id),
            after_us=_us(after),
            before_us=_us(before),
            from_us=to_us(from_time),
            to_us=_us(to_time),
            missing=missing,
            interval_s=interval_s,
            cause=GapCause(cause),
            evidence=evidence.replace(" ", ""),
        )
        found[gap] = gap_id
    return found


def spans_of(known: Iterable[TagGap]) -> dict[int, list[Interval]]:
    """The holes of known gaps by tag."""
    spans: dict[int, list[Interval]] = {}
    for gap in known:
        after = EARLIEST_US if gap.after_us is None else gap.after_us
        spans.setdefault(gap.tag_id, []).append((after, LATEST_US if gap.before_us is None else gap.before_us))
    return spans


def add_known(looks: dict[Piece, Look], known: dict[TagGap, int], plan: Plan, windows: Windows) -> None:
    """Give each look the rows that lie where it looked; rows of no piece any more are for any look at their tag."""
    for gap, gap_id in known.items():
        piece = _piece_of(plan, gap)
        if piece is None:
            if gap.unit_procedure_id in windows.moved or gap.tag_id in windows.described:
                _orphan(looks, gap, gap_id, plan)
        elif piece in looks and any(_overlaps(gap, reach) for reach in looks[piece].reach):
            looks[piece].known[gap] = gap_id


def _orphan(looks: dict[Piece, Look], gap: TagGap, gap_id: int, plan: Plan) -> None:
    piece = plan.pieces[gap.tag_id][0]
    looks.setdefault(piece, Look(piece=piece)).known[gap] = gap_id


def look_again(
    looks: dict[Piece, Look], known: dict[TagGap, int], plan: Plan, windows: Windows, horizon_us: int | None
) -> None:
    """Take in gaps that were not looked at, but that what happened may explain otherwise."""
    changed: dict[int, list[Interval]] = {}  # by unit
    for look in looks.values():
        before = {(gap.after_us, gap.before_us) for gap in look.known}
        for ends in before ^ {ends for ends in look.holes if due_of(look.piece, ends, horizon_us) is not None}:
            for unit_id in plan.node.get(look.piece.unit_id, (look.piece.unit_id,)):
                changed.setdefault(unit_id, []).append(owed_time(look.piece, ends, LATEST_US))
    of_hole: dict[tuple[int, int, Ends], list[TagGap]] = {}
    for gap in known:
        of_hole.setdefault(_hole_of(gap), []).append(gap)
    for gap in known:
        piece = _piece_of(plan, gap)
        if piece is None or (piece in looks and gap in looks[piece].known):
            continue
        span = gap.from_us, LATEST_US if gap.to_us is None else gap.to_us
        reasons = [*windows.touched.get(piece.unit_id, ()), *changed.get(piece.unit_id, ())]
        if any(start <= span[1] and end >= span[0] for start, end in reasons):
            look = looks.setdefault(piece, Look(piece=piece))
            look.holes.add((gap.after_us, gap.before_us))
            look.known.update({part: known[part] for part in of_hole[_hole_of(gap)]})


def due_of(piece: Piece, ends: Ends, horizon_us: int | None) -> Due | None:
    """When the missing readings of a hole were due; None when none is missing, or it is too early to say so."""
    after, before = ends
    until_us = LATEST_US
    if before is None and piece.owing.end_us is None:
        spoke_us = piece.owing.start_us if after is None else max(after, piece.owing.start_us)
        if horizon_us is None or horizon_us <= spoke_us + OVERDUE_INTERVALS * piece.owing.interval_us:
            return None
        until_us = horizon_us
    due = Due.of(piece.owing, after, before, until_us)
    return due if due.count else None


def holes_by_tag(
    looks: dict[Piece, Look],
    due: set[tuple[Piece, Ends]],
    known: dict[TagGap, int],
    plan: Plan,
    horizon_us: int | None,
) -> dict[int, list[Interval]]:
    """The holes of every tag of the nodes, merged: those found now, and those known that were not looked at."""
    until_us = LATEST_US if horizon_us is None else horizon_us
    looked_at = {gap for look in looks.values() for gap in look.known}
    found: dict[int, set[Interval]] = {}
    for piece, ends in due:
        found.setdefault(piece.tag_id, set()).add(owed_time(piece, ends, until_us))
    for gap in known.keys() - looked_at:
        known_piece = _piece_of(plan, gap)
        if known_piece is not None:
            span = owed_time(known_piece, (gap.after_us, gap.before_us), until_us)
            found.setdefault(gap.tag_id, set()).add(span)
    return {tag_id: merged(intervals) for tag_id, intervals in found.items()}


def owed_time(piece: Piece, ends: Ends, until_us: int) -> Interval:
    """The time of a hole in which something was owed, up to a time when it lasts; not the instant it last spoke."""
    after, before = ends
    start, end = piece.owing.start_us, piece.owing.end_us
    last = min(us for us in (before, end, until_us) if us is not None)
    return (start if after is None else max(after + 1, start)), last


def _piece_of(plan: Plan, gap: TagGap) -> Piece | None:
    for piece in plan.pieces.get(gap.tag_id, ()):
        if piece.unit_procedure_id == gap.unit_procedure_id and piece.holds(gap.from_us):
            return piece
    return None


def _overlaps(gap: TagGap, reach: Interval) -> bool:
    after = EARLIEST_US if gap.after_us is None else gap.after_us
    before = LATEST_US if gap.before_us is None else gap.before_us
    return after < reach[1] and before > reach[0]


def _hole_of(gap: TagGap) -> tuple[int, int, Ends]:
    return gap.unit_procedure_id, gap.tag_id, (gap.after_us, gap.before_us)


def _us(time: datetime | None) -> int | None:
    return None if time is None else to_us(time)
