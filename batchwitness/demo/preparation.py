"""What the demo needs before its stages start: master data, history, references, and the clock they will live by."""

import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from analytics.runner import Runner
from analytics.settings import AnalyticsSettings
from analytics.template import named
from batchwitness.demo.charts import put_charts_to_use
from batchwitness.demo.history import import_history
from batchwitness.demo.publishing import Publishing
from batchwitness.demo.state import DemoState
from batchwitness.drafting import Order as Draft
from batchwitness.drafting import draft
from batchwitness.embedded.stack import Stack
from batchwitness.importing.mapping import MAPPING_FILE
from batchwitness.importing.paper_told import paper_sentences
from batchwitness.importing.run import Order, import_directory
from batchwitness.plant.masterdata import masterdata
from batchwitness.plant.messages import PlacedBatch, stream
from batchwitness.plant.paper import write_paper
from batchwitness.plant.scenario import HISTORY_INTERVAL_S, history, live_start
from records.actors import Actor, add_person, check_password
from records.masterdata import load_masterdata
from records.references import approve, put_to_use
from store.model.reference import ReferenceRole
from store.model.times import from_us
from store.sql import queries

DEMO = "demo"
OLD_PROCESS, NEW_PROCESS = "MAN-1.0", "AUTO-2.0"
STAGES_START_WITHIN = timedelta(seconds=12)  # plant time stands still until everybody can listen
TRANSPORT_ALLOWANCE_S = 30.0  # host seconds; at demo speed the default would be weeks of plant time
OFFSETS_TRIED_IN = 2  # batches of the reference: all of them would take a minute
VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A demo account; its password was made on this machine."""

    name: str
    printed_name: str
    roles: frozenset[str]
    what_for: str
    password: str


class Preparation:
    """Brings a fresh database to where the story begins, or finds how far an earlier start came."""

    def __init__(self, state: DemoState, state_file: Path, console: Console, *, rate: float) -> None:
        self.state = state
        self.rate = rate
        self._state_file = state_file
        self._console = console
        self._publishing: Publishing | None = None

    def publishing(self) -> Publishing:
        """The publisher, once `prepare` has begun."""
        assert self._publishing is not None
        return self._publishing

    def __enter__(self) -> Self:
        """Nothing has started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The publisher ends with the demo."""
        if self._publishing is not None:
            self._publishing.stop()

    def prepare(self, stack: Stack, stopping: threading.Event) -> Mapping[str, str]:
        """Run between the database and the stages; returns what the stages' environment needs besides."""
        anchor = live_start(self.state.end) if self.state.plant_us is None else from_us(self.state.plant_us)
        self._publishing = Publishing(stack, self.state, anchor=anchor, rate=self.rate)
        with psycopg.connect(stack.dsn("batchwitness_api"), autocommit=True) as connection:
            with connection.transaction():
                for document, since in (
                    (masterdata(interval_s=HISTORY_INTERVAL_S), VALID_FROM),
                    (masterdata(interval_s=self.state.interval_s), live_start(self.state.end)),
                ):
                    load_masterdata(connection, document, by=DEMO, reason="the demo plant", effective_from=since)
            self._add_accounts(stack, connection)
            if self.state.live_messages == 0 and not self._import(stack, stopping):
                return {}
            self._count(stack, stopping)
            if stopping.is_set():
                return {}
            self._learn(stack, connection)
            if put_charts_to_use(connection, by=DEMO):
                self._console.print("putting limits of charts over batches to use")
        self._publishing.state = self.state
        host_anchor = datetime.now(UTC) + STAGES_START_WITHIN
        self._publishing.begin(host_anchor)
        return {
            "BATCHWITNESS_CLOCK_ANCHOR": anchor.isoformat(),
            "BATCHWITNESS_CLOCK_HOST_ANCHOR": host_anchor.isoformat(),
            "BATCHWITNESS_CLOCK_RATE": str(self.rate),
            "BATCHWITNESS_TRANSPORT_ALLOWANCE_S": str(TRANSPORT_ALLOWANCE_S),
        }

    def accounts(self, stack: Stack) -> Sequence[Account]:
        """The demo's accounts, with the passwords in their files."""
        directory = stack.var / "secrets" / "demo"
        return [
            Account(
                name=name,
                printed_name=printed_name,
                roles=frozenset(roles),
                what_for=what_for,
                password=_password(directory / name),
            )
            for name, printed_name, roles, what_for in (
                ("msat", "Mira Sato", ("msat",), "watches the live run"),
                ("qa", "Quentin Abel", ("qa", "identity"), "reviews"),
                ("floor", "Flora Orr", ("operator",), "the plant floor"),
            )
        ]

    def _add_accounts(self, stack: Stack, connection: psycopg.Connection) -> None:
        known = {row[0] for row in connection.execute(queries("demo")["people"])}
        for account in self.accounts(stack):
            if account.name not in known:
                with connection.transaction():
                    add_person(
                        connection,
                        name=account.name,
                        printed_name=account.printed_name,
                        roles=account.roles,
                        password=account.password,
                        by=DEMO,
                        reason="an account of the demo",
                    )

    def _import(self, stack: Stack, stopping: threading.Event) -> bool:
        """Import what is not there yet; False when told to stop."""
        with _bar(self._console) as bar:
            task = bar.add_task("simulating 40 batches of history", total=None)
            scenario = history(self.state.seed, end=self.state.end)
            bar.update(task, description="typing in the paper record of the old process")
            if not self._import_paper(stack, [one for one in scenario.placed if _on_paper(one)], stopping):
                return False
            placed = [one for one in scenario.placed if not _on_paper(one)]
            messages = list(stream(placed, boot=1, until=scenario.until))
            if self.state.history_messages >= len(messages):
                return True
            bar.update(task, description="entering the history", total=len(messages))
            readings_before = self.state.history_readings

            def progress(done: int, readings: int) -> None:
                bar.update(task, completed=done, description=f"entering the history: {readings:,} readings")
                self.state = self.state.model_copy(
                    update={"history_messages": done, "history_readings": readings_before + readings}
                )
                self.state.save(self._state_file)

            return import_history(
                stack.dsn("batchwitness_ingest"),
                messages,
                skip=self.state.history_messages,
                progress=progress,
                stopping=stopping.is_set,
            )

    def _import_paper(self, stack: Stack, placed: Sequence[PlacedBatch], stopping: threading.Event) -> bool:
        """Import the record of the old batches as it is found; False when told to stop."""
        directory = stack.var / "history"
        written = write_paper(placed, directory)
        order = Order(
            conninfo=stack.dsn("batchwitness_ingest"),
            directory=directory,
            mapping_file=directory / MAPPING_FILE,
            faults_file=stack.var / "import" / "history-errors.csv",
            by=DEMO,
            reason="the record of the old process",
        )
        outcome = import_directory(order, progress=lambda _source, _file: None, stopping=stopping)
        if outcome.finished:
            assert outcome.paper is not None
            aside = sum(file.counts.put_aside for file in outcome.files if file.name.startswith("paper/"))
            self.state = self.state.model_copy(update={"paper_places": written.places, "paper_put_aside": aside})
            self.state.save(self._state_file)
            if outcome.changed:
                self._console.print(paper_sentences(outcome.paper))
        return outcome.finished

    def _count(self, stack: Stack, stopping: threading.Event) -> None:
        """Let analytics go through the history: how complete a batch is decides whether it is learned from."""
        self._console.print("counting what the history holds and lacks …")
        with psycopg.connect(stack.dsn("batchwitness_analytics"), autocommit=True) as connection:
            runner = Runner(
                connect=lambda: connection,
                settings=AnalyticsSettings(transport_allowance_s=TRANSPORT_ALLOWANCE_S),
                stopping=stopping.is_set,
                wait=lambda _within_s: None,
            )
            while not stopping.is_set() and runner.step(connection):
                pass

    def _learn(self, stack: Stack, connection: psycopg.Connection) -> None:
        """Learn the two references from the history, once; QA approves them and puts them to use."""
        in_use = {row[0] for row in connection.execute(queries("demo")["references_in_use"])}
        for role, process in ((ReferenceRole.NEW, NEW_PROCESS), (ReferenceRole.OLD, OLD_PROCESS)):
            if role in in_use:
                continue
            order = Draft(
                process=process,
                judges=NEW_PROCESS,
                role=role,
                template=named("tcell"),
                try_offsets_in=OFFSETS_TRIED_IN,
                by=DEMO,
                reason=f"the {process} batches of the demo's history",
            )
            drafted = draft(connection, order, say=self._console.print, progress=self._trying)
            reference_id = drafted.reference_id
            reviewer = self._reviewer(stack, connection)
            digest = connection.execute(queries("demo")["digest"], {"reference_id": reference_id}).fetchone()
            assert digest is not None
            packet = "every batch of the demo's history is in or out for the reason that the packet says"
            approve(connection, reference_id, digest=digest[0], actor=reviewer, reason=packet)
            put_to_use(connection, reference_id, actor=reviewer, reason="the demo begins")

    def _trying(self, done: int, batches: int) -> None:
        if done == 0:
            self._console.print(f"trying in {batches} batches what its limits would find …")

    def _reviewer(self, stack: Stack, connection: psycopg.Connection) -> Actor:
        """The demo's QA, who approves what the demo drafts."""
        account = next(account for account in self.accounts(stack) if "qa" in account.roles)
        reviewer = check_password(connection, name=account.name, password=account.password)
        assert reviewer is not None
        return reviewer


def _on_paper(one: PlacedBatch) -> bool:
    return one.batch.spec.process == OLD_PROCESS


def _password(file: Path) -> str:
    """The password in this file, made when there is none yet."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.parent.chmod(0o700)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9), encoding="utf-8")
    return file.read_text(encoding="utf-8")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console
    )
