"""The statement of completeness tag by tag: times in which readings were owed, what came in them, what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row, rows
from api.lags import cut_at_buckets
from api.series import batch_tags
from api.statement_again import read_again
from api.statement_times import Interval, Times
from store.model.completeness import GapCause
from store.model.times import US_PER_S, from_us, to_us
from store.owing import INTERVAL_UNLESS_SAID_S, OVERDUE_INTERVALS, TRANSPORT_ALLOWANCE_S, Due
from store.pieces import LATEST_US, Piece, read_pieces
from store.service import ServiceEvent, not_owed
from store.sql import queries


class TagStatement(BaseModel):
    """What was owed and what there is of one tag, or of all."""

    tag: str
    unit: str
    reporting_mode: str | None
    interval_s: float | None
    expected: int | None  # null: it owes nothing at a known time
    received: int  # in the time in which it was owed; the next three make it up
    on_time: int
    late: int
    imported: int
    beyond: int  # more than its interval asks for: counted in received, not in expected
    missing: dict[GapCause, int]  # by cause, without the two in which nothing is owed
    slower: int  # missing as well, in no one gap: the tag reports slower than its interval
    not_owed: dict[GapCause, int]  # missing while nothing was owed, by reason
    received_not_owed: int  # received all the same
    bad: int  # of received: stored with quality bad
    corrected: int  # another value holds than arrived, by the word of a person
    invalidated: int  # no value holds any more; counted as received all the same
    repeated: int  # came again with the value the record held
    conflicts: int  # came again with another
    out_of_order: int
    gaps: int
    longest_gap_s: float | None
    kept_interval_s: float | None  # at which it came, where that is not the one it is described with

    @property
    def missed(self) -> int:
        """Everything owed that is missing."""
        return sum(self.missing.values()) + self.slower

    @property
    def share(self) -> float | None:
        """What there is of what was expected."""
        return 1 - self.missed / self.expected if self.expected else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Up to when everything is counted, and the tick by which host times are plant times."""

    until: datetime
    tick: Row  # plant_time, host_time, rate
    waiting: int


def read_tags(
    connection: Connection, batch_id: int, procedures: Sequence[Row], reach: Reach, until: datetime
) -> list[TagStatement]:
    """The statement of each tag of a batch up to a time, by unit and name."""
    ids = [procedure["unit_procedure_id"] for procedure in procedures]
    units = sorted({procedure["unit_id"] for procedure in procedures})
    since_us, until_us = to_us(min(procedure["started"] for procedure in procedures)), to_us(until)
    pieces: dict[int, list[Piece]] = {}
    for piece in read_pieces(connection, units, since_us=since_us, until_us=LATEST_US):
        if piece.unit_procedure_id in ids:
            pieces.setdefault(piece.tag_id, []).append(piece)
    service = _service(connection, units)
    times: dict[int, Times] = {}
    for tag in batch_tags(connection, batch_id):
        tag_times = times.setdefault(tag.tag_id, Times(name=tag.tag, unit=tag.unit))
        whole = to_us(tag.started), min(to_us(tag.ended or until), until_us)
        mine = [piece for piece in pieces.get(tag.tag_id, ()) if _overlap(piece, whole)]
        if not mine:
            tag_times.free.append((None, whole))
        for piece in mine:
            stretch = piece.owing.start_us, min(piece.owing.end_us or until_us, until_us)
            idle = not_owed(service.get(piece.unit_id, ()), piece.tag)
            tag_times.add(piece, stretch, idle)
    return _judge(connection, times, ids, reach, until)


def _judge(
    connection: Connection, times: dict[int, "Times"], ids: Sequence[int], reach: Reach, until: datetime
) -> list[TagStatement]:
    sql = queries("api_completeness")
    asked = [
        (tag_id, piece, interval, kind)
        for tag_id, of_tag in times.items()
        for kind, some in (("owed", of_tag.owed), ("idle", of_tag.idle), ("free", of_tag.free))
        for piece, interval in some
    ]
    arrived = _arrived(connection, asked, reach)
    missing: dict[int, dict[GapCause, int]] = {}
    gaps: dict[int, tuple[int, float]] = {}
    for found in rows(connection, sql["missing"], {"unit_procedure_ids": list(ids), "until": until}):
        _count_gap(missing, gaps, found["tag_id"], found["cause"], found["missing"], found["gaps"], found["longest_s"])
    pieces = {(piece.tag_id, piece.unit_procedure_id): piece for _, piece, _, _ in asked if piece is not None}
    for found in rows(connection, sql["lasting"], {"unit_procedure_ids": list(ids), "until": until}):
        lasting = pieces.get((found["tag_id"], found["unit_procedure_id"]))
        if lasting is not None:
            count = _missing_until(lasting, found, to_us(until))
            length_s = (until - found["from_time"]).total_seconds()
            _count_gap(missing, gaps, found["tag_id"], found["cause"], count, 1, length_s)
    again = read_again(connection, {tag_id: of_tag.every() for tag_id, of_tag in times.items()})
    return [
        _statement(
            of_tag,
            [
                (piece, interval, arrived[number])
                for number, (of, piece, interval, _) in enumerate(asked)
                if of == tag_id
            ],
            [kind for of, _, _, kind in asked if of == tag_id],
            missing.get(tag_id, {}),
            gaps.get(tag_id, (0, 0.0)),
            again[tag_id],
        )
        for tag_id, of_tag in sorted(times.items(), key=lambda item: (item[1].unit, item[1].name))
    ]


