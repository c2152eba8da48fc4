"""A record with a history to learn from, and runs of the analytics over it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from analytics.inputs import completed_batches
from analytics.reference import ReferenceModel
from analytics.references import learn_reference
from analytics.review import Brief
from batchwitness.embedded.postgres import EmbeddedPostgres
from store.model.reference import ReferenceRole
from tests.analytics.plant import new_reference, old_reference
from tests.fix_postgres import Database, copy_of
from tests.store.record import Record, opened
from tests.working import use_reference, work_off

HOURS = 24
EVERY_MIN = 10
NAMES = ("pH", "temperature", "glucose", "dissolved_oxygen")
LIVE_START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ALERTS = (
    "SELECT batch.name, ordinal, kind, detector, alert_now.tags, raised_time, onset_time, ended_time, phase_time_h,"
    " float8send(score), float8send(limit_value), sentence, contributions, cells, reference_digest, software"
    " FROM alert_now JOIN batch USING (batch_id) ORDER BY batch.name, ordinal"
)


@dataclass(slots=True)
class Watched:
    """A record whose batches are watched."""

    record: Record
    database: Database

    def analyse(self, **settings: Any) -> None:
        """Run a fresh worker until nothing is left to do, as after a restart."""
        work_off(self.database.dsn("analytics"), **settings)

    def alerts(self) -> list[tuple[Any, ...]]:
        """Every alert with everything it carries."""
        return self.record.ask(ALERTS)


@pytest.fixture(scope="session")
def history(postgres_server: EmbeddedPostgres, template_database: str) -> Iterator[str]:
    """Name of a database with a history and a reference in use, copied for every test that watches batches."""
    for database in copy_of(postgres_server, template_database):
        enter_history(database)
        yield database.name


@pytest.fixture
def watched(postgres_server: EmbeddedPostgres, history: str) -> Iterator[Watched]:
    for database in copy_of(postgres_server, history):
        with opened(database) as record:
            yield Watched(record=record, database=database)


def enter_history(database: Database) -> None:
    """24 completed batches, imported, and a reference learned from them that is in use."""
    with opened(database, chain="history", kind="import") as history:
        for number in range(24):
            history.take(*batch_messages(f"CT-{number}", LIVE_START - timedelta(days=3 * (24 - number)), seed=number))
    with psycopg.connect(database.dsn("api"), autocommit=True) as connection:
        reference_id = learn_reference(
            connection,
            role=ReferenceRole.NEW,
            judges="AUTO-2.0",
            batches=completed_batches(connection, "AUTO-2.0"),
            tags=sorted(NAMES),
            blind=(),
            template=None,
            brief=Brief(),
            try_offsets_in=0,
            by="test",
            reason="a reference to test with",
        )
        use_reference(connection, reference_id)


def batch_messages(
    name: str, started: datetime, *, seed: int, fault_h: float | None = None, unit: str = "BR-01"
) -> list[tuple[str, object]]:
    """All messages of a batch of 24 h; from `fault_h` on glucose falls behind by 4 mmol/L."""
    random = np.random.default_rng(seed)
    hours = np.arange(0, HOURS, EVERY_MIN / 60)
    offset = random.normal(0, [0.01, 0.05, 0.3])
    ph = 7.2 + offset[0] + random.normal(0, 0.01, len(hours))
    temperature = 37 + offset[1] + random.normal(0, 0.03, len(hours))
    glucose = 20 - 0.4 * hours + offset[2] + random.normal(0, 0.2, len(hours))
    oxygen = 50 + random.normal(0, 1.0, len(hours))
    if fault_h is not None:
        glucose -= np.where(hours >= fault_h, 4.0, 0.0)
    batch = {"batch": name, "process": "AUTO-2.0"}
    messages: list[tuple[str, object]] = [
        (
            f"{unit}/events",
            {"event": "unit_procedure_started", "time": started.isoformat(), "starting_material": "patient"} | batch,
        ),
        (f"{unit}/events", {"event": "phase_started", "phase": "expansion", "time": started.isoformat()} | batch),
    ]
    for hour, *values in zip(hours, ph, temperature, glucose, oxygen, strict=True):
        time = started + timedelta(hours=float(hour))
        named = dict(zip(NAMES, (round(float(value), 4) for value in values), strict=True))
        messages.append((f"{unit}/readings", {"time": time.isoformat(), "values": named}))
    ended = (started + timedelta(hours=HOURS)).isoformat()
    return [*messages, (f"{unit}/events", {"event": "batch_ended", "time": ended} | batch)]


@pytest.fixture(scope="session")
def new() -> ReferenceModel:
    """A reference of the new process for what needs no database."""
    return new_reference()


@pytest.fixture(scope="session")
def old() -> ReferenceModel:
    """A reference of the old process for what needs no database."""
    return old_reference()
