"""One tag of one batch over what it is compared with: all that a chart needs, in one answer.

Hours are process hours since the start of the batch. Old-process points are given only where somebody stated that an
old tag stands for the new one, and only in the phases they stated it for; nothing is said between the points.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.database import Row, rows
from api.placed import by_hours
from api.series import FAR_FUTURE, BatchTag, batch_row, batch_tags, read_series
from store.errors import NotFound
from store.model.alert import AlertKind, AlertState
from store.model.correction import RevisionKind
from store.model.result import LimitKind
from store.model.times import from_us
from store.sql import queries

MOST_POINTS = 20_000


class Series(BaseModel):
    """Readings by process hour; value is the mean of a step, minimum and maximum its extremes."""

    hours: list[float]
    value: list[float]
    minimum: list[float]
    maximum: list[float]
    corrected: list[int]  # how many readings of the step somebody corrected


class Revised(BaseModel):
    """What somebody said of readings of the tag in one act, on the axis of process hours."""

    correction: int
    kind: RevisionKind
    from_h: float
    to_h: float
    readings: int
    actor: str
    reason: str
    known_at: datetime


class Compared(BaseModel):
    """A reference as a chart draws it; null where nothing is known."""

    name: str
    digest: str
    software: str
    batches: int
    tag: str
    window_h: float | None
    hours: list[float]
    center: list[float | None]
    lower: list[float | None]
    upper: list[float | None]


class AlertHours(BaseModel):
    """An alert on the axis of process hours."""

    alert: int
    kind: AlertKind
    state: AlertState
    hour: float
    onset_hour: float
    ended_hour: float | None
    tags: list[str]
    sentence: str


class Marker(AlertHours):
    """An alert on the chart of a tag."""

    concerns_tag: bool


class PhaseHours(BaseModel):
    """A phase on the axis of process hours; null: it lasts."""

    phase: str
    from_h: float
    to_h: float | None


class Approved(BaseModel):
    """An approved range of the tag in its own unit, as it was in force when the batch began."""

    kind: LimitKind
    low: float | None
    high: float | None
    unit_of_measure: str


class Overlay(BaseModel):
    """One tag of one batch over its references."""

    batch: str
    tag: str
    measurand: str
    unit_of_measure: str
    started: datetime
    data_until: datetime | None  # of this tag, whatever the others do
    until_h: float | None
    series: Series
    revised: list[Revised]  # what holds of readings by the word of a person
    reference: Compared | None
    old: Compared | None
    alerts: list[Marker]
    phases: list[PhaseHours]
    limits: list[Approved]


def read_overlay(
    connection: Connection, batch: str, tag: str, *, from_h: float, step_s: int | None, run: int | None = None
) -> Overlay:
    """The overlay of `tag`, its series from `from_h` on. Raises NotFound for an unknown batch or tag.

    Its alerts are those that no correction superseded, or those of a run.
    """
    made = batch_row(connection, batch)
    tags = batch_tags(connection, made["batch_id"], [tag])
    if not tags:
        raise NotFound(f"batch {batch!r} has no tag named {tag!r}")
    start: datetime = made["started"]
    since = start + timedelta(hours=from_h)
    found = read_series(connection, tags, since=since, until=FAR_FUTURE, step_s=step_s, limit=MOST_POINTS)
    phases = read_phases(connection, made)
    compared = read_compared(connection, made, tag, phases)
    clock = read_clock(connection)
    asked = {"batch_id": made["batch_id"], "tag": tag, "latest": clock.latest}
    until = rows(connection, queries("api_batches")["newest"], asked)[0]["newest"]
    return Overlay(
        batch=batch,
        tag=tag,
        measurand=tags[0].measurand,
        unit_of_measure=tags[0].unit_of_measure,
        started=start,
        data_until=until,
        until_h=None if until is None else hour_of(until, start),
        series=series_of(found, start),
        revised=read_revised(connection, made, tags),
        reference=compared.get("new"),
        old=compared.get("old"),
        alerts=read_markers(connection, made, tag, run=run),
        phases=phases,
        limits=[
            Approved(**limit)
            for limit in rows(
                connection,
                queries("api_series")["ranges"],
                {
                    "process_version_id": made["process_version_id"],
                    "tag": tag,
                    "unit_of_measure": tags[0].unit_of_measure,
                    "started": start,
                },
            )
        ],
    )


def series_of(found: Sequence[Row], start: datetime) -> Series:
    """Rows of `read_series` on the axis of process hours."""
    return Series(
        hours=[hour_of(point["time"], start) for point in found],
        value=[point["value"] for point in found],
        minimum=[point["minimum"] for point in found],
        maximum=[point["maximum"] for point in found],
        corrected=[point["corrected"] for point in found],
    )


def read_phases(connection: Connection, made: Row) -> list[PhaseHours]:
    """The phases of a batch in process hours."""
    found = rows(connection, queries("api_batches")["phases"], {"batch_id": made["batch_id"]})
    return [
        PhaseHours(
            phase=phase["phase"],
            from_h=hour_of(phase["started"], made["started"]),
            to_h=None if phase["ended"] is None else hour_of(phase["ended"], made["started"]),
        )
        for phase in found
    ]


def read_revised(connection: Connection, made: Row, tags: Sequence[BatchTag]) -> list[Revised]:
    """Which readings of a tag hold otherwise than they arrived, act by act, at most 200."""
    start = made["started"]
    found = []
    for tag in tags:
        asked = {"tag_id": tag.tag_id, "started": tag.started, "ended": tag.ended or FAR_FUTURE}
        for revised in rows(connection, queries("api_corrections")["revised"], asked):
            first, last = revised.pop("first_time"), revised.pop("last_time")
            found.append(Revised(**revised, from_h=hour_of(first, start), to_h=hour_of(last, start)))
    return found


def read_markers(connection: Connection, made: Row, tag: str, *, run: int | None) -> list[Marker]:
    """The alerts of a batch, with whether each concerns `tag`."""
    found = read_alert_hours(connection, made, run=run)
    return [Marker(**one.model_dump(), concerns_tag=tag in one.tags) for one in found]


def read_alert_hours(connection: Connection, made: Row, *, run: int | None = None) -> list[AlertHours]:
    """The newest 500 alerts of a batch that no correction superseded, or those of a run; the oldest first."""
    asked = {
        "below": 2**63 - 1,
        "batch": made["batch"],
        "kind": None,
        "state": None,
        "severity": None,
        "open_only": False,
        "superseded": run is not None,
        "limit": 500,
    }
    start = made["started"]
    return [
        AlertHours(
            alert=alert["alert"],
            kind=alert["kind"],
            state=alert["state"],
            hour=hour_of(alert["raised_time"], start),
            onset_hour=hour_of(alert["onset_time"], start),
            ended_hour=None if alert["ended_time"] is None else hour_of(alert["ended_time"], start),
            tags=alert["tags"],
            sentence=alert["sentence"],
        )
        for alert in reversed(rows(connection, queries("api_alerts")["queue"], asked))
        # A signal is between batches, and nowhere in the course of one.
        if alert["phase_time_h"] is not None and (run is None or alert["run"] == run)
    ]


def read_compared(connection: Connection, made: Row, tag: str, phases: list[PhaseHours]) -> dict[str, Compared]:
    """The references' curves of a tag by role; a role without a curve is left out."""
    asked = {"batch_id": made["batch_id"], "process_version_id": made["process_version_id"], "tag": tag}
    compared = {}
    for found in rows(connection, queries("api_series")["curves"], asked):
        curve: Mapping[str, Any] | None = found["curve"]
        if not curve:
            continue
        placed: list[tuple[float, int | None]] = []
        if found["course"] is None:
            stated = found["phases"]
            placed = [(hour, at) for at, hour in enumerate(curve["hours"]) if _stated_for(hour, stated, phases)]
        else:
            after_h = 0.0 if found["started_us"] is None else hour_of(from_us(found["started_us"]), made["started"])
            placed = by_hours(found["course"], found["path"] or (), after_h=after_h, goes_on=made["ended"] is None)
        if found["role"] == "old":
            placed = [(hour, at) for hour, at in placed if at is not None and curve["center"][at] is not None]
        compared[found["role"]] = Compared(
            name=found["name"],
            digest=found["digest"],
            software=found["software"],
            batches=found["batches"],
            tag=found["tag_old"] or tag,
            window_h=curve.get("window_h"),
            hours=[hour for hour, _ in placed],
            center=[None if at is None else curve["center"][at] for _, at in placed],
            lower=[None if at is None else curve["lower"][at] for _, at in placed],
            upper=[None if at is None else curve["upper"][at] for _, at in placed],
        )
    return compared


def hour_of(time: datetime, start: datetime) -> float:
    """Process hours since the start of the batch, to the millisecond and a bit."""
    return round((time - start).total_seconds() / 3600, 6)


def _stated_for(hour: float, stated: list[str | None] | None, phases: list[PhaseHours]) -> bool:
    """Whether a point lies in a phase the correspondence was stated for; null in `stated` means all phases."""
    if stated is None or None in stated:
        return True
    return any(
        phase.phase in stated and phase.from_h <= hour and (phase.to_h is None or hour < phase.to_h) for phase in phases
    )
