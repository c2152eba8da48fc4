"""Who owes what and when: the stretches in which a tag speaks for a batch under one description of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import tuple_row

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


def read_pieces(
    connection: psycopg.Connection, unit_ids: Sequence[int], *, since_us: int, until_us: int
) -> list[Piece]:
    """What the tags of units owe in a time and so far around it that a reading there speaks of it."""
    pieces: list[Piece] = []
    cursor = connection.cursor(row_factory=tuple_row)
    versions = cursor.execute(queries("arrival")["tag_versions"], {"unit_ids": list(unit_ids)}).fetchall()
    owed = [every_s for version in versions if (every_s := owed_every_s(version[4], version[5])) is not None]
    reach_us = OVERDUE_INTERVALS * interval_us(max(owed, default=0.0))  # so far beyond a stretch readings speak of it
    procedures: dict[int, list[tuple[int, int | None, int, int | None]]] = {}
    asked = {
        "unit_ids": list(unit_ids),
        "since": from_us(max(EARLIEST_US, since_us - reach_us)),
        "until": from_us(until_us),
    }
    for procedure_id, unit_id, position_id, started, ended in cursor.execute(queries("gap")["procedures"], asked):
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
            pieces.append(piece)
    return pieces
