"""The pages on which people work off the quarantine. What they show and do is what the JSON routes show and do."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from psycopg import Connection

from api.auth import CORRECT, SignedIn
from api.database import Reading, Writing
from api.fields import BIGGEST_ID, LONGEST_NAME, OptionalName
from api.forms import Typed, posted, refusing, typed_names, typed_time
from api.quarantine import fault_of, read_counts, read_held_back, read_quarantine, read_quarantined
from api.rendering import render
from api.routes.quarantine import ItemNumber
from api.routes.record import gaps, pending_results
from records.actors import Actor
from records.descriptions import Place, add_position, allow_publisher, describe_unit
from records.quarantine import MOST_ITEMS, Seen, decide, not_again, request_alike
from store.errors import BatchwitnessError
from store.model.correction import QuarantineState

MOST_LINES = 200

router = APIRouter(prefix="/quarantine", include_in_schema=False)
Worker = Annotated[Actor, Depends(CORRECT)]
Shown = Literal["open", "requested", "stored", "replaced", "set_aside", "all"]


@router.get("")
def quarantine(
    request: Request,
    connection: Reading,
    actor: SignedIn,
    code: OptionalName = None,
    state: Annotated[Shown, Query()] = "open",
    topic: Annotated[str, Query(max_length=LONGEST_NAME, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """What could not enter the record and waits for somebody, and what never came."""
    return render(
        request,
        "quarantine.html",
        counts=read_counts(connection),
        held_back=read_held_back(connection),
        items=read_quarantine(
            connection,
            identity="identity" in actor.roles,
            code=code,
            state=None if state == "all" else QuarantineState(state),
            topic=topic or None,
            below=BIGGEST_ID,
            limit=MOST_LINES,
        ),
        states=[*QuarantineState, "all"],
        gaps=gaps(connection, limit=100),
        pending=pending_results(connection),
        code=code,
        state=state,
        topic=topic,
    )


@router.get("/{item}")
def one(request: Request, connection: Reading, actor: SignedIn, item: ItemNumber) -> Response:
    """One item with its message, what became of it, and what can be done."""
    return _page(request, connection, actor, item)


@router.get("/{item}/now")
def now(request: Request, connection: Reading, actor: SignedIn, item: ItemNumber) -> Response:
    """Where an item stands: asks for itself again while ingest is asked."""
    found = read_quarantined(connection, item, identity="identity" in actor.roles)
    return render(request, "quarantined_now.html", item=found)


@router.post("/{item}/decide")
def decide_item(
    request: Request,
    connection: Writing,
    actor: Worker,
    item: ItemNumber,
    state: Annotated[Literal["requested", "set_aside", "open"], Form()],
    version: Annotated[int, Form(ge=0, le=BIGGEST_ID)],
    reason: Typed = "",
) -> Response:
    """Ask ingest to take the item again, set it aside for good, or take it up again."""

    def act() -> None:
        seen = Seen(quarantine_id=item, version=version)
        decide(connection, [seen], QuarantineState(state), actor=actor, reason=reason)

    return posted(act, then=f"/quarantine/{item}", again=partial(_page, request, connection, actor, item))


@router.post("/{item}/alike")
def alike(
    request: Request,
    connection: Writing,
    actor: Worker,
    item: ItemNumber,
    items: Annotated[int, Form(ge=1, le=MOST_ITEMS)],
    *,
    of_topic: Annotated[bool, Form()] = False,
    reason: Typed = "",
) -> Response:
    """Ask ingest to take again everything that was refused for the same kind of fault, of this topic or of all."""

    def act() -> None:
        topic, code = fault_of(connection, item)
        asked = topic if of_topic else None
        request_alike(connection, code=code, topic=asked, items=items, actor=actor, reason=reason)

    return posted(act, then=f"/quarantine/{item}", again=partial(_page, request, connection, actor, item))


@router.post("/{item}/unit")
def unit(
    request: Request,
    connection: Writing,
    actor: Worker,
    item: ItemNumber,
    kind: Typed = "",
    commissioned: Typed = "",
    positions: Typed = "",
    timezone: Typed = "UTC",
    reason: Typed = "",
) -> Response:
    """Describe the unit that the topic names."""

    def act() -> None:
        describe_unit(
            connection,
            _place(connection, item),
            kind=kind,
            commissioned=typed_time(commissioned, "commissioned"),
            positions=typed_names(positions),
            timezone=timezone,
            actor=actor,
            reason=reason,
        )

    return posted(act, then=f"/quarantine/{item}", again=partial(_page, request, connection, actor, item))


@router.post("/{item}/position")
def position(
    request: Request, connection: Writing, actor: Worker, item: ItemNumber, name: Typed = "", reason: Typed = ""
) -> Response:
    """Add a position to the unit that the topic names."""

    def act() -> None:
        add_position(connection, _place(connection, item), position=name.strip(), actor=actor, reason=reason)

    return posted(act, then=f"/quarantine/{item}", again=partial(_page, request, connection, actor, item))


@router.post("/{item}/publisher")
def publisher(
    request: Request, connection: Writing, actor: Worker, item: ItemNumber, name: Typed = "", reason: Typed = ""
) -> Response:
    """Let a publisher speak for the unit that the topic names."""

    def act() -> None:
        allow_publisher(connection, _place(connection, item), publisher=name.strip(), actor=actor, reason=reason)

    return posted(act, then=f"/quarantine/{item}", again=partial(_page, request, connection, actor, item))


def _place(connection: Connection, item: int) -> Place:
    topic, _code = fault_of(connection, item)
    return Place.of_topic(topic)


def _page(
    request: Request, connection: Connection, actor: Actor, item: int, refused: BatchwitnessError | None = None
) -> Response:
    found = read_quarantined(connection, item, identity="identity" in actor.roles)
    page = render(
        request,
        "quarantined.html",
        item=found,
        why_not=not_again(found.code, found.topic),
        may_work_off=CORRECT.lets(actor),
        refused=None if refused is None else str(refused),
    )
    return refusing(page, refused)