def _arrived(
    connection: Connection, asked: Sequence[tuple[int, Piece | None, Interval, str]], reach: Reach
) -> list[Row]:
    """What came in each of these times, and how."""
    cuts = [cut_at_buckets(from_us(start), from_us(end)) for _, _, (start, end), _ in asked]
    on_its_way_s = TRANSPORT_ALLOWANCE_S * reach.tick["rate"]
    late_after_s = [
        OVERDUE_INTERVALS * (INTERVAL_UNLESS_SAID_S if piece is None else piece.owing.interval_us / US_PER_S)
        + on_its_way_s
        for _, piece, _, _ in asked
    ]
    found = rows(
        connection,
        queries("api_completeness")["arrived"],
        {
            "tag_ids": [tag_id for tag_id, _, _, _ in asked],
            "sinces": [cut.started for cut in cuts],
            "untils": [cut.ended for cut in cuts],
            "wholes_from": [cut.whole_from for cut in cuts],
            "wholes_to": [cut.whole_to for cut in cuts],
            "late_after_s": late_after_s,
        }
        | reach.tick,
    )
    by_number = {one["number"]: one for one in found}
    nothing: Row = {"readings": 0, "late": 0, "imported": 0, "bad": 0}
    return [by_number.get(number, nothing) for number in range(1, len(asked) + 1)]


def _count_gap(
    missing: dict[int, dict[GapCause, int]],
    gaps: dict[int, tuple[int, float]],
    tag_id: int,
    cause: str,
    count: int,
    number: int,
    length_s: float,
) -> None:
    if count:
        by_cause = missing.setdefault(tag_id, {})
        by_cause[GapCause(cause)] = by_cause.get(GapCause(cause), 0) + count
        known, longest = gaps.get(tag_id, (0, 0.0))
        gaps[tag_id] = known + number, max(longest, length_s)


def _missing_until(piece: Piece, gap: Row, until_us: int) -> int:
    """The readings of a gap that had to come before a time at which it had not ended."""
    after, before = gap["after_time"], gap["before_time"]
    due = Due.of(
        piece.owing, None if after is None else to_us(after), None if before is None else to_us(before), until_us
    )
    due = due.since(to_us(gap["from_time"]))
    return due.count if gap["to_time"] is None else due.before(to_us(gap["to_time"])).count


def _statement(
    of_tag: Times,
    arrived: Sequence[tuple[Piece | None, Interval, Row]],
    kinds: Sequence[str],
    missing: dict[GapCause, int],
    gaps: tuple[int, float],
    again: Row,
) -> TagStatement:
    owing = [piece for piece, _, _ in arrived if piece is not None]
    counted = [found for (_, _, found), kind in zip(arrived, kinds, strict=True) if kind != "idle"]
    idle = [found for (_, _, found), kind in zip(arrived, kinds, strict=True) if kind == "idle"]
    received, late, imported = (sum(found[name] for found in counted) for name in ("readings", "late", "imported"))
    owed_missing = {cause: count for cause, count in missing.items() if cause.owed}
    expected: int | None = None
    beyond = slower = 0
    if owing:
        expected = received + sum(owed_missing.values())
        by_interval = of_tag.by_interval()
        if by_interval is not None:
            beyond, slower = max(0, expected - by_interval), max(0, by_interval - expected)
            expected = by_interval
    return TagStatement(
        tag=of_tag.name,
        unit=of_tag.unit,
        reporting_mode=str(owing[-1].owing.mode) if owing else None,
        interval_s=owing[-1].owing.interval_us / US_PER_S if owing else None,
        expected=expected,
        received=received,
        on_time=received - late - imported,
        late=late,
        imported=imported,
        beyond=beyond,
        missing=owed_missing,
        slower=slower,
        not_owed={cause: count for cause, count in missing.items() if not cause.owed},
        received_not_owed=sum(found["readings"] for found in idle),
        bad=sum(found["bad"] for found in counted),
        corrected=again["corrected"],
        invalidated=again["invalidated"],
        repeated=again["again"] - again["conflicts"],
        conflicts=again["conflicts"],
        out_of_order=again["out_of_order"],
        gaps=gaps[0],
        longest_gap_s=gaps[1] or None,
        kept_interval_s=of_tag.kept_interval_s(received=received, beyond=beyond, gaps=gaps[0]),
    )


def _service(connection: Connection, units: Sequence[int]) -> dict[int, list[ServiceEvent]]:
    found: dict[int, list[ServiceEvent]] = {}
    for one in rows(connection, queries("gap")["service_events"], {"unit_ids": list(units)}):
        event = ServiceEvent(
            event_id=one["event_id"], kind=one["kind"], time_us=to_us(one["source_time"]), tag=one["tag"]
        )
        found.setdefault(one["unit_id"], []).append(event)
    return found


def _overlap(piece: Piece, whole: Interval) -> bool:
    owing = piece.owing
    return owing.start_us < whole[1] and (owing.end_us is None or owing.end_us > whole[0])
