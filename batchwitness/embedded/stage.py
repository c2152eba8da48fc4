"""One stage as a child process: its command, its environment, its log, and whether it can do its job yet."""

import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.error import URLError

from batchwitness.embedded import child, ports
from batchwitness.embedded.logs import Collector, rotate, tail

TERM_WITHIN_S = 10.0


class Stage:
    """A child process that is ready once `is_ready`, given its id, says so; its output goes to `log_file`.

    A `port` it will listen on is refused before it starts when something else does already, because that other
    one might answer `is_ready` in its place.

    It is killed, not asked, when the supervisor itself is killed: every stage can be killed at any instant.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_file: Path,
        is_ready: Callable[[int], bool],
        environment: Callable[[], Mapping[str, str]] = lambda: os.environ,
        port: int | None = None,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._argv = list(argv)
        self._environment = environment
        self._port = port
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None
        self._collector: Collector | None = None
        self._log_start = 0

    @property
    def alive(self) -> bool:
        """Whether the process started last still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self.alive else None

    @property
    def ready(self) -> bool:
        """Whether it runs and can do its job."""
        pid = self.pid
        return pid is not None and self._is_ready(pid)

    def start(self) -> None:
        """Start the process and return at once. Raises child.CannotRun for a missing program or a taken port."""
        if self._port is not None:
            ports.refuse_taken(self._port, for_what=self.name)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = rotate(self.log_file)
        try:
            self._process = child.start(
                self._argv, env=self._environment(), output=subprocess.PIPE, dies_by=signal.SIGKILL
            )
        except OSError as error:
            raise child.CannotRun(f"{self.name} cannot be started: {error}") from error
        assert self._process.stdout is not None
        self._collector = Collector(self._process.stdout, self.log_file)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to it and all it started when it has not ended after TERM_WITHIN_S."""
        if self._process is not None and self.alive:
            self._process.terminate()
            try:
                self._process.wait(TERM_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._collect()

    def kill(self) -> None:
        """SIGKILL to it and everything it started."""
        if self._process is not None:
            child.kill_tree(self._process)
        self._collect()

    def why(self) -> str:
        """How the process ended, with the last lines it printed: for the person who must mend it."""
        self._collect()
        code = None if self._process is None else self._process.poll()
        if code is None:
            ended = "runs"
        elif code < 0:
            ended = f"was ended by {signal.Signals(-code).name}"
        else:
            ended = f"ended with exit status {code}"
        said = tail(self.log_file, after=self._log_start) if self.log_file.exists() else ""
        return f"{self.name} {ended}. Its log {self.log_file} ends:\n{said or '(nothing)'}"

    def _collect(self) -> None:
        if self._collector is not None and not self.alive:
            self._collector.wait(1.0)


def answers(url: str) -> Callable[[int], bool]:
    """A check whether a GET of `url` is answered with a 2xx status within a second, past any proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def check(_pid: int) -> bool:
        try:
            with direct.open(url, timeout=1.0) as response:
                return bool(200 <= response.status < 300)
        except (URLError, OSError):
            return False

    return check


def wrote(ready_file: Path) -> Callable[[int], bool]:
    """A check whether the process itself wrote its id to `ready_file`; what an earlier one wrote does not count."""

    def check(pid: int) -> bool:
        try:
            return int(ready_file.read_text()) == pid
        except (OSError, ValueError):
            return False

    return check


def announce(environment: Mapping[str, str] = os.environ) -> None:
    """Called by a stage once it can do its job: writes its process id where the supervisor looks, if one does."""
    if path := environment.get("BATCHWITNESS_READY_FILE"):
        Path(path).write_text(str(os.getpid()))
