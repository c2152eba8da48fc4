"""The MQTT broker of the embedded stack: mosquitto where it is installed, else rumqttd out of a Python wheel.

It listens on 127.0.0.1 only and knows three users: `plant` publishes, `ingest` subscribes, `sparkplug` is the Sparkplug
host. A started broker has accepted ingest's password. Mosquitto keeps what waits for an absent session through its own
restarts; killed, it may lose the last second (autosave). rumqttd keeps nothing: `survives_restart` and `warnings` say
so.
"""

import socket
import struct
import subprocess
import sys
import time
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self, assert_never

from batchwitness.embedded import child, mosquitto, ports
from batchwitness.embedded.logs import rotate, tail
from batchwitness.embedded.passwords import Passwords
from batchwitness.embedded.ports import HOST

USERS = ("ingest", "plant", "sparkplug")


class BrokerKind(Enum):
    """Which program the broker is."""

    MOSQUITTO = "mosquitto"
    RUMQTTD = "rumqttd"


class EmbeddedBroker:
    """A broker whose settings, passwords and waiting messages are in `data_dir`.

    Port 0 picks a free one here and now; `port` says which. `kind` None takes the best that is installed.
    A broker dies with the thread that started it, so start it from one that stays.
    """

    name = "broker"

    def __init__(
        self, data_dir: Path, port: int, *, kind: BrokerKind | None = None, log_file: Path | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.host = HOST
        self.port = port or ports.free()
        self.kind = kind or _installed()
        self.log_file = (log_file or self.data_dir / "broker.log").absolute()
        self.passwords = Passwords(self.data_dir / "passwords")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def survives_restart(self) -> bool:
        """Whether what waits for an absent session is still there after a restart."""
        return self.kind is BrokerKind.MOSQUITTO

    @property
    def warnings(self) -> list[str]:
        """What this broker does not do, as sentences for the person who started it."""
        if self.kind is BrokerKind.MOSQUITTO:
            return []
        return [
            "rumqttd stands in for mosquitto, which is not installed.",
            "rumqttd forgets what it holds for absent subscribers when it is restarted.",
            "rumqttd lets every user with a password use every topic, and speaks MQTT 5 only.",
        ]

    @property
    def alive(self) -> bool:
        """Whether the broker process started here still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """The same as alive: start() returns a server that has answered."""
        return self.alive

    @property
    def pid(self) -> int | None:
        """Process id of the running broker, None when it does not run."""
        return self._process.pid if self._process is not None and self.alive else None

    def start(self, *, within_s: float = 20.0) -> None:
        """Start and return once the broker has accepted ingest's password.

        Raises child.CannotRun when the port, which is named, is taken, or with the end of the log.
        """
        if self.alive:
            return
        ports.refuse_taken(self.port, for_what="the broker")
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        log_start = rotate(self.log_file)
        self._launch()
        if self._answers(time.monotonic() + within_s):
            return
        self.kill()
        said = tail(self.log_file, after=log_start)
        raise child.CannotRun(f"{self.kind.value} did not start on {HOST}:{self.port}. Its log ends:\n{said}")

    def stop(self, *, within_s: float = 10.0) -> None:
        """Shut down in order, with what it holds on disk; killed when it takes longer than asked."""
        if self._process is None:
            return
        if self.alive:
            self._process.terminate()
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def why(self) -> str:
        """How the process ended, with the last lines of its log."""
        return f"the broker ended. Its log {self.log_file} ends:\n{tail(self.log_file)}"

    def kill(self) -> None:
        """SIGKILL."""
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

    def _launch(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir.chmod(0o711)  # another user passes through to the broker's own directory, no further
        passwords = {user: self.passwords.get(user) for user in USERS}
        match self.kind:
            case BrokerKind.MOSQUITTO:
                program = mosquitto.find()
                if program is None:
                    raise child.CannotRun("mosquitto is not installed")
                own = self.data_dir / "mosquitto"
                own.mkdir(mode=0o700, exist_ok=True)
                settings = mosquitto.configure(own, port=self.port, passwords=passwords)
                command = [str(program), "-c", str(settings)]
                # Started as root it would give up root itself and could then not enter its own directory.
                run_as = child.unprivileged(["/bin/sh", "-c", 'test -x "$1"', "sh", str(program)], [self.data_dir])
                child.give(own, run_as)
            case BrokerKind.RUMQTTD:
                from batchwitness.embedded import rumqttd

                own = self.data_dir / "rumqttd"
                own.mkdir(mode=0o700, exist_ok=True)
                settings = rumqttd.configure(own, port=self.port, passwords=passwords)
                command = [sys.executable, "-m", rumqttd.__name__, str(settings)]
                run_as = child.RunAs.OURSELVES
            case _:
                assert_never(self.kind)
        with self.log_file.open("ab") as log:
            self._process = child.start(command, run_as=run_as, cwd=own, output=log)

    def _answers(self, deadline: float) -> bool:
        while self.alive and time.monotonic() < deadline:
            if _accepts(self.port, "ingest", self.passwords.get("ingest")):
                return True
            time.sleep(0.02)
        return False


def _installed() -> BrokerKind:
    if mosquitto.find() is not None:
        return BrokerKind.MOSQUITTO
    if find_spec("iotcore") is not None:
        return BrokerKind.RUMQTTD
    raise child.CannotRun(
        "there is no MQTT broker: install mosquitto (apt-get install mosquitto) or run `make .venv/.runtime`"
    )


def _accepts(port: int, user: str, password: str) -> bool:
    """Whether the broker answers an MQTT 5 CONNECT (sections 3.1, 3.2 of the standard) with success."""
    user_password_clean_start = 0b1100_0010
    keep_alive_s = 10
    no_properties = b"\0"
    head = _text("MQTT") + struct.pack("!BBH", 5, user_password_clean_start, keep_alive_s) + no_properties
    body = head + _text(f"probe-{time.monotonic_ns()}") + _text(user) + _text(password)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack("!BB", 0x10, len(body)) + body)
            answer = connection.recv(4)
            connection.sendall(b"\xe0\x00")
    except OSError:
        return False
    return len(answer) == 4 and answer[0] == 0x20 and answer[3] == 0


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("!H", len(encoded)) + encoded
