"""Readings: each once, good values kept beside bad ones, contradictions kept apart."""

import random

import pytest

from tests.store.record import Record, at


def readings(minute: float, **values: object) -> dict[str, object]:
    return {"time": at(minute), "values": values}


def test_a_reading_is_stored_with_its_times_and_quality(record: Record) -> None:
    committed = record.take(("BR-01/readings", readings(0, pH={"value": 7.0125, "quality": "uncertain"})))
    assert committed.stored == 1
    rows = record.ask(
        "SELECT tag.name, value, quality, source_time = %s::timestamptz, received_time > source_time, block_seq"
        " FROM reading JOIN tag USING (tag_id)",
        at(0),
    )
    assert rows == [("pH", 7.0125, 64, True, True, committed.seq)]


def test_ingest_2_the_same_message_twice_changes_nothing(record: Record) -> None:
    message = ("BR-01/readings", readings(0, pH=7.0, temperature=37.0))
    assert record.take(message).stored == 2
    again = record.take(message, message)
    assert (again.stored, again.duplicates, again.conflicts) == (0, 4, 0)
    assert record.ask("SELECT count(*) FROM reading") == [(2,)]


def test_new_readings_beside_known_ones_are_stored(record: Record) -> None:
    record.take(("BR-01/readings", readings(0, pH=7.0)))
    mixed = record.take(
        ("BR-01/readings", readings(1, pH=7.1)),
        ("BR-01/readings", readings(0, pH=7.0)),
        ("BR-01/readings", readings(2, pH=7.2, temperature=37.0)),
    )
    assert (mixed.stored, mixed.duplicates) == (3, 1)
    assert record.ask("SELECT count(*) FROM reading") == [(4,)]


def test_a_different_value_for_the_same_instant_is_a_conflict_and_overwrites_nothing(record: Record) -> None:
    record.take(("BR-01/readings", readings(0, pH=7.0)))
    contradiction = ("BR-01/readings", readings(0, pH=7.000000000000001))
    assert record.take(contradiction).conflicts == 1
    assert record.take(contradiction).conflicts == 0  # the same contradiction again is nothing new
    assert record.ask("SELECT value FROM reading") == [(7.0,)]
    assert record.ask("SELECT value FROM reading_conflict") == [(7.000000000000001,)]


def test_zero_and_minus_zero_differ_in_a_bit_and_so_conflict(record: Record) -> None:
    record.take(("BR-01/readings", readings(0, temperature=0.0)))
    assert record.take(("BR-01/readings", readings(0, temperature=-0.0))).conflicts == 1


def test_a_conflict_inside_one_message_is_noticed(record: Record) -> None:
    both = [readings(0, pH=7.0), readings(0, pH=7.5), readings(0, pH=7.0)]
    committed = record.take(("BR-01/readings", both))
    assert (committed.stored, committed.duplicates, committed.conflicts) == (1, 1, 1)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("7.0", "wrong_type"),
        (None, "null_value"),
        ([7.0], "wrong_type"),
        ({"value": 7.0, "quality": "excellent"}, "unknown_choice"),
        ({"value": None}, "null_value"),
        (float("nan"), "not_finite"),
        (float("-inf"), "not_finite"),
        (10**400, "not_finite"),
        (2**53 + 1, "not_exact"),
        (-(2**63) + 1, "not_exact"),
        (10**25, "not_exact"),
    ],
)
def test_a_bad_value_is_quarantined_and_the_good_ones_beside_it_are_stored(
    record: Record, value: object, code: str
) -> None:
    committed = record.take(("BR-01/readings", readings(0, pH=value, temperature=37.0)))
    assert (committed.stored, committed.quarantined) == (1, 1)
    rows = record.ask("SELECT item, code, reason LIKE '%%pH%%' FROM quarantine")
    assert rows == [("values.pH", code, True)]


def test_a_whole_number_is_stored_exactly_or_not_at_all(record: Record) -> None:
    exact = [2**53, 2**53 + 2, 2**63, -(2**62), 2**70]
    numbers = dict(enumerate([*exact, 2**53 + 1, 2**64 - 1, 2**70 + 1]))
    for _ in range(2):  # the second time its tags are known, as a shape
        record.take(("BR-01/readings", readings(0, **{f"counter-{n}": value for n, value in numbers.items()})))
    stored = record.ask("SELECT value FROM reading JOIN tag USING (tag_id) ORDER BY tag.name")
    assert [int(value) for (value,) in stored] == exact
    assert record.ask("SELECT item, code FROM quarantine ORDER BY item") == [
        ("values.counter-5", "not_exact"),
        ("values.counter-6", "not_exact"),
        ("values.counter-7", "not_exact"),
    ]


def test_a_value_outside_the_physical_range_is_stored_as_bad(record: Record) -> None:
    assert record.take(("BR-01/readings", readings(0, pH=14.5, temperature=37.0))).stored == 2
    assert record.ask("SELECT value, quality FROM reading ORDER BY value") == [(14.5, 0), (37.0, 192)]


def test_an_unknown_tag_is_registered_as_unmapped_and_its_readings_are_stored(record: Record) -> None:
    assert record.take(("BR-01/readings", readings(0, mystery=1.5))).stored == 1
    assert record.ask("SELECT mapped FROM tag_now WHERE name = 'mystery'") == [(False,)]


