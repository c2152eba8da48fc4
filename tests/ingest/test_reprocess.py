"""What was put aside is taken again after somebody described what was missing: all of it, once."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from ingest.pipeline import StoreSession
from ingest.reprocess import CHAIN, MessageTaker, Reprocessor, is_asked, take_again
from records.audit import verify
from records.masterdata import load_masterdata
from records.quarantine import Seen, decide, request_alike
from store.errors import Conflict, InputInvalid, NotAllowed, NotFound
from store.journal import claim_chain
from store.model.correction import QuarantineState
from tests.fix_postgres import Database
from tests.people import somebody
from tests.plant import VALID_FROM
from tests.store.record import Record, at, opened

MIA = somebody("msat", name="mia")


@pytest.fixture
def record(database: Database) -> Iterator[Record]:
    with opened(database) as one:
        yield one


@pytest.fixture
def api(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect("api") as connection:
        yield connection


def describe(record: Record, unit: str = "BR-77") -> None:
    """Say that there is such a unit."""
    row = {"site": "leiden", "area": "hall", "name": unit, "kind": "bioreactor", "positions": ["A"]}
    document = {
        **{name: [] for name in SECTIONS},
        "sites": [{"name": "leiden", "timezone": "Europe/Amsterdam"}],
        "areas": [{"site": "leiden", "name": "hall"}],
        "units": [row | {"commissioned": VALID_FROM.isoformat()}],
    }
    with record.owner.transaction():
        load_masterdata(record.owner, document, by="mia", reason="it was forgotten", effective_from=VALID_FROM)


SECTIONS = (
    "tags", "products", "processes", "changes", "attributes", "limits", "sampling_plan", "correspondences",
)  # fmt: skip


def again(record: Record) -> None:
    """Ingest takes what it is asked for, as its own loop does it."""
    lease = claim_chain(record.connection, name=CHAIN, kind="live", holder="test")
    session = StoreSession(lease=lease, decoder=record.decoder)
    while take_again(session):
        pass


def states(record: Record) -> list[tuple[Any, ...]]:
    return record.ask("SELECT code, state FROM quarantine_now ORDER BY quarantine_id")


def all_seen(record: Record) -> list[Seen]:
    return [
        Seen(quarantine_id=number, version=version)
        for number, version in record.ask("SELECT quarantine_id, version FROM quarantine_now WHERE state = 'open'")
    ]


def ask_for_all(record: Record, api: psycopg.Connection[Any]) -> None:
    with api.transaction():
        decide(api, all_seen(record), QuarantineState.REQUESTED, actor=MIA, reason="described by now")


def day_of_a_new_unit() -> list[tuple[str, object]]:
    """A batch in a unit that nobody described, from its start on."""
    start = {"event": "unit_procedure_started", "time": at(0), "batch": "CT-1", "process": "AUTO-2.0"}
    readings = [
        ("BR-77/readings", {"time": at(minute), "values": {"pH": 7.0, "temperature": 37.0}}) for minute in range(10)
    ]
    return [("BR-77/events", start), *readings]


def test_after_describing_a_missing_unit_everything_is_stored_once_and_asking_twice_changes_nothing(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    committed = record.take(*day_of_a_new_unit())
    assert (committed.stored, committed.quarantined) == (0, 11)
    describe(record)
    ask_for_all(record, api)
    assert {state for _, state in states(record)} == {"requested"}
    again(record)
    assert states(record) == [("unknown_unit", "stored")] * 11
    stored = record.ask("SELECT tag_id, source_time, value, received_time FROM reading ORDER BY 1, 2")
    assert len(stored) == 20
    assert record.ask("SELECT batch.name FROM unit_procedure JOIN batch USING (batch_id)") == [("CT-1",)]
    blocks = record.ask("SELECT count(*) FROM block")
    again(record)
    assert record.ask("SELECT count(*) FROM block") == blocks, "nothing was asked for"
    record.owner.execute(
        "INSERT INTO quarantine_decision SELECT quarantine_id, 3, 'requested', 'mia', 'once more', now()"
        " FROM quarantine"
    )
    again(record)
    assert record.ask("SELECT tag_id, source_time, value, received_time FROM reading ORDER BY 1, 2") == stored
    assert record.ask("SELECT count(*) FROM event") == [(1,)]
    assert record.ask("SELECT count(*) FROM reading_conflict") == [(0,)]
    assert states(record) == [("unknown_unit", "stored")] * 11
    assert verify(api) == []


def test_it_reaches_analytics_in_a_block_of_a_live_chain_with_the_bytes_and_times_it_came_with(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    record.take(*day_of_a_new_unit(), received_us=1_767_606_000_000_000)
    describe(record)
    ask_for_all(record, api)
    again(record)
    assert record.ask(
        "SELECT chain.kind, block.entries, block_unit.readings FROM chain JOIN block USING (chain_id)"
        " JOIN block_unit ON block_unit.chain_id = block.chain_id AND block_unit.seq = block.seq"
        " WHERE chain.name = 'reprocess'"
    ) == [("live", 11, 20)]
    assert record.ask("SELECT DISTINCT received_time FROM reading") == [(datetime(2026, 1, 5, 9, 40, tzinfo=UTC),)]


def test_what_still_does_not_fit_stays_with_its_new_reason(record: Record, api: psycopg.Connection[Any]) -> None:
    record.take(
        ("BR-77/readings", {"time": at(0), "values": {"pH": 7.0, "temperature": "warm"}}),
        ("BR-78/readings", {"time": at(0), "values": {"pH": 7.0}}),
        ("BR-01/readings", {"time": at(0), "values": {"pH": None, "temperature": 37.0}}),
    )
    describe(record)
    ask_for_all(record, api)
    again(record)
    assert states(record) == [
        ("unknown_unit", "replaced"),
        ("unknown_unit", "open"),
        ("null_value", "open"),
        ("wrong_type", "open"),
    ]
    assert record.ask("SELECT count(*) FROM reading") == [(2,)], "the good value beside the bad one is stored"
    assert record.ask("SELECT decided_why FROM quarantine_now ORDER BY quarantine_id LIMIT 2") == [
        ("taken again, and refused as wrong_type: values.temperature must be a number, not 'warm'",),
        ("taken again, and refused as before: there is no unit leiden/hall/BR-78",),
    ]
    assert record.ask("SELECT item, excerpt FROM quarantine ORDER BY quarantine_id DESC LIMIT 1") == [
        ("values.temperature", "'warm'")
    ]


def test_a_message_that_the_database_refuses_does_not_hold_up_the_others(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    record.take(*day_of_a_new_unit()[1:4])
    describe(record)
    record.owner.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        " IF NEW.source_time = '2026-01-05 08:01Z' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END IF;"
        " RETURN NEW; END$$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON reading FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    ask_for_all(record, api)
    again(record)
    assert [state for _, state in states(record)] == ["stored", "open", "stored"]
    assert record.ask("SELECT count(*) FROM reading") == [(4,)]
    record.owner.execute("DROP TRIGGER refuse ON reading")
    ask_for_all(record, api)
    again(record)
    assert [state for _, state in states(record)] == ["stored"] * 3


def test_ingest_2_killed_in_the_middle_it_is_asked_for_still_and_stored_once(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    record.take(*day_of_a_new_unit())
    describe(record)
    ask_for_all(record, api)
    record.owner.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END$$;"
        " CREATE TRIGGER die BEFORE INSERT ON quarantine_decision FOR EACH ROW WHEN (NEW.actor = 'ingest')"
        " EXECUTE FUNCTION die()"
    )
    with pytest.raises(Exception, match=r"terminating connection|server closed"):
        again(record)
    assert record.ask("SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM event)") == [(0, 0)]
    assert {state for _, state in states(record)} == {"requested"}
    record.owner.execute("DROP TRIGGER die ON quarantine_decision")
    record.connection = record.decoder.connection = psycopg.connect(record.connection.info.dsn, autocommit=True)
    again(record)
    assert record.ask("SELECT count(*) FROM reading") == [(20,)]
    assert {state for _, state in states(record)} == {"stored"}
    record.connection.close()


def test_the_loop_of_ingest_answers_what_a_person_asks(
    record: Record, api: psycopg.Connection[Any], database: Database
) -> None:
    from tests.support import eventually

    record.take(*day_of_a_new_unit())
    describe(record)
    stop = threading.Event()

    def open_session() -> StoreSession:
        connection = psycopg.connect(database.dsn("ingest"), autocommit=True)
        record.decoder.connection = connection
        lease = claim_chain(connection, name=CHAIN, kind="live", holder="test:1")
        return StoreSession(lease=lease, decoder=record.decoder)

    loop = Reprocessor(
        connect=lambda: psycopg.connect(database.dsn("ingest"), autocommit=True),
        asked=is_asked,
        open_taker=lambda: MessageTaker(open_session()),
        chain=CHAIN,
        holder="test:1",
        stop=stop,
    )
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        ask_for_all(record, api)
        eventually(lambda: {state for _, state in states(record)} == {"stored"}, what="ingest answers")
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def test_everything_alike_is_asked_for_in_one_act_as_it_was_seen(record: Record, api: psycopg.Connection[Any]) -> None:
    record.take(*day_of_a_new_unit(), ("BR-01/readings", {"time": at(0), "values": {"pH": None}}))
    with pytest.raises(Conflict, match="11 items are open where you saw 10"), api.transaction():
        request_alike(api, code="unknown_unit", topic=None, items=10, actor=MIA, reason="described")
    with api.transaction():
        topic = "batchwitness/v1/leiden/hall/BR-77/readings"
        request_alike(api, code="unknown_unit", topic=topic, items=10, actor=MIA, reason="described")
    assert [state for _, state in states(record)] == ["open"] + ["requested"] * 10 + ["open"]
    assert record.ask("SELECT count(*) FROM audit_event WHERE action = 'quarantine_requested'") == [(1,)]


def test_an_item_is_set_aside_for_good_and_taken_up_again_and_nothing_is_decided_unseen(
    record: Record, api: psycopg.Connection[Any]
) -> None:
    record.take(("BR-01/readings", {"time": at(0), "values": {"pH": None}}))
    (item,) = all_seen(record)

    def put(state: QuarantineState, version: int, actor: Any = MIA, reason: str = "a test of the probe") -> None:
        with api.transaction():
            seen = Seen(quarantine_id=item.quarantine_id, version=version)
            decide(api, [seen], state, actor=actor, reason=reason)

    put(QuarantineState.SET_ASIDE, 0)
    with pytest.raises(Conflict, match="look again"):
        put(QuarantineState.REQUESTED, 0)
    with pytest.raises(Conflict, match="only what is open"):
        put(QuarantineState.REQUESTED, 1)
    put(QuarantineState.OPEN, 1, somebody("qa", name="quinn"))
    assert states(record) == [("null_value", "open")]
    with pytest.raises(InputInvalid, match="ingest says so"):
        put(QuarantineState.STORED, 2)
    with pytest.raises(InputInvalid, match="reason"):
        put(QuarantineState.REQUESTED, 2, reason=" ")
    for role in ("viewer", "operator", "admin", "identity"):
        with pytest.raises(NotAllowed):
            put(QuarantineState.REQUESTED, 2, somebody(role))
    unknown = Seen(quarantine_id=999, version=0)
    with pytest.raises(NotFound), api.transaction():
        decide(api, [unknown], QuarantineState.REQUESTED, actor=MIA, reason="x")
    assert record.ask("SELECT actor, state, reason FROM quarantine_decision ORDER BY sequence") == [
        ("mia", "set_aside", "a test of the probe"),
        ("quinn", "open", "a test of the probe"),
    ]
