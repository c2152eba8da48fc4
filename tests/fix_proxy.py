"""A proxy between a client and a server that cuts, stalls and restores what passes: TCP or a Unix socket."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from batchwitness.embedded.broker import EmbeddedBroker
from batchwitness.embedded.postgres import PORT
from tests.fix_postgres import Database, short_directory

Address = tuple[str, int] | Path  # TCP, or the path of a Unix socket
CHUNK_BYTES = 65536


class Way(Enum):
    """One of the two directions in which a connection carries bytes."""

    THERE = "from client to server"
    BACK = "from server to client"


class Proxy:
    """Listens on `listen` and passes everything on to `target`, both ways, until told otherwise."""

    def __init__(self, target: Address, listen: Address = ("127.0.0.1", 0)) -> None:
        self._target = target
        self._listen = listen
        self._listener = _socket(listen)
        self._listener.bind(_name(listen))
        self._listener.listen()
        self._refusing = False
        self._passing = {way: threading.Event() for way in Way}
        self._heard = threading.Event()  # cleared: who has lost the other end of a half-open connection is not told
        self._unheard: set[socket.socket] = set()
        self._let_pass()
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def directory(self) -> Path:
        """The directory of the Unix socket it listens on: libpq's `host`."""
        assert isinstance(self._listen, Path)
        return self._listen.parent

    @property
    def connections(self) -> int:
        """How many connections stand now."""
        with self._lock:
            return len(self._pairs)

    def cut(self) -> None:
        """End every connection, and new ones at once, as a server that has gone does."""
        with self._lock:
            self._refusing = True
            for pair in self._pairs:
                _shut(*pair)

    def stall(self, *ways: Way) -> None:
        """Keep connections open, accept new ones and pass nothing, as a network that swallows all does.

        Of the ways named, or of both.
        """
        for way in ways or Way:
            self._passing[way].clear()

    def half_open(self) -> None:
        """Take every connection from the server, and tell its client only at `restore`; new ones pass."""
        with self._lock:
            self._heard.clear()
            self._unheard = {end for pair in self._pairs for end in pair}
            for _, far in self._pairs:
                _shut(far)

    def restore(self) -> None:
        """Accept and pass everything again, beginning with what waited."""
        with self._lock:
            self._refusing = False
        self._let_pass()

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._let_pass()
        _shut(self._listener)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        if isinstance(self._listen, Path):
            self._listen.unlink()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # shut: the test is over
                return
            far = _socket(self._target)
            with self._lock:
                refused = self._refusing or far.connect_ex(_name(self._target)) != 0
                if not refused:
                    self._pairs.add((near, far))
            if refused:
                near.close()
                far.close()
            else:
                self._spawn(self._pass_both_ways, near, far)

    def _pass_both_ways(self, near: socket.socket, far: socket.socket) -> None:
        back = self._spawn(self._pass, far, near, Way.BACK)
        self._pass(near, far, Way.THERE)
        back.join()
        with self._lock:
            self._pairs.remove((near, far))
        near.close()
        far.close()

    def _pass(self, source: socket.socket, sink: socket.socket, way: Way) -> None:
        try:
            while chunk := source.recv(CHUNK_BYTES):
                self._passing[way].wait()
                sink.sendall(chunk)
        except OSError:
            pass  # cut, or one of the two ends has gone: so has the connection
        if source in self._unheard:
            self._heard.wait()
        _shut(source, sink)

    def _let_pass(self) -> None:
        for passing in self._passing.values():
            passing.set()
        self._heard.set()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread


@pytest.fixture
def broker_proxy(broker: EmbeddedBroker) -> Iterator[Proxy]:
    """Stands before the session's broker: connect to 127.0.0.1 and its `port`."""
    with Proxy((broker.host, broker.port)) as proxy:
        yield proxy


@pytest.fixture
def database_proxy(database: Database) -> Iterator[Proxy]:
    """Stands before the session's PostgreSQL; `database.dsn(role, host=proxy.directory)` leads through it."""
    directory = short_directory()
    socket_name = f".s.PGSQL.{PORT}"
    with Proxy(database.server.socket_dir / socket_name, directory / socket_name) as proxy:
        yield proxy
    shutil.rmtree(directory)


def _socket(address: Address) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET)


def _name(address: Address) -> str | tuple[str, int]:
    return str(address) if isinstance(address, Path) else address


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # the other side was faster
