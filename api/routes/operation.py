"""For whoever runs the system: is everything there, how much has passed through, and what the API offers."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.database import Reading, row, rows, transaction
from api.expected import read_plan
from api.flat import ROW_CAP
from api.metrics import exposition
from api.rendering import instant
from store.errors import StoreUnavailable
from store.sql import queries

TICK_TOO_OLD_S = 10.0  # ingest ticks every second
LAG_TOO_LONG_BLOCKS = 200  # with a tick a second, minutes of live data

ready_router = APIRouter(tags=["operation"])
router = APIRouter(tags=["operation"])


class Readiness(BaseModel):
    """Whether everything that a screen relies on works; if not, why."""

    ready: bool
    reasons: list[str]
    notes: list[str]  # what somebody should look at although everything works
    database: bool
    tick_age_s: float | None
    blocks_not_taken: int | None
    blocks_not_worked_off: int | None


@ready_router.get("/ready", responses={503: {"model": Readiness, "description": "Something is missing"}})
def ready(request: Request) -> JSONResponse:
    """Database, ticks of ingest, lag of analytics. 503 with the reasons when something is missing."""
    try:
        with transaction(request.app.state.pool, read_only=True) as connection:
            state = read_readiness(connection)
    except StoreUnavailable:
        state = Readiness(
            ready=False,
            reasons=["the database does not answer"],
            notes=[],
            database=False,
            tick_age_s=None,
            blocks_not_taken=None,
            blocks_not_worked_off=None,
        )
    status = HTTPStatus.OK if state.ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(state.model_dump(), status_code=status)


def read_readiness(connection: Connection) -> Readiness:
    """What a screen relies on, as the database knows it."""
    clock = read_clock(connection)
    lag = row(connection, queries("api_record")["readiness"])
    assert lag is not None
    reasons = []
    if clock.tick_age_s is None:
        reasons.append("ingest has never ticked")
    elif clock.tick_age_s > TICK_TOO_OLD_S:
        since = datetime.now(UTC) - timedelta(seconds=clock.tick_age_s)
        reasons.append(f"no time told since {instant(since)}: ingest is away, behind, or without its broker")
    behind = max(0, lag["not_taken"]) + max(0, lag["not_worked_off"])
    if behind > LAG_TOO_LONG_BLOCKS:
        reasons.append(f"analytics is {behind} blocks behind, more than {LAG_TOO_LONG_BLOCKS}")
    return Readiness(
        ready=not reasons,
        reasons=reasons,
        notes=_notes(connection),
        database=True,
        tick_age_s=clock.tick_age_s,
        blocks_not_taken=lag["not_taken"],
        blocks_not_worked_off=lag["not_worked_off"],
    )


def _notes(connection: Connection) -> list[str]:
    refused = row(connection, queries("api_record")["refused_lately"])
    assert refused is not None
    differing = rows(connection, queries("self_check")["differing"])
    notes = [
        f"the record of {one['what']}, does not tell what its journal leads to (found "
        f"{instant(one['finished_time'])}): call QA"
        for one in differing
    ]
    if not refused["held_back"]:
        return notes
    note = (
        f"{refused['refused']:,} items were refused within {refused['minutes']} minutes, "
        f"{refused['held_back']:,} of them beyond what the quarantine takes: most of them on {refused['topic']}"
    )
    return [*notes, note]


@router.get("/metrics", response_class=Response)
def metrics(request: Request, connection: Reading) -> Response:
    """Counts for Prometheus, in its text format."""
    readiness = read_readiness(connection)
    totals = row(connection, queries("api_record")["totals"])
    assert totals is not None
    behind = (readiness.blocks_not_taken or 0) + (readiness.blocks_not_worked_off or 0)
    now = read_clock(connection).now
    owed = read_plan(connection, batches=None, now=now, open_only=True, limit=ROW_CAP)
    text, media_type = exposition(
        totals
        | {
            "analytics_lag_blocks": behind,
            "tick_age_seconds": readiness.tick_age_s,
            "results_overdue": sum(line.overdue for line in owed),
        },
        request.app.state.pool,
    )
    return Response(text, media_type=media_type)


@router.get("/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> JSONResponse:
    """The OpenAPI description."""
    return JSONResponse(request.app.openapi())
