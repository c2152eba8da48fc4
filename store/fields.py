"""Read the fields of a JSON object that came from outside: each error names the field and the value."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from store.errors import PayloadRejected
from store.model.times import EPOCH, MICROSECOND, from_us

Choice = TypeVar("Choice", bound=StrEnum)

NAME_CHARACTERS = 200
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
EARLIEST_US = -62_135_596_800_000_000  # the beginning of year 1
LATEST_US = 253_402_300_799_000_000  # the end of year 9999
FUTURE_ALLOWANCE_US = 24 * 3_600_000_000
WHOLE = re.compile(r"[+-]?[0-9]{1,400}")  # longer than any float
EXACT_UP_TO = 2.0**53  # every whole number up to it is a float without rounding


def shown(value: object) -> str:
    """A value as an error message shows it, shortened; null, true and false as JSON has them."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    try:
        text = repr(value)
    except RecursionError:
        return f"{type(value).__name__} nested too deep to be shown"
    return text if len(text) <= 80 else f"{text[:77]}…"


def text(object_: Mapping[str, object], field: str, *, path: str = "") -> str:
    """A required non-empty text of at most NAME_CHARACTERS without control characters; `path` leads to the object."""
    value = object_.get(field)
    if value is None:
        raise PayloadRejected("missing_field", f"{path}{field} is missing")
    if not isinstance(value, str):
        raise PayloadRejected("wrong_type", f"{path}{field} must be text, not {shown(value)}")
    if not value.strip() or len(value) > NAME_CHARACTERS or CONTROL.search(value):
        raise PayloadRejected(
            "bad_text", f"{path}{field} must be 1 to {NAME_CHARACTERS} printable characters, not {shown(value)}"
        )
    return value


def batch_name(object_: Mapping[str, object], field: str) -> str:
    """The required name of a batch: such a text that can also stand as one part of an address."""
    name = text(object_, field)
    if "/" in name or name in {".", ".."}:
        raise PayloadRejected("bad_text", f"{field} must be a name without / that is not . or .., not {shown(name)}")
    return name


def optional_text(object_: Mapping[str, object], field: str, *, path: str = "") -> str | None:
    """The same, or None where the field is absent or null."""
    return None if object_.get(field) is None else text(object_, field, path=path)


def choice(object_: Mapping[str, object], field: str, kinds: type[Choice]) -> Choice:
    """One of an enumeration's values."""
    value = text(object_, field)
    try:
        return kinds(value)
    except ValueError:
        allowed = ", ".join(kinds)
        raise PayloadRejected("unknown_choice", f"{field} must be one of {allowed}, not {shown(value)}") from None


def whole_number(object_: Mapping[str, object], field: str) -> int:
    """A whole number from 0 to 2^63 − 1."""
    value = object_.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise PayloadRejected("wrong_type", f"{field} must be a whole number from 0, not {shown(value)}")
    return value


def time_us(value: object, field: str) -> int:
    """An RFC 3339 time with offset, or integer epoch milliseconds, as microseconds since 1970."""
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            raise PayloadRejected("bad_time", f"{field} is not an RFC 3339 time: {shown(value)}") from None
        if parsed.tzinfo is None:
            raise PayloadRejected("naive_time", f"{field} has no offset, so it names no instant: {shown(value)}")
        us = (parsed - EPOCH) // MICROSECOND
        if not EARLIEST_US <= us <= LATEST_US:
            raise PayloadRejected("bad_time", f"{field} lies outside the years 1 to 9999: {shown(value)}")
        return us
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value * 1000 <= LATEST_US:
            raise PayloadRejected("bad_time", f"{field} is out of range for epoch milliseconds: {shown(value)}")
        return value * 1000
    if value is None:
        raise PayloadRejected("missing_field", f"{field} is missing")
    raise PayloadRejected(
        "wrong_type", f"{field} must be an RFC 3339 text or whole epoch milliseconds, not {shown(value)}"
    )


def within_window(us: int, field: str, earliest_us: int, received_us: int) -> int:
    """Refuse a time from before the unit existed or more than 24 h ahead of its receipt."""
    if us > received_us + FUTURE_ALLOWANCE_US:
        raise PayloadRejected(
            "time_ahead",
            f"{field} {_shown_time(us)} is more than 24 h ahead of its receipt at {from_us(received_us).isoformat()}",
        )
    if us < earliest_us:
        raise PayloadRejected(
            "before_commissioning",
            f"{field} {_shown_time(us)} lies before the unit's commissioning {from_us(earliest_us).isoformat()}",
        )
    return us


def finite(value: object, field: str) -> float:
    """A finite number; true and false count as 1 and 0. A whole number is exact or it is refused."""
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            if number != value:  # an int and a float are compared exactly
                raise PayloadRejected(
                    "not_exact", f"{field} {value} is a whole number beyond 2^53 that a reading cannot hold exactly"
                )
            return number
        raise PayloadRejected("not_finite", f"{field} must be a finite number, not {shown(value)}")
    if value is None:
        raise PayloadRejected("null_value", f"{field} is null")
    raise PayloadRejected("wrong_type", f"{field} must be a number, not {shown(value)}")


def written_number(text: str) -> int | float:
    """A number as a text writes it: whole digits stay whole, so that `finite` can tell whether a float holds them.

    Raises ValueError.

    >>> written_number("9007199254740993"), written_number("1e3")
    (9007199254740993, 1000.0)
    """
    return int(text) if WHOLE.fullmatch(text) else float(text)


def _shown_time(us: int) -> str:
    try:
        return from_us(us).isoformat()
    except OverflowError:
        return f"{us} µs since 1970"
