"""The course of a batch as one strip a tag: where its readings came late, and where they are missing and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from api.database import rows
from api.lags import BUCKET_S
from api.rendering import instant
from api.statement import Statement
from store.sql import queries

WIDTH = 1000.0  # of a strip, in its own units


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A part of a strip that is not simply received."""

    x: float
    width: float
    kind: str  # "late", or the cause of a gap
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One tag."""

    tag: str
    unit: str
    marks: tuple[Mark, ...]


def read_strips(connection: Connection, statement: Statement, batch_id: int) -> list[Strip]:
    """A strip for every tag that owes readings, from the start of the batch to the end of its statement."""
    if statement.started is None or statement.until is None or statement.until <= statement.started:
        return []
    start, end = statement.started, statement.until
    marks: dict[tuple[str, str], list[Mark]] = {}
    asked = {"batch_id": batch_id, "until": end}
    late: dict[tuple[str, str], list[datetime]] = {}
    for one in rows(connection, queries("api_completeness")["late"], asked):
        late.setdefault((one["unit"], one["tag"]), []).append(one["bucket"])
    for key, buckets in late.items():
        for since, until in _together(buckets):
            title = f"late readings from {instant(since)}"
            marks.setdefault(key, []).append(_mark(start, end, since, until, "late", title))
    for gap in statement.gaps:
        if gap.from_time < end:
            missing = "lasts" if gap.missing is None else f"{gap.missing} missing"
            title = f"{gap.cause.replace('_', ' ')}: {missing}, from {instant(gap.from_time)}"
            mark = _mark(start, end, gap.from_time, gap.to_time or end, gap.cause, title)
            marks.setdefault((gap.unit, gap.tag), []).append(mark)
    return [
        Strip(tag=tag.tag, unit=tag.unit, marks=tuple(marks.get((tag.unit, tag.tag), ())))
        for tag in statement.tags
        if tag.expected is not None
    ]


def _together(buckets: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Neighbouring buckets as one stretch."""
    width = timedelta(seconds=BUCKET_S)
    found: list[tuple[datetime, datetime]] = []
    for bucket in buckets:
        if found and found[-1][1] == bucket:
            found[-1] = found[-1][0], bucket + width
        else:
            found.append((bucket, bucket + width))
    return found


def _mark(start: datetime, end: datetime, since: datetime, until: datetime, kind: str, title: str) -> Mark:
    length = (end - start).total_seconds()
    first = max(0.0, (since - start).total_seconds() / length)
    last = min(1.0, (until - start).total_seconds() / length)
    x = round(first * WIDTH, 2)
    return Mark(x=x, width=max(1.0, round((last - first) * WIDTH, 2)), kind=kind, title=title)
