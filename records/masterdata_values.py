"""What a single value of a master data document may be.

Each check returns the value as it is stored and raises ValueError with a phrase that follows the value in a sentence.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST_TEXT = 2_000  # characters
LARGEST_NUMBER = sys.float_info.max
YEARS = range(1900, 2200)

Check = Callable[[object], object]


def is_any_text(value: object) -> object:
    """Text of one or more lines, empty allowed."""
    if not isinstance(value, str):
        raise ValueError("is not text")  # noqa: TRY004 - one class for everything a document can get wrong
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"is longer than {LONGEST_TEXT} characters")
    if any(character != "\n" and not character.isprintable() for character in value):
        raise ValueError("holds a character that cannot be printed")
    return value


def is_text(value: object) -> object:
    """One line of text, not empty."""
    is_any_text(value)
    if not str(value).strip() or str(value) != str(value).strip() or "\n" in str(value):
        raise ValueError("is empty, has space around it or more than one line")
    return value


def is_name(value: object) -> object:
    """A name that can be a level of a topic."""
    is_text(value)
    if any(character in "/#+" for character in str(value)):
        raise ValueError("holds /, # or +, which mean something in topics")
    return value


def is_name_or_empty(value: object) -> object:
    """A name, or nothing."""
    return value if value == "" else is_name(value)


def is_names(value: object) -> object:
    """At least one name, none twice; stored sorted."""
    if not isinstance(value, list) or not value:
        raise ValueError("is not a list of at least one name")
    names = [str(is_name(name)) for name in value]
    if len(set(names)) < len(names):
        raise ValueError("holds a name twice")
    return sorted(names)


def is_timezone(value: object) -> object:
    """A name of the IANA time zone database."""
    try:
        ZoneInfo(str(is_text(value)))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is not a time zone such as Europe/Amsterdam") from error
    return value


def is_time(value: object) -> object:
    """An RFC 3339 time with offset."""
    try:
        time = datetime.fromisoformat(str(is_text(value)))
    except ValueError as error:
        raise ValueError("is not an RFC 3339 time") from error
    if time.tzinfo is None:
        raise ValueError("is a time without offset")
    if time.year not in YEARS:
        raise ValueError(f"is not between the years {YEARS.start} and {YEARS.stop}")
    return time


def is_yes_or_no(value: object) -> object:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")  # noqa: TRY004 - as in is_any_text
    return value


def is_number(value: object) -> object:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("is not a number")  # noqa: TRY004 - as in is_any_text
    if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:  # also not when it is not a number
        raise ValueError("is not a finite number")
    return float(value)


def is_not_negative(value: object) -> object:
    """A number from 0 on."""
    is_number(value)
    if not isinstance(value, int | float) or value < 0:
        raise ValueError("is below 0")
    return float(value)


def is_positive(value: object) -> object:
    """A number above 0."""
    if is_not_negative(value) == 0:
        raise ValueError("is not above 0")
    return is_number(value)


def is_ucum(value: object) -> object:
    """A unit of measure in UCUM's alphabet; that it means something is not checked."""
    if not all("!" <= character <= "~" for character in str(is_text(value))):
        raise ValueError("is not a UCUM unit: those have neither spaces nor characters outside ASCII; none is 1")
    return value


def is_one_of(*allowed: str) -> Check:
    """One of some words."""

    def check(value: object) -> object:
        if value not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}")
        return str(value)

    return check


def is_one_of_enum(allowed: type[StrEnum]) -> Check:
    """One of the values of an enumeration."""
    return is_one_of(*(str(member) for member in allowed))


def is_or_null(check: Check) -> Check:
    """Null, or what `check` takes."""
    return lambda value: None if value is None else check(value)
