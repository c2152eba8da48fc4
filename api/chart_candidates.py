"""The batches that limits of a chart may rest on, with what a person weighs before choosing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from psycopg import Connection

from api.chart_drafts import lines_of
from api.chart_rows import LimitsRow, LinesRow
from api.database import Row, rows
from store.charts import points_of, stored_points
from store.model.chart import Chart, ChartPoint, WithoutNumber
from store.sql import queries

MOST_OFFERED = 900  # batches: a form carries a thousand fields
WITHOUT: Final = {
    WithoutNumber.BOUND: "states a bound: enters no limit",
    WithoutNumber.NO_NUMBER: "no number: enters no limit",
    WithoutNumber.NO_LOGARITHM: "no logarithm: enters no limit",
    WithoutNumber.WITHDRAWN: "withdrawn: enters no limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A batch of the chart's process."""

    batch: str
    started: datetime | None
    status: str
    starting_material: str | None
    value_text: str | None  # None: it has no point, and limits cannot rest on it
    place: Literal["in", "above", "below"] | None  # to the limits in use; None: there are none, or nothing to compare
    rests: bool  # whether the limits in use rest on it
    excluded: str  # why its value enters no limit; "": it does


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Batches with a value first, of each the newest first, and how many more are not offered."""

    candidates: Sequence[Candidate]
    more: int

    @property
    def with_point(self) -> list[str]:
        """The batches that are ticked before anybody has chosen: all that have a value, whatever it is.

        One that states a bound stays among them, because a draft says which it left out and why.
        """
        return [one.batch for one in self.candidates if one.value_text is not None]

    @property
    def kinds(self) -> list[str]:
        """The kinds of starting material of those with a point."""
        found = {one.starting_material or "not stated" for one in self.candidates if one.value_text is not None}
        return sorted(kind.replace("_", " ") for kind in found)


def read_offer(connection: Connection, chart: Chart, used: LimitsRow | None = None) -> Offer:
    """The batches of the chart's process beside the limits in use, where there are some.

    Of summaries the readings are read of batches alone that analytics has not worked off yet.
    """
    known = {} if chart.attribute is not None else {one.batch_id: one for one in stored_points(connection, chart)}
    points = {point.batch: point for point in points_of(connection, chart, known=known)}
    lines = None if used is None else lines_of(chart, used)
    rests = set() if used is None else {point.batch for point in used.points}
    asked = {"process_version_id": chart.process_version_id}
    found = rows(connection, queries("api_chart")["batches"], asked)
    candidates = [_candidate(made, points.get(made["batch"]), lines, rests) for made in found]
    candidates.sort(key=lambda one: one.value_text is None)  # what can be ticked stands first
    return Offer(candidates=candidates[:MOST_OFFERED], more=max(0, len(candidates) - MOST_OFFERED))


def _candidate(made: Row, point: ChartPoint | None, lines: LinesRow | None, rests: Collection[str]) -> Candidate:
    excluded = ""
    if point is None:
        excluded = "no value" if made["status"] != "running" else "no value yet"
    elif point.without is not None:
        excluded = WITHOUT[point.without]
    return Candidate(
        **made,
        value_text=None if point is None else point.value_text,
        place=_place(point, lines),
        rests=made["batch"] in rests,
        excluded=excluded,
    )


def _place(point: ChartPoint | None, lines: LinesRow | None) -> Literal["in", "above", "below"] | None:
    if point is None or point.value is None or point.without is not None or lines is None:
        return None
    if point.value > lines.upper:
        return "above"
    return "below" if point.value < lines.lower else "in"
