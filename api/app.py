"""The API: JSON under /v1, flat arrays for Grafana under /grafana, pages for people under /. Read this file first.

It only reads what the other stages wrote, and writes what people decide, in the transaction of its audit event. Every
mount names who may use it; a route mounted without an Access value is open to everybody, and a test lists those.
When the database is away, every answer that needs it is 503 and the process stays up; a page in a browser keeps
showing what it had, greys it and says how old it is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles

from api import body, headers, problems
from api.attempts import Attempts
from api.auth import DESCRIBE, FLOOR, REVIEW, STATE
from api.database import Pool
from api.rendering import VERSION
from api.routes import (
    alerts,
    batches,
    chart_pages,
    charts,
    correction_pages,
    corrections,
    departure_pages,
    grafana_floor,
    grafana_review,
    health,
    login,
    operation,
    pages,
    quarantine,
    quarantine_pages,
    record,
    reference_pages,
    references,
    results,
    sparkplug,
    units,
)
from api.settings import ApiSettings


def create_app(pool: Pool, settings: ApiSettings) -> FastAPI:
    """The application over a pool that it opens when it starts and closes when it stops."""
    app = FastAPI(
        title="Batchwitness",
        version=VERSION,
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses=problems.RESPONSES,
    )
    app.state.pool = pool
    app.state.settings = settings
    app.state.attempts = Attempts()
    problems.install(app)
    body.install(app)
    headers.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=4)

    # Open to everybody
    app.include_router(health.router)
    app.include_router(login.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    # Wall boards and probes
    for router in (grafana_floor.router, operation.ready_router):
        app.include_router(router, dependencies=[Depends(FLOOR)])

    # Laboratories, and people who enter results
    app.include_router(results.router, prefix="/v1", dependencies=[Depends(STATE)])

    # Who describes the plant
    app.include_router(sparkplug.router, prefix="/v1", dependencies=[Depends(DESCRIBE)])
    app.include_router(sparkplug.page_router, dependencies=[Depends(DESCRIBE)])

    # People and machines that read everything
    for router in (
        units.router,
        batches.router,
        alerts.router,
        charts.router,
        corrections.router,
        quarantine.router,
        record.router,
        references.router,
    ):
        app.include_router(router, prefix="/v1", dependencies=[Depends(REVIEW)])
    for router in (
        grafana_review.router,
        operation.router,
        pages.router,
        chart_pages.router,
        correction_pages.router,
        departure_pages.router,
        quarantine_pages.router,
        reference_pages.router,
    ):
        app.include_router(router, dependencies=[Depends(REVIEW)])
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The pool fills in the background: the process starts, and says that it is not ready, without a database too."""
    app.state.pool.open(wait=False)
    yield
    app.state.pool.close()
