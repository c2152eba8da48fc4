"""The whole system as a test drives it: started from a prepared directory, spoken to over MQTT, killed, asked."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from analytics.inputs import completed_batches
from analytics.references import learn_reference
from analytics.review import Brief
from batchwitness.demo.history import import_history
from batchwitness.embedded import child
from batchwitness.embedded.database import DATABASE, OWNER
from batchwitness.embedded.stack import Database, Stack
from batchwitness.embedded.supervisor import State, Status
from batchwitness.plant.messages import Message
from batchwitness.plant.outbox import BrokerAddress, Published
from batchwitness.plant.publisher import publish
from batchwitness.plant.tags import AUTOMATED_TAGS
from records.actors import add_machine, add_person, issue_token
from records.masterdata import load_masterdata
from store.clock import PlantClock
from store.migrate import migrate
from store.model.reference import ReferenceRole
from tests.acceptance.story import LIVE_START, PROCESS, Story, described
from tests.fix_postgres import short_directory
from tests.support import eventually
from tests.working import use_reference, work_off

RATE = 14_400.0  # plant seconds a host second: two days in twelve seconds
# Host seconds. More than any outage of a test at any rate, so that no alert depends on when a tick fell.
TRANSPORT_ALLOWANCE_S = 120.0
STAGES_START_WITHIN = timedelta(seconds=7)
PERSON, PASSWORD = "mira", "a password of the tests"
BY = {"by": "test", "reason": "acceptance"}

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A directory in which a system has lived: master data, people, history, a reference in use. Copied, never used."""

    var: Path
    floor_token: str


def prepare(var: Path, story: Story) -> Prepared:
    """Bring a new directory to where the live part of the story begins."""
    var.mkdir(mode=0o711)
    (var / "log").mkdir(mode=0o700)
    database = Database(var, migrate)
    database.start()
    try:
        with psycopg.connect(database.dsn("batchwitness_api", DATABASE), autocommit=True) as connection:
            with connection.transaction():
                for document, since in described():
                    load_masterdata(connection, document, effective_from=since, **BY)
                add_person(connection, name=PERSON, printed_name="Mira", roles=["msat"], password=PASSWORD, **BY)
                add_machine(connection, name="wall", printed_name="Wall board", roles=["floor"], **BY)
                expires = datetime.now(UTC) + timedelta(days=1)
                token = issue_token(connection, actor_name="wall", scope="floor", expires=expires, **BY)
            import_history(
                database.dsn("batchwitness_ingest", DATABASE),
                story.history,
                skip=0,
                progress=lambda _messages, _readings: None,
                stopping=lambda: False,
            )
            reference = learn_reference(
                connection,
                role=ReferenceRole.NEW,
                judges=PROCESS,
                batches=completed_batches(connection, PROCESS),
                tags=[tag.name for tag in AUTOMATED_TAGS],
                blind=(),
                template=None,
                brief=Brief(),
                try_offsets_in=0,
                by="test",
                reason="acceptance",
            )
            use_reference(connection, reference)
        # Analytics goes through the history once, and not anew at the start of every system.
        work_off(database.dsn("batchwitness_analytics", DATABASE))
    finally:
        database.stop()
    return Prepared(var=var, floor_token=token)


