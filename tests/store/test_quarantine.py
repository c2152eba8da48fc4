"""The quarantine grows no faster than its bounds, and counts what is beyond them."""

import pytest

from store import sequences
from tests.store.record import Record, at

MINUTE_US = 1_800_000_000_000_000  # a whole minute


MOST = 100  # and 10 of a topic


@pytest.fixture(autouse=True)
def _few_boots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "MOST_BEGUN_BY_ONE", 3)
    monkeypatch.setattr(sequences, "MOST_BEGUN", 5)


def rubbish(count: int, topic: str = "BR-01/readings", first: int = 0) -> list[tuple[str, object]]:
    return [(topic, b"rubbish %d" % number) for number in range(first, first + count)]


def rows(record: Record) -> dict[str, int]:
    return dict(record.ask("SELECT code, count(*) FROM quarantine GROUP BY code"))


def test_ingest_3_of_a_topic_so_many_items_a_minute_get_rows_and_one_stands_for_the_rest(record: Record) -> None:
    first = record.take(*rubbish(8), most_refused=MOST, host_us=MINUTE_US)
    second = record.take(*rubbish(30, first=8), most_refused=MOST, host_us=MINUTE_US + 59_000_000)
    record.take(*rubbish(30, first=38), most_refused=MOST, host_us=MINUTE_US + 59_900_000)
    assert (first.quarantined, first.held_back) == (8, 0)
    assert (second.quarantined, second.held_back) == (3, 28)
    assert rows(record) == {"not_json": 10, "too_many_refused": 1}
    assert record.ask("SELECT topic, refused, held_back FROM quarantine_minute ORDER BY topic") == [
        ("#", 68, 58),
        ("batchwitness/v1/leiden/hall/BR-01/readings", 68, 0),
    ]
    assert record.ask("SELECT sum(entries) FROM block") == [(68,)]  # all of it is in the journal


def test_what_a_person_hands_over_is_put_aside_item_by_item(record: Record) -> None:
    record.take(*rubbish(30), most_refused=None, host_us=MINUTE_US)
    assert rows(record) == {"not_json": 30}


def test_the_next_minute_has_room_again(record: Record) -> None:
    record.take(*rubbish(20), most_refused=MOST, host_us=MINUTE_US)
    record.take(*rubbish(5, first=20), most_refused=MOST, host_us=MINUTE_US + 60_000_000)
    assert rows(record) == {"not_json": 15, "too_many_refused": 1}


def test_many_topics_share_a_bound_and_a_flood_over_them_makes_no_more_rows_than_it(record: Record) -> None:
    for block in range(5):
        topics = [f"batchwitness/v1/x/{block}/{number}/readings" for number in range(40)]
        record.take(*((topic, b"x") for topic in topics), most_refused=MOST, host_us=MINUTE_US)
    assert rows(record) == {"not_json": 100, "too_many_refused": 1}
    assert record.ask("SELECT sum(refused) FROM quarantine_minute WHERE topic = '#'") == [(200,)]
    assert record.ask("SELECT count(*) FROM quarantine_minute") == [(121,)]  # of three blocks, and all together


def test_one_topic_cannot_use_up_what_others_may_put_aside(record: Record) -> None:
    record.take(*rubbish(100), most_refused=MOST, host_us=MINUTE_US)
    record.take(*rubbish(100, first=100), *rubbish(5, "BR-02/readings"), most_refused=MOST, host_us=MINUTE_US)
    counted = record.ask(
        "SELECT split_part(topic, '/', 5), count(*) FROM quarantine WHERE code = 'not_json' GROUP BY 1"
    )
    assert sorted(counted) == [("BR-01", 10), ("BR-02", 5)]


def test_ingest_3_a_publisher_that_boots_again_and_again_is_stored_and_no_longer_followed(record: Record) -> None:
    for boot in range(5):
        message = {"time": at(boot), "values": {"pH": 7.0}, "publisher": "edge-7", "boot": boot, "seq": 0}
        record.take(("BR-01/readings", message), host_us=MINUTE_US + boot)
    assert record.ask("SELECT count(*) FROM reading") == [(5,)]
    assert record.ask("SELECT count(*) FROM publisher") == [(3,)]
    assert rows(record) == {"too_many_boots": 2}


def test_an_hour_later_a_publisher_may_boot_again(record: Record) -> None:
    for boot in range(5):
        message = {"time": at(boot), "values": {"pH": 7.0}, "publisher": "edge-7", "boot": boot, "seq": 0}
        record.take(("BR-01/readings", message), host_us=MINUTE_US + boot * 1_900_000_000)
    assert record.ask("SELECT count(*) FROM publisher") == [(5,)]


def test_ingest_3_endless_new_publishers_are_stored_and_no_longer_followed(record: Record) -> None:
    messages = [
        (
            "BR-01/readings",
            {"time": at(number), "values": {"pH": 7.0}, "publisher": f"p-{number}", "boot": 1, "seq": 0},
        )
        for number in range(9)
    ]
    record.take(*messages, host_us=MINUTE_US)
    assert record.ask("SELECT count(*) FROM reading") == [(9,)]
    assert record.ask("SELECT count(*) FROM publisher") == [(5,)]
    assert rows(record) == {"too_many_boots": 4}
