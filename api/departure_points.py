"""One tag of a batch over the matched points of the old process: all that its drawing needs, in one answer.

Between the points nothing is known of the old process, and the drawing hatches it; nothing is interpolated.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.database import Row, row, rows
from api.departure_runs import ComparedRun, ComparedTag, at_hour, chosen, offset_h, phase_at, read_runs
from api.departures import distance_of, is_inside
from api.overlay import MOST_POINTS, AlertHours, PhaseHours, Series, hour_of, read_phases, series_of
from api.series import FAR_FUTURE, batch_tags, read_series
from store.errors import NotFound
from store.sql import queries


class PointState(StrEnum):
    """What became of a matched point."""

    INSIDE = "inside"  # the 95 % prediction interval of the old batches
    OUTSIDE = "outside"
    NOT_SEEN = "not_seen"  # nothing usable was read around it
    NOT_KEPT = "not_kept"  # compared by a run that kept no single points
    AHEAD = "ahead"  # the batch, or the run that judges it, has not come so far


class MatchedPoint(BaseModel):
    """One point on the axis of process hours; distances in old SD, null where nothing is known."""

    hour: float
    phase: str
    state: PointState
    value: float | None  # of the batch around it
    expected: float  # mean of the old batches
    lower: float | None  # 95 % prediction interval at this point on its own
    upper: float | None
    distance: float | None
    limit: float | None  # distance that raises an alert: as a rule wider, because it is shared over points and tags


class Unknown(BaseModel):
    """Process hours in which nothing is known of the old process."""

    from_h: float
    to_h: float


class DepartureDrawn(BaseModel):
    """One tag of one run over the old process."""

    batch: str
    tag: str
    old_tag: str
    in_phases: list[str]  # the only ones in which the old tag stands for it; none named: in all
    measurand: str
    unit_of_measure: str
    run: int
    superseded: bool
    started: datetime
    data_until: datetime | None  # of this tag, whatever the others do
    until_h: float | None
    end_h: float  # of the drawing
    window_h: float  # readings so far on either side of a point are compared with it
    series: Series
    points: list[MatchedPoint]
    unknown: list[Unknown]
    alerts: list[AlertHours]
    phases: list[PhaseHours]


def read_drawn(connection: Connection, made: Row, tag: str, *, run: int | None) -> DepartureDrawn:
    """Raises NotFound for an unknown tag, for one that is never compared, and for an unknown run."""
    tags = batch_tags(connection, made["batch_id"], [tag])
    if not tags:
        raise NotFound(f"batch {made['batch']!r} has no tag named {tag!r}")
    shown = next((one for one in chosen(read_runs(connection, made["batch_id"]), run) if one.tag(tag)), None)
    match = None if shown is None else shown.tag(tag)
    if shown is None or match is None:
        raise NotFound(f"tag {tag!r} of batch {made['batch']!r} is never compared with the old process")
    phases = read_phases(connection, made)
    asked = {"batch_id": made["batch_id"], "tag": tag, "latest": read_clock(connection).latest}
    until = rows(connection, queries("api_batches")["newest"], asked)[0]["newest"]
    curve = _curve(connection, shown, match)
    points = _points(connection, made, shown, match, curve, phases)
    last_h = max((phase.to_h or phase.from_h for phase in phases), default=0.0)
    end_h = max([1.0, last_h, *(point.hour for point in points), *([] if until is None else [_hour(until, made)])])
    found = read_series(connection, tags, since=made["started"], until=FAR_FUTURE, step_s=None, limit=MOST_POINTS)
    return DepartureDrawn(
        batch=made["batch"],
        tag=tag,
        old_tag=match.old_tag,
        in_phases=match.phases,
        measurand=tags[0].measurand,
        unit_of_measure=tags[0].unit_of_measure,
        run=shown.told.run,
        superseded=shown.told.superseded,
        started=made["started"],
        data_until=until,
        until_h=None if until is None else _hour(until, made),
        end_h=end_h,
        window_h=curve["window_h"],
        series=series_of(found, made["started"]),
        points=points,
        unknown=_unknown([point.hour for point in points], curve["window_h"], end_h),
        alerts=_alerts(connection, made, shown, tag),
        phases=phases,
    )


def _curve(connection: Connection, run: ComparedRun, match: ComparedTag) -> dict[str, Any]:
    found = row(connection, queries("api_departures")["curve"], {"monitor_id": run.monitor_id, "tag": match.old_tag})
    assert found is not None  # the reference knows the tag, or it would not be compared
    curve: dict[str, Any] = found["curve"]
    return curve


def _points(
    connection: Connection,
    made: Row,
    run: ComparedRun,
    match: ComparedTag,
    curve: dict[str, Any],
    phases: Sequence[PhaseHours],
) -> list[MatchedPoint]:
    """Every point of the old process in the phases in which the old tag stands for this one, up to the batch's end."""
    asked = {"monitor_id": run.monitor_id, "tag": match.tag}
    kept = {point["point"]: point for point in rows(connection, queries("api_departures")["points"], asked)}
    found = []
    for index, own_hour in enumerate(curve["hours"]):
        hour = round(own_hour + offset_h(run, made), 6)
        phase = phase_at(phases, hour)
        if curve["center"][index] is None or not match.holds_in(phase):
            continue
        time = at_hour(run, own_hour)
        if index in kept:
            found.append(_compared(hour, phase, kept[index]))
        elif made["ended"] is None or time <= made["ended"]:
            to_come = not run.told.finished and (run.compared_until is None or time > run.compared_until)
            state = PointState.AHEAD if to_come else PointState.NOT_KEPT
            found.append(_not_compared(hour, phase, curve, index, state=state))
    return found


