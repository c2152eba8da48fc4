"""Where metrics of edge nodes lead, as JSON and as a page; for those who describe the plant. Read only."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api.database import Reading
from api.fields import LONGEST_NAME, AscendingCursor, Limit
from api.paging import Page
from api.rendering import render
from api.sparkplug import Leads, LineRow, MetricRow, read_counts, read_lines, read_metrics

ON_A_PAGE = 100

Search = Annotated[
    str,
    Query(max_length=LONGEST_NAME, pattern=r"^[^\x00]*$", description="part of group/node, device/metric or unit/tag"),
]

router = APIRouter(prefix="/sparkplug", tags=["sparkplug"])
page_router = APIRouter(prefix="/sparkplug", include_in_schema=False)


@router.get("/metrics")
def metrics(
    connection: Reading,
    search: Search = "",
    leads: Annotated[Leads, Query(description="what leads it; nowhere: no known tag")] = "anywhere",
    cursor: AscendingCursor = 0,
    limit: Limit = ON_A_PAGE,
) -> Page[MetricRow]:
    """Metrics of which a value was seen, in the order they first were: where each leads, since when, newest reading."""
    return read_metrics(connection, search=search, leads=leads, above=cursor, limit=limit)


@router.get("/lines")
def lines(
    connection: Reading, search: Search = "", cursor: AscendingCursor = 0, limit: Limit = ON_A_PAGE
) -> Page[LineRow]:
    """The lines of the mapping with who last said so, when and why."""
    return read_lines(connection, search=search, above=cursor, limit=limit)


@page_router.get("")
def mapping(
    request: Request,
    connection: Reading,
    search: Search = "",
    show: Annotated[Literal["anywhere", "table", "rule", "nowhere", "lines"], Query()] = "anywhere",
    cursor: AscendingCursor = 0,
) -> Response:
    """Metrics and where they lead, or the lines of the mapping."""
    is_lines = show == "lines"
    return render(
        request,
        "sparkplug.html",
        counts=read_counts(connection),
        lines=read_lines(connection, search=search, above=cursor, limit=ON_A_PAGE) if is_lines else None,
        metrics=None
        if show == "lines"
        else read_metrics(connection, search=search, leads=show, above=cursor, limit=ON_A_PAGE),
        show=show,
        search=search,
    )
