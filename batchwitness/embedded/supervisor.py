"""Keeps an ordered list of services running: starts them in order, restarts what dies, stops them in reverse.

Start means ready: the next service is started when the one before it can do its job. When one dies or does not get
ready while starting, everything started is stopped and the error quotes its log. Later deaths are answered with a
restart after a growing pause. When the supervisor itself is killed its children go with it (Linux), and the lock
on the directory goes too, so that the next one can start at once.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from batchwitness.embedded.backoff import Backoff
from batchwitness.embedded.child import CannotRun

LOOK_EVERY_S = 0.05


class Service(Protocol):
    """What can be supervised: a stage, PostgreSQL, the broker."""

    @property
    def name(self) -> str:
        """Short, unique, also the name of its log."""

    @property
    def alive(self) -> bool:
        """Whether its process runs."""

    @property
    def ready(self) -> bool:
        """Whether it can do its job."""

    @property
    def pid(self) -> int | None:
        """Its process while it runs."""

    def start(self) -> None:
        """Start it; it may return before it is ready. Raises CannotRun."""

    def stop(self) -> None:
        """Stop it in order, or by force when it does not; nothing of it runs afterwards."""

    def why(self) -> str:
        """How it ended."""


class State(Enum):
    """Where a service is in its life."""

    WAITING = "waiting"  # for its turn, or for the pause after a death to pass
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A service as it is now."""

    name: str
    state: State
    since: datetime
    pid: int | None
    restarts: int
    last_end: str | None  # how it last ended of itself, with the end of its log


class AlreadyRunning(RuntimeError):
    """Another supervisor has this directory."""


class Supervisor:
    """Supervises `services` from a thread of its own, in which their processes live and with which they end."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        lock_file: Path,
        say: Callable[[str], None] = lambda _sentence: None,
        ready_within_s: float = 60.0,
    ) -> None:
        self._tended = [_Tended(service) for service in services]
        self._lock_file = lock_file
        self._say = say
        self._ready_within_s = ready_within_s
        self._stopping = threading.Event()
        self._settled = threading.Event()  # everything is ready, or the start has failed
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start everything and return when all is ready.

        Raises AlreadyRunning, which names the other process, CannotRun with the end of a log, or what a service's
        own start raised; nothing of ours runs then. An interrupt while it waits stops all and is passed on.
        """
        lock = _locked(self._lock_file)
        self._thread = threading.Thread(target=self._tend, args=[lock], name="supervisor")
        self._thread.start()
        try:
            self._settled.wait()
        except BaseException:
            self.stop()
            raise
        if self._failure is not None:
            self.stop()
            raise self._failure

    def stop(self) -> None:
        """Stop everything in reverse order and return when it has stopped. Not to be called in a signal handler."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def running(self) -> bool:
        """Whether it tends its services."""
        return self._thread is not None and self._thread.is_alive()

    def status(self) -> list[Status]:
        """Every service, in the order of starting."""
        return [tended.status for tended in self._tended]

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _tend(self, lock: IO[str]) -> None:
        with lock:
            try:
                for tended in self._tended:
                    self._bring_up(tended)
                self._settled.set()
                while not self._stopping.wait(LOOK_EVERY_S):
                    for tended in self._tended:
                        tended.look(self._say)
            except Exception as failure:  # whatever it is, the caller of start() hears of it
                self._failure = failure
            finally:
                for tended in reversed(self._tended):
                    tended.stop()
                self._settled.set()

    def _bring_up(self, tended: "_Tended") -> None:
        """Start one service and wait until it is ready, unless everything is being stopped."""
        if self._stopping.is_set():
            return
        tended.start()
        deadline = time.monotonic() + self._ready_within_s
        while not tended.look_for_ready():
            if not tended.service.alive:
                raise CannotRun(tended.service.why())
            if time.monotonic() > deadline:
                raise CannotRun(f"not ready within {self._ready_within_s:g} s: {tended.service.why()}")
            if self._stopping.wait(LOOK_EVERY_S):
                return


class _Tended:
    """A service and what the supervisor remembers about it; its status is replaced whole, never changed."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.status = Status(
            name=service.name,
            state=State.WAITING,
            since=datetime.now(UTC),
            pid=None,
            restarts=0,
            last_end=None,
        )
        self._backoff = Backoff()
        self._started_at_s = 0.0  # on the monotonic clock
        self._due_at_s = 0.0

    def start(self) -> None:
        self._started_at_s = time.monotonic()
        self._become(State.STARTING)
        self.service.start()
        self._become(State.STARTING)

    def look_for_ready(self) -> bool:
        ready = self.service.ready
        if ready:
            self._become(State.RUNNING)
        return ready

    def look(self, say: Callable[[str], None]) -> None:
        """Notice a death, start again what is due, notice that it has become ready."""
        state = self.status.state
        if state is State.WAITING:
            if time.monotonic() >= self._due_at_s:
                self._start_again(say)
        elif not self.service.alive:
            self._rest(self.service.why(), say)
        elif state is State.STARTING and self.look_for_ready():
            say(f"{self.service.name} runs again")

    def stop(self) -> None:
        if self.status.state is not State.WAITING or self.service.alive:
            self.service.stop()
        self._become(State.STOPPED)

    def _start_again(self, say: Callable[[str], None]) -> None:
        self.status = replace(self.status, restarts=self.status.restarts + 1)
        try:
            self.start()
        except Exception as error:  # a database that is not back yet fails a migration in many ways
            self._rest(f"{type(error).__name__}: {error}", say)

    def _rest(self, end: str, say: Callable[[str], None]) -> None:
        wait_s = self._backoff.after(ran_s=time.monotonic() - self._started_at_s)
        self._due_at_s = time.monotonic() + wait_s
        self.status = replace(self.status, last_end=end)
        self._become(State.WAITING)
        say(f"{self.service.name} is started again in {wait_s:g} s: {end}")

    def _become(self, state: State) -> None:
        self.status = replace(self.status, state=state, since=datetime.now(UTC), pid=self.service.pid)


def _locked(path: Path) -> IO[str]:
    """The open lock file with our process id in it; the lock ends with the process, whatever ends that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise AlreadyRunning(
            f"Batchwitness already runs on {path.parent} as process {holder}; stop it, or use another directory"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
