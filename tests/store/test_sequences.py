"""Holes in sequence numbers become gaps; what arrives late closes them."""

import random

from hypothesis import given
from hypothesis import strategies as st

from store.sequences import missing, remaining
from tests.store.record import Record, at


def numbered(seq: int, boot: int = 1, publisher: str = "edge-7") -> tuple[str, object]:
    message = {"time": at(seq), "values": {"pH": 7.0}, "publisher": publisher, "boot": boot, "seq": seq}
    return "BR-01/readings", message


def open_gaps(record: Record) -> list[tuple[int, ...]]:
    return record.ask(
        "SELECT boot, first_seq, last_seq FROM sequence_gap WHERE filled_time IS NULL ORDER BY boot, first_seq"
    )


def test_ingest_4_a_hole_is_a_gap(record: Record) -> None:
    record.take(numbered(1), numbered(2), numbered(5))
    record.take(numbered(9))
    assert open_gaps(record) == [(1, 3, 4), (1, 6, 8)]


def test_a_late_message_splits_its_gap_and_the_last_one_closes_it(record: Record) -> None:
    record.take(numbered(1), numbered(9))
    record.take(numbered(5))
    assert open_gaps(record) == [(1, 2, 4), (1, 6, 8)]
    record.take(*(numbered(seq) for seq in (8, 2, 4, 3, 7, 6)))
    assert open_gaps(record) == []
    assert record.ask("SELECT count(*) > 0 FROM sequence_gap WHERE filled_time IS NOT NULL") == [(True,)]


def test_a_new_boot_counts_anew(record: Record) -> None:
    record.take(numbered(100), numbered(0, boot=2), numbered(2, boot=2))
    assert open_gaps(record) == [(2, 1, 1)]


def test_the_number_of_a_quarantined_message_is_not_missing(record: Record) -> None:
    bad = {"time": "naive", "values": {"pH": 7.0}, "publisher": "edge-7", "boot": 1, "seq": 2}
    elsewhere = {"time": at(3), "values": {"pH": 7.0}, "publisher": "edge-7", "boot": 1, "seq": 3}
    record.take(numbered(1), ("BR-01/readings", bad), ("BR-99/readings", elsewhere), numbered(4))
    assert record.ask("SELECT code FROM quarantine ORDER BY quarantine_id") == [("bad_time",), ("unknown_unit",)]
    assert open_gaps(record) == []


def test_ingest_4_a_hole_left_by_an_event_or_a_result_is_a_gap_and_theirs_are_not_missing(record: Record) -> None:
    numbers = {"publisher": "edge-7", "boot": 1}
    event = {"event": "intervention", "time": at(2), "comment": "stirred"} | numbers
    result = {
        "result": "L-1",
        "batch": "CT-1",
        "attribute": "viability",
        "method": "m",
        "value": "92",
        "unit_of_measure": "%",
        "measured_at": at(2),
        "status": "final",
        "stated_by": "lab",
    }
    record.take(
        numbered(1), ("BR-01/events", event | {"seq": 2}), ("BR-01/results", result | numbers | {"seq": 4}), numbered(5)
    )
    assert open_gaps(record) == [(1, 3, 3)]


def test_in_any_order_of_arrival_what_is_missing_at_the_end_is_what_never_came(record: Record) -> None:
    source = random.Random(11)
    numbers = list(range(1, 60))
    lost = set(source.sample(numbers[1:-1], 15))
    arriving = [number for number in numbers if number not in lost]
    rest = arriving[1:]
    source.shuffle(rest)
    record.take(numbered(arriving[0]))
    while rest:
        count = source.randrange(1, 8)
        record.take(*(numbered(seq) for seq in rest[:count]))
        rest = rest[count:]
    gaps = {seq for _, first, last in open_gaps(record) for seq in range(first, last + 1)}
    assert gaps == lost


@given(st.integers(0, 50), st.sets(st.integers(0, 80), max_size=40))
def test_missing_and_arrived_make_up_everything(last: int, arrived: set[int]) -> None:
    later = sorted(number for number in arrived if number > last)
    gaps = {number for first, end in missing(last, later) for number in range(first, end + 1)}
    assert gaps | set(later) == set(range(last + 1, max(later, default=last) + 1))
    assert not gaps & set(later)


@given(st.integers(0, 20), st.integers(0, 20), st.data())
def test_what_remains_of_a_gap_is_what_did_not_arrive(first: int, length: int, data: st.DataObject) -> None:
    inside = data.draw(st.sets(st.integers(first, first + length), min_size=1))
    rest = {n for low, high in remaining(first, first + length, sorted(inside)) for n in range(low, high + 1)}
    assert rest == set(range(first, first + length + 1)) - inside
