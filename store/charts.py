"""What the batches of a process show on a chart, from the record.

Of an attribute: the newest final or corrected result of each batch, of the specimen that the sampling plan draws last.
Preliminary results, replicates and results in another unit are not points. A result that states a bound is a point
without a number: it enters no limit and no run, and is judged only where the bound itself lies beyond a limit.
Of a summary: a number over a phase of each completed batch, from its usable readings as they hold.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

import psycopg

from store.errors import NotFound
from store.model.chart import Chart, ChartPoint, Summary, WithoutNumber
from store.model.result import Scale
from store.sql import queries


def read_chart(connection: psycopg.Connection, control_chart_id: int) -> Chart:
    """A chart by its number. Raises NotFound."""
    row = connection.execute(queries("chart")["chart"], {"control_chart_id": control_chart_id}).fetchone()
    if row is None:
        raise NotFound(f"there is no chart {control_chart_id}")
    number, process_version_id, attribute, tag, phase, summary, scale, unit_of_measure = row
    return Chart(
        control_chart_id=number,
        process_version_id=process_version_id,
        attribute=attribute,
        tag=tag,
        phase=phase,
        summary=None if summary is None else Summary(summary),
        scale=Scale(scale),
        unit_of_measure=unit_of_measure,
    )


def points_of(
    connection: psycopg.Connection,
    chart: Chart,
    *,
    ordinal: int | None = None,
    known: Mapping[int, ChartPoint] | None = None,
) -> list[ChartPoint]:
    """The points in order of the batches' starts: as known at an ordinal of the intake, or now.

    `known` are points of summaries that need no second look unless their phase or readings were corrected.
    """
    if chart.attribute is not None:
        return _of_results(connection, chart, ordinal)
    return _of_summaries(connection, chart, ordinal, known or {})


def stored_points(connection: psycopg.Connection, chart: Chart) -> list[ChartPoint]:
    """The points as last worked off, in order of the batches' starts."""
    found = connection.execute(queries("chart")["points"], {"control_chart_id": chart.control_chart_id})
    return [point_from(row[: len(_STORED)]) for row in found]


def point_from(values: Sequence[Any]) -> ChartPoint:
    """A stored point, its columns in the order of the queries."""
    point = ChartPoint(**dict(zip(_STORED, values, strict=True)))
    return replace(point, without=None if point.without is None else WithoutNumber(point.without))


def _of_results(connection: psycopg.Connection, chart: Chart, ordinal: int | None) -> list[ChartPoint]:
    asked = {
        "process_version_id": chart.process_version_id,
        "attribute": chart.attribute,
        "unit_of_measure": chart.unit_of_measure,
        "ordinal": ordinal,
    }
    return [
        ChartPoint(
            batch_id=batch_id,
            batch=batch,
            started=started,
            value=number,
            value_text=text,
            without=_without(chart, number, censored),
            bound=censored,
            qc_result_id=qc_result_id,
        )
        for batch_id, batch, started, text, number, censored, qc_result_id in connection.execute(
            queries("chart")["result_points"], asked
        )
    ]


def _of_summaries(
    connection: psycopg.Connection, chart: Chart, ordinal: int | None, known: Mapping[int, ChartPoint]
) -> list[ChartPoint]:
    asked = {
        "process_version_id": chart.process_version_id,
        "phase": chart.phase,
        "tag": chart.tag,
        "ordinal": ordinal,
    }
    points: dict[int, ChartPoint] = {}
    for batch_id, batch, started, since, until, tag_id, revised in connection.execute(
        queries("chart")["phases_of_process"], asked
    ).fetchall():
        if batch_id in points:
            continue  # a phase that was run again: the first one is charted
        common: dict[str, Any] = {
            "batch_id": batch_id,
            "batch": batch,
            "started": started,
            "since": since,
            "until": until,
        }
        before = known.get(batch_id)
        if before is not None and not revised and (before.since, before.until) == (since, until):
            points[batch_id] = before
        elif chart.summary is Summary.DURATION:
            points[batch_id] = _point(chart, (until - since).total_seconds() / 3600, 0, common)
        elif tag_id is not None:
            asked_of = {"tag_id": tag_id, "started": since, "ended": until}
            values = [value for (value,) in connection.execute(queries("chart")["readings"], asked_of)]
            if values:
                points[batch_id] = _point(chart, _summary(chart, values), len(values), common)
    return list(points.values())


def _summary(chart: Chart, values: list[float]) -> float:
    assert chart.summary is not None
    match chart.summary:
        case Summary.MEAN:
            return math.fsum(values) / len(values)
        case Summary.MINIMUM:
            return min(values)
        case Summary.MAXIMUM:
            return max(values)
        case Summary.DURATION:
            raise AssertionError("a duration has no readings")
        case _:
            assert_never(chart.summary)


def _point(chart: Chart, value: float, readings: int, common: dict[str, Any]) -> ChartPoint:
    return ChartPoint(
        value=value, value_text=f"{value:.6g}", without=_without(chart, value, None), readings=readings, **common
    )


def _without(chart: Chart, number: float | None, censored: str | None) -> WithoutNumber | None:
    if number is None:
        return WithoutNumber.NO_NUMBER
    if chart.scale is Scale.LOG and number <= 0:
        return WithoutNumber.NO_LOGARITHM
    return None if censored is None else WithoutNumber.BOUND


_STORED = (
    "batch_id", "batch", "started", "value", "value_text", "without", "bound", "qc_result_id", "since", "until",
    "readings",
)  # fmt: skip
