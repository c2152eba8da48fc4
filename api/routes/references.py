"""References: drafted by a command, approved by QA, put to use and retired; each with its review packet."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from api.auth import APPROVE, CORRECT
from api.database import Reading, Writing
from api.fields import Reason
from api.references import ReferenceDetail, ReferenceRow, read_reference, read_references
from records.actors import Actor
from records.references import approve, put_to_use, retire
from store.model.ids import ReferenceId

router = APIRouter(prefix="/references", tags=["references"])
ReferenceNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="number of a reference")]


class Approval(BaseModel):
    """The hash of what was reviewed, and why it is fit."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    reason: Reason


class Because(BaseModel):
    """Why."""

    reason: Reason


@router.get("")
def references(connection: Reading) -> list[ReferenceRow]:
    """All references, the newest first."""
    return read_references(connection)


@router.get("/{reference}")
def reference(connection: Reading, reference: ReferenceNumber) -> ReferenceDetail:
    """One reference: every batch in or out and why, what it knows of each tag, who decided what."""
    return read_reference(connection, reference)


@router.post("/{reference}/approve")
def approve_reference(
    connection: Writing, actor: Annotated[Actor, Depends(APPROVE)], reference: ReferenceNumber, said: Approval
) -> ReferenceDetail:
    """QA approves a draft that somebody else made. 409 for another hash, or when it is no draft any more."""
    approve(connection, ReferenceId(reference), digest=said.digest, actor=actor, reason=said.reason)
    return read_reference(connection, reference)


@router.post("/{reference}/use")
def use_reference(
    connection: Writing, actor: Annotated[Actor, Depends(CORRECT)], reference: ReferenceNumber, said: Because
) -> ReferenceDetail:
    """An approved reference judges the batches that start from now on; the one before it is retired."""
    put_to_use(connection, ReferenceId(reference), actor=actor, reason=said.reason)
    return read_reference(connection, reference)


@router.post("/{reference}/retire")
def retire_reference(
    connection: Writing, actor: Annotated[Actor, Depends(APPROVE)], reference: ReferenceNumber, said: Because
) -> ReferenceDetail:
    """It judges no batch that starts from now on; those that run keep it."""
    retire(connection, ReferenceId(reference), actor=actor, reason=said.reason)
    return read_reference(connection, reference)
