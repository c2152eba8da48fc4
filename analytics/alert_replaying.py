"""One alert computed anew from the journal, with what it is pinned to, and held against the record bit for bit."""

from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from analytics.chart_episodes import LimitsInUse
from analytics.chart_replaying import RecordedChart, ReplayedChart, replay_chart
from analytics.charts import read_limits
from analytics.playing import Run, read_run
from analytics.replaying import RecordedRun, Replayed, replay_run
from analytics.software import software
from store.charts import read_chart
from store.errors import InputInvalid, NeedsVersion, NotFound
from store.model.alert import AlertKind
from store.sql import queries


class RecordedAlert(NamedTuple):
    """An alert as it was raised, by the run of a monitor or by the limits of a chart."""

    alert_id: int
    kind: AlertKind
    detector: str
    ordinal: int  # in its run, or of its limits
    sentence: str
    software: str
    monitor_id: int | None
    control_limit_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedRunAlert:
    """An alert of a batch computed anew."""

    alert: RecordedAlert
    pinned: Run
    replayed: Replayed  # of this alert alone


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedSignal:
    """An alert of a chart computed anew."""

    alert: RecordedAlert
    limits: LimitsInUse
    replayed: ReplayedChart  # of this alert alone


def replay_alert(connection: psycopg.Connection, alert_id: int) -> ReplayedRunAlert | ReplayedSignal:
    """Compute what raised an alert anew and compare the alert and every change of it. Reads only.

    Raises NotFound, InputInvalid where it was not computed from the journal, and NeedsVersion where another version of
    the software computed it.
    """
    row = connection.execute(queries("replay")["alert"], {"alert_id": alert_id}).fetchone()
    if row is None:
        raise NotFound(f"there is no alert {alert_id}")
    alert = RecordedAlert(*row)
    if alert.control_limit_id is not None:
        return _of_chart(connection, alert, alert.control_limit_id)
    if alert.monitor_id is not None and alert.detector != "monitor_failed":
        return _of_run(connection, alert, alert.monitor_id)
    raise InputInvalid(
        f"alert {alert_id} ({alert.detector}) says what happened to a batch or to the system; no score of readings or "
        "results raised it, so there is nothing to compute anew"
    )


def _of_run(connection: psycopg.Connection, alert: RecordedAlert, monitor_id: int) -> ReplayedRunAlert:
    row = connection.execute(queries("replay")["run"], {"monitor_id": monitor_id}).fetchone()
    assert row is not None
    run = RecordedRun(*row)
    _by_this_version(alert, run.software)
    return ReplayedRunAlert(
        alert=alert,
        pinned=read_run(connection, monitor_id),
        replayed=replay_run(connection, run, alert=alert.ordinal),
    )


def _of_chart(connection: psycopg.Connection, alert: RecordedAlert, control_limit_id: int) -> ReplayedSignal:
    _by_this_version(alert, alert.software)
    row = connection.execute(queries("chart_replay")["chart"], {"control_limit_id": control_limit_id}).fetchone()
    assert row is not None
    chart = RecordedChart(*row)
    (limits,) = (
        one
        for one in read_limits(connection, read_chart(connection, chart.control_chart_id), chart.position)
        if one.control_limit_id == control_limit_id
    )
    return ReplayedSignal(
        alert=alert, limits=limits, replayed=replay_chart(connection, chart, alert=(control_limit_id, alert.ordinal))
    )


def _by_this_version(alert: RecordedAlert, needed: str) -> None:
    if needed != software():
        raise NeedsVersion(
            f"alert {alert.alert_id} was computed by {needed}; this is {software()}, which may compute otherwise: "
            f"replay it with {needed}"
        )
