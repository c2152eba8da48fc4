"""Working off the quarantine: look, describe what was missing, ask ingest to take it again, or set it aside."""

from dataclasses import replace
from typing import Annotated, Literal, TypedDict

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from api.auth import CORRECT, SignedIn
from api.database import Reading, Writing
from api.fields import BIGGEST_ID, LONGEST_NAME, NAME, Count, Cursor, Instant, Limit, Number, OptionalName, Reason
from api.paging import Page, page
from api.quarantine import (
    HeldBack,
    QuarantineCount,
    QuarantinedDetail,
    QuarantinedRow,
    read_counts,
    read_held_back,
    read_message,
    read_quarantine,
    read_quarantined,
)
from records.actors import Actor
from records.descriptions import (
    Metrics,
    Place,
    add_position,
    allow_publisher,
    describe_tag,
    describe_unit,
    map_metrics,
)
from records.masterdata import MasterdataChanges
from records.quarantine import MOST_ITEMS, Seen, decide, request_alike
from store.model.correction import QuarantineState
from store.model.plant import CaptureMode, ReportingMode

MOST_POSITIONS = 100

router = APIRouter(prefix="/quarantine", tags=["quarantine"])
Worker = Annotated[Actor, Depends(CORRECT)]
ItemNumber = Annotated[int, Path(ge=1, le=BIGGEST_ID, description="number of a quarantined item")]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME)]


class Quarantine(BaseModel):
    """Counts by kind of fault, and a page of what is there."""

    counts: list[QuarantineCount]
    held_back: HeldBack
    page: Page[QuarantinedRow]


class Decision(BaseModel):
    """What to do with an item, and what of it was seen."""

    state: Literal["requested", "set_aside", "open"]  # take it again, leave it out for good, take it up again
    version: Count
    reason: Reason


class Alike(BaseModel):
    """Everything open of one code, of one topic or of all, and how many that were."""

    code: Name
    topic: Annotated[str, Field(max_length=65_535, pattern=r"^[^\x00]*$")] | None = None
    items: int = Field(ge=1, le=MOST_ITEMS)
    reason: Reason


class Asked(BaseModel):
    """What ingest was asked to take again."""

    items: int
    known_at: Instant


class UnitDescription(BaseModel):
    """A unit that nobody had described; its place is that of the topic."""

    kind: Name
    commissioned: Instant
    positions: list[Name] = Field(min_length=1, max_length=MOST_POSITIONS)
    timezone: Name = "UTC"  # of its site, where that is new


class TagDescription(BaseModel):
    """A tag that nobody had described."""

    position: Name | None = None
    name: Name
    measurand: Name
    unit_of_measure: Name
    physical_low: Number | None = None
    physical_high: Number | None = None
    reporting_mode: ReportingMode
    interval_s: Number | None = None
    capture_mode: CaptureMode = CaptureMode.AUTOMATIC


class MetricDescription(BaseModel):
    """To which tag a metric of an edge node leads, as the table of master data says it."""

    site: Name
    area: Name
    unit: Name
    position: Name | None = None
    tag: Name | None = None  # null: named by the last part of the metric's name
    node: Name | None = None  # null: that of the item, as with the next two; `*` stands for any text
    device: Name | None = None
    metric: Name | None = None

    @property
    def place(self) -> Place:
        """Where it leads."""
        return Place(site=self.site, area=self.area, unit=self.unit)

    def metrics(self, topic: str, item: str) -> Metrics:
        """Whose values lead there."""
        own = Metrics.of_item(topic, item)
        named = {"node": self.node, "device": self.device, "metric": self.metric}
        return replace(own, **{field: name for field, name in named.items() if name is not None})


class Description(BaseModel):
    """One thing that was missing; of a metric its tag too, where that is new."""

    metric: MetricDescription | None = None
    unit: UnitDescription | None = None
    position: Name | None = None
    publisher: Name | None = None
    tag: TagDescription | None = None
    reason: Reason


