"""Charts over batches, and the life of their limits: drafted and put to use by msat or qa, with reason."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from analytics.methods.chart_rules import EVERY_RULE
from api.auth import CORRECT
from api.chart_rows import ChartDetail, ChartRow
from api.charts import read_chart_detail, read_charts
from api.control_limits import Order, order_limits
from api.database import Reading, Writing
from api.fields import LONGEST_NAME, NAME, Reason
from records.actors import Actor
from records.control_limits import put_limits_to_use, retire_limits
from store.model.chart import Summary
from store.model.result import Scale

MOST_CHARTS = 2**31 - 1
MOST_BATCHES = 1_000

router = APIRouter(prefix="/charts", tags=["charts"])
ChartNumber = Annotated[int, Path(ge=1, le=MOST_CHARTS, description="number of a chart")]
LimitsNumber = Annotated[int, Path(ge=1, le=MOST_CHARTS, description="number of control limits")]
Decider = Annotated[Actor, Depends(CORRECT)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME)]


class Wanted(BaseModel):
    """Limits of an attribute, or of a summary of a tag in a phase, or of how long a phase lasts."""

    process: Name
    attribute: Name | None = None
    tag: Name | None = None
    phase: Name | None = None
    summary: Summary | None = None
    scale: Scale | None = None  # null: that of the attribute, linear for a summary
    batches: list[Name] | None = Field(default=None, max_length=MOST_BATCHES)  # null: all that have a point
    rules: list[Name] = Field(default=["nelson_1", "nelson_2"], min_length=1, max_length=len(EVERY_RULE))
    reason: Reason


class Drafted(BaseModel):
    """The draft, and the chart it is for."""

    chart: int
    control_limit: int
    n: int


class Use(BaseModel):
    """Why."""

    reason: Reason


class InUse(BaseModel):
    """The limits that judge from now on."""

    control_limit: int


class Retired(BaseModel):
    """The limits that judge no batch from now on."""

    control_limit: int


@router.get("")
def charts(connection: Reading) -> list[ChartRow]:
    """All charts, with the limits in use and how many signals hold."""
    return read_charts(connection)


@router.get("/{chart}")
def chart(connection: Reading, chart: ChartNumber) -> ChartDetail:
    """One chart: points with their lines, every version of its limits, every signal and what became of it."""
    return read_chart_detail(connection, chart)


@router.post("/limits", status_code=HTTPStatus.CREATED)
def draft(connection: Writing, actor: Decider, wanted: Wanted) -> Drafted:
    """Draft limits; they judge nothing until they are put to use. 422 names what cannot be charted."""
    order = Order(**wanted.model_dump(exclude={"reason"}))
    return Drafted(**asdict(order_limits(connection, order, by=actor.name, reason=wanted.reason)))


@router.post("/limits/{control_limit}/use")
def use(connection: Writing, actor: Decider, control_limit: LimitsNumber, said: Use) -> InUse:
    """Put drafted limits to use; those before are retired and stay with what they judged."""
    put_limits_to_use(connection, control_limit, by=actor.name, reason=said.reason)
    return InUse(control_limit=control_limit)


@router.post("/limits/{control_limit}/retire")
def retire(connection: Writing, actor: Decider, control_limit: LimitsNumber, said: Use) -> Retired:
    """Retire limits without others in their place, or a draft that nobody will use; what they said stays."""
    retire_limits(connection, control_limit, by=actor.name, reason=said.reason)
    return Retired(control_limit=control_limit)
