"""How long after the message that closed a cell its score is known, and how long after it an alert is.

Real broker, PostgreSQL and processes: ingest, two analytics workers, API. Eight and then forty batches run at once.
"""

import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import psycopg

from analytics.inputs import completed_batches
from analytics.references import learn_reference
from analytics.review import Brief
from analytics.settings import AnalyticsSettings
from analytics.template import Further, asking
from batchwitness.demo.history import import_history
from batchwitness.embedded.database import OWNER
from batchwitness.embedded.stack import COMMAND, Stack
from batchwitness.embedded.stage import Stage, wrote
from records.masterdata import load_masterdata
from store.clock import PlantClock
from store.migrate import migrate
from store.model.reference import ReferenceRole
from store.model.times import US_PER_S, to_us
from tests.bench.alert_plant import (
    INTERVAL_S,
    RATE,
    TAGS,
    Handed,
    PlantBatch,
    masterdata,
    publish,
    reference_batches,
    stream,
    watched_batches,
)
from tests.bench.alert_watch import Seen, watching
from tests.bench.campaign.speech import PROCESS
from tests.bench.process import machine_described
from tests.bench.reader import reader
from tests.bench.report import report
from tests.fix_postgres import short_directory
from tests.plant import VALID_FROM
from tests.support import eventually
from tests.working import use_reference, work_off

SIZES = (8, 40)  # batches at once
PLANT_BEGINS = timedelta(days=30)  # so long ago: the plant's clock runs fast, and must not pass the host's
BEGINS_IN_S = 5.0
LATENESS_US = round(AnalyticsSettings.model_fields["cell_lateness_s"].default * US_PER_S)

# An alert told in a block was told by what its unit said in that block, by the first of it where it said more.
TOLD = """
SELECT alert.alert_id, told.version, alert.kind, batch.name, min(reading.source_time)
FROM (
    SELECT alert_id, 0 AS version, intake_ordinal FROM alert
    UNION ALL
    SELECT alert_id, version, intake_ordinal FROM alert_update WHERE ended_time IS NULL
) AS told
JOIN alert USING (alert_id)
JOIN batch USING (batch_id)
JOIN intake ON intake.ordinal = told.intake_ordinal
LEFT JOIN (reading JOIN tag USING (tag_id))
    ON reading.chain_id = intake.chain_id AND reading.block_seq = intake.seq AND tag.unit_id = alert.unit_id
WHERE batch.name = ANY(%s)
GROUP BY 1, 2, 3, 4
"""
SCORED = """
SELECT monitor_id, cell, batch.name, ended_time
FROM monitor_score JOIN monitor USING (monitor_id) JOIN batch USING (batch_id) WHERE batch.name = ANY(%s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Seconds since the message that led to it was handed to the MQTT client, by what was waited for."""

    visible_s: Mapping[str, Sequence[float]]  # to another session of the database
    shown_s: Mapping[str, Sequence[float]]  # in the answer of GET /v1/alerts
    unseen: int  # rows in the record that nobody saw come


def bench_alerting() -> None:
    """Two sizes of the plant, one after the other, before the same reference."""
    with running() as plant:
        for batches in SIZES:
            found = plant.watch(batches)
            for what, visible_s in found.visible_s.items():
                shown_s = found.shown_s.get(what, ())
                report(
                    "alerting",
                    batches=batches,
                    tags=len(TAGS),
                    readings_per_s=round(batches * len(TAGS) * RATE / INTERVAL_S),
                    what=what,
                    count=len(visible_s),
                    **_percentiles("visible", visible_s),
                    **_percentiles("shown", shown_s),
                    unseen=found.unseen,
                    machine=machine_described(),
                )


