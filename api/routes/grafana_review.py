"""What Grafana's review dashboards read: flat arrays for the Infinity data source, times in ms and ascending."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from psycopg import Connection

from api.chart_flat import flat_charts, flat_points, flat_signals
from api.clock import read_clock
from api.database import Reading, Row, rows
from api.expected import flat_lines, read_plan
from api.fields import LATEST_MS, LONGEST_STEP_S, Milliseconds, Names, from_ms, split, to_ms
from api.flat import ROW_CAP, FlatRow, flat
from api.overlay import hour_of, read_compared, read_phases
from api.series import batch_tags, read_series
from store.sql import queries

router = APIRouter(prefix="/grafana", tags=["grafana review"])

From = Annotated[Milliseconds, Query(alias="from")]
To = Annotated[Milliseconds, Query(alias="to")]
Chart = Annotated[str, Query(max_length=9, pattern=r"^[^\x00]*$", description="number of a chart over batches")]
Step = Annotated[int | None, Query(alias="step", ge=0, le=LONGEST_STEP_S, description="seconds a step")]


@router.get("/batches", response_model=list[FlatRow])
def batches(connection: Reading) -> Response:
    """All batches in order of their start."""
    return _query(connection, "batches", {})


@router.get("/tags", response_model=list[FlatRow])
def tags(connection: Reading, batch: Names = "") -> Response:
    """The tags of batches, each name once."""
    return _query(connection, "tags", {"batches": split(batch)})


@router.get("/readings", response_model=list[FlatRow])
def readings(
    connection: Reading,
    batch: Names = "",
    tags: Names = "",
    since: From = 0,
    until: To = LATEST_MS,
    step: Step = None,
) -> Response:
    """Readings of batches by steps of time; without `tags` of all. The row cap is one for all the batches."""
    found: list[tuple[int, Row]] = []
    for made in _known(connection, batch):
        if len(found) > ROW_CAP:
            break
        wanted = batch_tags(connection, made["batch_id"], split(tags) or None)
        names = {tag.tag_id: tag.tag for tag in wanted}
        series = read_series(
            connection,
            wanted,
            since=from_ms(since),
            until=from_ms(until) + timedelta(milliseconds=1),
            step_s=step,
            limit=ROW_CAP + 1 - len(found),
        )
        for point in series:
            time = to_ms(point["time"])
            assert time is not None
            found.append(
                (
                    time,
                    {
                        "time": time,
                        "tag": names[point["tag_id"]],
                        "value": point["value"],
                        "minimum": point["minimum"],
                        "maximum": point["maximum"],
                        "corrected": point["corrected"],
                    },
                )
            )
    return flat(point for _, point in sorted(found, key=lambda pair: pair[0]))


@router.get("/overlay", response_model=list[FlatRow])
def overlay(
    connection: Reading, batch: Names = "", tag: Names = "", since: From = 0, until: To = LATEST_MS
) -> Response:
    """One tag of one batch on the cells of its reference: mean of the readings in each cell, center and band."""
    found: list[Row] = []
    for made, name in _first(connection, batch, tag):
        curve = read_compared(connection, made, name, []).get("new")
        values = _by_cell(connection, made, name, curve.hours if curve else [])
        start_ms = to_ms(made["started"])
        assert start_ms is not None
        if curve is None:
            found += [{"time": start_ms + round(hour * 3_600_000), "value": value} | NO_BAND for hour, value in values]
            continue
        known = dict(values)
        for index, hour in enumerate(curve.hours):
            found.append(
                {
                    "time": start_ms + round(hour * 3_600_000),
                    "value": known.get(hour),
                    "center": curve.center[index],
                    "lower": curve.lower[index],
                    "upper": curve.upper[index],
                }
            )
    return flat(point for point in found if since <= _time(point) <= until)


@router.get("/old-points", response_model=list[FlatRow])
def old_points(connection: Reading, batch: Names = "", tag: Names = "") -> Response:
    """What the old process showed at the hours it was read, with its prediction limits; nothing between."""
    found: list[Row] = []
    for made, name in _first(connection, batch, tag):
        points = read_compared(connection, made, name, read_phases(connection, made)).get("old")
        start_ms = to_ms(made["started"])
        if points is None or start_ms is None:
            continue
        found += [
            {"time": start_ms + round(hour * 3_600_000), "value": center, "lower": lower, "upper": upper}
            for hour, center, lower, upper in zip(points.hours, points.center, points.lower, points.upper, strict=True)
        ]
    return flat(sorted(found, key=_time))


@router.get("/alerts", response_model=list[FlatRow])
def alerts(connection: Reading, batch: Names = "", since: From = 0, until: To = LATEST_MS) -> Response:
    """Alerts as annotations; without `batch` of all."""
    asked = {"batches": split(batch), "all_batches": not split(batch), "now": read_clock(connection).now}
    return _query(connection, "alerts", asked | {"since": from_ms(since), "until": from_ms(until)})


@router.get("/results", response_model=list[FlatRow])
def results(connection: Reading, batch: Names = "") -> Response:
    """Every statement of every result of batches."""
    return _query(connection, "results", {"batches": split(batch)})


@router.get("/expected", response_model=list[FlatRow])
def expected(connection: Reading, batch: Names = "") -> Response:
    """The sampling plan of batches line by line, in order of due time, what was received among it."""
    now = read_clock(connection).now
    lines = read_plan(connection, batches=split(batch), now=now, limit=ROW_CAP + 1)
    return flat(flat_lines(lines, now))


@router.get("/charts", response_model=list[FlatRow])
def charts(connection: Reading) -> Response:
    """Charts over batches, with their limits in use and how far they reach."""
    return flat(flat_charts(connection))


@router.get("/chart-points", response_model=list[FlatRow])
def chart_points(connection: Reading, chart: Chart = "", since: From = 0, until: To = LATEST_MS) -> Response:
    """The batches on a chart by their starts, each with the lines it is judged by."""
    return flat(flat_points(connection, chart, since=since, until=until))


@router.get("/chart-signals", response_model=list[FlatRow])
def chart_signals(connection: Reading, chart: Chart = "") -> Response:
    """What rules said of the batches on a chart, as it was written down."""
    return flat(flat_signals(connection, chart))


@router.get("/stream", response_model=list[FlatRow])
def stream(connection: Reading, since: From = 0, until: To = LATEST_MS) -> Response:
    """Readings and quarantined items a minute, by the newest blocks of every chain."""
    return _query(connection, "stream", {"since": from_ms(since), "until": from_ms(until)})


NO_BAND: Row = {"center": None, "lower": None, "upper": None}


def _query(connection: Connection, name: str, asked: Row) -> Response:
    return flat(rows(connection, queries("api_grafana")[name], asked | {"limit": ROW_CAP + 1}))


def _known(connection: Connection, batch: str) -> list[Row]:
    """The batches among the names that are known; an unknown one is no error for a dashboard."""
    found = (rows(connection, queries("api_batches")["detail"], {"batch": name}) for name in split(batch))
    return [made for several in found for made in several if made["started"] is not None]


def _first(connection: Connection, batch: str, tag: str) -> list[tuple[Row, str]]:
    """The first known batch with the first tag: an overlay is of one."""
    names = split(tag)
    return [(made, names[0]) for made in _known(connection, batch)[:1] if names]


def _by_cell(connection: Connection, made: Row, tag: str, hours: list[float]) -> list[tuple[float, float]]:
    """Mean of the readings in each cell of the reference's grid, by the hour the grid names; else by chart steps."""
    wanted = batch_tags(connection, made["batch_id"], [tag])
    start = made["started"]
    until = from_ms(LATEST_MS)
    if len(hours) < 2:
        series = read_series(connection, wanted, since=start, until=until, step_s=None, limit=ROW_CAP)
        return [(hour_of(point["time"], start), point["value"]) for point in series]
    width_h = hours[1] - hours[0]
    step_s = max(1, min(600, round(width_h * 1800)))
    series = read_series(connection, wanted, since=start, until=until, step_s=step_s, limit=ROW_CAP)
    sums: dict[int, tuple[float, int]] = {}
    for point in series:
        cell = int(hour_of(point["time"], start) // width_h)
        total, count = sums.get(cell, (0.0, 0))
        sums[cell] = (total + point["value"], count + 1)
    return [(hours[cell], total / count) for cell, (total, count) in sums.items() if cell < len(hours)]


def _time(point: Mapping[str, Any]) -> int:
    time = point["time"]
    assert isinstance(time, int)
    return time