class Described(BaseModel):
    """What master data was created and changed."""

    created: list[str]
    changed: list[str]


@router.get("")
def quarantine(
    connection: Reading,
    actor: SignedIn,
    code: OptionalName = None,
    state: QuarantineState | None = None,
    topic: OptionalName = None,
    cursor: Cursor = BIGGEST_ID,
    limit: Limit = 100,
) -> Quarantine:
    """What could not enter the record, newest first; `topic` is a part of one."""
    found = read_quarantine(
        connection,
        identity="identity" in actor.roles,
        code=code,
        state=state,
        topic=topic,
        below=cursor,
        limit=limit + 1,
    )
    return Quarantine(
        counts=read_counts(connection),
        held_back=read_held_back(connection),
        page=page(found, [item.quarantine_id for item in found], limit),
    )


@router.get("/{item}")
def one_item(connection: Reading, actor: SignedIn, item: ItemNumber) -> QuarantinedDetail:
    """One item with the message it came in, and what became of it."""
    return read_quarantined(connection, item, identity="identity" in actor.roles)


@router.get("/{item}/message", response_class=Response, responses={200: {"content": {"application/octet-stream": {}}}})
def message(connection: Reading, actor: SignedIn, item: ItemNumber) -> Response:
    """The bytes of the message, as they came."""
    payload = read_message(connection, item, identity="identity" in actor.roles)
    headers = {"Content-Disposition": f'attachment; filename="quarantine-{item}.bin"'}
    return Response(payload, media_type="application/octet-stream", headers=headers)


@router.post("/reprocess")
def reprocess(connection: Writing, actor: Worker, alike: Alike) -> Asked:
    """Ask ingest to take everything alike again. 409 when it is another number by now."""
    known_at = request_alike(
        connection, code=alike.code, topic=alike.topic, items=alike.items, actor=actor, reason=alike.reason
    )
    return Asked(items=alike.items, known_at=known_at)


@router.post("/{item}/decide")
def decide_item(connection: Writing, actor: Worker, item: ItemNumber, decision: Decision) -> QuarantinedDetail:
    """Ask ingest to take an item again, set it aside for good, or take it up again. 409 when somebody was faster."""
    seen = Seen(quarantine_id=item, version=decision.version)
    decide(connection, [seen], QuarantineState(decision.state), actor=actor, reason=decision.reason)
    return read_quarantined(connection, item, identity="identity" in actor.roles)


@router.post("/{item}/describe")
def describe(connection: Writing, actor: Worker, item: ItemNumber, description: Description) -> Described:
    """Describe the unit, position, publisher or tag that an item speaks of, or where its metric leads."""
    found = read_quarantined(connection, item, identity=False)
    metric = description.metric
    place = Place.of_topic(found.topic) if metric is None else metric.place
    said: Said = {"actor": actor, "reason": description.reason}
    done: list[MasterdataChanges] = []
    if (unit := description.unit) is not None:
        stated = {"kind": unit.kind, "timezone": unit.timezone}
        done.append(
            describe_unit(connection, place, **stated, commissioned=unit.commissioned, positions=unit.positions, **said)
        )
    if description.position is not None:
        done.append(add_position(connection, place, position=description.position, **said))
    if description.publisher is not None:
        done.append(allow_publisher(connection, place, publisher=description.publisher, **said))
    if description.tag is not None:
        done.append(describe_tag(connection, place, description.tag.model_dump(mode="json"), **said))
    if metric is not None:
        metrics = metric.metrics(found.topic, found.item)
        leads = {"position": metric.position, "tag": metric.tag}
        done.append(map_metrics(connection, metrics, place, **leads, **said))
    return Described(
        created=[subject for one in done for subject in one.created],
        changed=[subject for one in done for subject in one.changed],
    )


class Said(TypedDict):
    """Who describes, and why."""

    actor: Actor
    reason: str
