"""Where the metrics of Sparkplug's edge nodes lead: those that were seen, and the lines of the mapping. Read only."""

from datetime import datetime
from typing import Literal

from psycopg import Connection
from pydantic import BaseModel

from api.database import models
from api.paging import Page, page
from store.model.edge import EdgeState, LedBy
from store.sql import queries

Leads = Literal["anywhere", "table", "rule", "nowhere"]


class MetricCounts(BaseModel):
    """Metrics by what leads them, and the lines of the mapping that are in force."""

    by_table: int
    by_rule: int
    nowhere: int
    lines: int


class MetricRow(BaseModel):
    """A metric of which a value was seen. `value` is the newest reading of its tag, whoever sent it."""

    metric_id: int
    server: str
    group: str
    node: str
    state: EdgeState  # of the edge node
    heard_time: datetime
    device: str  # "": of the node itself
    metric: str
    led_by: LedBy | None  # null: it leads nowhere
    why: str | None
    since: datetime  # receipt of the first value from which on it has led there
    site: str | None
    area: str | None
    unit: str | None
    position: str | None
    tag: str | None
    unit_of_measure: str | None
    described: bool | None  # whether somebody said what the tag is
    value: float | None
    source_time: datetime | None


class LineRow(BaseModel):
    """A line of the mapping; `*` stands for any text."""

    line_id: int
    group: str
    node: str
    device: str
    metric: str
    site: str
    area: str
    unit: str
    position: str | None
    tag: str | None  # null: named by the last part of the metric's name
    in_force: bool
    since: datetime | None  # when it was last said
    actor: str | None
    reason: str | None


def read_counts(connection: Connection) -> MetricCounts:
    """How many of each."""
    (found,) = models(connection, MetricCounts, queries("api_sparkplug")["counts"])
    return found


def read_metrics(connection: Connection, *, search: str, leads: Leads, above: int, limit: int) -> Page[MetricRow]:
    """Metrics above a cursor; `search` is part of "group/node", "device/metric" or "unit/tag", in any case."""
    asked = {"search": search, "leads": leads, "above": above, "limit": limit + 1}
    found = models(connection, MetricRow, queries("api_sparkplug")["metrics"], asked)
    return page(found, [metric.metric_id for metric in found], limit)


def read_lines(connection: Connection, *, search: str, above: int, limit: int) -> Page[LineRow]:
    """Lines above a cursor, those that are no longer in force too."""
    asked = {"search": search, "above": above, "limit": limit + 1}
    found = models(connection, LineRow, queries("api_sparkplug")["lines"], asked)
    return page(found, [line.line_id for line in found], limit)
