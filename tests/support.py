"""What every test may need: waiting with a deadline, and a sentence for what is missing."""

import os
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import pytest

Found = TypeVar("Found")


def eventually(check: Callable[[], Found], within_s: float = 10.0, what: str = "it") -> Found:
    """Ask until `check` returns something true, and return that; an AssertionError in it counts as not yet.

    Fails with `what` and the last answer when that does not happen within `within_s`.
    """
    deadline = time.monotonic() + within_s
    pause_s = 0.005
    while True:
        last: object
        try:
            found = check()
            if found:
                return found
            last = found
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s:g} s: {what}; last seen: {last!r}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


def missing(sentence: str) -> NoReturn:
    """A part of the machine is not there: an error where CI=true promises it, a skip on a laptop."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
