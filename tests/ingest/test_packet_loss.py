"""Ingestion over a network that really loses packets: the kernel drops them between the broker and everybody."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from ingest import client
from store.journal import verify_chain
from tests.ingest.conftest import Line, readings
from tests.support import eventually, missing

NFT = shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin")
NUMBER = 400


@contextmanager
def losing(port: int, percent: int) -> Iterator[None]:
    """Of the packets to and from a port so many of a hundred are dropped, at random."""
    table = f"batchwitness_test_{port}"
    which = "drop" if percent == 100 else f"numgen random mod 100 < {percent} drop"
    rules = f"""
        table inet {table} {{
            chain dropping {{
                type filter hook input priority 0;
                tcp dport {port} {which}
                tcp sport {port} {which}
            }}
        }}
    """
    assert NFT is not None
    subprocess.run([NFT, "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([NFT, "delete", "table", "inet", table], check=True)


@pytest.fixture(autouse=True)
def _can_lose() -> None:
    if NFT is None:
        missing("nft is missing (apt-get install nftables): no packets can be lost")
    refused = subprocess.run([NFT, "list", "tables"], capture_output=True, text=True)
    if refused.returncode:
        pytest.skip(f"nobody may drop packets here: {refused.stderr.strip()}")


def say(line: Line, numbers: range) -> None:
    """Publish without waiting; the client keeps what is not acknowledged."""
    for number in numbers:
        body = orjson.dumps(readings(number))
        line.plant.client.publish(f"{line.prefix}/leiden/hall/BR-01/readings", body, qos=1)


def whole(line: Line) -> bool:
    """Nothing contradicts, nothing was put aside, and the chain is whole."""
    chain = line.ask("SELECT chain_id FROM chain WHERE kind = 'live'")
    amiss = line.ask("SELECT (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM reading_conflict)")
    return amiss == 0 and verify_chain(line.owner, chain) == []


def test_ingest_1_a_network_that_loses_every_tenth_packet_loses_no_reading(line: Line) -> None:
    with line.ingest(batch=20), losing(line.broker.port, 10):
        say(line, range(NUMBER))
        eventually(line.stored(NUMBER), within_s=120, what="everything, by what TCP and MQTT send again")
    assert whole(line)


def test_ingest_1_a_network_that_loses_everything_for_a_while_loses_no_reading(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "KEEPALIVE_S", 1)
    with line.ingest(batch=20) as running:
        say(line, range(NUMBER // 2))
        with losing(line.broker.port, 100):
            say(line, range(NUMBER // 2, NUMBER))
            eventually(lambda: not running.subscriber.listening(), within_s=20, what="the silence noticed")
        eventually(line.stored(NUMBER), within_s=120, what="everything over a new connection")
    assert whole(line)