def _compared(hour: float, phase: str, point: Row) -> MatchedPoint:
    seen = point["value"] is not None
    half = None if point["reach"] is None else point["reach"] * point["sd"]
    met = PointState.INSIDE if seen and is_inside(point) else PointState.OUTSIDE
    return MatchedPoint(
        hour=hour,
        phase=phase,
        state=met if seen else PointState.NOT_SEEN,
        value=point["value"],
        expected=point["expected"],
        lower=None if half is None else point["expected"] - half,
        upper=None if half is None else point["expected"] + half,
        distance=distance_of(point) if seen else None,
        limit=point["limit_value"],
    )


def _not_compared(hour: float, phase: str, curve: dict[str, Any], index: int, *, state: PointState) -> MatchedPoint:
    # References learned before the interval of a point was written beside its mean tell the mean alone.
    lower, upper = curve.get("inside_lower"), curve.get("inside_upper")
    return MatchedPoint(
        hour=hour,
        phase=phase,
        state=state,
        value=None,
        expected=curve["center"][index],
        lower=lower and lower[index],
        upper=upper and upper[index],
        distance=None,
        limit=None,
    )


def _unknown(hours: Sequence[float], window_h: float, end_h: float) -> list[Unknown]:
    """What lies outside the windows of the points.

    >>> [(part.from_h, part.to_h) for part in _unknown([12.0, 24.0], 1.0, 30.0)]
    [(0.0, 11.0), (13.0, 23.0), (25.0, 30.0)]
    """
    begins = [0.0, *(hour + window_h for hour in hours)]
    ends = [*(hour - window_h for hour in hours), end_h]
    return [Unknown(from_h=low, to_h=high) for low, high in zip(begins, ends, strict=True) if high > low]


def _alerts(connection: Connection, made: Row, run: ComparedRun, tag: str) -> list[AlertHours]:
    asked = {"monitor_id": run.monitor_id, "tag": tag}
    return [
        AlertHours(
            **{name: alert[name] for name in ("alert", "kind", "state", "tags", "sentence")},
            hour=_hour(alert["raised_time"], made),
            onset_hour=_hour(alert["onset_time"], made),
            ended_hour=None if alert["ended_time"] is None else _hour(alert["ended_time"], made),
        )
        for alert in rows(connection, queries("api_departures")["alerts"], asked)
    ]


def _hour(time: datetime, made: Row) -> float:
    return hour_of(time, made["started"])
