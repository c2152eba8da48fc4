"""The pages for people. What they show is what the JSON routes answer, read in the same transaction."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from psycopg import Connection

from api.alert_course import read_alert_course
from api.auth import ACKNOWLEDGE, CORRECT, SignedIn
from api.batch import read_batch
from api.bin_drawing import Panel, draw_bins, unit_in_words
from api.bins import SeenBins, seen_bins
from api.board import read_board
from api.chart_drawing import draw
from api.charts import read_chart_detail, signals_of_batch
from api.clock import read_clock
from api.comparison import read_comparison
from api.corrections import read_corrections
from api.course import Course, read_course
from api.database import Reading, Row, Writing, row
from api.departures import read_stated
from api.fields import BIGGEST_ID, AlertNumber, BatchName, Cursor, KnownOrEmpty, OptionalName
from api.forms import Typed, posted, refusing
from api.overlay import hour_of
from api.paper import read_paper
from api.rendering import render
from api.results import read_expected, read_results
from api.routes.alerts import MOST_VERSIONS, AlertDetail, read_alert, read_batch_alerts, read_queue
from api.routes.batches import events, list_batches
from api.routes.operation import read_readiness
from api.series import batch_row, batch_tags
from api.statement import read_statement
from api.strips import read_strips
from records.actors import Actor
from records.alerts import acknowledge, assess
from store.errors import BatchwitnessError, NotFound
from store.model.alert import AlertCause, AlertImpact, AlertKind, AlertState
from store.model.completeness import GapCause
from store.model.process import ProcessRole
from store.sql import queries

# On the page of a batch: what its own course says is not to be looked for below what other batches say of it, nor this
# below lost readings, which are many and say nothing of the process.
STANDS_BELOW = {AlertKind.SIGNAL: 1, AlertKind.SILENCE: 2}
BEFORE_H = 24.0  # what was done a day before an alert began may be its cause

router = APIRouter(include_in_schema=False)


@router.get("/")
def board(request: Request, connection: Reading) -> Response:
    """The board of units; its middle asks for itself again every two seconds."""
    return render(request, "board.html", board=read_board(connection))


@router.get("/board")
def board_tiles(request: Request, connection: Reading) -> Response:
    """The middle of the board."""
    return render(request, "board_tiles.html", board=read_board(connection))


@router.get("/batches")
def batches(
    request: Request,
    connection: Reading,
    actor: SignedIn,
    role: Annotated[ProcessRole | None, Query()] = None,
    cursor: Cursor = BIGGEST_ID,
) -> Response:
    """Batches of the old and the new process."""
    found = list_batches(connection, actor, role=role, cursor=cursor, limit=100)
    return render(request, "batches.html", page=found, role=role)


@router.get("/batches/{batch}")
def batch(request: Request, connection: Reading, actor: SignedIn, batch: BatchName) -> Response:
    """One batch over its references."""
    paper = read_paper(connection, batch_row(connection, batch))
    return render(request, "batch.html", paper=paper, **_batch(connection, actor, batch))


@router.get("/batches/{batch}/now")
def batch_now(request: Request, connection: Reading, actor: SignedIn, batch: BatchName) -> Response:
    """The part of a batch's page that refreshes itself."""
    return render(request, "batch_now.html", **_batch(connection, actor, batch))


@router.get("/batches/{batch}/completeness")
def completeness(request: Request, connection: Reading, batch: BatchName) -> Response:
    """What was owed, what came and how, what is missing and why."""
    statement = read_statement(connection, batch)
    strips = read_strips(connection, statement, batch_row(connection, batch)["batch_id"])
    kinds = ["received", "late", *GapCause]
    return render(request, "completeness.html", statement=statement, strips=strips, kinds=kinds)


@router.get("/batches/{batch}/results")
def results(request: Request, connection: Reading, batch: BatchName, as_known_at: KnownOrEmpty = None) -> Response:
    """Every statement of the results of a batch, now or as known at an instant, and what is missing."""
    made = batch_row(connection, batch)
    return render(
        request,
        "results.html",
        results=read_results(connection, made, as_known_at=as_known_at),
        expected=read_expected(connection, made, as_known_at=as_known_at),
    )


@router.get("/alerts")
def alerts(
    request: Request,
    connection: Reading,
    state: Annotated[AlertState | None, Query()] = None,
    batch: OptionalName = None,
) -> Response:
    """The queue: what nobody has closed, the unacknowledged first, of these silence last; a silent node is one row."""
    found = read_queue(connection, batch=batch, state=state, open_only=state is None, limit=200)
    nodes = read_board(connection).silent_nodes if state is None and batch is None else []
    gathered = {alert for node in nodes for alert in node.alerts}
    found = [alert for alert in found if alert.alert not in gathered]
    found.sort(
        key=lambda alert: (
            alert.state is not AlertState.RAISED,
            alert.kind is AlertKind.SILENCE,
            -alert.raised_time.timestamp(),
        )
    )
    asked = {name: value for name, value in (("state", state), ("batch", batch)) if value is not None}
    clock = read_clock(connection)
    return render(request, "alerts.html", alerts=found, nodes=nodes, state=state, batch=batch, asked=asked, clock=clock)


@router.get("/alerts/{alert}")
def alert(request: Request, connection: Reading, actor: SignedIn, alert: AlertNumber) -> Response:
    """One alert with its evidence."""
    return _alert_page(request, connection, actor, alert)


