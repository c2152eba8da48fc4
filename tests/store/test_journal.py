"""The journal: gap-free, fenced, verifiable; and a commit is all or nothing."""

import psycopg
import pytest

from store.errors import ChainLost, StoreUnavailable
from store.journal import claim_chain, decode_entries, verify_chain
from store.rows import decode_rows
from tests.fix_postgres import Database
from tests.store.record import START_S, Record, at


def reading(minute: float, value: float = 7.0) -> tuple[str, object]:
    return "BR-01/readings", {"time": at(minute), "values": {"pH": value, "temperature": 37.0}}


def test_a_block_holds_the_entries_as_they_came(record: Record) -> None:
    record.take(reading(0), ("BR-01/readings", b"\xff rubbish"))
    raw = record.ask("SELECT raw FROM block_body")[0][0]
    entries = list(decode_entries(raw))
    assert [entry.payload[:6] for entry in entries] == [b'{"time', b"\xff rubb"]
    assert entries[0].topic == "batchwitness/v1/leiden/hall/BR-01/readings"


def test_detect_1_a_block_holds_only_what_it_newly_stored(record: Record) -> None:
    record.take(reading(0))
    record.take(reading(0), reading(1), reading(1, 7.5))
    rows = decode_rows(record.ask("SELECT rows FROM block_unit WHERE seq = 2")[0][0])
    assert rows.entry.tolist() == [1, 1]
    assert rows.time_us.tolist() == [int((START_S + 60) * 1e6)] * 2
    assert sorted(rows.value.tolist()) == [7.0, 37.0]


def test_blocks_follow_each_other_and_the_chain_verifies(record: Record) -> None:
    for minute in range(5):
        record.take(reading(minute))
    assert record.ask("SELECT array_agg(seq ORDER BY seq) FROM block") == [([1, 2, 3, 4, 5],)]
    assert verify_chain(record.owner, record.lease.chain_id) == []


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE block SET readings = 99, header = set_byte(header, 37, 9) WHERE seq = 2", "block 2: its digest"),
        (
            "UPDATE block_body SET raw = (SELECT raw FROM block_body WHERE seq = 1) WHERE seq = 2",
            "block 2: its entries",
        ),
        ("UPDATE block SET previous_digest = digest WHERE seq = 3", "block 3"),
    ],
)
def test_what_is_altered_behind_its_back_is_found_and_named(record: Record, tampering: str, found: str) -> None:
    for minute in range(3):
        record.take(reading(minute))
    record.owner.execute(tampering)
    problems = verify_chain(record.owner, record.lease.chain_id)
    assert problems
    assert any(problem.startswith(found) for problem in problems)


def test_an_older_holder_of_a_chain_can_append_nothing(record: Record, database: Database) -> None:
    record.take(reading(0))
    with psycopg.connect(database.dsn("ingest"), autocommit=True) as other:
        claim_chain(other, name=record.lease.name, kind="live", holder="another process")
    with pytest.raises(ChainLost):
        record.take(reading(1))
    assert record.ask("SELECT count(*) FROM reading") == [(2,)]  # nothing of the refused block


def test_a_lost_connection_is_unavailable_and_leaves_nothing_behind(record: Record, database: Database) -> None:
    record.take(reading(0))
    with database.connect("postgres") as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", (record.connection.info.backend_pid,))
    with pytest.raises(StoreUnavailable):
        record.take(reading(1))
    assert record.ask("SELECT count(*) FROM block") == [(1,)]
    assert record.ask("SELECT count(*) FROM reading") == [(2,)]


def test_a_tick_is_an_entry_and_a_row(record: Record) -> None:
    record.tick(1_000_000, rate=60.0)
    assert record.ask("SELECT extract(epoch FROM plant_time)::int, rate FROM block_tick") == [(1, 60.0)]
    assert record.ask("SELECT entries, readings FROM block") == [(0, 0)]


def test_claiming_a_chain_again_and_again_uses_up_no_chain_ids(record: Record) -> None:
    for _ in range(5):
        claim_chain(record.connection, name=record.lease.name, kind="live", holder="again")
    assert record.ask("SELECT last_value FROM chain_chain_id_seq") == [(1,)]
