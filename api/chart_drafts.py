"""Drafted limits beside those in use: what each says of every batch that is known, before anybody decides.

Nothing is written down here. Phase I is judged as well, which live limits never do: whoever puts limits to use has to
see whether the batches they rest on would break them.
"""

from collections.abc import Sequence
from math import exp

from psycopg import Connection

from analytics.methods.chart_judge import Judged, judge
from analytics.methods.control import ControlLimits
from analytics.methods.individuals import individual_bounds
from api.chart_rows import DraftPointRow, DraftRow, LimitsRow, LinesRow
from api.database import rows
from store.charts import points_of, stored_points
from store.model.chart import Chart, ChartPoint, LimitsState
from store.model.result import Scale
from store.sql import queries


def read_drafts(connection: Connection, chart: Chart, limits: Sequence[LimitsRow]) -> list[DraftRow]:
    """Every draft of a chart, the newest first, as `limits` are."""
    in_use = next((version for version in limits if version.state is LimitsState.IN_USE), None)
    return [
        _draft(chart, version, in_use, _known(connection, chart, version))
        for version in limits
        if version.state is LimitsState.DRAFT
    ]


def lines_of(chart: Chart, version: LimitsRow) -> LinesRow:
    """Centre and three sigma below and above it, in the chart's unit."""
    lower, upper = individual_bounds(_limits(version))
    inner = (lower, version.centre, upper)
    lower, centre, upper = map(exp, inner) if chart.scale is Scale.LOG else inner
    return LinesRow(version=version.version, lower=lower, centre=centre, upper=upper)


def _draft(chart: Chart, version: LimitsRow, in_use: LimitsRow | None, points: Sequence[ChartPoint]) -> DraftRow:
    phase_one = {point.batch_id for point in version.points}
    would = _said(chart, version, points)
    now = {} if in_use is None else _said(chart, in_use, points)
    return DraftRow(
        control_limit=version.control_limit,
        draft=lines_of(chart, version),
        in_use=None if in_use is None else lines_of(chart, in_use),
        points=[
            DraftPointRow(
                batch=point.batch,
                started=point.started,
                value=point.value,
                value_text=point.value_text,
                without=point.without,
                phase_one=point.batch_id in phase_one,
                would_signal=[one.signal.rule for one in would.get(point.batch_id, ())],
                sentences=[one.sentence for one in would.get(point.batch_id, ())],
                signals=[one.signal.rule for one in now.get(point.batch_id, ())],
            )
            for point in points
        ],
    )


def _known(connection: Connection, chart: Chart, version: LimitsRow) -> list[ChartPoint]:
    """Every batch with a value. Readings are not read again: of a summary what was drafted from stands for what is not
    on the chart yet.
    """
    if chart.attribute is not None:
        return points_of(connection, chart)
    known = {point.batch_id: point for point in stored_points(connection, chart)}
    drafted = {point.batch_id: point for point in version.points if point.batch_id not in known}
    for found in rows(connection, queries("api_chart")["starts"], {"batch_ids": list(drafted)}):
        point = drafted[found["batch_id"]]
        known[point.batch_id] = ChartPoint(
            batch_id=point.batch_id,
            batch=point.batch,
            started=found["started"],
            value=point.value,
            value_text=f"{point.value:.6g}",
        )
    return sorted(known.values(), key=lambda point: (point.started, point.batch))


def _said(chart: Chart, version: LimitsRow, points: Sequence[ChartPoint]) -> dict[int, list[Judged]]:
    said: dict[int, list[Judged]] = {}
    for one in judge(chart, points, _limits(version), version.rules):
        said.setdefault(one.batch_id, []).append(one)
    return said


def _limits(version: LimitsRow) -> ControlLimits:
    return ControlLimits(centre=version.centre, sigma=version.sigma, n=version.n)
