"""Follow the recorded order and keep charts over batches: points as they come to be known, signals, and alerts of them.

DETECT-1: what a chart of an attribute says depends on the recorded order alone, however the order was cut into
stretches (`analytics/chart_state.py`). A summary of readings is taken once its batch has completed, from the readings
as they hold then, and again when its phase or its readings are corrected.
"""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import psycopg
import structlog
from psycopg.types.json import Jsonb

from analytics.chart_episodes import LimitsInUse, SignalAlert
from analytics.chart_state import AlertVersion, Changes, ChartState, PointRevision, SignalKey, SignalRevision
from analytics.intake import Stretch
from analytics.methods.control import ControlLimits
from analytics.software import software
from store.charts import point_from, points_of, read_chart
from store.model.alert import AlertKind, AlertSeverity
from store.model.chart import Chart
from store.sql import queries

log = structlog.get_logger()


def follow_charts(connection: psycopg.Connection, stretch: Stretch) -> None:
    """Bring the charts that a stretch touches up to date, in the caller's transaction.

    A chart that cannot be judged says so and holds up nothing else.
    """
    sql = queries("chart")
    parameters = {"after": stretch.after, "until": stretch.until, "control_chart_id": None}
    for ordinal, control_chart_id in connection.execute(sql["touched"], parameters).fetchall():
        failure = None
        try:
            with connection.transaction():
                bring_up_to_date(connection, control_chart_id, ordinal)
        except psycopg.OperationalError:
            raise  # the store is unavailable, the chart is not to blame
        except Exception as error:
            log.exception("chart failed", chart=control_chart_id, ordinal=ordinal)
            failure = f"{type(error).__name__}: {error}"[:500]
        connection.execute(sql["say_failure"], {"control_chart_id": control_chart_id, "failure": failure})


def bring_up_to_date(connection: psycopg.Connection, control_chart_id: int, ordinal: int) -> None:
    """Write down what an ordinal of the intake changed of a chart's points, signals and alerts."""
    chart = read_chart(connection, control_chart_id)
    state = read_state(connection, chart)
    changes = state.advance(
        chart,
        points_of(connection, chart, ordinal=ordinal, known=state.known()),
        read_limits(connection, chart, ordinal),
        ordinal=ordinal,
        at=plant_time_at(connection, ordinal),
    )
    _write(connection, chart, changes, ordinal)


def read_state(connection: psycopg.Connection, chart: Chart) -> ChartState:
    """A chart as it was last worked off."""
    sql, asked = queries("chart"), {"control_chart_id": chart.control_chart_id}
    state = ChartState()
    for *values, revision, first in connection.execute(sql["points"], asked).fetchall():
        point = point_from(values)
        state.points[point.batch_id] = PointRevision(revision=revision, point=point)
        state.first[point.batch_id] = first
    for batch_id, rule, side, *values in connection.execute(sql["signals"], asked).fetchall():
        revised = SignalRevision(**dict(zip(_SIGNAL, values, strict=True)))
        state.signals[SignalKey(batch_id, rule, side)] = revised
    for version, *values in connection.execute(sql["alerts"], asked).fetchall():
        alert = alert_from(values)
        told = AlertVersion(version=version, alert=alert, joined=frozenset())
        state.alerts[alert.control_limit_id, alert.ordinal] = told
    return state


def read_limits(connection: psycopg.Connection, chart: Chart, ordinal: int) -> list[LimitsInUse]:
    """The versions of a chart's limits that were put to use by an ordinal of the intake, in that order."""
    asked = {"control_chart_id": chart.control_chart_id, "ordinal": ordinal}
    return [
        LimitsInUse(
            control_limit_id=number,
            version=version,
            kind=kind,
            limits=ControlLimits(centre=centre, sigma=sigma, n=n),
            rules=tuple(rules),
            batches=frozenset(point["batch_id"] for point in points),
            ordinal=used,
            until=retired,
        )
        for number, version, kind, centre, sigma, n, rules, points, used, retired in connection.execute(
            queries("chart")["limits_in_order"], asked
        )
    ]


def plant_time_at(connection: psycopg.Connection, ordinal: int) -> datetime:
    """The plant's time at an ordinal of the intake: of the last tick up to it, else when its block was committed."""
    row = connection.execute(queries("chart")["plant_time_at"], {"ordinal": ordinal}).fetchone()
    assert row is not None
    time: datetime = row[0]
    return time


def alert_from(values: list[Any]) -> SignalAlert:
    """A stored alert, its columns in the order of the queries."""
    alert = SignalAlert(**dict(zip(_ALERT, values, strict=True)))
    return replace(
        alert,
        severity=AlertSeverity(alert.severity),
        batches=frozenset(alert.batches),
        # JSON of the database gives a large number back as an integer.
        evidence=tuple(
            one | {"statistic": float(one["statistic"]), "limit": float(one["limit"])} for one in alert.evidence
        ),
    )


def _write(connection: psycopg.Connection, chart: Chart, changes: Changes, ordinal: int) -> None:
    sql = queries("chart")
    common = {"control_chart_id": chart.control_chart_id, "ordinal": ordinal, "software": software()}
    for revised in changes.points:
        connection.execute(sql["insert_point"], asdict(revised.point) | common | {"revision": revised.revision})
    for key, signal in changes.signals:
        connection.execute(sql["insert_signal"], key._asdict() | asdict(signal) | common)
    for told in changes.alerts:
        _write_alert(connection, chart, told, ordinal)


def _write_alert(connection: psycopg.Connection, chart: Chart, told: AlertVersion, ordinal: int) -> None:
    sql, alert = queries("chart"), told.alert
    fields = {
        "control_limit_id": alert.control_limit_id,
        "alert_ordinal": alert.ordinal,
        "kind": str(AlertKind.SIGNAL),
        "severity": str(alert.severity),
        "rule": alert.rule,
        "tags": [] if chart.tag is None else [chart.tag],
        "score": alert.score,
        "limit_value": alert.limit,
        "sentence": alert.sentence,
        "evidence": Jsonb(alert.evidence),
        "raised": alert.raised,
        "onset": alert.onset,
        "ended": alert.ended,
        "version": told.version,
        "software": software(),
        "ordinal": ordinal,
    }
    connection.execute(sql["raise_alert" if told.version == 0 else "update_alert"], fields)
    for batch_id in sorted(told.joined):
        connection.execute(sql["insert_signal_batch"], fields | {"batch_id": batch_id})


_SIGNAL = ("revision", "holds", "control_limit_id", "statistic", "limit_value", "points", "sentence")
_ALERT = (
    "control_limit_id", "ordinal", "severity", "rule", "score", "limit", "sentence", "batches", "evidence", "raised",
    "onset", "ended",
)  # fmt: skip
