"""The pages of charts over batches, and what people decide there about their limits."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from psycopg import Connection

from api.auth import CORRECT, SignedIn
from api.chart_candidates import read_offer
from api.chart_drawing import draw, draw_draft
from api.chart_forms import PostedLimits, Shown, TypedLimits, further, read_choices, refusal, rule_choices
from api.charts import read_chart_detail, read_charts
from api.control_limits import describe, order_limits
from api.database import Reading, Writing
from api.forms import Typed, posted, refusing
from api.rendering import render
from api.routes.charts import ChartNumber, LimitsNumber
from records.actors import Actor
from records.control_limits import find_chart, put_limits_to_use, retire_limits
from store.charts import read_chart
from store.errors import BatchwitnessError, InputInvalid, NotFound
from store.model.chart import LimitsState

router = APIRouter(prefix="/charts", include_in_schema=False)
Decider = Annotated[Actor, Depends(CORRECT)]
Posted = Annotated[PostedLimits, Form()]


@router.get("")
def charts(request: Request, connection: Reading, actor: SignedIn, shown: Annotated[Shown, Query()]) -> Response:
    """All charts, and what opens one: first what it shows, then the batches that its limits rest on."""
    return _charts(request, connection, actor, TypedLimits(**shown.model_dump()))


@router.post("/limits")
def open_chart(request: Request, connection: Writing, actor: Decider, typed: Posted) -> Response:
    """Draft the first limits of a chart, or further ones of a chart that is there."""
    return _draft(connection, actor, typed, lambda error: _charts(request, connection, actor, typed, refused=error))


@router.get("/{chart}")
def chart(request: Request, connection: Reading, actor: SignedIn, chart: ChartNumber) -> Response:
    """One chart: drawn, with what rules said, the life of its limits, and what can be decided about them."""
    return _chart(request, connection, actor, chart)


@router.post("/{chart}/limits")
def draft(request: Request, connection: Writing, actor: Decider, chart: ChartNumber, posted_limits: Posted) -> Response:
    """Draft further limits of a chart."""
    shown = further(read_chart_detail(connection, chart))
    typed = shown.model_copy(update=posted_limits.model_dump(include={"batches", "rules", "reason"}))
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
    chart, offer = None, None
    if typed.process and CORRECT.lets(actor):
        try:
            chart = describe(connection, typed.to_order())
            there = find_chart(connection, chart)
            if there is not None and refused is None:
                return RedirectResponse(f"/charts/{there}#further", status_code=HTTPStatus.SEE_OTHER)
            offer = read_offer(connection, chart)
        except (InputInvalid, NotFound) as error:
            refused = refused or error
    page = render(
        request,
        "charts.html",
        charts=read_charts(connection),
        choices=read_choices(connection),
        rules=rule_choices(),
        typed=typed,
        chart=chart,
        offer=offer,
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
    offer = None
    if CORRECT.lets(actor):
        shown = read_chart(connection, chart)
        used = next((limits for limits in detail.limits if limits.state is LimitsState.IN_USE), None)
        offer = read_offer(connection, shown, used)
    page = render(
        request,
        "chart.html",
        detail=detail,
        panels=draw(detail),
        drafts=[(one, draw_draft(detail.chart, one)) for one in detail.drafts],
        rules=rule_choices(),
        typed=typed or further(detail),
        offer=offer,
        about=about,
        refused=refusal(refused),
        may_decide=CORRECT.lets(actor),
    )
    return refusing(page, refused)
