"""How much of the record of a batch is there: what was received of what its tags owed, and what went wrong meanwhile.

Readings are owed up to the end of the batch, or up to the plant's time now while it runs, whether or not anything
arrived. What one tag sends too much never fills in for another: each counts for what it owed at most.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from psycopg import Connection
from pydantic import BaseModel

from api.clock import Clock
from api.database import Row, row, rows
from api.series import BatchTag, Span, resolution_for, span
from store.model.plant import ReportingMode
from store.owing import TRANSPORT_ALLOWANCE_S
from store.sql import queries

COARSEST_S = 3600


class Completeness(BaseModel):
    """What is known about the record of a batch so far. Gaps and quarantine are counted while its readings arrived."""

    readings: int
    expected: int | None  # of the tags that report by an interval; null where none does
    received_share: float | None
    worst_tag: str | None  # the tag of which the least is there
    worst_share: float | None
    conflicts: int
    open_gaps: int
    messages_missing: int
    quarantined: int


def read_completeness(connection: Connection, tags: Sequence[BatchTag], clock: Clock) -> Completeness:
    """The completeness of the record that `tags` made in their intervals."""
    if not tags:
        return Completeness(
            readings=0,
            expected=None,
            received_share=None,
            worst_tag=None,
            worst_share=None,
            conflicts=0,
            open_gaps=0,
            messages_missing=0,
            quarantined=0,
        )
    counts = _counts(connection, tags, clock.latest)
    on_its_way = timedelta(seconds=TRANSPORT_ALLOWANCE_S * clock.rate)
    owed = _owed(tags, clock.now - on_its_way)
    received = {tag_id: min(counts.get(tag_id, 0), owing) for tag_id, owing in owed.items()}
    names = {tag.tag_id: tag.tag for tag in tags}
    shares = [(received[tag_id] / owing, names[tag_id]) for tag_id, owing in owed.items() if owing]
    worst_share, worst_tag = min(shares, default=(None, None))
    expected = sum(owed.values())
    return Completeness(
        readings=sum(counts.values()),
        expected=expected if owed else None,
        received_share=sum(received.values()) / expected if expected else None,
        worst_tag=worst_tag,
        worst_share=worst_share,
        **_trouble(connection, tags, clock.latest),
    )


def _owed(tags: Sequence[BatchTag], now: datetime) -> dict[int, int]:
    """Readings each periodic tag owes up to the end of its interval: one for every whole interval that passed."""
    owed: dict[int, int] = {}
    for tag in tags:
        if tag.reporting_mode == ReportingMode.PERIODIC and tag.interval_s:
            length_s = (min(tag.ended or now, now) - tag.started).total_seconds()
            owed[tag.tag_id] = owed.get(tag.tag_id, 0) + max(0, int(length_s // tag.interval_s))
    return owed


def _counts(connection: Connection, tags: Sequence[BatchTag], latest: datetime) -> dict[int, int]:
    """Usable readings by tag: whole hours from the overview, the ends of each interval counted."""
    counts: dict[int, int] = {}
    for (started, ended), members in groupby(tags, key=lambda tag: (tag.started, tag.ended or latest)):
        if ended <= started:
            continue
        ids = [tag.tag_id for tag in members]
        resolution_s = resolution_for(connection, ids[0], COARSEST_S)
        cut = span(started, ended, resolution_s or COARSEST_S)
        if resolution_s is None:  # no overview yet: all of it is counted
            cut = Span(started=started, ended=ended, whole_from=ended, whole_to=ended)
        asked = cut.parameters() | {"tag_ids": ids, "resolution_s": resolution_s}
        for found in rows(connection, queries("api_series")["counted"], asked):
            counts[found["tag_id"]] = counts.get(found["tag_id"], 0) + found["readings"]
    return counts


def _trouble(connection: Connection, tags: Sequence[BatchTag], latest: datetime) -> dict[str, int]:
    sql = queries("api_batches")
    asked: Row = {
        "tag_ids": [tag.tag_id for tag in tags],
        "units": sorted({tag.unit for tag in tags}),
        "started": min(tag.started for tag in tags),
        "ended": max(tag.ended or latest for tag in tags),
    }
    received = row(connection, sql["received"], asked)
    assert received is not None
    found = row(connection, sql["trouble"], asked | received)
    assert found is not None
    return dict(found)
