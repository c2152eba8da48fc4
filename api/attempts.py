"""How often one address may try to sign in, and how many passwords are checked at once.

The record itself locks a name after repeated failures; this keeps one address from trying many names, and the costly
check of passwords from starving the screens. Kept in memory: a restart forgets.
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
WAIT_S = 5.0
MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class Attempt:
    """One try to sign in."""

    has_failed: bool = False

    def failed(self) -> None:
        """Count it."""
        self.has_failed = True


@dataclass(slots=True)
class Attempts:
    """Failures by address in the last WINDOW_S seconds."""

    _failures: dict[str, deque[float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _checks: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))

    @contextmanager
    def one(self, address: str) -> Iterator[Attempt]:
        """One attempt from `address`. Raises TooManyAttempts when it, or everybody together, tries too often."""
        wait_s = self._wait_s(address, time.monotonic())
        if wait_s > 0:
            raise TooManyAttempts(retry_after_s=int(wait_s) + 1)
        if not self._checks.acquire(timeout=WAIT_S):
            raise TooManyAttempts(retry_after_s=int(WAIT_S))
        attempt = Attempt()
        try:
            yield attempt
        finally:
            self._checks.release()
        if attempt.has_failed:
            self._count(address, time.monotonic())

    def _wait_s(self, address: str, now: float) -> float:
        with self._lock:
            failures = self._failures.get(address, deque())
            while failures and failures[0] < now - WINDOW_S:
                failures.popleft()
            return failures[0] + WINDOW_S - now if len(failures) >= FAILURES_ALLOWED else 0.0

    def _count(self, address: str, now: float) -> None:
        with self._lock:
            if len(self._failures) >= MOST_ADDRESSES and address not in self._failures:
                self._failures.pop(next(iter(self._failures)))
            self._failures.setdefault(address, deque(maxlen=FAILURES_ALLOWED)).append(now)
