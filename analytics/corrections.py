"""What people had put right by an ordinal of the intake, as one run of a monitor sees it.

A run is pinned to an ordinal: whatever is corrected later makes another run. So a run stays what it was, bit for bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
import psycopg

from analytics.segment import Bytes8, Floats, Int64s
from store.model.ids import TagId
from store.model.times import to_us
from store.rows import UnitRows
from store.sql import queries


class Revised(NamedTuple):
    """What holds of a tag's readings instead, in order of time."""

    times_us: Int64s
    values: Floats
    qualities: Bytes8


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What applies to one unit procedure."""

    ordinal: int = 0  # of the intake; 0: nothing was corrected
    end_corrected: bool = False
    ended_us: int | None = None  # where the end was corrected: None means that it still lasts
    phases: Mapping[tuple[str, int], int] = field(default_factory=dict)  # name and start as told → start in truth
    revised: Mapping[int, Revised] = field(default_factory=dict)  # by tag

    def ignores_end(self, ordinal: int) -> bool:
        """Whether an event that told of an end is no longer believed."""
        return self.end_corrected and ordinal <= self.ordinal

    def readings(self, rows: UnitRows) -> UnitRows:
        """The readings of a block as they hold: revised, and without those from after a corrected end."""
        if self.ended_us is not None:
            rows = rows.where(rows.time_us < self.ended_us)
        tags = [tag_id for tag_id in self.revised if (rows.tag_id == tag_id).any()]
        if not tags:
            return rows
        value, quality = rows.value.copy(), rows.quality.copy()
        for tag_id in tags:
            revised = self.revised[tag_id]
            mine = np.flatnonzero(rows.tag_id == tag_id)
            at = np.minimum(np.searchsorted(revised.times_us, rows.time_us[mine]), len(revised.times_us) - 1)
            hit = revised.times_us[at] == rows.time_us[mine]
            value[mine[hit]] = revised.values[at[hit]]
            quality[mine[hit]] = revised.qualities[at[hit]]
        return UnitRows(entry=rows.entry, tag_id=rows.tag_id, time_us=rows.time_us, value=value, quality=quality)

    def tells(self, plant_us: int) -> bool:
        """Whether a tick of that plant time matters: after a corrected end nobody owes readings any more."""
        return self.ended_us is None or plant_us <= self.ended_us


NONE = Corrections()


class IntervalAt(NamedTuple):
    """When and whose a unit procedure was, by the events and corrections up to an ordinal."""

    unit_id: int
    position_id: int
    batch_id: int
    batch: str
    process_version_id: int
    started: datetime
    ended: datetime | None
    end_corrected: bool


def interval_at(connection: psycopg.Connection, unit_procedure_id: int, ordinal: int) -> IntervalAt:
    """The interval as known at an ordinal of the intake."""
    parameters = {"unit_procedure_id": unit_procedure_id, "ordinal": ordinal}
    row = connection.execute(queries("rerun")["interval_at"], parameters).fetchone()
    assert row is not None
    return IntervalAt(*row)


def corrections_at(
    connection: psycopg.Connection, unit_procedure_id: int, ordinal: int | None, tag_ids: Sequence[TagId]
) -> Corrections:
    """What applies to a run that is pinned to an ordinal of the intake."""
    if ordinal is None:
        return NONE
    sql = queries("rerun")
    interval = interval_at(connection, unit_procedure_id, ordinal)
    asked = {"unit_procedure_id": unit_procedure_id, "ordinal": ordinal}
    phases = {(name, to_us(told)): to_us(truth) for name, told, truth in connection.execute(sql["phases_at"], asked)}
    series: dict[int, list[tuple[int, float, int]]] = {}
    of_tags = {"tag_ids": list(tag_ids), "started": interval.started, "ordinal": ordinal}
    for tag_id, time, value, quality in connection.execute(sql["revised_at"], of_tags):
        series.setdefault(tag_id, []).append((to_us(time), value, quality))
    return Corrections(
        ordinal=ordinal,
        end_corrected=interval.end_corrected,
        ended_us=to_us(interval.ended) if interval.end_corrected and interval.ended is not None else None,
        phases=phases,
        revised={
            tag_id: Revised(
                np.array([time for time, _, _ in found], np.int64),
                np.array([value for _, value, _ in found], np.float64),
                np.array([quality for _, _, quality in found], np.uint8),
            )
            for tag_id, found in series.items()
        },
    )
