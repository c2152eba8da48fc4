"""Series of a batch: readings by steps of time, from the overview where it is fine enough, else from the readings.

Whole buckets come from the overview and both ends from the readings, so that nothing of the batch before or after in
the same unit is ever drawn with this one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from psycopg import Connection

from api.database import Row, row, rows
from store.errors import NotFound
from store.sql import queries

NICE_STEPS_S = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)
POINTS_ON_A_CHART = 1_500
FEW = 2_000  # so many readings are drawn each as it is, with its own time
FAR_FUTURE = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTag:
    """A tag in the interval in which it speaks of a batch."""

    tag_id: int
    tag: str
    measurand: str
    unit_of_measure: str
    mapped: bool
    reporting_mode: str | None
    interval_s: float | None
    unit: str
    started: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An interval of time, cut at the whole buckets inside it."""

    started: datetime
    ended: datetime
    whole_from: datetime
    whole_to: datetime

    def parameters(self) -> Row:
        """For the queries that read whole buckets from the overview and the rest from the readings."""
        return {
            "started": self.started,
            "ended": self.ended,
            "whole_from": self.whole_from,
            "whole_to": self.whole_to,
            "head_to": min(self.whole_from, self.ended),
            "tail_from": max(self.whole_to, self.whole_from),
        }


def batch_row(connection: Connection, batch: str) -> Row:
    """The batch of that name. Raises NotFound."""
    found = row(connection, queries("api_batches")["detail"], {"batch": batch})
    if found is None:
        raise NotFound(f"there is no batch named {batch!r}")
    return found


def batch_tags(connection: Connection, batch_id: int, names: Sequence[str] | None = None) -> list[BatchTag]:
    """The tags of a batch with their intervals; `names` None: all of them."""
    found = rows(connection, queries("api_batches")["windows"], {"batch_id": batch_id})
    return [BatchTag(**tag) for tag in found if names is None or tag["tag"] in names]


def read_series(
    connection: Connection,
    tags: Sequence[BatchTag],
    *,
    since: datetime,
    until: datetime,
    step_s: int | None,
    limit: int,
) -> list[Row]:
    """Rows of tag_id, time, value, minimum, maximum and corrected (how many were) in order of time, at most `limit`.

    `step_s` 0: the readings as they are; None: as coarse as a chart can take, or as they are when they are few.
    A time is the beginning of its step, or of the batch when that is later.
    """
    found: list[Row] = []
    intervals = groupby(tags, key=lambda tag: (tag.started, tag.ended))
    for (started, ended), members in intervals:
        lower, upper = max(started, since), min(ended or FAR_FUTURE, until)
        if lower < upper:
            ids = [tag.tag_id for tag in members]
            found += _interval(connection, ids, lower, upper, step_s, limit - len(found))
    return found


def windows_as_known(connection: Connection, batch_id: int, known_at: datetime, names: Sequence[str]) -> list[BatchTag]:
    """The tags of a batch with the intervals they had as known at an instant; no `names`: all of them."""
    asked = {"batch_id": batch_id, "known_at": known_at}
    found = rows(connection, queries("api_batches")["windows_as_known"], asked)
    return [BatchTag(**tag) for tag in found if not names or tag["tag"] in names]


def read_series_as_known(
    connection: Connection,
    tags: Sequence[BatchTag],
    *,
    since: datetime,
    until: datetime,
    step_s: int,
    limit: int,
    known_at: datetime,
    original: bool,
) -> list[Row]:
    """As `read_series`, from the readings as corrected by `known_at`, or as they arrived by then."""
    found: list[Row] = []
    for (started, ended), members in groupby(tags, key=lambda tag: (tag.started, tag.ended)):
        lower, upper = max(started, since), min(ended or FAR_FUTURE, until)
        if lower < upper:
            asked = {
                "tag_ids": [tag.tag_id for tag in members],
                "started": lower,
                "ended": upper,
                "step_s": step_s,
                "known_at": known_at,
                "original": original,
                "limit": limit - len(found),
            }
            found += rows(connection, queries("api_series")["as_known"], asked)
    return found


def span(started: datetime, ended: datetime, bucket_s: int) -> Span:
    """An interval cut at whole buckets of `bucket_s` since 1970.

    >>> at = datetime(2026, 1, 1, 10, 5, tzinfo=UTC)
    >>> cut = span(at, at + timedelta(hours=2), 3600)
    >>> cut.whole_from.hour, cut.whole_to.hour
    (11, 12)
    """
    seconds = started.timestamp()
    first = datetime.fromtimestamp(-(-seconds // bucket_s) * bucket_s, UTC)
    last = ended if ended >= FAR_FUTURE else datetime.fromtimestamp(ended.timestamp() // bucket_s * bucket_s, UTC)
    if last < first:  # the interval lies inside one bucket: all of it comes from the readings
        return Span(started=started, ended=ended, whole_from=ended, whole_to=ended)
    return Span(started=started, ended=ended, whole_from=first, whole_to=last)


def resolution_for(connection: Connection, tag_id: int, step_s: int) -> int | None:
    """The coarsest resolution of the overview that divides `step_s` without a rest; None when there is none."""
    known = rows(connection, queries("api_series")["resolutions"], {"tag_id": tag_id})
    return max((found["resolution_s"] for found in known if step_s % found["resolution_s"] == 0), default=None)


def _interval(
    connection: Connection, ids: list[int], started: datetime, ended: datetime, step_s: int | None, limit: int
) -> list[Row]:
    sql = queries("api_series")
    asked = {"tag_ids": ids, "started": started, "ended": ended, "limit": limit}
    if step_s is None:
        few = row(connection, sql["few"], asked | {"cap": FEW * len(ids) + 1})
        assert few is not None
        step_s = 0 if few["readings"] <= FEW * len(ids) else _chart_step_s(started, ended)
    if step_s == 0:
        return rows(connection, sql["readings"], asked)
    resolution_s = resolution_for(connection, ids[0], step_s)
    cut = (
        span(started, ended, resolution_s)
        if resolution_s is not None
        else Span(started=started, ended=ended, whole_from=ended, whole_to=ended)
    )
    return rows(connection, sql["steps"], asked | cut.parameters() | {"resolution_s": resolution_s, "step_s": step_s})


def _chart_step_s(started: datetime, ended: datetime) -> int:
    """The step that draws an interval with at most POINTS_ON_A_CHART points; a running batch counts up to now."""
    length = min(ended, datetime.now(UTC)) - started
    wanted_s = max(length, timedelta(seconds=1)).total_seconds() / POINTS_ON_A_CHART
    return next((step for step in NICE_STEPS_S if step >= wanted_s), NICE_STEPS_S[-1])
