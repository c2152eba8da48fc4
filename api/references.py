"""References, their review packets and what people decided about them."""

from datetime import datetime

from psycopg import Connection
from pydantic import BaseModel

from api.database import models, row, rows
from store.errors import NotFound
from store.model.batch import StartingMaterial
from store.model.reference import ReferenceRole, ReferenceState
from store.sql import queries


class ReferenceRow(BaseModel):
    """One reference in a list."""

    reference: int
    name: str
    role: ReferenceRole
    process: str  # whose batches it judges
    unit_kind: str | None  # in units of this kind; null: in all
    state: ReferenceState
    digest: str
    software: str
    drafted_by: str
    known_at: datetime
    batches: int


class BatchReviewed(BaseModel):
    """One batch of the process: learned from, or left out and why."""

    batch: str
    included: bool
    why: str  # it is left out, or in although it fails a gate
    failures: list[str] = []  # gates it fails
    material: StartingMaterial | None = None
    complete: float | None = None  # usable share of what its worst tag owed
    worst_tag: str = ""
    largest_ratio: float | None = None  # score over limits that the other batches set
    family: str | None = None
    effect: float | None = None  # median relative move of the limits without it
    largest_effect: float | None = None


class TagReviewed(BaseModel):
    """What is known of one tag."""

    tag: str
    known: float
    from_h: float | None = None
    to_h: float | None = None
    smallest_offset_sd: float | None = None
    smallest_offset: float | None = None
    found_within_h: float | None = None
    points: int = 0


class Rate(BaseModel):
    """A share with its exact 95 % interval."""

    events: int
    trials: int
    interval: tuple[float, float]


class PhaseCovered(BaseModel):
    """The share of a phase's hours in which drift can be judged, by tag."""

    phase: str
    batches: int
    from_h: float
    hours: float
    blind: float
    tags: dict[str, float]


class OffsetTried(BaseModel):
    """An offset put into batches, and in how many of them it was found."""

    tag: str
    size_sd: float
    size: float
    found: Rate
    delay_median_h: float | None


class PowerTried(BaseModel):
    """Offsets in batches that were watched live by what was learned without them."""

    offsets: list[OffsetTried]
    without_offset: Rate
    alerted_before: int
    begins_at_h: list[float]
    watched_h: float


class ProcessOutcomes(BaseModel):
    """How the batches of a process version came out; every batch that started counts."""

    process: str
    started: int
    running: int
    terminated: Rate  # of those that ended
    out_of_specification: Rate  # of those that ended and had a final result held against a specification


class PhaseLaid(BaseModel):
    """A phase of the batches learned from, and whether running batches are placed by it."""

    phase: str
    batches: int
    least_h: float | None
    median_h: float | None
    greatest_h: float | None
    begins_h: float
    earliest_h: float
    latest_h: float
    why_not: str  # "": they are


class Packet(BaseModel):
    """What has to be seen before a reference is approved; made when it was drafted."""

    rule: str | None = None
    alpha: float | None = None
    batches: list[BatchReviewed] = []
    beyond: int | None = None
    judged: int | None = None
    low: float | None = None
    high: float | None = None
    blind: list[tuple[str, float]] = []
    tags: list[TagReviewed] = []
    phases: list[PhaseCovered] = []
    course: list[PhaseLaid] = []
    power: PowerTried | None = None
    least_complete: float | None = None
    materials: dict[str, int] = {}  # batches learned from by kind
    pooled: str = ""
    outcomes: list[ProcessOutcomes] = []
    template: str = ""


class ReferenceDecision(BaseModel):
    """Who moved it on, and why."""

    state: ReferenceState
    actor: str
    printed_name: str | None
    reason: str
    known_at: datetime


class ReferenceDetail(ReferenceRow):
    """One reference with its packet and its life."""

    packet: Packet
    decisions: list[ReferenceDecision]
    changed_inputs: list[str]  # batches that somebody corrected since


def read_references(connection: Connection) -> list[ReferenceRow]:
    """All of them, the newest first."""
    return models(connection, ReferenceRow, queries("api_references")["list"], {"reference_id": None})


def read_reference(connection: Connection, reference: int) -> ReferenceDetail:
    """The reference of that number. Raises NotFound."""
    sql, asked = queries("api_references"), {"reference_id": reference}
    found = row(connection, sql["list"], asked)
    if found is None:
        raise NotFound(f"there is no reference {reference}")
    review = row(connection, sql["review"], asked)
    assert review is not None
    return ReferenceDetail(
        **found,
        packet=Packet.model_validate(review["review"]),
        decisions=[ReferenceDecision(**decision) for decision in rows(connection, sql["decisions"], asked)],
        changed_inputs=[changed["name"] for changed in rows(connection, sql["changed"], asked)],
    )
