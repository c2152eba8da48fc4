"""Charts over batches as flat rows for Grafana: times in ms and ascending, what has no number left out of the lines."""

from collections.abc import Iterator

from psycopg import Connection

from api.chart_rows import ChartDetail
from api.charts import read_chart_detail, read_charts
from api.database import Row
from api.fields import to_ms
from store.errors import NotFound


def flat_charts(connection: Connection) -> Iterator[Row]:
    """All charts, by process and what they show."""
    for chart in read_charts(connection):
        yield {
            "chart": chart.chart,
            "label": f"{chart.process} · {chart.subject}",
            "process": chart.process,
            "shows": chart.subject,
            "unit_of_measure": chart.unit_of_measure,
            "scale": str(chart.scale),
            "limits_version": chart.limits_version,
            "limits_kind": chart.limits_kind,
            "limits_n": chart.limits_n,
            "drafts": chart.drafts,
            "batches": chart.batches,
            "signals": chart.signals,
            "data_until": to_ms(chart.data_until),
            "known_until": to_ms(chart.known_until),
            "failure": chart.failure,
        }


def flat_points(connection: Connection, chart: str, *, since: int, until: int) -> Iterator[Row]:
    """The batches on a chart that started between two instants, in ms; an unknown chart has none."""
    detail = _known(connection, chart)
    for point in [] if detail is None else detail.points:
        time = to_ms(point.started)
        assert time is not None
        if not since <= time <= until:
            continue
        value = point.value if point.without is None else None
        yield {
            "time": time,
            "batch": point.batch,
            "value": value,
            "value_text": point.value_text,
            "phase_one": value if point.reference else None,
            "signal": point.value if point.signals else None,  # a bound may signal too
            "lower": point.lower,
            "centre": point.centre,
            "upper": point.upper,
            "limits_version": point.limits_version,
            "rules": ", ".join(point.signals),
            "corrected": point.revision > 1,
        }


def flat_signals(connection: Connection, chart: str) -> Iterator[Row]:
    """What rules said of the batches of a chart, and what became of it, as it was written down."""
    detail = _known(connection, chart)
    for signal in [] if detail is None else reversed(detail.signals):
        held = "holds" if signal.holds else "taken_back"
        yield {
            "time": to_ms(signal.committed_time),
            "batch": signal.batch,
            "rule": signal.rule,
            "sentence": signal.sentence,
            "state": held if signal.newest else "superseded",
            "limits_version": signal.limits_version,
        }


def _known(connection: Connection, chart: str) -> ChartDetail | None:
    """The chart of that number; none of that name is no error for a dashboard."""
    try:
        return read_chart_detail(connection, int(chart)) if chart.isascii() and chart.isdigit() else None
    except NotFound:
        return None
