"""The page on which people put a batch right: its readings, its intervals, the values that contradict each other.

What it shows and does is what the JSON routes show and do. Who was too late, or wants what cannot be, gets the page
again with a sentence. Times are entered in UTC.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from psycopg import Connection

from api.auth import CORRECT, SignedIn
from api.corrections import IntervalRow, read_conflicts, read_corrections, read_intervals, read_selection, tag_of_batch
from api.database import Reading, Writing
from api.fields import BIGGEST_ID, LONGEST_NAME, BatchName, Cursor, OptionalName
from api.forms import Typed, posted, refusing, typed_number, typed_time, typed_time_or_none
from api.paging import page
from api.rendering import render
from api.series import batch_row, batch_tags
from records.actors import Actor
from records.corrections_intervals import IntervalChange, correct_intervals
from records.corrections_readings import ReadingChange, Selection, correct_readings, settle_conflict
from records.starting_material import correct_starting_material
from store.errors import BatchwitnessError, InputInvalid, NotFound
from store.model.batch import StartingMaterial
from store.model.correction import RevisionKind
from store.model.reading import Quality

ACTS_ON_A_PAGE = 50
MOST_CONFLICTS = 200

router = APIRouter(include_in_schema=False)
Corrector = Annotated[Actor, Depends(CORRECT)]
Seen = Annotated[int, Form(ge=0, le=BIGGEST_ID)]
Texts = Annotated[list[str], Form(max_length=200)]
Asked = Annotated[str, Query(max_length=LONGEST_NAME, pattern=r"^[^\x00]*$")]


@router.get("/batches/{batch}/corrections")
def corrections(
    request: Request,
    connection: Reading,
    actor: SignedIn,
    batch: BatchName,
    tag: Asked = "",
    since: Asked = "",
    until: Asked = "",
    beside: OptionalName = None,
    cursor: Cursor = BIGGEST_ID,
) -> Response:
    """What was put right, newest first, and the forms to do it; with `beside` the intervals of another batch too."""
    return _page(request, connection, actor, batch, tag=tag, since=since, until=until, beside=beside, below=cursor)


@router.get("/batches/{batch}/corrections/selection")
def selection(
    request: Request,
    connection: Reading,
    actor: SignedIn,
    batch: BatchName,
    tag: Asked = "",
    since: Asked = "",
    until: Asked = "",
) -> Response:
    """The readings that a correction would be about."""
    values = _selected(connection, batch, tag, since, until)
    return render(request, "selection.html", batch=batch, may_correct=CORRECT.lets(actor), **values)


@router.post("/batches/{batch}/corrections/readings")
def readings(
    request: Request,
    connection: Writing,
    actor: Corrector,
    batch: BatchName,
    tag: Typed,
    since: Typed,
    until: Typed,
    seen: Seen,
    version: Seen,
    kind: Annotated[Literal["corrected", "invalidated", "reinstated"], Form()],
    value: Typed = "",
    multiply: Typed = "",
    add: Typed = "",
    quality: Annotated[Literal["good", "uncertain"], Form()] = "good",
    reason: Typed = "",
) -> Response:
    """Correct, invalidate or reinstate what was selected."""

    def act() -> None:
        first, last = typed_time(since, "from"), typed_time(until, "to")
        selected = Selection(
            tag_id=tag_of_batch(connection, batch, tag, first, last),
            since=first,
            until=last,
            readings=seen,
            version=version,
        )
        factor, offset = typed_number(multiply, "multiply"), typed_number(add, "add")
        change = ReadingChange(
            kind=RevisionKind(kind),
            value=typed_number(value, "value"),
            multiply=1.0 if factor is None else factor,
            add=0.0 if offset is None else offset,
            quality=Quality[quality.upper()],
        )
        correct_readings(connection, selected, change, actor=actor, reason=reason)

    again = partial(_page, request, connection, actor, batch, tag=tag, since=since, until=until)
    return posted(act, then=_of(batch), again=again)


@router.post("/batches/{batch}/corrections/intervals")
def intervals(
    request: Request,
    connection: Writing,
    actor: Corrector,
    batch: BatchName,
    interval: Texts,
    started: Texts,
    ended: Texts,
    of: Texts,
    version: Annotated[list[int], Form(max_length=200)],
    beside: Typed = "",
    reason: Typed = "",
) -> Response:
    """Correct the intervals whose fields were changed, all of them or none; the lists belong together line by line."""

    def act() -> None:
        changes = _changes(connection, batch, beside or None, interval, started, ended, of, version)
        if not changes:
            raise InputInvalid("nothing changes: no field is other than it was")
        correct_intervals(connection, changes, actor=actor, reason=reason)

    again = partial(_page, request, connection, actor, batch, beside=beside or None)
    return posted(act, then=_of(batch), again=again)


@router.post("/batches/{batch}/corrections/starting-material")
def material(
    request: Request,
    connection: Writing,
    actor: Corrector,
    batch: BatchName,
    starting_material: Annotated[StartingMaterial, Form()],
    seen: Annotated[StartingMaterial | Literal[""], Form()] = "",
    reason: Typed = "",
) -> Response:
    """State what the batch started from, or correct it."""

    def act() -> None:
        correct_starting_material(connection, batch, starting_material, seen=seen or None, actor=actor, reason=reason)

    return posted(act, then=_of(batch), again=partial(_page, request, connection, actor, batch))


@router.post("/batches/{batch}/corrections/conflicts/{conflict}")
def conflict(
    request: Request,
    connection: Writing,
    actor: Corrector,
    batch: BatchName,
    conflict: Annotated[int, Path(ge=1, le=BIGGEST_ID)],
    keep: Annotated[Literal["stored", "other"], Form()],
    version: Seen,
    reason: Typed = "",
) -> Response:
    """Say which of two values holds."""

    def act() -> None:
        settle_conflict(
            connection, conflict_id=conflict, keep_stored=keep == "stored", version=version, actor=actor, reason=reason
        )

    return posted(act, then=_of(batch), again=partial(_page, request, connection, actor, batch))


def _of(batch: str) -> str:
    return f"/batches/{quote(batch, safe='')}/corrections"


def _page(
    request: Request,
    connection: Connection,
    actor: Actor,
    batch: str,
    refused: BatchwitnessError | None = None,
    *,
    tag: str = "",
    since: str = "",
    until: str = "",
    beside: str | None = None,
    below: int = BIGGEST_ID,
) -> Response:
    made = batch_row(connection, batch)
    others: list[IntervalRow] = []
    if beside is not None and beside != batch:
        try:
            others = read_intervals(connection, batch_row(connection, beside)["batch_id"], None)
        except NotFound as error:
            beside, refused = None, refused or error
    found = read_corrections(connection, made["batch_id"], below=below, limit=ACTS_ON_A_PAGE + 1)
    acts = page(found, [act.correction for act in found], ACTS_ON_A_PAGE)
    answer = render(
        request,
        "corrections.html",
        batch=batch,
        made=made,
        materials=list(StartingMaterial),
        tags=sorted({found.tag for found in batch_tags(connection, made["batch_id"])}),
        acts=acts.items,
        older=acts.next_cursor,
        conflicts=read_conflicts(connection, made["batch_id"], limit=MOST_CONFLICTS),
        intervals=[*read_intervals(connection, made["batch_id"], None), *others],
        beside=beside,
        may_correct=CORRECT.lets(actor),
        refused=None if refused is None else str(refused),
        **_selected(connection, batch, tag, since, until),
    )
    return refusing(answer, refused)


def _selected(connection: Connection, batch: str, tag: str, since: str, until: str) -> dict[str, object]:
    """What was asked for, what it selects, or why it selects nothing."""
    asked: dict[str, object] = {"tag": tag, "since": since, "until": until, "selection": None, "amiss": None}
    if not (tag and since and until):
        return asked
    try:
        first, last = typed_time(since, "from"), typed_time(until, "to")
        return asked | {"selection": read_selection(connection, batch, tag, first, last)}
    except (InputInvalid, NotFound) as error:
        return asked | {"amiss": str(error)}


def _changes(
    connection: Connection,
    batch: str,
    beside: str | None,
    interval: Sequence[str],
    started: Sequence[str],
    ended: Sequence[str],
    of: Sequence[str],
    version: Sequence[int],
) -> list[IntervalChange]:
    """The lines that say otherwise than the record: of a unit procedure "u12", of a phase "p7"."""
    if len({len(interval), len(started), len(ended), len(of), len(version)}) != 1:
        raise InputInvalid("the form is not complete: look again")
    known = {}
    for name in (batch, *([] if beside is None else [beside])):
        for found in read_intervals(connection, batch_row(connection, name)["batch_id"], None):
            known[f"u{found.unit_procedure}"] = (found.started, found.ended, found.batch)
            known |= {f"p{phase.phase_id}": (phase.started, phase.ended, "") for phase in found.phases}
    changes = []
    for key, begun, over, whose, seen in zip(interval, started, ended, of, version, strict=True):
        if key not in known:
            raise NotFound(f"interval {key!r} is not one of {batch}")
        first, last = typed_time(begun, "started"), typed_time_or_none(over, "ended")
        if _to_the_second((first, last, whose)) == _to_the_second(known[key]):
            continue
        number = int(key[1:])
        changes.append(
            IntervalChange(
                unit_procedure_id=number if key.startswith("u") else None,
                phase_id=number if key.startswith("p") else None,
                started=first,
                ended=last,
                batch=whose or None,
                version=seen,
            )
        )
    return changes


def _to_the_second(interval: tuple[object, ...]) -> tuple[object, ...]:
    """As the form shows it."""
    return tuple(one.replace(microsecond=0) if isinstance(one, datetime) else one for one in interval)
