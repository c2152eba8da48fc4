"""Starts a child that dies with its parent, as a user it accepts: PostgreSQL refuses to run as root."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import IO, assert_never

PR_SET_PDEATHSIG = 1
NAMESPACE_COMMAND = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


class CannotRun(RuntimeError):
    """A program of the embedded stack cannot be run here; the message says what to do."""


class RunAs(Enum):
    """The user a child runs as."""

    OURSELVES = "ourselves"
    NOBODY = "nobody"
    # Inside a user namespace root appears as user 1000: files stay root's, the program no longer sees root.
    NAMESPACE = "namespace"

    @property
    def uid(self) -> int:
        """Owner, on disk, of what the child writes."""
        return _nobody().pw_uid if self is RunAs.NOBODY else os.getuid()

    @property
    def gid(self) -> int:
        """Group, on disk, of what the child writes."""
        return _nobody().pw_gid if self is RunAs.NOBODY else os.getgid()


def unprivileged(attempt: Sequence[str], directories: Sequence[Path]) -> RunAs:
    """The first way, without being root, in which `attempt` succeeds and `directories` can be entered.

    `attempt` is a harmless command. Each way is tried for real: the permissions of every parent count.
    Raises CannotRun when none works.
    """
    if os.getuid() != 0:
        return RunAs.OURSELVES
    refusals = []
    for way in (RunAs.NOBODY, RunAs.NAMESPACE):
        refusal = _refusal(way, [list(attempt), *(_enter(directory) for directory in directories)])
        if refusal is None:
            return way
        refusals.append(f"{way.value}: {refusal}")
    raise CannotRun(
        f"{attempt[0]} must not run as root and no other user can run it here ({'; '.join(refusals)}). "
        f"Start as an ordinary user, or let everybody enter the folders above {attempt[0]} and "
        f"{', '.join(map(str, directories))} (chmod o+x), or allow user namespaces "
        "(sysctl user.max_user_namespaces)."
    )


def start(
    argv: Sequence[str],
    *,
    run_as: RunAs = RunAs.OURSELVES,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input_: int = subprocess.DEVNULL,
    output: int | IO[bytes] = subprocess.DEVNULL,
    dies_by: signal.Signals = signal.SIGTERM,
) -> "subprocess.Popen[bytes]":
    """Start a child in a session of its own; on Linux it gets `dies_by` when the thread that started it ends.

    Standard output and error both go to `output`. Raises FileNotFoundError for a missing program.
    """
    user = run_as.uid if run_as is RunAs.NOBODY else None
    group = run_as.gid if run_as is RunAs.NOBODY else None
    return subprocess.Popen(
        _command(run_as, argv, dies_by),
        env=env,
        cwd=cwd,
        stdin=input_,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        preexec_fn=_death_signal(dies_by),  # noqa: PLW1509 - runs one resolved C function, takes no lock
    )


def give(path: Path, run_as: RunAs) -> None:
    """Make everything under `path` belong to the user the child runs as, unless it does already."""
    if os.getuid() != 0 or path.lstat().st_uid == run_as.uid:
        return
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(Path(folder, name), run_as.uid, run_as.gid, follow_symlinks=False)
    # The top last: an interrupted walk is repeated, because the owner of the top is what is looked at.
    os.chown(path, run_as.uid, run_as.gid)


def descendants(pid: int) -> list[int]:
    """Every living process below `pid`, parents before children; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything; what follows the last one is state, then the parent.
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.extend(below)
        waiting.extend(below)
    return found


def kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL a child and everything below it at once, as a power cut would, and collect it."""
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)  # it cannot start another one while its children are listed
        below = descendants(process.pid)
        process.kill()
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    process.wait()


def _command(run_as: RunAs, argv: Sequence[str], dies_by: signal.Signals) -> list[str]:
    match run_as:
        case RunAs.OURSELVES | RunAs.NOBODY:
            return list(argv)
        case RunAs.NAMESPACE:
            # Entering a namespace clears the death signal, so it is set once more behind it.
            again = ["setpriv", "--pdeathsig", dies_by.name.removeprefix("SIG")] if shutil.which("setpriv") else []
            return [*NAMESPACE_COMMAND, *again, *argv]
        case _:
            assert_never(run_as)


def _death_signal(dies_by: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, int(dies_by), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return before_exec


def _enter(directory: Path) -> list[str]:
    return ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)]


def _refusal(way: RunAs, attempts: Sequence[Sequence[str]]) -> str | None:
    """Which attempt fails in this way, None when all succeed."""
    for attempt in attempts:
        try:
            process = start(attempt, run_as=way, cwd=Path("/"))
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            return f"{attempt[0]}: {error}"
        if process.wait() != 0:
            return f"`{' '.join(attempt)}` fails"
    return None


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")
