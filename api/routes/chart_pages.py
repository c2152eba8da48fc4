"""The pages of charts over batches."""

from fastapi import APIRouter, Request, Response

from api.chart_drawing import draw
from api.charts import read_chart_detail, read_charts
from api.database import Reading
from api.rendering import render
from api.routes.charts import ChartNumber

router = APIRouter(include_in_schema=False)


@router.get("/charts")
def charts(request: Request, connection: Reading) -> Response:
    """All charts."""
    return render(request, "charts.html", charts=read_charts(connection))


@router.get("/charts/{chart}")
def chart(request: Request, connection: Reading, chart: ChartNumber) -> Response:
    """One chart: drawn, with what rules said and the life of its limits."""
    detail = read_chart_detail(connection, chart)
    return render(request, "chart.html", detail=detail, panels=draw(detail))
