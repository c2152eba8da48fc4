"""Slots: one holder at a time, taken over when it stops renewing."""

import threading

import psycopg

from store.slots import all_slots, claim_slot, release_slot
from tests.fix_postgres import Database
from tests.support import eventually

NAME = "ingest-0"


def test_a_slot_has_one_holder_until_it_is_released(database: Database) -> None:
    with psycopg.connect(database.dsn("ingest"), autocommit=True) as connection:
        assert claim_slot(connection, name=NAME, holder="a", lease_s=60)
        assert claim_slot(connection, name=NAME, holder="a", lease_s=60), "its own is renewed"
        assert not claim_slot(connection, name=NAME, holder="b", lease_s=60)
        release_slot(connection, name=NAME, holder="b")
        assert [(slot.holder, slot.held) for slot in all_slots(connection)] == [("a", True)], (
            "only the holder gives it back"
        )
        release_slot(connection, name=NAME, holder="a")
        assert [slot.held for slot in all_slots(connection)] == [False]
        assert claim_slot(connection, name=NAME, holder="b", lease_s=60)


def test_a_slot_that_is_not_renewed_is_taken_over_and_its_old_holder_is_told(database: Database) -> None:
    with psycopg.connect(database.dsn("ingest"), autocommit=True) as connection:
        assert claim_slot(connection, name=NAME, holder="a", lease_s=0.2)
        eventually(lambda: claim_slot(connection, name=NAME, holder="b", lease_s=60), within_s=10)
        assert not claim_slot(connection, name=NAME, holder="a", lease_s=60)


def test_what_a_holder_says_of_itself_is_seen_by_all_and_its_subscription_outlives_it(database: Database) -> None:
    with psycopg.connect(database.dsn("ingest"), autocommit=True) as connection:
        claim_slot(connection, name=NAME, holder="a", lease_s=60, filters=["p/#"], caught_up=True)
        assert [(slot.filters, slot.caught_up) for slot in all_slots(connection)] == [(("p/#",), True)]
        release_slot(connection, name=NAME, holder="a")
        assert [(slot.filters, slot.caught_up) for slot in all_slots(connection)] == [(("p/#",), False)]
        claim_slot(connection, name=NAME, holder="b", lease_s=60)
        assert [(slot.filters, slot.caught_up) for slot in all_slots(connection)] == [(("p/#",), False)]


def test_of_many_who_want_a_free_slot_one_gets_it(database: Database) -> None:
    won: list[str] = []
    barrier = threading.Barrier(8)

    def want(holder: str) -> None:
        with psycopg.connect(database.dsn("ingest"), autocommit=True) as connection:
            barrier.wait()
            if claim_slot(connection, name=NAME, holder=holder, lease_s=60):
                won.append(holder)

    threads = [threading.Thread(target=want, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
