"""The spool is bounded, and what it drops is known where it is missing."""

from ingest.sparkplug.spool import Arrival, Dropped, LinkLost, LinkUp, Spool


def arrival(number: int, topic: str = "spBv1.0/g/NDATA/n", size: int = 10) -> Arrival:
    return Arrival(topic, bytes(size), number, False)


def test_messages_come_out_in_the_order_of_arrival_with_what_happened_to_the_link_between_them() -> None:
    spool = Spool(most=10, most_bytes=10_000)
    spool.mark(LinkUp(1))
    spool.put(arrival(2))
    spool.mark(LinkLost(3))
    assert spool.take(10, within_s=0) == [LinkUp(1), arrival(2), LinkLost(3)]
    assert spool.take(10, within_s=0) == []


def test_what_finds_no_room_is_counted_by_node_where_it_would_have_stood() -> None:
    spool = Spool(most=2, most_bytes=10_000)
    other = "spBv1.0/g/DDATA/other/device"
    assert [spool.put(arrival(number)) for number in (1, 2, 3, 4)] == [True, True, False, False]
    assert not spool.put(arrival(5, other))
    assert spool.take(1, within_s=0) == [arrival(1)]
    assert spool.put(arrival(6))
    assert spool.take(10, within_s=0) == [
        arrival(2),
        Dropped("g", "n", 2, 3, 4),
        Dropped("g", "other", 1, 5, 5),
        arrival(6),
    ]


def test_a_loss_is_told_also_when_nothing_comes_after_it() -> None:
    spool = Spool(most=1, most_bytes=10_000)
    spool.put(arrival(1))
    spool.put(arrival(2))
    assert spool.take(10, within_s=0) == [arrival(1)]
    assert spool.take(10, within_s=0) == [Dropped("g", "n", 1, 2, 2)]


def test_bytes_bound_it_as_well() -> None:
    spool = Spool(most=1000, most_bytes=1000)
    kept = [spool.put(arrival(number, size=300)) for number in range(5)]
    assert kept == [True, True, True, False, False]
    assert spool.clear() == 5
    assert spool.put(arrival(9, size=300))


def test_marks_of_the_link_always_find_room() -> None:
    spool = Spool(most=1, most_bytes=1000)
    spool.put(arrival(1))
    spool.put(arrival(2))
    spool.mark(LinkLost(3))
    assert spool.take(10, within_s=0) == [arrival(1), Dropped("g", "n", 1, 2, 2), LinkLost(3)]
