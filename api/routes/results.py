"""Results stated over HTTP, for laboratory systems that have no broker and for people who enter them."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.auth import STATE
from api.database import Writing
from api.problems import refusal
from records.actors import Actor
from records.results import Stated, state_results

router = APIRouter(prefix="/results", tags=["results"])

_RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["result", "batch", "attribute", "method", "value", "unit_of_measure", "measured_at", "status",
                 "stated_by"],
    "description": "the fields of the topic `results`",
}  # fmt: skip
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"oneOf": [_RESULT, {"type": "array", "items": _RESULT}]}}},
    }
}


class Answer(BaseModel):
    """How many results the body newly stated, and how many of them were known already."""

    stated: int
    known: int


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=Answer,
    responses={200: {"model": Answer, "description": "Everything in it was known already"}},
    openapi_extra=_BODY,
)
def state(
    request: Request,
    connection: Writing,
    actor: Annotated[Actor, Depends(STATE)],
    body: Annotated[bytes, Depends(_body)],
) -> Response:
    """State a result, or an array of them; each is stored once, however often it is sent.

    422 when something was put aside: `errors` name field, value and reason; what is right beside it is stored all the
    same, and what was put aside is in quarantine.
    """
    stated = state_results(connection, body, actor=actor)
    if stated.refused:
        return _refusal(request, stated)
    answer = Answer(stated=stated.stated, known=stated.known)
    return JSONResponse(answer.model_dump(), HTTPStatus.CREATED if stated.stated else HTTPStatus.OK)


def _refusal(request: Request, stated: Stated) -> Response:
    detail = f"{len(stated.refused)} put aside, {stated.stated} stated, {stated.known} known already: "
    errors = [{"field": one.field, "value": one.value, "message": one.reason} for one in stated.refused]
    return refusal(request, detail + "; ".join(one.reason for one in stated.refused[:10]), errors)
