"""Whether the recorded order says today what a chart said as it came: computed anew from its beginning and compared.

Of an attribute the points are read again from the results as they were known at each entry. A summary of readings is
taken as it was written down: the readings it was taken from may have been corrected or joined by others since, so that
only what rules and alerts made of it is computed anew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any, NamedTuple

import psycopg

from analytics.chart_state import Changes, ChartState
from analytics.charts import plant_time_at, read_limits
from analytics.replaying import bits
from store.charts import point_from, points_of, read_chart
from store.model.chart import Chart, ChartPoint, WithoutNumber
from store.sql import queries

SIGNAL = ("holds", "control_limit_id", "statistic", "limit_value", "points", "sentence", "ordinal")
ALERT = (
    "severity", "rule", "score", "limit", "sentence", "evidence", "raised", "onset", "ended", "ordinal", "joined",
)  # fmt: skip


class RecordedChart(NamedTuple):
    """A chart as the record names it."""

    control_chart_id: int
    process: str
    position: int  # of the intake: how far it has been worked off


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartDisagreement:
    """One thing that the record and the recorded order say otherwise."""

    step: str  # the point, signal or alert, and which revision of it
    what: str  # the field, or "all of it" where only one of them knows it
    recorded: str
    computed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedChart:
    """A chart computed anew."""

    chart: RecordedChart
    subject: str
    alerts: int
    steps: int  # points, signals, alerts and revisions of them that were compared
    disagreements: tuple[ChartDisagreement, ...]


Steps = dict[str, dict[str, Any]]


def recorded_charts(connection: psycopg.Connection, batch: str | None) -> list[RecordedChart]:
    """The charts that a batch is on, or all that any is on."""
    return [RecordedChart(*row) for row in connection.execute(queries("chart_replay")["charts"], {"batch": batch})]


def replay_chart(
    connection: psycopg.Connection, recorded: RecordedChart, *, alert: tuple[int, int] | None = None
) -> ReplayedChart:
    """Compute a chart anew, entry by entry, and compare. Reads only.

    `alert` is the one that is compared, as limits and its ordinal among theirs; everything unless given.
    """
    chart = read_chart(connection, recorded.control_chart_id)
    written, told = _recorded(connection, chart)
    computed: Steps = {}
    for ordinal, changes in _replayed(connection, chart, recorded.position, written):
        computed |= _steps(changes, ordinal)
    only = "" if alert is None else _of_alert(*alert)
    steps = sorted(step for step in told.keys() | computed.keys() if step.startswith(only))
    return ReplayedChart(
        chart=recorded,
        subject=chart.subject,
        alerts=sum(step.startswith("alert") and step.endswith("as raised") for step in steps),
        steps=len(steps),
        disagreements=tuple(one for step in steps for one in _compared(step, told.get(step), computed.get(step))),
    )


def _replayed(
    connection: psycopg.Connection, chart: Chart, position: int, written: list[tuple[int, ChartPoint]]
) -> Iterator[tuple[int, Changes]]:
    state = ChartState()
    asked = {"after": 0, "until": position, "control_chart_id": chart.control_chart_id}
    for ordinal, _ in connection.execute(queries("chart")["touched"], asked).fetchall():
        if chart.attribute is not None:
            found = points_of(connection, chart, ordinal=ordinal)
        else:
            known = {point.batch_id: point for told, point in written if told <= ordinal}
            found = [point for point in known.values() if point.without is not WithoutNumber.WITHDRAWN]
        limits = read_limits(connection, chart, ordinal)
        yield ordinal, state.advance(chart, found, limits, ordinal=ordinal, at=plant_time_at(connection, ordinal))


def _recorded(connection: psycopg.Connection, chart: Chart) -> tuple[list[tuple[int, ChartPoint]], Steps]:
    sql, asked = queries("chart_replay"), {"control_chart_id": chart.control_chart_id}
    written, steps = [], {}
    for *values, revision, ordinal in connection.execute(sql["points"], asked):
        point = point_from(values)
        written.append((ordinal, point))
        steps[_point(point.batch_id, revision)] = asdict(point) | {"ordinal": ordinal}
    for batch_id, rule, side, revision, *values in connection.execute(sql["signals"], asked):
        steps[_signal(batch_id, rule, side, revision)] = dict(zip(SIGNAL, values, strict=True))
    for limits, number, version, *values in connection.execute(sql["alerts"], asked):
        steps[_alert(limits, number, version)] = dict(zip(ALERT, values, strict=True))
    return written, steps


def _steps(changes: Changes, ordinal: int) -> Steps:
    steps: Steps = {
        _point(one.point.batch_id, one.revision): asdict(one.point) | {"ordinal": ordinal} for one in changes.points
    }
    for key, signal in changes.signals:
        steps[_signal(*key, signal.revision)] = dict(zip(SIGNAL, (*astuple(signal)[1:], ordinal), strict=True))
    for told in changes.alerts:
        alert = asdict(told.alert) | {"ordinal": ordinal, "joined": sorted(told.joined)}
        alert["severity"] = str(told.alert.severity)
        step = _alert(told.alert.control_limit_id, told.alert.ordinal, told.version)
        steps[step] = {field: alert[field] for field in ALERT}
    return steps


def _point(batch_id: int, revision: int) -> str:
    return f"value of batch {batch_id}, revision {revision}"


def _signal(batch_id: int, rule: str, side: str, revision: int) -> str:
    return f"{rule} {side} of batch {batch_id}, revision {revision}"


def _alert(limits: int, ordinal: int, version: int) -> str:
    return f"{_of_alert(limits, ordinal)}{f'change {version}' if version else 'as raised'}"


def _of_alert(limits: int, ordinal: int) -> str:
    return f"alert {ordinal} of limits {limits}, "


def _compared(
    step: str, recorded: Mapping[str, Any] | None, computed: Mapping[str, Any] | None
) -> Iterator[ChartDisagreement]:
    if recorded is None or computed is None:
        said = [None if side is None else str(side.get("sentence", side.get("value"))) for side in (recorded, computed)]
        yield ChartDisagreement(
            step=step, what="all of it", recorded=said[0] or "not told", computed=said[1] or "not told"
        )
        return
    for field, was in recorded.items():
        if bits(was) != bits(computed[field]):
            yield ChartDisagreement(step=step, what=field, recorded=repr(was), computed=repr(computed[field]))
