"""Bytes a reading in the table and in the journal, on the server at hand: before and after compression where it can."""

import shutil
from collections.abc import Iterator

import numpy as np
import psycopg

from batchwitness.embedded.database import DATABASE, OWNER, set_up
from batchwitness.embedded.postgres import EmbeddedPostgres, _binaries
from ingest.decode import Decoder
from ingest.inbox import Delivery
from store.commit import commit
from store.directory import Directory
from store.journal import claim_chain
from store.migrate import migrate
from store.model.times import US_PER_S
from tests.bench.campaign.machine import plant
from tests.bench.campaign.speech import AREA, PREFIX, SITE, UNITS
from tests.bench.process import machine_described
from tests.bench.report import report
from tests.fix_postgres import short_directory
from tests.plant import VALID_FROM

TAGS, INTERVAL_US = 21, US_PER_S
# A unit alone at 1 Hz makes a block a message; a hall of ten makes ten; a backlog a thousand.
READINGS = {1: 75_600, 10: 453_600, 1_000: 1_814_400}  # by messages a block
STARTED_US = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z
JOURNAL = ("block", "block_body", "block_unit", "block_tick")


def bench_storage() -> None:
    """21 tags at 1 Hz with three decimals, through decode and commit, in blocks of three sizes."""
    for messages_per_block, readings in READINGS.items():
        directory = short_directory(on_disk=True)
        try:
            with EmbeddedPostgres(directory / "pg", socket_dir=directory / "s", settings=_preloaded()) as server:
                set_up(server, migrate)
                _fill(server, messages_per_block, readings)
                with psycopg.connect(server.dsn(OWNER, DATABASE), autocommit=True) as owner:
                    _report(owner, messages_per_block)
        finally:
            shutil.rmtree(directory)


def _preloaded() -> dict[str, str]:
    """TimescaleDB, where it is beside the server's own extensions."""
    there = (_binaries().parent / "share" / "extension" / "timescaledb.control").exists()
    return {"shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off"} if there else {}


def _fill(server: EmbeddedPostgres, messages_per_block: int, readings: int) -> None:
    from records.masterdata import load_masterdata

    with psycopg.connect(server.dsn(OWNER, DATABASE)) as owner:
        laid_out = plant()
        tag = laid_out["tags"][0]
        laid_out["tags"] = [
            tag | {"unit": UNITS[0], "name": f"T{n:02}", "measurand": f"signal {n}"} for n in range(TAGS)
        ]
        laid_out["limits"] = []
        load_masterdata(owner, laid_out, by="bench", reason="storage", effective_from=VALID_FROM)
    with psycopg.connect(server.dsn("batchwitness_ingest", DATABASE), autocommit=True) as connection:
        directory = Directory()
        directory.read(connection)
        decoder = Decoder(connection=connection, directory=directory, prefix=PREFIX)
        lease = claim_chain(connection, name="bench", kind="live", holder="bench")
        deliveries: list[Delivery] = []
        for delivery in _deliveries(readings // TAGS):
            deliveries.append(delivery)
            if len(deliveries) == messages_per_block:
                commit(connection, lease, decoder.draft(deliveries))
                deliveries = []


def _deliveries(count: int) -> Iterator[Delivery]:
    """Signals that wander by a few thousandths a second, as those of a culture do."""
    walks = 20 + np.arange(TAGS) + np.cumsum(np.random.default_rng(1).normal(0, 0.004, (count, TAGS)), axis=0)
    for number, row in enumerate(np.round(walks, 3).tolist()):
        time_us = STARTED_US + number * INTERVAL_US
        values = ",".join(f'"T{tag:02}":{value}' for tag, value in enumerate(row))
        body = f'{{"time":{time_us // 1000},"values":{{{values}}},"publisher":"edge-1","boot":1,"seq":{number}}}'
        yield Delivery(
            topic=f"{PREFIX}/{SITE}/{AREA}/{UNITS[0]}/readings",
            payload=body.encode(),
            received_us=time_us + 5_000 + number * 7919 % 3_000,
            mid=0,
            generation=0,
        )


def _report(owner: "psycopg.Connection[tuple[int, ...]]", messages_per_block: int) -> None:
    owner.execute("VACUUM (FREEZE, ANALYZE) reading")
    (readings,) = owner.execute("SELECT count(*) FROM reading").fetchone() or (0,)
    hypertable = owner.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is not None
    parts = {
        table: (owner.execute("SELECT pg_total_relation_size(%s::regclass)", [table]).fetchone() or (0,))[0]
        for table in JOURNAL
    }
    figures: dict[str, object] = {
        "readings": readings,
        "messages_per_block": messages_per_block,
        "server": "TimescaleDB" if hypertable else "plain PostgreSQL",
        "reading_bytes": round(_size(owner, hypertable=hypertable) / readings, 2),
        "journal_bytes": round(sum(parts.values()) / readings, 2),
        "of_these_raw_messages": round(parts["block_body"] / readings, 2),
        "of_these_decoded_rows": round(parts["block_unit"] / readings, 2),
    }
    if hypertable:
        owner.execute("SELECT compress_chunk(chunk) FROM show_chunks('reading') AS chunk")
        figures["reading_bytes_compressed"] = round(_size(owner, hypertable=True) / readings, 2)
    report("storage", **figures, machine=machine_described())


def _size(owner: "psycopg.Connection[tuple[int, ...]]", *, hypertable: bool) -> int:
    """Of table and indexes, with everything that belongs to them."""
    size = "hypertable_size" if hypertable else "pg_total_relation_size"
    row = owner.execute(f"SELECT {size}('reading')").fetchone()
    assert row is not None
    return row[0]
