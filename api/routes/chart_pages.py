"""The pages of charts over batches, and what people decide there about their limits."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from psycopg import Connection
from pydantic import BeforeValidator

from api.auth import CORRECT, SignedIn
from api.chart_drawing import draw, draw_draft
from api.chart_forms import TypedLimits, further, read_choices, refusal, rule_choices
from api.charts import read_chart_detail, read_charts
from api.control_limits import order_limits
from api.database import Reading, Writing
from api.fields import LONGEST_NAME, NAME
from api.forms import Typed, posted, refusing
from api.rendering import render
from api.routes.charts import ChartNumber, LimitsNumber
from records.actors import Actor
from records.control_limits import put_limits_to_use, retire_limits
from store.errors import BatchwitnessError, InputInvalid, NotFound
from store.model.chart import Summary
from store.model.result import Scale

MOST_TYPED = 50_000  # characters: more than a thousand names of batches

router = APIRouter(prefix="/charts", include_in_schema=False)
Decider = Annotated[Actor, Depends(CORRECT)]
Name = Annotated[str, Form(max_length=LONGEST_NAME, pattern=f"^$|{NAME}")]
Lines = Annotated[str, Form(max_length=MOST_TYPED, pattern=r"^[^\x00]*$")]
Rules = Annotated[list[str], Form(max_length=LONGEST_NAME)]
# A choice that nobody has made sends an empty text.
NONE_IF_EMPTY = BeforeValidator(lambda said: said or None)
SummaryOrNone = Annotated[Summary | None, NONE_IF_EMPTY, Form()]
ScaleOrNone = Annotated[Scale | None, NONE_IF_EMPTY, Form()]


@router.get("")
def charts(request: Request, connection: Reading, actor: SignedIn) -> Response:
    """All charts, and the form that opens one."""
    return _charts(request, connection, actor, TypedLimits())


@router.post("/limits")
def open_chart(
    request: Request,
    connection: Writing,
    actor: Decider,
    process: Name = "",
    attribute: Name = "",
    summary: SummaryOrNone = None,
    tag: Name = "",
    phase: Name = "",
    scale: ScaleOrNone = None,
    batches: Lines = "",
    rules: Rules = [],  # noqa: B006 -- FastAPI copies it
    reason: Typed = "",
) -> Response:
    """Draft the first limits of a chart, or further ones of a chart that is there."""
    typed = TypedLimits(
        process=process,
        attribute=attribute,
        summary=summary,
        tag=tag,
        phase=phase,
        scale=scale,
        batches=batches,
        rules=rules,
        reason=reason,
    )
    return _draft(connection, actor, typed, lambda error: _charts(request, connection, actor, typed, refused=error))


@router.get("/{chart}")
def chart(request: Request, connection: Reading, actor: SignedIn, chart: ChartNumber) -> Response:
    """One chart: drawn, with what rules said, the life of its limits, and what can be decided about them."""
    return _chart(request, connection, actor, chart)


@router.post("/{chart}/limits")
def draft(
    request: Request,
    connection: Writing,
    actor: Decider,
    chart: ChartNumber,
    batches: Lines = "",
    rules: Rules = [],  # noqa: B006 -- FastAPI copies it
    reason: Typed = "",
) -> Response:
    """Draft further limits of a chart."""
    shown = further(read_chart_detail(connection, chart))
    typed = replace(shown, batches=batches, rules=rules, reason=reason)
    return _draft(
        connection, actor, typed, lambda error: _chart(request, connection, actor, chart, typed=typed, refused=error)
    )


@router.post("/{chart}/limits/{control_limit}/{decision}")
def decide(
    request: Request,
    connection: Writing,
    actor: Decider,
    chart: ChartNumber,
    control_limit: LimitsNumber,
    decision: Literal["use", "retire"],
    reason: Typed = "",
) -> Response:
    """Put drafted limits to use, or retire limits; what cannot be is said beside the form."""

    def act() -> None:
        known = read_chart_detail(connection, chart).limits
        if control_limit not in {limits.control_limit for limits in known}:
            raise NotFound(f"control limits {control_limit} are not of chart {chart}")
        match decision:
            case "use":
                put_limits_to_use(connection, control_limit, by=actor.name, reason=reason)
            case "retire":
                retire_limits(connection, control_limit, by=actor.name, reason=reason)

    return posted(
        act,
        then=f"/charts/{chart}",
        again=lambda error: _chart(request, connection, actor, chart, about=control_limit, refused=error),
    )


def _draft(
    connection: Connection, actor: Actor, typed: TypedLimits, again: Callable[[BatchwitnessError], Response]
) -> Response:
    try:
        with connection.transaction():  # a chart whose limits are refused is not opened either
            drafted = order_limits(connection, typed.to_order(), by=actor.name, reason=typed.reason)
    except (InputInvalid, NotFound) as error:
        return again(error)
    return RedirectResponse(f"/charts/{drafted.chart}", status_code=HTTPStatus.SEE_OTHER)


def _charts(
    request: Request,
    connection: Connection,
    actor: Actor,
    typed: TypedLimits,
    *,
    refused: BatchwitnessError | None = None,
) -> Response:
    page = render(
        request,
        "charts.html",
        charts=read_charts(connection),
        choices=read_choices(connection),
        rules=rule_choices(),
        typed=typed,
        refused=refusal(refused),
        may_decide=CORRECT.lets(actor),
    )
    return refusing(page, refused)


def _chart(
    request: Request,
    connection: Connection,
    actor: Actor,
    chart: int,
    *,
    typed: TypedLimits | None = None,
    about: int | None = None,
    refused: BatchwitnessError | None = None,
) -> Response:
    """The page; `about` are the limits that a refused decision was about, `typed` what was refused as a draft."""
    detail = read_chart_detail(connection, chart)
    page = render(
        request,
        "chart.html",
        detail=detail,
        panels=draw(detail),
        drafts=[(one, draw_draft(detail.chart, one)) for one in detail.drafts],
        rules=rule_choices(),
        typed=typed or further(detail),
        about=about,
        refused=refusal(refused),
        may_decide=CORRECT.lets(actor),
    )
    return refusing(page, refused)
