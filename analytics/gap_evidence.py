"""What may explain missing readings, read from the record for the units and the time that are looked at."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import psycopg

from analytics.fresh import PlantClock
from analytics.gap_causes import Evidence, Interval, Lost, PutAside, Told
from store.fields import LATEST_US
from store.model.edge import EdgeGapCause
from store.model.times import from_us, to_us
from store.pieces import Piece
from store.service import NotOwed, ServiceEvent, not_owed
from store.sql import queries

MOST_PUT_ASIDE = 100_000  # of one look; whoever floods the quarantine explains no more than that


@dataclass(slots=True)
class Reports:
    """Everything reported of some units in a time."""

    service: dict[int, list[ServiceEvent]] = field(default_factory=dict)  # by unit
    put_aside: dict[int, list[tuple[int, str | None, int, bool]]] = field(default_factory=dict)  # id, tag, at, told
    lost: dict[int, list[Lost]] = field(default_factory=dict)
    away: dict[int, list[Interval]] = field(default_factory=dict)  # by chain
    away_told: dict[int, list[Told]] = field(default_factory=dict)  # by unit
    edge_offline: dict[int, list[Told]] = field(default_factory=dict)  # by unit
    heard_through: dict[int, int] = field(default_factory=dict)  # chain, by tag
    _not_owed: dict[tuple[int, str], list[NotOwed]] = field(default_factory=dict)
    _put_aside: dict[tuple[int, str], PutAside | None] = field(default_factory=dict)

    def about(self, piece: Piece, edge_silent: Sequence[Interval]) -> Evidence:
        """What concerns one tag."""
        key = piece.unit_id, piece.tag
        if key not in self._not_owed:
            self._not_owed[key] = not_owed(self.service.get(piece.unit_id, ()), piece.tag)
            self._put_aside[key] = self._items(*key)
        return Evidence(
            not_owed=self._not_owed[key],
            put_aside=self._put_aside[key],
            lost=self.lost.get(piece.unit_id, ()),
            host_away=self._away(piece.tag_id),
            host_away_told=self.away_told.get(piece.unit_id, ()),
            edge_offline=self.edge_offline.get(piece.unit_id, ()),
            edge_silent=edge_silent,
        )

    def _items(self, unit_id: int, tag: str) -> PutAside | None:
        items = [item for item in self.put_aside.get(unit_id, ()) if item[1] in {None, tag}]
        if not items:
            return None
        return PutAside(
            quarantine_id=np.array([item[0] for item in items], np.int64),
            at_us=np.array([item[2] for item in items], np.int64),
            told=np.array([item[3] for item in items], np.bool_),
        )

    def _away(self, tag_id: int) -> Sequence[Interval]:
        """When nobody listened for the tag; for one that never spoke, when nobody listened at all."""
        chain = self.heard_through.get(tag_id)
        if chain is not None:
            return self.away.get(chain, ())
        return _common(list(self.away.values()))


def read_reports(
    connection: psycopg.Connection, pieces: Iterable[Piece], clock: PlantClock | None, *, since_us: int, until_us: int
) -> Reports:
    """What was reported of the units of these pieces in a time."""
    sql = queries("gap")
    clock = clock or PlantClock(plant_us=0, host_us=0, rate=1.0)
    unit_ids = sorted({piece.unit_id for piece in pieces})
    between: dict[str, object] = {
        "unit_ids": unit_ids,
        "since": from_us(since_us),
        "until": from_us(until_us),
        "received_since": from_us(max(0, _host_us(clock, since_us))),
        "received_until": from_us(max(0, _host_us(clock, until_us))),
        "most": MOST_PUT_ASIDE,
    }
    reports = Reports()
    for unit_id, event_id, kind, at, tag in connection.execute(sql["service_events"], between):
        event = ServiceEvent(event_id=event_id, kind=kind, time_us=to_us(at), tag=tag)
        reports.service.setdefault(unit_id, []).append(event)
    for unit_id, quarantine_id, tag, source, received in connection.execute(sql["put_aside"], between):
        at_us = clock.of_host(to_us(received)) if source is None else to_us(source)
        reports.put_aside.setdefault(unit_id, []).append((quarantine_id, tag, at_us, source is not None))
    for unit_id, sequence_gap_id, messages, after, before in connection.execute(sql["lost"], between):
        loss = Lost(
            table="sequence_gap",
            row_id=sequence_gap_id,
            messages=messages,
            after_us=to_us(after),
            before_us=to_us(before),
        )
        reports.lost.setdefault(unit_id, []).append(loss)
    _read_edges(connection, reports, between, clock)
    for chain_id, away, back in connection.execute(sql["away"], {"since": between["received_since"]}):
        pause = clock.of_host(to_us(away)), clock.of_host(to_us(back))
        reports.away.setdefault(chain_id, []).append(pause)
    if reports.away:
        asked = {"tag_ids": sorted({piece.tag_id for piece in pieces})}
        reports.heard_through = dict(connection.execute(sql["heard_through"], asked).fetchall())
    return reports


def _read_edges(
    connection: psycopg.Connection, reports: Reports, between: Mapping[str, object], clock: PlantClock
) -> None:
    """What edge nodes said of themselves, and what was lost of them; their times are those of the host."""
    sql = queries("gap")
    for unit_id, gap_id, cause, messages, after, before in connection.execute(sql["edge_lost"], between):
        from_us, to = clock.of_host(to_us(after)), clock.of_host(to_us(before))
        if cause == EdgeGapCause.SEQUENCE:
            loss = Lost(table="edge_gap", row_id=gap_id, messages=messages, after_us=from_us, before_us=to)
            reports.lost.setdefault(unit_id, []).append(loss)
        else:  # we were away, or could not keep what came
            told = Told(table="edge_gap", row_id=gap_id, from_us=from_us, to_us=to)
            reports.away_told.setdefault(unit_id, []).append(told)
    speakers: dict[int, dict[tuple[int, str], list[Told]]] = {}
    for unit_id, edge_node_id, device, event_id, since, until in connection.execute(sql["edge_offline"], between):
        times = speakers.setdefault(unit_id, {}).setdefault((edge_node_id, device), [])
        if event_id is not None:
            from_us, to = clock.of_host(to_us(since)), LATEST_US if until is None else clock.of_host(to_us(until))
            times.append(Told(table="edge_node_event", row_id=event_id, from_us=from_us, to_us=to))
    for unit_id, by_speaker in speakers.items():
        # A tag is not known to come through one speaker of its unit: only when all are offline can none of it come.
        common = _common([[(told.from_us, told.to_us) for told in times] for times in by_speaker.values()])
        reports.edge_offline[unit_id] = [
            replace(told, from_us=start, to_us=end)
            for times in by_speaker.values()
            for told in times
            for start, end in cut(common, told.from_us, told.to_us)
        ]


def witnesses(hole: Interval, others: Iterable[Piece]) -> list[tuple[Piece, Interval]]:
    """Those of other tags that speak by themselves and owed a reading in a hole, and when they did.

    One whose interval is so long that it owed nothing meanwhile says nothing either way.
    """
    found = []
    for piece in others:
        start, end = piece.owing.start_us, piece.owing.end_us
        owed = max(hole[0], start), hole[1] if end is None else min(hole[1], end)
        if piece.automatic and owed[0] < owed[1] and 2 * piece.owing.interval_us <= hole[1] - hole[0] + 1:
            found.append((piece, owed))
    return found


def silent_together(others: Iterable[tuple[Piece, Interval]], holes: dict[int, list[Interval]]) -> list[Interval]:
    """The time in which every witness was silent; `holes` are those of each tag, merged.

    When there is none, nobody can tell the tag from what it speaks through.
    """
    silent: list[Interval] = []
    speaking: list[Interval] = []
    for piece, owed in others:
        quiet = cut(holes.get(piece.tag_id, ()), *owed)
        silent += quiet
        speaking += complement(quiet, *owed)
    return [part for whole in merged(silent) for part in complement(merged(speaking), *whole)]


def cut(intervals: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """The parts of merged intervals that lie in one.

    >>> cut([(1, 3), (5, 9), (12, 15)], 2, 6)
    [(2, 3), (5, 6)]
    """
    first, last = bisect_right(intervals, start, key=_end), bisect_left(intervals, end, key=_start)
    return [(max(a, start), min(b, end)) for a, b in intervals[first:last]]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals that overlap or touch as one, in order; those that hold no time are left out.

    >>> merged([(5, 7), (1, 3), (3, 4)])
    [(1, 4), (5, 7)]
    """
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def complement(intervals: Iterable[Interval], start: int, end: int) -> list[Interval]:
    """What an interval has beside others.

    >>> complement([(2, 3), (5, 9)], 1, 6)
    [(1, 2), (3, 5)]
    """
    found, at = [], start
    for first, last in cut(merged(intervals), start, end):
        if first > at:
            found.append((at, first))
        at = last
    return [*found, (at, end)] if at < end else found


def _common(lists: Sequence[Sequence[Interval]]) -> list[Interval]:
    if not lists:
        return []
    common = merged(lists[0])
    for other in map(merged, lists[1:]):
        common = [part for start, end in common for part in cut(other, start, end)]
    return common


def _start(interval: Interval) -> int:
    return interval[0]


def _end(interval: Interval) -> int:
    return interval[1]


def _host_us(clock: PlantClock, plant_us: int) -> int:
    return clock.host_us + round((plant_us - clock.plant_us) / clock.rate)
