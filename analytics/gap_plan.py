"""Who owes what in the units that are looked at, and who shares a publisher with whom."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import psycopg

from store.pieces import LATEST_US, Piece, read_pieces
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The pieces of some units, by tag and by unit procedure, and who shares a publisher with whom."""

    pieces: dict[int, list[Piece]] = field(default_factory=dict)  # by tag_id
    of_procedure: dict[int, list[Piece]] = field(default_factory=dict)
    of_unit: dict[int, list[int]] = field(default_factory=dict)  # unit procedures
    node: dict[int, frozenset[int]] = field(default_factory=dict)  # units served together with a unit, itself included
    span: dict[int, tuple[int, int]] = field(default_factory=dict)  # of the pieces of a unit procedure

    def meanwhile(self, unit_ids: Collection[int], start_us: int, end_us: int) -> Iterator[Piece]:
        """The pieces of units, of procedures that went on at some time of a stretch."""
        for unit_id in unit_ids:
            for procedure_id in self.of_unit.get(unit_id, ()):
                first_us, last_us = self.span[procedure_id]
                if first_us < end_us and last_us > start_us:
                    yield from self.of_procedure[procedure_id]


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
    for piece in read_pieces(connection, unit_ids, since_us=since_us, until_us=until_us):
        plan.pieces.setdefault(piece.tag_id, []).append(piece)
        if piece.unit_procedure_id not in plan.of_procedure:
            plan.of_procedure[piece.unit_procedure_id] = []
            plan.of_unit.setdefault(piece.unit_id, []).append(piece.unit_procedure_id)
        plan.of_procedure[piece.unit_procedure_id].append(piece)
        start_us, end_us = piece.owing.start_us, LATEST_US if piece.owing.end_us is None else piece.owing.end_us
        first_us, last_us = plan.span.get(piece.unit_procedure_id, (start_us, end_us))
        plan.span[piece.unit_procedure_id] = min(first_us, start_us), max(last_us, end_us)
    return plan
