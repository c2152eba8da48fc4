"""The page of a batch against the old process. What it shows is what the JSON routes answer."""

from fastapi import APIRouter, Request, Response
from psycopg import Connection

from api.auth import SignedIn
from api.batch import read_batch
from api.clock import read_clock
from api.database import Reading
from api.departures import read_departures
from api.fields import BatchName, RunNumber
from api.rendering import render
from api.series import batch_row
from records.actors import Actor

router = APIRouter(prefix="/batches/{batch}/departures", include_in_schema=False)


@router.get("")
def departures(
    request: Request, connection: Reading, actor: SignedIn, batch: BatchName, run: RunNumber = None
) -> Response:
    """By phase and tag in words, and drawn: the batch over the old process's matched points."""
    return render(request, "departures.html", **_shown(connection, actor, batch, run))


@router.get("/now")
def now(request: Request, connection: Reading, actor: SignedIn, batch: BatchName, run: RunNumber = None) -> Response:
    """The words, which ask for themselves again while the batch runs."""
    return render(request, "departures_now.html", **_shown(connection, actor, batch, run))


def _shown(connection: Connection, actor: Actor, name: str, run: int | None) -> dict[str, object]:
    return {
        "batch": read_batch(connection, name, identity="identity" in actor.roles),
        "departures": read_departures(connection, batch_row(connection, name), run=run),
        "asked": run,
        "clock": read_clock(connection),
    }
