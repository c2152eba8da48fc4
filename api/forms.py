"""What people type into forms, and what becomes of it: done and on to the next page, or the page again with a sentence.

Times are in UTC; what cannot be read is refused by field and value.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from api.fields import EARLIEST, LATEST
from store.errors import BatchwitnessError, Conflict, InputInvalid, NotFound, PayloadRejected
from store.fields import finite, written_number

Typed = Annotated[str, Form(max_length=2000, pattern=r"^[^\x00]*$")]


def posted(act: Callable[[], object], *, then: str, again: Callable[[BatchwitnessError], Response]) -> Response:
    """Do what a form asks for and go on to the page `then`; who was too late, or wants what cannot be, gets `again`."""
    try:
        act()
    except (InputInvalid, Conflict, NotFound) as error:
        return again(error)
    return RedirectResponse(then, status_code=HTTPStatus.SEE_OTHER)


def refusing(page: Response, refused: BatchwitnessError | None) -> Response:
    """The page with the status of what was refused, if anything was."""
    if refused is not None:
        page.status_code = HTTPStatus.CONFLICT if isinstance(refused, Conflict) else HTTPStatus.UNPROCESSABLE_ENTITY
    return page


def typed_time(text: str, field: str) -> datetime:
    """A time as typed or picked; without an offset it is in UTC, as the page says. Raises InputInvalid.

    >>> typed_time("2026-11-22T10:00", "since").isoformat()
    '2026-11-22T10:00:00+00:00'
    """
    try:
        time = datetime.fromisoformat(text.strip().removesuffix("UTC").strip())
    except ValueError:
        raise InputInvalid(f"{field} must be a time such as 2026-11-22 10:00:00, not {text!r}") from None
    time = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    if not EARLIEST <= time <= LATEST:
        raise InputInvalid(f"{field} must lie between the years 1970 and 2100, not {text!r}")
    return time


def typed_time_or_none(text: str, field: str) -> datetime | None:
    """The same; nothing typed is None."""
    return typed_time(text, field) if text.strip() else None


def typed_number(text: str, field: str) -> float | None:
    """A number, with a point or a comma; nothing typed is None. Raises InputInvalid.

    >>> typed_number("6,98", "value")
    6.98
    """
    if not text.strip():
        return None
    try:
        number = written_number(text.strip().replace(",", "."))
    except ValueError:
        raise InputInvalid(f"{field} must be a number, not {text!r}") from None
    try:
        return finite(number, field)
    except PayloadRejected as rejection:
        raise InputInvalid(rejection.reason) from None


def typed_names(text: str) -> list[str]:
    """Names separated by commas, each once.

    >>> typed_names("A, B,,A")
    ['A', 'B']
    """
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
