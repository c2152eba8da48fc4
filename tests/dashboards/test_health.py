"""The health checks of the containers say no when a stage does not do its work, though its process may live."""

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from batchwitness.embedded import ports
from store.commit import commit
from store.draft import Draft, Listening
from store.journal import claim_chain
from tests.api.seed import Plant
from tests.fix_postgres import Database

SCRIPT = Path(__file__).parents[2] / "deploy" / "health" / "healthy.py"
VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "passfile": "PGPASSFILE"}


def is_healthy(stage: str, **environment: str) -> bool:
    result = subprocess.run(
        [sys.executable, str(SCRIPT), stage], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode in (0, 1), result.stderr
    return result.returncode == 0


def asks_as(database: Database, stage: str) -> dict[str, str]:
    words = dict(word.split("=", 1) for word in database.dsn(stage).split())
    return {VARIABLES[key]: value for key, value in words.items()}


def test_ingest_is_healthy_while_it_ticks_and_not_when_its_ticks_stop(database: Database, plant: Plant) -> None:
    assert is_healthy("ingest", **asks_as(database, "ingest"))
    plant.do("UPDATE block_tick SET host_time = host_time - interval '31 s'")
    assert not is_healthy("ingest", **asks_as(database, "ingest"))
    plant.do("DELETE FROM block_tick")
    assert not is_healthy("ingest", **asks_as(database, "ingest"))


def test_the_sparkplug_host_is_healthy_while_it_says_that_it_listens(database: Database, plant: Plant) -> None:
    assert not is_healthy("sparkplug", **asks_as(database, "ingest"))
    with psycopg.connect(database.dsn("ingest"), autocommit=True) as connection:
        lease = claim_chain(connection, name="sparkplug batchwitness broker:1883", kind="live", holder="test")
        now_us = time.time_ns() // 1000
        commit(connection, lease, Draft(listening=Listening(since_us=now_us, until_us=now_us)))
    assert is_healthy("sparkplug", **asks_as(database, "ingest"))
    plant.do("UPDATE listening SET until = until - interval '31 s', since = since - interval '31 s'")
    assert not is_healthy("sparkplug", **asks_as(database, "ingest"))


def test_analytics_is_healthy_while_no_block_waits_for_it(database: Database, plant: Plant) -> None:
    plant.do("DELETE FROM intake")
    plant.do("UPDATE block SET committed_time = clock_timestamp()")
    assert is_healthy("analytics", **asks_as(database, "analytics"))
    plant.do("UPDATE block SET committed_time = clock_timestamp() - interval '61 s'")
    assert not is_healthy("analytics", **asks_as(database, "analytics"))
    plant.do("INSERT INTO intake (ordinal, chain_id, seq) SELECT row_number() OVER (), chain_id, seq FROM block")
    assert is_healthy("analytics", **asks_as(database, "analytics"))


def test_a_stage_whose_database_is_gone_is_not_healthy(database: Database, tmp_path: Path) -> None:
    assert not is_healthy("ingest", **{**asks_as(database, "ingest"), "PGHOST": str(tmp_path)})


def test_the_api_is_healthy_where_it_answers(api_server: str) -> None:
    assert is_healthy("api", BATCHWITNESS_API_PORT=str(urlsplit(api_server).port))
    assert not is_healthy("api", BATCHWITNESS_API_PORT=str(ports.free()))
