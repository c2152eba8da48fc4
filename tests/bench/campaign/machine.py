"""The system of a campaign: real processes, and something that can fail between every two of them."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from batchwitness.embedded import ports
from batchwitness.embedded.database import OWNER
from batchwitness.embedded.postgres import PORT
from batchwitness.embedded.stack import COMMAND, Stack
from batchwitness.embedded.stage import Stage
from batchwitness.plant.outbox import BrokerAddress
from records.masterdata import load_masterdata
from store.migrate import migrate
from tests.bench.campaign.speech import APPROVED_HIGH, AREA, PROCESS, SITE, TAGS, UNITS
from tests.fix_postgres import short_directory
from tests.fix_proxy import Proxy
from tests.plant import VALID_FROM, document
from tests.support import eventually

READY_WITHIN_S = 60.0
INTERVAL_S = 1.0  # of every tag, as the master data has it
TRANSPORT_ALLOWANCE_S = 5.0  # so that outages of a campaign are long enough to raise alerts of silence

Row = tuple[Any, ...]


class Machine:
    """Database, broker, ingest and analytics. The campaign itself starts again what it kills: nobody else does.

    Stages reach the broker through `broker_proxy` and the database through `database_proxy`, publishers the broker
    through `edge_proxy`; the campaign asks the database past all of them. One that is not to be `disturbed` has
    no proxies, which would cost what is measured.
    """

    def __init__(self, directory: Path, broker_proxy_port: int, *, workers: int, disturbed: bool) -> None:
        if not 1 <= workers <= len(UNITS):
            raise ValueError(f"{workers} workers: from 1 to {len(UNITS)}, one unit each at least")
        self._sockets = directory / "p"
        self._sockets.mkdir(mode=0o711)
        self.stack = Stack(
            directory / "var",
            migrate=migrate,
            api_port=0,
            mqtt_port=0,
            environment={
                "BATCHWITNESS_TRANSPORT_ALLOWANCE_S": str(TRANSPORT_ALLOWANCE_S),
                "BATCHWITNESS_INGEST_MOST_REFUSED": "100000000",  # a row for every item, so that each can be followed
            }
            | ({"PGHOST": str(self._sockets), "BATCHWITNESS_MQTT_PORT": str(broker_proxy_port)} if disturbed else {}),
        )
        self.broker_kills_s: list[float] = []  # seconds of the monotonic clock
        self._disturbed = disturbed
        self._broker_proxy_port = broker_proxy_port
        self._slots = workers + 1 if workers > 1 else 1  # one is for what no partition names
        self._partitions = ";".join(
            ",".join(f"{SITE}/{AREA}/{unit}" for unit in UNITS[number::workers]) for number in range(self._slots - 1)
        )
        self.ingests = [self._stage("ingest", f"ingest-{number + 1}") for number in range(workers)]
        self.analytics = self._stage("analytics", "analytics")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Everything started; stopped in reverse order at the end."""
        with ExitStack() as stack:
            for directory in (self.stack.var, self.stack.var / "run"):
                directory.mkdir(mode=0o711, exist_ok=True)
            (self.stack.var / "log").mkdir(mode=0o700)
            stack.callback(self.stack.database.stop)
            self.stack.database.start()
            with self.connect() as connection, connection.transaction():
                load_masterdata(connection, plant(), by="bench", reason="a campaign", effective_from=VALID_FROM)
            stack.callback(self.stack.broker.stop)
            self.stack.broker.start()
            if self._disturbed:
                self._put_proxies_between(stack)
            for stage in (*self.ingests, self.analytics):
                stack.callback(stage.stop)
                stage.start()
            eventually(self._listening, within_s=READY_WITHIN_S, what="every partition has a session at the broker")
            yield

    def _put_proxies_between(self, stack: ExitStack) -> None:
        broker = (self.stack.broker.host, self.stack.broker.port)
        self.broker_proxy = stack.enter_context(Proxy(broker, ("127.0.0.1", self._broker_proxy_port)))
        self.edge_proxy = stack.enter_context(Proxy(broker))
        socket_name = f".s.PGSQL.{PORT}"
        self.database_proxy = stack.enter_context(
            Proxy(self.stack.database.socket_dir / socket_name, self._sockets / socket_name)
        )

    def kill_broker(self) -> None:
        """SIGKILL it, and remember when."""
        self.broker_kills_s.append(time.monotonic())
        self.stack.broker.kill()

    def signal(self, stage: Stage, *, stop: bool) -> None:
        """Freeze a stage as it stands, or let it go on."""
        pid = stage.pid
        assert pid is not None, stage.why()
        os.kill(pid, signal.SIGSTOP if stop else signal.SIGCONT)

    def publisher(self, name: str) -> BrokerAddress:
        """How a publisher reaches the broker."""
        return BrokerAddress(
            port=self.edge_proxy.port,
            user="plant",
            password=self.stack.broker.passwords.get("plant"),
            client_id=name,
        )

    def connect(self) -> "psycopg.Connection[Row]":
        """A connection as the owner, which the caller closes."""
        return psycopg.connect(self.stack.dsn(OWNER), autocommit=True)

    def ask(self, question: str, *parameters: object) -> list[Row]:
        """Rows as the owner sees them; floats keep every bit. While PostgreSQL is down: psycopg.OperationalError."""
        with self.connect() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(question, parameters).fetchall()

    def _listening(self) -> bool:
        assert all(stage.alive for stage in self.ingests), self.ingests[0].why()
        return self.ask("SELECT count(*) FROM slot WHERE filters IS NOT NULL") == [(self._slots,)]

    def _stage(self, stage: str, name: str) -> Stage:
        return Stage(
            name,
            [*COMMAND, stage],
            log_file=self.stack.var / "log" / f"{name}.log",
            is_ready=lambda _pid: True,  # when a stage is back again is measured by what it does
            environment=lambda: (
                self.stack.environment(stage)
                | {"BATCHWITNESS_READY_FILE": "", "BATCHWITNESS_INGEST_PARTITIONS": self._partitions}
            ),
        )


@contextmanager
def machine(*, workers: int = 1, disturbed: bool = False) -> Iterator[Machine]:
    """A running machine in a directory of its own, gone at the end."""
    directory = short_directory(on_disk=True)
    try:
        one = Machine(directory, ports.free(), workers=workers, disturbed=disturbed)
        with one.running():
            yield one
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(directory)


def plant() -> dict[str, Any]:
    """The small plant with four bioreactors that have all of TAGS, and an approved range for one of them."""
    plant = document()
    unit = next(one for one in plant["units"] if one["name"] == "BR-01")
    tag = next(one for one in plant["tags"] if one["name"] == "temperature")
    plant["units"] = [unit | {"site": SITE, "area": AREA, "name": name} for name in UNITS]
    plant["tags"] = [
        tag | {"unit": name, "name": one, "measurand": one.replace("_", " "), "interval_s": INTERVAL_S}
        for name in UNITS
        for one in TAGS
    ]
    plant["limits"] = [
        {
            "process": PROCESS,
            "tag": "temperature",
            "kind": "proven_acceptable_range",
            "low": 30.0,
            "high": APPROVED_HIGH,
            "unit_of_measure": tag["unit_of_measure"],
            "source": "a campaign",
        }
    ]
    return plant
