"""Who owes what and when: the stretches in which a tag speaks for a batch under one description of it."""

from collections.abc import Collection
from dataclasses import dataclass, field

import psycopg

from store.model.plant import CaptureMode, ReportingMode
from store.model.times import from_us, to_us
from store.owing import OVERDUE_INTERVALS, Owing, interval_us, owed_every_s
from store.sql import queries

EARLIEST_US, LATEST_US = 0, 7_258_118_400_000_000  # 1970 and 2200


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a unit procedure in which one description of a tag holds."""

    unit_procedure_id: int
    unit_id: int
    tag_id: int
    tag: str
    automatic: bool  # no hand is needed for it to speak
    owing: Owing

    @property
    def floor_us(self) -> int:
        """A reading from before this says nothing about the stretch."""
        return self.owing.start_us - OVERDUE_INTERVALS * self.owing.interval_us

    @property
    def ceiling_us(self) -> int:
        """Nor does one from after this."""
        end_us = self.owing.end_us
        return LATEST_US if end_us is None else end_us + OVERDUE_INTERVALS * self.owing.interval_us

    def holds(self, us: int) -> bool:
        """Whether an instant lies in the stretch."""
        return self.owing.start_us <= us and (self.owing.end_us is None or us < self.owing.end_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The pieces of some units, by tag and by unit procedure, and who shares a publisher with whom."""

    pieces: dict[int, list[Piece]] = field(default_factory=dict)  # by tag_id
    of_procedure: dict[int, list[Piece]] = field(default_factory=dict)
    of_unit: dict[int, list[Piece]] = field(default_factory=dict)
    node: dict[int, frozenset[int]] = field(default_factory=dict)  # units served together with a unit, itself included


def nodes_of(connection: psycopg.Connection, unit_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """The units that share a publisher with each unit; a unit whose publishers gave no name is on its own."""
    found: dict[int, set[int]] = {unit_id: {unit_id} for unit_id in unit_ids}
    for unit_id, _, other in connection.execute(queries("gap")["nodes"], {"unit_ids": sorted(unit_ids)}):
        found[unit_id].add(other)
    return {unit_id: frozenset(units) for unit_id, units in found.items()}


def read_plan(connection: psycopg.Connection, node: dict[int, frozenset[int]], *, since_us: int, until_us: int) -> Plan:
    """What the tags of these units and of their nodes owe in a time."""
    unit_ids = sorted({unit for units in node.values() for unit in units})
    plan = Plan(node=node)
    versions = connection.execute(queries("arrival")["tag_versions"], {"unit_ids": unit_ids}).fetchall()
    owed = [every_s for version in versions if (every_s := owed_every_s(version[4], version[5])) is not None]
    reach_us = OVERDUE_INTERVALS * interval_us(max(owed, default=0.0))  # so far beyond a stretch readings speak of it
    procedures: dict[int, list[tuple[int, int | None, int, int | None]]] = {}
    asked = {"unit_ids": unit_ids, "since": from_us(max(EARLIEST_US, since_us - reach_us)), "until": from_us(until_us)}
    for procedure_id, unit_id, position_id, started, ended in connection.execute(queries("gap")["procedures"], asked):
        reach = (procedure_id, position_id, to_us(started), None if ended is None else to_us(ended))
        procedures.setdefault(unit_id, []).append(reach)
    for tag_id, unit_id, position_id, name, mode, interval_s, capture, since, until in versions:
        every_s = owed_every_s(mode, interval_s)
        if every_s is None:
            continue
        for procedure_id, of_position, start_us, end_us in procedures.get(unit_id, ()):
            if position_id not in {None, of_position}:
                continue
            start = max(start_us, to_us(since))
            ends = [end for end in (end_us, None if until is None else to_us(until)) if end is not None]
            end = min(ends) if ends else None
            if end is not None and end <= start:
                continue
            piece = Piece(
                unit_procedure_id=procedure_id,
                unit_id=unit_id,
                tag_id=tag_id,
                tag=name,
                automatic=capture == CaptureMode.AUTOMATIC and mode != ReportingMode.MANUAL,
                owing=Owing(mode=ReportingMode(mode), interval_us=interval_us(every_s), start_us=start, end_us=end),
            )
            plan.pieces.setdefault(tag_id, []).append(piece)
            plan.of_procedure.setdefault(procedure_id, []).append(piece)
            plan.of_unit.setdefault(unit_id, []).append(piece)
    return plan