@router.post("/alerts/{alert}/acknowledge")
def acknowledge_alert(
    request: Request,
    connection: Writing,
    actor: Annotated[Actor, Depends(ACKNOWLEDGE)],
    alert: AlertNumber,
    version: Annotated[int, Form(ge=0, le=MOST_VERSIONS)],
    comment: Typed = "",
) -> Response:
    """Acknowledge from the page; without a comment, too late, or of what has changed, the page says so."""
    return posted(
        lambda: acknowledge(connection, alert_id=alert, version=version, actor=actor, comment=comment),
        then=f"/alerts/{alert}",
        again=lambda error: _alert_page(request, connection, actor, alert, refused=error, comment=comment),
    )


@router.post("/alerts/{alert}/assess")
def assess_alert(
    request: Request,
    connection: Writing,
    actor: Annotated[Actor, Depends(CORRECT)],
    alert: AlertNumber,
    version: Annotated[int, Form(ge=0, le=MOST_VERSIONS)],
    impact: Annotated[AlertImpact, Form()],
    cause: Annotated[AlertCause, Form()],
    comment: Typed = "",
) -> Response:
    """Assess from the page what somebody has acknowledged."""
    return posted(
        lambda: assess(
            connection, alert_id=alert, version=version, impact=impact, cause=cause, actor=actor, comment=comment
        ),
        then=f"/alerts/{alert}",
        again=lambda error: _alert_page(request, connection, actor, alert, refused=error, comment=comment),
    )


@router.get("/operation")
def operation(request: Request, connection: Reading) -> Response:
    """What every page says above all else: which part of the system is away or behind."""
    return render(request, "operation.html", state=read_readiness(connection))


@router.get("/comparison")
def comparison(request: Request, connection: Reading, change: OptionalName = None) -> Response:
    """Old against new, exploratory."""
    try:
        found = read_comparison(connection, change)
    except NotFound:
        if change is not None:
            raise
        found = None
    return render(request, "comparison.html", comparison=found)


def _batch(connection: Reading, actor: Actor, name: str) -> dict[str, object]:
    made = batch_row(connection, name)
    return {
        "batch": read_batch(connection, name, identity="identity" in actor.roles),
        "alerts": sorted(read_batch_alerts(connection, name), key=lambda alert: STANDS_BELOW.get(alert.kind, 0)),
        "corrections": read_corrections(connection, made["batch_id"], below=BIGGEST_ID, limit=20),
        "results": read_results(connection, made),
        "stated": [row for row in read_stated(connection, made["batch_id"]) if not row.superseded],
        "signals": signals_of_batch(connection, name),
        "events": events(connection, actor, name, cursor=0, limit=500).items,
        "clock": read_clock(connection),
    }


def _around(course: Course, alert: AlertDetail) -> dict[str, object]:
    """What was done from a day before an alert's onset until it ended, or until now, for its page."""
    onset_h = hour_of(alert.onset_time, course.started)
    until_h = hour_of(alert.ended_time or alert.raised_time, course.started)
    if alert.ended_time is None and course.until_h is not None:
        until_h = max(until_h, course.until_h)
    marks = [mark for mark in course.marks if onset_h - BEFORE_H <= mark.hour <= until_h]
    return {"onset_h": onset_h, "around": marks}


def _evidence(connection: Connection, alert: AlertDetail, made: Row | None) -> dict[str, object]:
    """What the page says of an alert's cells and bins: units, hours, and the bins drawn over the readings around."""
    seen: list[SeenBins] = []
    drawn: list[Panel] = []
    units: dict[str, str] = {}
    started = None
    if made is not None and alert.phase_time_h is not None:
        started = alert.raised_time - timedelta(hours=alert.phase_time_h)
        seen = seen_bins(alert.cells)
        drawn = draw_bins(connection, seen, batch_id=made["batch_id"], started=started)
        units = {tag.tag: unit_in_words(tag) for tag in batch_tags(connection, made["batch_id"], alert.tags)}
    width = row(connection, queries("api_alerts")["cell_width"], {"alert_id": alert.alert})
    return {
        "bins": seen,
        "bins_drawn": drawn,
        "unit_started": started,
        "units_of": units,
        "cell_h": None if width is None else width["width_h"],
    }


def _alert_page(
    request: Request,
    connection: Connection,
    actor: Actor,
    alert: int,
    *,
    refused: BatchwitnessError | None = None,
    comment: str = "",
) -> Response:
    found = read_alert(connection, alert)
    made = None if found.batch is None else batch_row(connection, found.batch)
    run = found.run if found.superseded else None  # the scores by which that run judged
    course = None if made is None else read_course(connection, made, identity="identity" in actor.roles, run=run)
    page = render(
        request,
        "alert.html",
        alert=found,
        course=course,
        **_evidence(connection, found, made),
        panels=[] if found.chart is None else draw(read_chart_detail(connection, found.chart)),
        own=read_alert_course(connection, alert),
        **({"around": []} if course is None else _around(course, found)),
        refused=None if refused is None else str(refused),
        comment=comment,
        may_acknowledge=ACKNOWLEDGE.lets(actor),
        may_assess=CORRECT.lets(actor),
        impacts=list(AlertImpact),
        causes=list(AlertCause),
    )
    return refusing(page, refused)
