"""What can go wrong, as classes that say what to do about it.

The docstring is the default message. `translated` is the only place that reads psycopg's errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

REJECTED_CLASSES = frozenset({"22", "23"})
UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
READ_ONLY = "25006"


class BatchwitnessError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class PayloadRejected(BatchwitnessError):
    """What arrived cannot enter the record: quarantine it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StoreRejected(BatchwitnessError):
    """The database refuses these rows: isolate the bad one, then quarantine it."""


class StoreUnavailable(BatchwitnessError):
    """The database cannot take anything now: wait, then try the same again."""


class ChainLost(BatchwitnessError):
    """Another process has claimed this chain; this one may append nothing more."""


class NotFound(BatchwitnessError):
    """There is nothing of that name."""


class Conflict(BatchwitnessError):
    """The record already says otherwise."""


class NeedsVersion(BatchwitnessError):
    """Another version of the software has to do this."""


class NotAllowed(BatchwitnessError):
    """This actor may not do that."""


class InputInvalid(BatchwitnessError, ValueError):
    """What somebody entered cannot be accepted: say what is wrong with it and let them enter it again."""


class SettingsContradict(BatchwitnessError):
    """Two settings cannot both hold."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into ours. Anything unknown is a bug and passes through, to stop the stage loudly."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state[:2] in REJECTED_CLASSES:
            raise StoreRejected(f"{state}: {error}") from error
        lost = not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        if lost or state[:2] in UNAVAILABLE_CLASSES or state == READ_ONLY:
            raise StoreUnavailable(f"{state or 'no answer'}: {error}") from error
        raise