class System:
    """A running system. Its plant clock stands at LIVE_START a few seconds after the stages are started."""

    def __init__(
        self, prepared: Prepared, directory: Path, *, rate: float = RATE, anchor: datetime = LIVE_START
    ) -> None:
        self.floor_token = prepared.floor_token
        self.said: list[str] = []  # by the supervisor
        self._rate = rate
        self._anchor = anchor
        self._host_anchor = datetime.now(UTC)
        shutil.copytree(prepared.var, directory / "var")
        self.stack = Stack(
            directory / "var",
            migrate=migrate,
            api_port=0,
            mqtt_port=0,
            prepare=lambda _stack, _stopping: self._clock_settings(),
            say=self.said.append,
        )

    @property
    def clock(self) -> PlantClock:
        """The clock the stages live by."""
        return PlantClock(anchor=self._anchor, host_anchor=self._host_anchor, rate=self._rate)

    @property
    def broker(self) -> BrokerAddress:
        """The broker, for the user plant."""
        broker = self.stack.broker
        return BrokerAddress(host=broker.host, port=broker.port, user="plant", password=broker.passwords.get("plant"))

    def connect(self, role: str = OWNER) -> "psycopg.Connection[Row]":
        """A connection that the caller closes."""
        return psycopg.connect(self.stack.dsn(role), autocommit=True)

    def ask(self, question: str, *parameters: object) -> list[Row]:
        """Rows as the owner sees them; floats keep every bit. While PostgreSQL is down: psycopg.OperationalError."""
        with self.connect() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(question, parameters).fetchall()

    def number(self, question: str, *parameters: object) -> int:
        """One whole number; −1 while PostgreSQL is down."""
        try:
            return int(self.ask(question, *parameters)[0][0])
        except psycopg.OperationalError:
            return -1

    def status(self, service: str) -> Status:
        """What the supervisor knows of a service."""
        return next(status for status in self.stack.status() if status.name == service)

    def kill(self, service: str) -> int:
        """SIGKILL a service and everything below it, as a power cut would; returns the id it had."""
        pid = eventually(lambda: self.status(service).pid or 0, within_s=60, what=f"{service} runs")
        os.kill(pid, signal.SIGSTOP)  # it starts nothing more while what is below it is listed
        below = child.descendants(pid)
        for victim in (pid, *below):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return pid

    def wait_until_back(self, service: str, killed: int) -> None:
        """Wait until the supervisor has started the service again and it is ready."""

        def back() -> bool:
            status = self.status(service)
            return status.state is State.RUNNING and status.pid not in (None, killed)

        eventually(back, within_s=60, what=f"{service} is ready again")

    def alive(self) -> dict[str, bool]:
        """Every stage and whether it runs and has never had to be started again."""
        return {
            status.name: status.state is State.RUNNING and status.restarts == 0
            for status in self.stack.status()
            if status.name in ("postgres", "broker", "ingest", "analytics", "api")
        }

    @contextmanager
    def publishing(self, messages: Sequence[Message], *, to_the_end: bool = True) -> Iterator["Publishing"]:
        """The plant speaks meanwhile; at the end of the block everything was acknowledged by the broker.

        Unless it is not `to_the_end`: then it falls silent when the block ends.
        """
        with Publishing(self, messages) as under_way:
            yield under_way
            if not to_the_end:
                under_way.stop()

    def settle(self, *, readings: int, batches: int, within_s: float = 90.0) -> None:
        """Wait until the record holds that many readings and that many watched batches have been watched to their end.

        More readings than that fail at once in what the test compares, not here.
        """
        for question, wanted, what in (
            ("SELECT count(*) FROM reading", readings, "readings are stored"),
            ("SELECT count(*) FROM monitor WHERE closed", batches, "batches have been watched to their end"),
        ):
            eventually(
                partial(self._reaches, question, wanted),
                within_s=within_s,
                what=f"{wanted} {what}; the supervisor said {self.said[-3:]}",
            )

    def _reaches(self, question: str, wanted: int) -> bool:
        there = self.number(question)
        assert there >= wanted, f"{there} of {wanted}"
        return True

    def _clock_settings(self) -> Mapping[str, str]:
        self._host_anchor = datetime.now(UTC) + STAGES_START_WITHIN
        return {
            "BATCHWITNESS_CLOCK_ANCHOR": self._anchor.isoformat(),
            "BATCHWITNESS_CLOCK_HOST_ANCHOR": self._host_anchor.isoformat(),
            "BATCHWITNESS_CLOCK_RATE": str(self._rate),
            "BATCHWITNESS_TRANSPORT_ALLOWANCE_S": str(TRANSPORT_ALLOWANCE_S),
        }


class Publishing:
    """The plant as it speaks, in a thread of its own."""

    def __init__(self, system: System, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.acknowledged = Published(messages=0, readings=0, plant_us=0)
        self._system = system
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plant")
        self._failure: Exception | None = None

    def stop(self) -> None:
        """Fall silent."""
        self._stop.set()

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until everything is said; when the test has failed, stop."""
        if error is not None:
            self._stop.set()
        self._thread.join(150)
        if error is None and not self._stop.is_set():
            if self._failure is not None:
                raise self._failure
            assert self.acknowledged.messages == len(self.messages), "the plant could not say everything"

    def _run(self) -> None:
        try:
            publish(
                self.messages,
                broker=self._system.broker,
                clock=self._system.clock,
                progress=self._note,
                stop=self._stop,
            )
        except Exception as failure:  # raised in the thread of the test
            self._failure = failure

    def _note(self, published: Published) -> None:
        self.acknowledged = published


@contextmanager
def started(prepared: Prepared, *, rate: float = RATE, anchor: datetime = LIVE_START) -> Iterator[System]:
    """A system of one test, gone with everything it wrote when the test ends."""
    directory = short_directory()
    try:
        system = System(prepared, directory, rate=rate, anchor=anchor)
        with system.stack:
            yield system
    finally:
        shutil.rmtree(directory)
