"""Units that take only their registered publishers."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from records.audit import trail
from records.masterdata import load_masterdata
from tests.fix_postgres import Database
from tests.plant import document
from tests.store.record import Record, at, opened


@pytest.fixture
def record(database: Database) -> Iterator[Record]:
    with opened(database) as one:
        yield one


def register(record: Record, *publishers: tuple[str, str, bool]) -> None:
    """Load (name, unit, allowed) as master data, as a person does."""
    stated = [
        {"name": name, "site": "leiden", "area": "hall", "unit": unit, "allowed": allowed}
        for name, unit, allowed in publishers
    ]
    with record.owner.transaction():
        load_masterdata(
            record.owner,
            document() | {"publishers": stated},
            by="mara",
            reason="gateways as installed",
            effective_from=datetime.now(UTC),
        )
    record.decoder.directory.read(record.connection)


def reading(minute: float, **said: object) -> dict[str, object]:
    return {"time": at(minute), "values": {"pH": 7.0}, **said}


def codes(record: Record) -> list[str]:
    return [code for (code,) in record.ask("SELECT code FROM quarantine ORDER BY quarantine_id")]


def test_a_unit_with_registered_publishers_quarantines_what_others_or_nobody_say_of_it(record: Record) -> None:
    register(record, ("edge-1", "BR-01", True), ("edge-2", "BR-02", True))
    record.take(
        ("BR-01/readings", reading(0, publisher="edge-1", boot=1, seq=1)),
        ("BR-01/readings", reading(1, publisher="edge-2", boot=1, seq=1)),
        ("BR-01/readings", reading(2, publisher="intruder", boot=1, seq=1)),
        ("BR-01/readings", reading(3)),
        ("BR-01/readings", reading(4, publisher=["edge-1"], boot=1, seq=2)),
        ("BR-01/events", {"event": "intervention", "time": at(5)}),
    )
    assert record.ask("SELECT count(*) FROM reading") == [(1,)]
    assert record.ask("SELECT count(*) FROM event") == [(0,)]
    assert codes(record) == ["publisher_not_allowed", *["unknown_publisher"] * 4]


def test_a_unit_without_registered_publishers_takes_everybody(record: Record) -> None:
    register(record, ("edge-2", "BR-02", True))
    record.take(("BR-01/readings", reading(0, publisher="anybody", boot=1, seq=1)), ("BR-01/readings", reading(1)))
    assert record.ask("SELECT count(*) FROM reading") == [(2,)]


def test_a_unit_whose_last_publisher_was_forbidden_takes_nobody(record: Record) -> None:
    register(record, ("edge-1", "BR-01", True))
    register(record, ("edge-1", "BR-01", False))
    record.take(("BR-01/readings", reading(0, publisher="edge-1", boot=1, seq=1)), ("BR-01/readings", reading(1)))
    assert codes(record) == ["publisher_not_allowed", "unknown_publisher"]


def test_only_the_numbers_of_registered_publishers_are_kept_for_such_a_unit(record: Record) -> None:
    register(record, ("edge-1", "BR-01", True), ("edge-2", "BR-02", True))
    record.take(
        ("BR-01/readings", reading(0, publisher="edge-2", boot=1, seq=1)),
        ("BR-02/readings", reading(0, publisher="edge-2", boot=1, seq=2)),
        ("BR-01/readings", reading(1, publisher="intruder", boot=1, seq=1)),
    )
    assert record.ask("SELECT publisher, first_seq, last_seq FROM publisher") == [("edge-2", 1, 2)]
    assert record.ask("SELECT count(*) FROM sequence_gap") == [(0,)]


def test_registering_and_forbidding_a_publisher_is_audited(record: Record) -> None:
    register(record, ("edge-1", "BR-01", True))
    register(record, ("edge-1", "BR-01", False))
    registered, forbidden = trail(record.owner, subject="publisher:edge-1/leiden/hall/BR-01", limit=10)
    assert (registered.action, forbidden.action) == ("publisher_created", "publisher_changed")
    assert (forbidden.actor, forbidden.old, forbidden.new) == ("mara", {"allowed": True}, {"allowed": False})
    assert forbidden.reason == "gateways as installed"