def test_readings_outside_any_batch_are_stored(record: Record) -> None:
    assert record.ask("SELECT count(*) FROM batch") == [(0,)]
    assert record.take(("BR-01/readings", readings(0, pH=7.0))).stored == 1


def test_a_position_has_readings_of_its_own(record: Record) -> None:
    for position, value in (("A", 5.0), ("B", 6.0)):
        record.take(("INC-1/readings", readings(0, glucose=value) | {"position": position}))
    rows = record.ask(
        "SELECT position.name, value FROM reading JOIN tag USING (tag_id) JOIN position USING (position_id) ORDER BY 1"
    )
    assert rows == [("A", 5.0), ("B", 6.0)]


@pytest.mark.parametrize(
    ("time", "code"),
    [
        ("2026-01-05T08:00:00", "naive_time"),
        ("yesterday", "bad_time"),
        (None, "missing_field"),
        (True, "wrong_type"),
        (1.5, "wrong_type"),
        (10**19, "bad_time"),
        ("2019-12-31T23:59:59Z", "before_commissioning"),
        ("2199-01-01T00:00:00Z", "time_ahead"),
    ],
)
def test_a_time_that_means_nothing_here_is_quarantined_with_field_and_value(
    record: Record, time: object, code: str
) -> None:
    committed = record.take(("BR-01/readings", {"time": time, "values": {"pH": 7.0}}))
    assert (committed.stored, committed.quarantined) == (0, 1)
    assert record.ask("SELECT code, reason LIKE 'time%%' FROM quarantine") == [(code, True)]


def test_epoch_milliseconds_name_the_same_instant_as_rfc_3339(record: Record) -> None:
    record.take(("BR-01/readings", {"time": "2026-01-05T09:00:00.250+01:00", "values": {"pH": 7.0}}))
    assert record.take(("BR-01/readings", {"time": 1_767_600_000_250, "values": {"pH": 7.0}})).duplicates == 1


def test_the_same_bad_message_again_is_one_quarantine_row(record: Record) -> None:
    rubbish = ("BR-01/readings", b"\xff\xfe not json")
    assert record.take(rubbish).quarantined == 1
    assert record.take(rubbish, rubbish).quarantined == 0


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("BR-99/readings", b"{}", "unknown_unit"),
        ("batchwitness/v1/leiden/hall/BR-01/rubbish", b"{}", "unknown_topic"),
        ("batchwitness/v1/x", b"{}", "unknown_topic"),
        ("BR-01/readings", b"", "not_json"),
        ("BR-01/readings", b"[" * 100_000, "not_json"),
        ("BR-01/readings", b'["\\ud800"]', "bad_text"),
        ("BR-01/readings", b'{"time": 1, "values": {"a\\u0000b": 1}}', "bad_text"),
        ("BR-01/readings", b"42", "wrong_type"),
        ("BR-01/readings", b'{"time": 1767600000000, "values": [1]}', "wrong_type"),
        ("BR-01/readings", b'{"time": 1767600000000, "values": {"pH": 7}, "position": "Z"}', "unknown_position"),
        ("BR-01/readings", b'{"time": 1767600000000, "values": {"pH": 7}, "publisher": "p", "seq": 1}', "wrong_type"),
        ("BR-01/events", b'{"event": "party", "time": 1767600000000}', "unknown_event"),
        ("BR-01/results", b'{"result": "R", "value": "1", "measured_at": 1767600000000}', "missing_field"),
    ],
)
def test_ingest_3_rubbish_lands_in_quarantine_with_a_reason(
    record: Record, topic: str, payload: bytes, code: str
) -> None:
    assert record.take((topic, payload)).quarantined == 1
    assert record.ask("SELECT code, length(reason) > 10 FROM quarantine") == [(code, True)]


def test_random_bytes_on_every_topic_stop_nothing(record: Record) -> None:
    source = random.Random(7)
    messages = [
        (f"BR-01/{source.choice(['readings', 'events', 'results'])}", source.randbytes(source.randrange(60)))
        for _ in range(300)
    ]
    record.take(*messages)
    distinct = len(set(messages))
    assert record.ask("SELECT count(*) FROM quarantine") == [(distinct,)]
    assert record.take(("BR-01/readings", readings(0, pH=7.0))).stored == 1


def test_every_bad_item_of_an_array_is_a_row_of_its_own(record: Record) -> None:
    record.take(("BR-01/readings", [readings(minute, pH=None) for minute in range(5)]))
    assert record.ask("SELECT array_agg(item ORDER BY item) FROM quarantine") == [
        ([f"[{number}].values.pH" for number in range(5)],)
    ]


def test_ingest_3_a_message_full_of_bad_values_is_summed_up(record: Record) -> None:
    committed = record.take(("BR-01/readings", [readings(0, pH=None)] * 3_000), most_refused=None)
    assert committed.quarantined == 1_001
    assert record.ask("SELECT code, count(*) FROM quarantine GROUP BY code ORDER BY code") == [
        ("null_value", 1_000),
        ("too_many", 1),
    ]
