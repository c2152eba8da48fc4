"""How often one address may try one name, and how many passwords are checked at once.

The record itself locks a name after repeated failures; this refuses such an address before the costly check, and keeps
the check from starving the screens: who comes while all places are taken is told so at once, and waits in no thread.
Counted by address and name, because a plant's people often share one address. Kept in memory: a restart forgets.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock

from api.problems import TooManyAttempts

FAILURES_ALLOWED = 10
WINDOW_S = 300.0
AT_ONCE = 2  # a check takes some tenths of a second of one core
BUSY_RETRY_S = 2
MOST_COUNTED = 10_000

Who = tuple[str, str]  # address, name


@dataclass(slots=True)
class Attempt:
    """One try to sign in."""

    has_failed: bool = False

    def failed(self) -> None:
        """Count it."""
        self.has_failed = True


@dataclass(slots=True)
class Attempts:
    """Failures by address and name in the last WINDOW_S seconds."""

    _failures: dict[Who, deque[float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _checks: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))

    @contextmanager
    def one(self, address: str, name: str) -> Iterator[Attempt]:
        """One attempt from `address` as `name`. Raises TooManyAttempts when it tries too often or no place is free."""
        who = (address, name)
        wait_s = self._wait_s(who, time.monotonic())
        if wait_s > 0:
            raise TooManyAttempts(retry_after_s=int(wait_s) + 1)
        if not self._checks.acquire(blocking=False):
            raise TooManyAttempts(retry_after_s=BUSY_RETRY_S)
        attempt = Attempt()
        try:
            yield attempt
        finally:
            self._checks.release()
        if attempt.has_failed:
            self._count(who, time.monotonic())

    def _wait_s(self, who: Who, now: float) -> float:
        with self._lock:
            failures = self._failures.get(who, deque())
            while failures and failures[0] < now - WINDOW_S:
                failures.popleft()
            return failures[0] + WINDOW_S - now if len(failures) >= FAILURES_ALLOWED else 0.0

    def _count(self, who: Who, now: float) -> None:
        with self._lock:
            if len(self._failures) >= MOST_COUNTED and who not in self._failures:
                self._failures.pop(next(iter(self._failures)))
            self._failures.setdefault(who, deque(maxlen=FAILURES_ALLOWED)).append(now)
