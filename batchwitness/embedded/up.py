"""The embedded stack in the foreground of a terminal, until it is asked to stop."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from batchwitness.embedded.child import CannotRun
from batchwitness.embedded.database import DATABASE, Migrate, MissingRole
from batchwitness.embedded.stack import API_PORT, COMMAND, MQTT_PORT, Stack
from batchwitness.embedded.supervisor import AlreadyRunning


class Stopped(BaseException):
    """SIGINT or SIGTERM arrived."""


def up(
    var: Path,
    *,
    migrate: Migrate,
    api_port: int = API_PORT,
    mqtt_port: int = MQTT_PORT,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = COMMAND,
) -> int:
    """Run the stack in the foreground until SIGINT or SIGTERM; returns the exit status, 0 when it was asked to stop.

    To be called in the main thread. What cannot be started is told on standard error, with status 1.
    """
    out, err = _plain(stderr=False), _plain(stderr=True)
    with stopped_by_signals():
        try:
            stack = Stack(
                var,
                migrate=migrate,
                api_port=api_port,
                mqtt_port=mqtt_port,
                environment=environment,
                command=command,
                say=err.print,
            )
            for warning in stack.broker.warnings:
                err.print(f"warning: {warning}")
            with stack:
                for line in where_everything_listens(stack):
                    out.print(line)
                out.print("Ctrl-C stops everything in order.")
                while stack.running:
                    time.sleep(0.2)
            err.print("the supervisor ended by itself: see the logs")
        except Stopped:
            out.print("stopped")
            return 0
        except (CannotRun, AlreadyRunning, MissingRole) as error:
            err.print(str(error))
    return 1


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into Stopped; later ones are ignored, so that stopping in order is finished."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def where_everything_listens(stack: Stack) -> list[str]:
    """The addresses of a running stack, a line each."""
    return [
        f"API and pages  {stack.api_url}",
        f"MQTT           {stack.broker.host}:{stack.broker.port} ({stack.broker.kind.value})",
        f"PostgreSQL     {stack.database.socket_dir} (Unix socket, database {DATABASE})",
        f"logs           {stack.var / 'log'}",
    ]


def _plain(*, stderr: bool) -> Console:
    """Text as it is: what a log says is neither markup nor to be wrapped."""
    return Console(stderr=stderr, markup=False, highlight=False, soft_wrap=True)
