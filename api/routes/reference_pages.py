"""The pages of references: the list, and the review packet with what can be decided."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from psycopg import Connection

from api.auth import APPROVE, CORRECT, SignedIn
from api.database import Reading, Writing
from api.forms import Typed, posted, refusing
from api.power_drawing import draw
from api.references import read_reference, read_references
from api.rendering import render
from api.routes.references import ReferenceNumber
from records.actors import Actor
from records.references import approve, put_to_use, retire
from store.errors import BatchwitnessError
from store.model.ids import ReferenceId

router = APIRouter(prefix="/references", include_in_schema=False)


@router.get("")
def references(request: Request, connection: Reading) -> Response:
    """All references, the newest first."""
    return render(request, "references.html", references=read_references(connection))


@router.get("/{reference}")
def reference(
    request: Request,
    connection: Reading,
    actor: SignedIn,
    reference: ReferenceNumber,
    a_year: Annotated[int, Query(ge=1, le=10_000, description="batches made in a year")] = 20,
) -> Response:
    """The review packet of one, with the false alerts to expect of so many batches a year."""
    return _page(request, connection, actor, reference, a_year=a_year)


@router.post("/{reference}/{decision}")
def decide(
    request: Request,
    connection: Writing,
    actor: Annotated[Actor, Depends(CORRECT)],
    reference: ReferenceNumber,
    decision: Literal["approve", "use", "retire"],
    digest: Annotated[str, Form(max_length=64)] = "",
    reason: Typed = "",
) -> Response:
    """Approve, put to use or retire; what cannot be is said on the page."""
    number = ReferenceId(reference)

    def act() -> None:
        match decision:
            case "approve":
                approve(connection, number, digest=digest, actor=APPROVE(actor), reason=reason)
            case "use":
                put_to_use(connection, number, actor=actor, reason=reason)
            case "retire":
                retire(connection, number, actor=APPROVE(actor), reason=reason)

    return posted(
        act,
        then=f"/references/{reference}",
        again=lambda error: _page(request, connection, actor, reference, refused=error),
    )


def _page(
    request: Request,
    connection: Connection,
    actor: Actor,
    reference: int,
    *,
    a_year: int = 20,
    refused: BatchwitnessError | None = None,
) -> Response:
    found = read_reference(connection, reference)
    page = render(
        request,
        "reference.html",
        reference=found,
        a_year=a_year,
        drawing=None if found.packet.power is None else draw(found.packet.power),
        may_approve=APPROVE.lets(actor) and actor.name != found.drafted_by,
        may_use=CORRECT.lets(actor),
        may_retire=APPROVE.lets(actor),
        refused=None if refused is None else str(refused),
    )
    return refusing(page, refused)
