"""The pages on which people work off the quarantine. What they show and do is what the JSON routes show and do."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from psycopg import Connection
from pydantic import BaseModel, Field

from api.auth import CORRECT, DESCRIBE, SignedIn
from api.database import Reading, Writing
from api.fields import BIGGEST_ID, LONGEST_NAME, OptionalName
from api.forms import Typed, posted, refusing, typed_names, typed_number, typed_time
from api.quarantine import QuarantinedDetail, fault_of, read_counts, read_held_back, read_quarantine, read_quarantined
from api.rendering import render
from api.routes.quarantine import ItemNumber
from api.routes.record import gaps, pending_results
from records.actors import Actor
from records.descriptions import (
    Metrics,
    Place,
    add_position,
    allow_publisher,
    describe_tag,
    describe_unit,
    known_places,
    map_metrics,
)
from records.quarantine import MOST_ITEMS, Seen, decide, not_again, request_alike
from store.errors import BatchwitnessError
from store.model.correction import QuarantineState
from store.model.plant import CaptureMode, ReportingMode

MOST_LINES = 200

Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]

router = APIRouter(prefix="/quarantine", include_in_schema=False)
Worker = Annotated[Actor, Depends(CORRECT)]
Shown = Literal["open", "requested", "stored", "replaced", "set_aside", "all"]


class TypedMetric(BaseModel):
    """The form that says where a metric leads; from the measurand on only for a tag that nobody has described."""

    node: Text = ""
    device: Text = ""
    metric: Text = ""
    unit: Text = ""
    position: Text = ""
    tag: Text = ""
    measurand: Text = ""
    unit_of_measure: Text = ""
    reporting_mode: Text = ReportingMode.PERIODIC.value
    interval_s: Text = ""
    reason: Text = ""

    def described(self, name: str, position: str | None) -> dict[str, object]:
        """The tag as master data describe it. Raises InputInvalid."""
        return {
            "name": name,
            "position": position,
            "measurand": self.measurand.strip(),
            "unit_of_measure": self.unit_of_measure.strip(),
            "reporting_mode": self.reporting_mode,
            "interval_s": typed_number(self.interval_s, "interval_s"),
            "capture_mode": CaptureMode.AUTOMATIC.value,
        }


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
        may_describe=DESCRIBE.lets(actor),
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
        topic, code, _item = fault_of(connection, item)
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


@router.post("/{item}/metric")
def metric(
    request: Request,
    connection: Writing,
    actor: Worker,
    item: ItemNumber,
    typed: Annotated[TypedMetric, Form()],
) -> Response:
    """Say where a metric of an edge node leads, and what the tag is, where nobody has described it."""

    def act() -> None:
        topic, _code, name = fault_of(connection, item)
        place = Place.of_path(typed.unit)
        position, tag = typed.position.strip() or None, typed.tag.strip() or None
        if typed.measurand.strip():
            described = typed.described(tag or name.rpartition("/")[2], position)
            describe_tag(connection, place, described, actor=actor, reason=typed.reason)
        own = Metrics.of_item(topic, name)
        metrics = replace(own, node=typed.node, device=typed.device, metric=typed.metric)
        map_metrics(connection, metrics, place, position=position, tag=tag, actor=actor, reason=typed.reason)

    return posted(act, then=f"/quarantine/{item}", again=partial(_page, request, connection, actor, item))


def _place(connection: Connection, item: int) -> Place:
    topic, *_ = fault_of(connection, item)
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
        metrics=_metrics(found),
        units=known_places(connection),
        modes=list(ReportingMode),
        may_work_off=CORRECT.lets(actor),
        refused=None if refused is None else str(refused),
    )
    return refusing(page, refused)


def _metrics(item: QuarantinedDetail) -> Metrics | None:
    """Whose value it is, where nobody has said where it leads."""
    return Metrics.of_item(item.topic, item.item) if item.code == "unmapped_metric" else None
