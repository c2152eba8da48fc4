"""What the record of a batch holds and lacks, tag by tag and in sum, up to one instant: what its statement rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from api.clock import read_clock
from api.database import Row, row, rows
from api.statement_tags import Reach, TagStatement, read_tags
from store.model.completeness import GapCause
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of a batch that was made in some unit procedures."""

    procedures: Sequence[Row]
    reach: Reach
    runs: bool  # more is to come
    until: datetime  # everything is counted up to here
    tags: list[TagStatement]
    total: TagStatement


def read_counts(connection: Connection, batch_id: int) -> Counts:
    """What is there of a batch, and what is missing."""
    procedures = rows(connection, queries("api_completeness")["procedures"], {"batch_id": batch_id})
    reach = _reach(connection)
    ends = [procedure["ended"] for procedure in procedures]
    runs = None in ends
    until = reach.until if runs or not ends else max(ends)
    tags = read_tags(connection, batch_id, procedures, reach, until) if procedures else []
    return Counts(procedures=procedures, reach=reach, runs=runs, until=until, tags=tags, total=_total(tags))


def _reach(connection: Connection) -> Reach:
    found = row(connection, queries("api_completeness")["reached"])
    assert found is not None
    if found["reached"] is None:  # nothing ever ticked: there are imports only, and the clock on the wall
        now = read_clock(connection).now
        tick: Row = {"plant_time": now, "host_time": now, "rate": 1.0}
        return Reach(until=now, tick=tick, waiting=found["waiting"])
    tick = {name: found[name] for name in ("plant_time", "host_time", "rate")}
    return Reach(until=found["reached"], tick=tick, waiting=found["waiting"])


def _total(tags: list[TagStatement]) -> TagStatement:
    owing = [tag for tag in tags if tag.expected is not None]

    def of(name: str) -> int:
        return sum(getattr(tag, name) for tag in owing)

    def by_cause(name: str) -> dict[GapCause, int]:
        counts: dict[GapCause, int] = {}
        for tag in owing:
            for cause, count in getattr(tag, name).items():
                counts[cause] = counts.get(cause, 0) + count
        return {cause: counts[cause] for cause in GapCause if cause in counts}

    numbers = ("expected", "received", "on_time", "late", "imported", "beyond", "slower", "received_not_owed", "bad")
    return TagStatement(
        tag="all that owe readings",
        unit=", ".join(sorted({tag.unit for tag in owing})),
        reporting_mode=None,
        interval_s=None,
        kept_interval_s=None,
        missing=by_cause("missing"),
        not_owed=by_cause("not_owed"),
        longest_gap_s=max((tag.longest_gap_s or 0.0 for tag in owing), default=0.0) or None,
        **{
            name: of(name)
            for name in (*numbers, "corrected", "invalidated", "repeated", "conflicts", "out_of_order", "gaps")
        },
    )
