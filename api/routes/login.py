"""Signing in and out: the only pages anybody may see."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.attempts import Attempts
from api.auth import SESSION_COOKIE, require_own_page
from api.database import transaction
from api.rendering import render
from records.actors import check_password, end_session, start_session

SESSION_LASTS = timedelta(hours=12)  # a shift; records end it earlier when it is not used
TEXT = r"^[^\x00]*$"

router = APIRouter(include_in_schema=False)


@router.get("/login")
def login_page(request: Request, then: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """The form."""
    return render(request, "login.html", then=then, name="", refused=False)


@router.post("/login")
def login(
    request: Request,
    name: Annotated[str, Form(max_length=64, pattern=TEXT)] = "",
    password: Annotated[str, Form(max_length=256, pattern=TEXT)] = "",
    then: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Check name and password, which takes some tenths of a second in a worker thread, and start a session."""
    require_own_page(request)
    attempts: Attempts = request.app.state.attempts
    with attempts.one(request.client.host if request.client else "unknown", name) as attempt:
        with transaction(request.app.state.pool, read_only=False) as connection:
            # A refusal is counted in the record: it is committed before anybody hears of it.
            actor = check_password(connection, name=name, password=password)
        if actor is None:
            attempt.failed()
            page = render(request, "login.html", then=then, name=name, refused=True)
            page.status_code = HTTPStatus.FORBIDDEN
            return page
    with transaction(request.app.state.pool, read_only=False) as connection:
        secret = start_session(connection, actor, lasting=SESSION_LASTS)
    answer = RedirectResponse(_own_path(then), status_code=HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.app.state.settings.secure_cookies,
    )
    return answer


@router.post("/logout")
def logout(request: Request) -> Response:
    """End the session in the record, not only in the browser."""
    require_own_page(request)
    secret = request.cookies.get(SESSION_COOKIE)
    if secret:
        with transaction(request.app.state.pool, read_only=False) as connection:
            end_session(connection, secret)
    answer = RedirectResponse("/login", status_code=HTTPStatus.SEE_OTHER)
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return answer


def _own_path(then: str) -> str:
    """`then` when it is a path of this server, else the board: nobody is sent elsewhere by a link to our login.

    >>> _own_path("/batches/CT-1"), _own_path("//evil.example"), _own_path("https://evil.example")
    ('/batches/CT-1', '/', '/')
    """
    parts = urlsplit(then)
    own = not parts.scheme and not parts.netloc and then.startswith("/") and not then.startswith("//")
    return then if own and "\\" not in then and then.isprintable() else "/"
