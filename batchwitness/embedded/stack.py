"""The whole system on one machine under one directory: PostgreSQL, broker, schema, stages, all supervised.

Secrets are generated once, kept in files that only their owner reads, and reach a stage as the name of such a file.
Each stage signs in with a role of its own. What dies is started again; Ctrl-C stops everything in reverse order and
the next start continues with the same data.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from batchwitness.embedded import ports
from batchwitness.embedded.broker import USERS, EmbeddedBroker
from batchwitness.embedded.child import CannotRun
from batchwitness.embedded.database import DATABASE, STAGE_ROLES, Migrate, set_up
from batchwitness.embedded.postgres import PORT, EmbeddedPostgres
from batchwitness.embedded.preparing import Preparing
from batchwitness.embedded.stage import Stage, answers, wrote
from batchwitness.embedded.supervisor import Status, Supervisor

API_PORT = 8000
MQTT_PORT = 1883
READY_WITHIN_S, PREPARED_WITHIN_S = 60.0, 900.0
DATABASE_ROLE = {"sparkplug": "ingest"}  # it appends to the record as ingest does
COMMAND = (sys.executable, "-m", "batchwitness")


class Database(EmbeddedPostgres):
    """The embedded server as the stages need it: started means that schema, roles and passwords are up to date."""

    def __init__(self, var: Path, migrate: Migrate) -> None:
        super().__init__(_data_dir(var), socket_dir=_socket_dir(var), log_file=var / "log" / "postgres.log")
        self._migrate = migrate

    def start(self, *, within_s: float = 60.0) -> None:
        """As EmbeddedPostgres; what the migrations raise stops the server again and is passed on."""
        super().start(within_s=within_s)
        try:
            set_up(self, self._migrate)
        except BaseException:
            self.stop()
            raise


class Stack:
    """Everything `batchwitness up` runs, under `var`. Ports of 0 pick free ones; `api_port` and `mqtt_port` say which.

    `migrate` brings the schema up to date as its owner. `environment` is added to that of every stage, which
    otherwise is ours without its PG* variables. `prepare` runs once database and broker are up, before the stages;
    what it returns is added to their environment. `say` hears of deaths and restarts, from the supervisor's thread.
    """

    def __init__(
        self,
        var: Path,
        *,
        migrate: Migrate,
        api_port: int = API_PORT,
        mqtt_port: int = MQTT_PORT,
        environment: Mapping[str, str] | None = None,
        prepare: Callable[["Stack", threading.Event], Mapping[str, str]] | None = None,
        command: Sequence[str] = COMMAND,
        say: Callable[[str], None] = print,
    ) -> None:
        self.var = var.absolute()
        self._environment = dict(environment or {})
        self._command = list(command)
        self.database = Database(self.var, migrate)
        self.broker = EmbeddedBroker(self.var / "broker", mqtt_port, log_file=self.var / "log" / "broker.log")
        self.api_port = api_port or ports.free()
        self._supervisor = Supervisor(
            [
                self.database,
                self.broker,
                *([] if prepare is None else [Preparing(lambda stopping: self._prepare(prepare, stopping))]),
                self._stage("ingest", wrote(self._ready_file("ingest"))),
                *self._sparkplug(),
                self._stage("analytics", wrote(self._ready_file("analytics"))),
                self._stage("api", answers(f"{self.api_url}/health"), port=self.api_port),
            ],
            lock_file=self.var / "lock",
            say=say,
            ready_within_s=READY_WITHIN_S if prepare is None else PREPARED_WITHIN_S,
        )

    @property
    def api_url(self) -> str:
        """Where people and programs reach the system."""
        return f"http://{ports.HOST}:{self.api_port}"

    @property
    def running(self) -> bool:
        """Whether the stack is up or coming up; what died and waits for its restart counts as up."""
        return self._supervisor.running

    def start(self) -> None:
        """Start everything and return when all is ready. Raises what Supervisor.start raises."""
        for directory in (self.var, self.var / "run"):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711)  # the user PostgreSQL runs as passes through
        (self.var / "log").mkdir(mode=0o700, exist_ok=True)  # logs quote statements, which quote data
        self._supervisor.start()

    def stop(self) -> None:
        """Stop everything in reverse order."""
        self._supervisor.stop()

    def status(self) -> list[Status]:
        """Every service, in the order of starting."""
        return self._supervisor.status()

    def dsn(self, role: str) -> str:
        """Connection string of a role, without a secret in it."""
        return self.database.dsn(role, DATABASE)

    def environment(self, stage: str) -> dict[str, str]:
        """What a stage ("ingest", "analytics", "api") is started with; "plant" gets the broker's user plant.

        Holds names of files with secrets, no secret.
        """
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        mine = {
            "PYTHONUNBUFFERED": "1",
            "BATCHWITNESS_VAR": str(self.var),
            "BATCHWITNESS_MQTT_HOST": self.broker.host,
            "BATCHWITNESS_MQTT_PORT": str(self.broker.port),
            "BATCHWITNESS_API_PORT": str(self.api_port),
            "BATCHWITNESS_READY_FILE": str(self._ready_file(stage)),
        }
        if stage in USERS:
            mine["BATCHWITNESS_MQTT_USER"] = stage
            mine["BATCHWITNESS_MQTT_PASSWORD_FILE"] = str(self.broker.passwords.file(stage))
        role = f"batchwitness_{DATABASE_ROLE.get(stage, stage)}"
        if role in STAGE_ROLES:
            mine |= {
                "PGHOST": str(self.database.socket_dir),
                "PGPORT": str(PORT),
                "PGDATABASE": DATABASE,
                "PGUSER": role,
                "PGPASSFILE": str(self.database.passwords.passfile(role)),
                "PGAPPNAME": f"batchwitness {stage}",
            }
        return clean | mine | self._environment

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _prepare(
        self, prepare: Callable[["Stack", threading.Event], Mapping[str, str]], stopping: threading.Event
    ) -> None:
        self._environment |= prepare(self, stopping)

    def _stage(self, name: str, is_ready: Callable[[int], bool], *, port: int | None = None) -> Stage:
        return Stage(
            name,
            [*self._command, name],
            log_file=self.var / "log" / f"{name}.log",
            is_ready=is_ready,
            environment=lambda: self.environment(name),
            port=port,
        )

    def _sparkplug(self) -> list[Stage]:
        """The Sparkplug host, where it was given a name."""
        name = (dict(os.environ) | self._environment).get("BATCHWITNESS_SPARKPLUG_HOST_ID")
        return [self._stage("sparkplug", wrote(self._ready_file("sparkplug")))] if name else []

    def _ready_file(self, stage: str) -> Path:
        return self.var / "run" / f"{stage}.ready"


def embedded_dsn(var: Path, role: str) -> str:
    """Connection string, for another process, to the database of the stack that runs under `var`.

    Raises CannotRun when there has never been one.
    """
    server = EmbeddedPostgres(_data_dir(var), socket_dir=_socket_dir(var))
    if not server.data_dir.exists():
        raise CannotRun(f"there is no embedded database under {var}; `batchwitness up` makes one")
    return server.dsn(role, DATABASE)


def _data_dir(var: Path) -> Path:
    return var / "postgres"


def _socket_dir(var: Path) -> Path:
    return var / "run" / "postgres"
