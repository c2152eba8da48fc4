"""Where to look for gaps after a stretch of the intake: only where it may have changed something."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import psycopg

from analytics.fresh import Fresh, PlantClock
from analytics.gap_plan import Plan
from store.model.times import US_PER_S, from_us, to_us
from store.owing import OVERDUE_INTERVALS
from store.pieces import EARLIEST_US, LATEST_US
from store.sql import queries

APART_US = 3600 * US_PER_S  # new readings of a tag farther apart than this are looked at apart

Window = tuple[int, int]  # source times, from and to, both included


@dataclass(slots=True)
class Windows:
    """Times in which holes are to be looked for, by what touched them."""

    of_tag: dict[int, list[Window]] = field(default_factory=dict)
    moved: dict[int, list[Window]] = field(default_factory=dict)  # by unit procedure whose interval changed
    described: set[int] = field(default_factory=set)  # tags that are newly described
    touched: dict[int, list[Window]] = field(default_factory=dict)  # by unit: gaps that may have another cause now
    unit_of_tag: dict[int, int] = field(default_factory=dict)
    unit_of_procedure: dict[int, int] = field(default_factory=dict)
    tag_version_id: int = 0  # the newest that is taken into account

    @property
    def since_us(self) -> int:
        """The earliest time that is touched."""
        every = [*self.of_tag.values(), *self.moved.values(), *self.touched.values()]
        return max(EARLIEST_US, min((since for some in every for since, _ in some), default=LATEST_US))

    def units(self) -> set[int]:
        """The units whose tags are touched."""
        of_tags = {self.unit_of_tag[tag_id] for tag_id in self.of_tag}
        return of_tags | {self.unit_of_procedure[procedure_id] for procedure_id in self.moved} | set(self.touched)

    def to_derive(self, plan: Plan) -> Iterator[tuple[int, int | None, int, int]]:
        """Tag, unit procedure where only that one is meant, from and to."""
        for tag_id, some in self.of_tag.items():
            for since, until in some:
                yield tag_id, None, since, until
        for procedure_id, some in self.moved.items():
            for tag_id in sorted({piece.tag_id for piece in plan.of_procedure.get(procedure_id, ())}):
                for since, until in some:
                    yield tag_id, procedure_id, since, until

    def add(self, tag_id: int, unit_id: int, since_us: int, until_us: int) -> None:
        """Look at a tag in a time."""
        self.unit_of_tag[tag_id] = unit_id
        self.of_tag.setdefault(tag_id, []).append((since_us, until_us))


def find_windows(connection: psycopg.Connection, fresh: Fresh, horizon_us: int | None) -> Windows:
    """What a stretch touched, new readings apart."""
    sql = queries("gap")
    windows = Windows()
    row = connection.execute(sql["horizon"]).fetchone()
    reached_us, windows.tag_version_id = (EARLIEST_US, 0) if row is None else (to_us(row[0]), row[1])
    for procedure_id, unit_id, _, old_start, old_end, start, end in connection.execute(sql["moved"]):
        windows.unit_of_procedure[procedure_id] = unit_id
        windows.moved[procedure_id] = list(
            _moved(_us(old_start, LATEST_US), _us(old_end, LATEST_US), to_us(start), _us(end, LATEST_US))
        )
    _add_described(connection, windows)
    if horizon_us is not None and horizon_us > reached_us:
        asked = {"intervals": OVERDUE_INTERVALS, "horizon": from_us(horizon_us)}
        for tag_id, unit_id, spoke in connection.execute(sql["overdue"], asked):
            windows.add(tag_id, unit_id, to_us(spoke), LATEST_US)
    _add_touched(connection, fresh, windows)
    return windows


def _moved(old_start: int, old_end: int, start: int, end: int) -> Iterator[Window]:
    """Where an interval differs from what it was; a new one was empty at the end of time."""
    if old_start == LATEST_US:
        yield start, LATEST_US
        return
    if start != old_start:
        yield min(start, old_start), max(start, old_start)
    if end != old_end:
        yield min(end, old_end), LATEST_US


def _add_described(connection: psycopg.Connection, windows: Windows) -> None:
    asked = {"tag_version_id": windows.tag_version_id}
    for tag_id, unit_id, since, newest in connection.execute(queries("gap")["described"], asked).fetchall():
        windows.described.add(tag_id)
        windows.add(tag_id, unit_id, to_us(since), LATEST_US)
        windows.tag_version_id = max(windows.tag_version_id, newest)


def add_readings(
    connection: psycopg.Connection, fresh: Fresh, plan: Plan, known: Mapping[int, Sequence[Window]], windows: Windows
) -> None:
    """New readings, unless they go on without a hole where the tag stood, and no gap of those known by tag is there."""
    quiet: list[tuple[int, int, int, int, int]] = []
    for tag_id, unit_id, first_us, last_us, widest_us in _clusters(fresh):
        hole_us = min((piece.owing.hole_us for piece in plan.pieces.get(tag_id, ())), default=None)
        if hole_us is None:
            continue  # it owes nothing
        meets = any(
            since <= last_us + hole_us and until >= first_us - hole_us for since, until in known.get(tag_id, ())
        )
        if meets or widest_us >= hole_us:
            windows.add(tag_id, unit_id, first_us, last_us)
        else:
            quiet.append((tag_id, unit_id, first_us, last_us, hole_us))
    if not quiet:
        return
    asked = {
        "tag_ids": [tag_id for tag_id, *_ in quiet],
        "sinces": [from_us(first_us - hole_us + 1) for _, _, first_us, _, hole_us in quiet],
        "untils": [from_us(first_us) for _, _, first_us, _, _ in quiet],
    }
    goes_on = {number for (number,) in connection.execute(queries("gap")["spoke_before"], asked)}
    for number, (tag_id, unit_id, first_us, last_us, _) in enumerate(quiet, start=1):
        if number not in goes_on:
            windows.add(tag_id, unit_id, first_us, last_us)


def _clusters(fresh: Fresh) -> Iterator[tuple[int, int, int, int, int]]:
    """Tag, unit, first and last time of new readings that lie together, and the widest step between two of them."""
    if not len(fresh.tag_id):
        return
    order = np.lexsort((fresh.time_us, fresh.tag_id))
    tags, times, units = fresh.tag_id[order], fresh.time_us[order], fresh.unit_id[order]
    cuts = np.flatnonzero((np.diff(tags) != 0) | (np.diff(times) > APART_US)) + 1
    firsts = np.append(0, cuts)
    lasts = np.append(cuts, len(tags)) - 1
    steps = np.append(np.diff(times), 0)
    steps[lasts] = 0
    columns = tags[firsts], units[firsts], times[firsts], times[lasts], np.maximum.reduceat(steps, firsts)
    yield from zip(*(column.tolist() for column in columns), strict=True)


def _add_touched(connection: psycopg.Connection, fresh: Fresh, windows: Windows) -> None:
    clock = fresh.clock or PlantClock(plant_us=0, host_us=0, rate=1.0)
    asked = {
        "after": fresh.stretch.after,
        "last": fresh.stretch.until,
        "plant_time": from_us(clock.plant_us),
        "host_time": from_us(clock.host_us),
        "rate": clock.rate,
        "latest": from_us(LATEST_US),
    }
    for unit_id, since, until in connection.execute(queries("gap")["touched"], asked):
        windows.touched.setdefault(unit_id, []).append((to_us(since), to_us(until)))


def _us(time: datetime | None, otherwise_us: int) -> int:
    return otherwise_us if time is None else to_us(time)
