"""The order in which analytics takes blocks, whatever a host's clock says about them."""

import psycopg

from analytics.intake import take_blocks
from tests.fix_postgres import Database
from tests.store.record import at, opened

TAKEN = "SELECT chain.name, intake.seq FROM intake JOIN chain USING (chain_id) ORDER BY ordinal"


def test_a_chain_is_taken_in_its_own_order_when_the_hosts_clock_steps_back(database: Database) -> None:
    with opened(database) as record:
        for minute in range(6):
            record.take(("BR-01/readings", {"time": at(minute), "values": {"pH": 7.0}}))
        record.owner.execute("UPDATE block SET committed_time = committed_time - interval '1 hour' WHERE seq >= 4")
        with psycopg.connect(database.dsn("analytics"), autocommit=True) as connection:
            assert take_blocks(connection, most=200) == 6
        assert record.ask(TAKEN) == [("test", seq) for seq in range(1, 7)]


def test_blocks_of_several_chains_are_taken_by_their_committed_time_once_each(database: Database) -> None:
    with opened(database, chain="first") as first, opened(database, chain="second") as second:
        for minute in range(3):
            first.take(("BR-01/readings", {"time": at(minute), "values": {"pH": 7.0}}))
            second.take(("BR-02/readings", {"time": at(minute), "values": {"pH": 7.0}}))
        with psycopg.connect(database.dsn("analytics"), autocommit=True) as connection:
            heads = [take_blocks(connection, most=most) for most in (1, 1, 200, 200)]
        assert heads == [2, 4, 6, 6]
        assert first.ask(TAKEN) == [(chain, seq) for seq in (1, 2, 3) for chain in ("first", "second")]
