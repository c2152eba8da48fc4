"""What a stretch of the intake newly stored, and what its clocks said: read once, for everything derived from it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg

from analytics.intake import Stretch
from analytics.segment import Bytes8, Floats, Int32s, Int64s
from store.journal import received_times
from store.model.times import to_us
from store.rows import decode_rows
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantClock:
    """What a tick said: plant time at a host time, and how fast it runs. Where nothing ever ticked, the host's."""

    plant_us: int
    host_us: int
    rate: float  # plant seconds a host second

    def of_host(self, host_us: int) -> int:
        """Plant time at an instant of the host's clock."""
        return self.plant_us + round(self.rate * (host_us - self.host_us))

    def of_hosts(self, host_us: Int64s) -> Int64s:
        """The same for many."""
        plant_us: Int64s = self.plant_us + np.rint(self.rate * (host_us - self.host_us)).astype(np.int64)
        return plant_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Readings in the order taken, all arrays of one length."""

    stretch: Stretch
    committed: datetime  # of the last block of the stretch
    clock: PlantClock | None  # of the newest tick up to the end of the stretch; None: nothing ticked yet
    unit_id: Int32s
    tag_id: Int32s
    time_us: Int64s
    value: Floats
    quality: Bytes8
    received_us: Int64s  # host time
    committed_us: Int64s
    imported: Bytes8  # 1: from a chain of imports
    chain_id: Int32s
    block_seq: Int64s


def read_fresh(connection: psycopg.Connection, stretch: Stretch) -> Fresh:
    """What a stretch of at least one block newly stored, in the caller's transaction."""
    sql = queries("analytics")
    between = {"after": stretch.after, "until": stretch.until}
    received: dict[tuple[int, int], Int64s] = {}
    for chain_id, seq, raw in connection.execute(sql["block_bodies"], between):
        received[chain_id, seq] = np.array(received_times(raw), np.int64)
    blocks = []
    for chain_id, seq, kind, committed, unit_id, data in connection.execute(sql["block_rows"], between):
        rows = decode_rows(data)
        blocks.append(
            (
                np.full(len(rows.tag_id), unit_id, np.int32),
                rows.tag_id,
                rows.time_us,
                rows.value,
                rows.quality,
                received[chain_id, seq][rows.entry],
                np.full(len(rows.tag_id), to_us(committed), np.int64),
                np.full(len(rows.tag_id), kind == "import", np.uint8),
                np.full(len(rows.tag_id), chain_id, np.int32),
                np.full(len(rows.tag_id), seq, np.int64),
            )
        )
    columns = [np.concatenate(column) for column in zip(*blocks, strict=True)] if blocks else [np.empty(0)] * 10
    types = ("i4", "i4", "i8", "f8", "u1", "i8", "i8", "u1", "i4", "i8")
    unit, tag, time, value, quality, arrived, committed_us, imported, chain, block_seq = (
        column.astype(kind) for column, kind in zip(columns, types, strict=True)
    )
    last = connection.execute(sql["committed_time"], {"until": stretch.until}).fetchone()
    assert last is not None
    return Fresh(
        stretch=stretch,
        committed=last[0],
        clock=read_plant_clock(connection, stretch.until),
        unit_id=unit,
        tag_id=tag,
        time_us=time,
        value=value,
        quality=quality,
        received_us=arrived,
        committed_us=committed_us,
        imported=imported,
        chain_id=chain,
        block_seq=block_seq,
    )


def read_plant_clock(connection: psycopg.Connection, until: int) -> PlantClock | None:
    """What the newest tick up to an ordinal said."""
    row = connection.execute(queries("analytics")["tick_until"], {"until": until}).fetchone()
    return None if row is None else PlantClock(plant_us=to_us(row[0]), host_us=to_us(row[1]), rate=row[2])
