"""Every error as problem details (RFC 9457), or as a page for people; what failed inside stays inside."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.rendering import render
from store.errors import (
    BatchwitnessError,
    Conflict,
    InputInvalid,
    NotAllowed,
    NotFound,
    PayloadRejected,
    StoreRejected,
    StoreUnavailable,
)

MEDIA_TYPE = "application/problem+json"
MACHINE_PATHS = ("/v1", "/grafana", "/health", "/ready", "/metrics", "/static")
LONGEST_ECHO = 200  # characters of a refused value that are repeated
NEVER_ECHOED = frozenset({"password"})

log = structlog.get_logger(__name__)


class NotSignedIn(BatchwitnessError):
    """Sign in, or send a token that is still valid."""


class TooManyAttempts(BatchwitnessError):
    """Too many attempts to sign in; wait before the next."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


STATUS: dict[type[BatchwitnessError], HTTPStatus] = {
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    InputInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    PayloadRejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    StoreRejected: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "value", "message"],
                "properties": {"field": {"type": "string"}, "value": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
# For the OpenAPI description: what any route may answer instead of its own response.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "What is wrong with the request", "content": {MEDIA_TYPE: {"schema": _SCHEMA}}},
    "5XX": {"description": "What is wrong here", "content": {MEDIA_TYPE: {"schema": _SCHEMA}}},
}


def install(app: FastAPI) -> None:
    """Answer all errors of `app`."""
    app.add_exception_handler(BatchwitnessError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def refusal(request: Request, detail: str, errors: list[dict[str, str]]) -> Response:
    """The answer to a body of which something was refused, where what was refused is kept and not rolled back."""
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, BatchwitnessError)
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status is HTTPStatus.UNAUTHORIZED and _for_people(request):
        return _to_login(request)
    headers = {}
    detail = str(error)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, StoreUnavailable):
        headers["Retry-After"] = "2"
    if isinstance(error, StoreUnavailable | StoreRejected):
        log.warning("store refused", path=request.url.path, reason=detail)
        detail = (type(error).__doc__ or "").strip()  # the database's own words may hold values
    return _answer(request, status, detail, headers=headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_fault(fault) for fault in error.errors()]
    detail = "; ".join(f"{fault['field']} = {fault['value']!r}: {fault['message']}" for fault in errors)
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _fault(fault: Any) -> dict[str, str]:
    field = ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])
    value = "…" if field in NEVER_ECHOED else str(fault.get("input"))[:LONGEST_ECHO]
    return {"field": field, "value": value, "message": str(fault["msg"])}


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return _answer(request, status, str(error.detail), headers=dict(error.headers or {}))


def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the traceback itself, without the values of local variables.
    log.error("request failed", path=request.url.path, kind=type(error).__name__)
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "This is a fault of the server; it has been logged.")


def _answer(
    request: Request,
    status: HTTPStatus,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    if _for_people(request):
        page = render(request, "problem.html", status=status.value, title=status.phrase, detail=detail)
        page.status_code = status.value
        page.headers.update(headers or {})
        return page
    body: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status_code=status.value, headers=headers, media_type=MEDIA_TYPE)


def _for_people(request: Request) -> bool:
    return not request.url.path.startswith(MACHINE_PATHS)


def _to_login(request: Request) -> Response:
    """To the login page, and back afterwards; a refreshing part of a page takes the whole page there."""
    if "HX-Request" in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": "/login"})
    wanted = request.url.path if request.method == "GET" else "/"
    return RedirectResponse(f"/login?then={quote(wanted, safe='/')}", status_code=HTTPStatus.SEE_OTHER)