@dataclass(slots=True)
class Plant:
    """The running system and its plant clock."""

    stack: Stack
    clock: PlantClock
    api: httpx.Client

    def connect(self) -> psycopg.Connection:
        """As the owner."""
        return psycopg.connect(self.stack.dsn(OWNER), autocommit=True)

    def watch(self, count: int) -> Latencies:
        """Let so many batches run from beginning to end."""
        begin = self.clock.plant_us(datetime.now(UTC) + timedelta(seconds=BEGINS_IN_S))
        batches = watched_batches(count, begin // 1000 * 1000)
        with watching(self.connect, self.api) as seen:
            handed_s = publish(batches, broker=self.stack.broker, clock=self.clock)
            eventually(lambda: self._ended(batches), within_s=60, what="every batch is watched to its end")
            time.sleep(1.0)  # the API is asked once more
        return self._latencies(batches, handed_s, seen)

    def _ended(self, batches: Sequence[PlantBatch]) -> bool:
        asked = "SELECT count(*) FROM monitor JOIN batch USING (batch_id) WHERE closed AND batch.name = ANY(%s)"
        with self.connect() as connection:
            return connection.execute(asked, [[one.name for one in batches]]).fetchone() == (len(batches),)

    def _latencies(self, batches: Sequence[PlantBatch], handed_s: Handed, seen: Seen) -> Latencies:
        names = [one.name for one in batches]
        by_name = {one.name: one for one in batches}
        visible_s: dict[str, list[float]] = {}
        shown_s: dict[str, list[float]] = {}
        unseen = 0
        with self.connect() as connection:
            told = connection.execute(TOLD, [names]).fetchall()
            scored = connection.execute(SCORED, [names]).fetchall()
        for alert, version, kind, name, said in told:
            said_s = handed_s[f"{by_name[name].topic}/readings", to_us(said)]
            what = f"{kind}, {'raised' if version == 0 else 'told again'}"
            if (alert, version) not in seen.told_s or (version == 0 and alert not in seen.shown_s):
                unseen += 1
                continue
            visible_s.setdefault(what, []).append(seen.told_s[alert, version] - said_s)
            if version == 0:
                shown_s.setdefault(what, []).append(seen.shown_s[alert] - said_s)
        for monitor, cell, name, ended in scored:
            said_us = by_name[name].says_at_or_after(to_us(ended) + LATENESS_US)
            if said_us is None:
                continue  # closed with its batch
            if (monitor, cell) not in seen.scored_s:
                unseen += 1
                continue
            said_s = handed_s[f"{by_name[name].topic}/readings", said_us]
            visible_s.setdefault("cell scored", []).append(seen.scored_s[monitor, cell] - said_s)
        return Latencies(visible_s=dict(sorted(visible_s.items())), shown_s=shown_s, unseen=unseen)


@contextmanager
def running() -> Iterator[Plant]:
    """The system with its history, in a directory of its own, gone at the end."""
    directory = short_directory(on_disk=True)
    clock = PlantClock(anchor=datetime.now(UTC) - PLANT_BEGINS, host_anchor=datetime.now(UTC), rate=RATE)
    stack = Stack(
        directory / "var",
        migrate=migrate,
        api_port=0,
        mqtt_port=0,
        environment={
            "BATCHWITNESS_CLOCK_ANCHOR": clock.anchor.isoformat(),
            "BATCHWITNESS_CLOCK_HOST_ANCHOR": clock.host_anchor.isoformat(),
            "BATCHWITNESS_CLOCK_RATE": str(clock.rate),
        },
        prepare=lambda stack, _stopping: _prepare(stack, until_us=to_us(clock.anchor)),
    )
    second_ready = stack.var / "run" / "analytics-2.ready"
    second = Stage(
        "analytics-2",
        [*COMMAND, "analytics"],
        log_file=stack.var / "log" / "analytics-2.log",
        is_ready=wrote(second_ready),
        environment=lambda: stack.environment("analytics") | {"BATCHWITNESS_READY_FILE": str(second_ready)},
    )
    try:
        with stack, reader(stack) as api:
            second.start()
            try:
                eventually(lambda: second.ready, within_s=60, what="the second worker is ready")
                yield Plant(stack=stack, clock=clock, api=api)
            finally:
                second.stop()
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(directory)


def _prepare(stack: Stack, *, until_us: int) -> Mapping[str, str]:
    """Enter the history and put to use what is learned from it."""
    with psycopg.connect(stack.dsn("batchwitness_api"), autocommit=True) as connection:
        with connection.transaction():
            load_masterdata(connection, masterdata(), by="bench", reason="alerting", effective_from=VALID_FROM)
        import_history(
            stack.dsn("batchwitness_ingest"),
            stream(reference_batches(until_us // 1000 * 1000), faulty=False),
            skip=0,
            progress=lambda _messages, _readings: None,
            stopping=threading.Event().is_set,
        )
        work_off(stack.dsn("batchwitness_analytics"))
        reference_id = learn_reference(
            connection,
            role=ReferenceRole.NEW,
            judges=PROCESS,
            batches=completed_batches(connection, PROCESS),
            tags=TAGS,
            blind=(),
            template=asking(None, tuple(Further)),
            brief=Brief(),
            try_offsets_in=0,
            by="bench",
            reason="alerting",
        )
        use_reference(connection, reference_id)
    return {}


def _percentiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {
        f"{name}_{label}_ms": round(float(np.percentile(seconds, percentile)) * 1000, 1)
        for label, percentile in (("p50", 50), ("p99", 99), ("max", 100))
    }
