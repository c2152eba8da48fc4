"""The order of messages: what is missing is found, what comes in time is waited for, what comes late is not lost."""

from collections.abc import Iterable

import pytest

from ingest.sparkplug.codes import Oddity
from ingest.sparkplug.effects import (
    DeviceOffline,
    Effect,
    GapFilled,
    NodeOnline,
    NonConformant,
    RebirthReason,
    Refused,
    RequestRebirth,
    SequenceGap,
)
from ingest.sparkplug.message import Message
from ingest.sparkplug.server import ServerSessions
from ingest.sparkplug.topic import Verb
from store.model.times import US_PER_S
from tests.ingest.sparkplug.edge import NODE, T0_MS, Edge, accounted, codes, message, metric, of, run, values

WAIT_US = 2 * US_PER_S


@pytest.fixture
def server() -> ServerSessions:
    return ServerSessions(reorder_us=WAIT_US)


@pytest.fixture
def edge(server: ServerSessions) -> Edge:
    edge = Edge()
    server.receive(edge.birth())
    return edge


def gaps(effects: Iterable[Effect]) -> list[tuple[int, int, int]]:
    return [(gap.first, gap.last, gap.count) for gap in of(SequenceGap, effects)]


def several(edge: Edge, count: int, first: int = 1) -> list[Message]:
    """NDATA with the values first, first + 1 …"""
    return [edge.data(float(value)) for value in range(first, first + count)]


@pytest.mark.tck(
    "tck-id-payloads-sequence-num-incrementing",
    "tck-id-payloads-dbirth-seq-inc",
    "tck-id-payloads-ddata-seq-inc",
    "tck-id-payloads-ddeath-seq-inc",
    "tck-id-topics-dbirth-seq",
    "tck-id-topics-ddata-seq-num",
    "tck-id-message-flow-device-birth-publish-dbirth-payload-seq",
)
def test_one_counter_runs_over_all_messages_of_an_edge_node_and_wraps(server: ServerSessions, edge: Edge) -> None:
    effects = []
    for device in (f"D{number}" for number in range(300)):
        birth = edge.say(Verb.DBIRTH, [metric("x", 1.0)], device=device)
        data = edge.say(Verb.DDATA, [metric("x", 2.0)], device=device)
        effects += run(server, [birth, data, edge.data(3.0), edge.say(Verb.DDEATH, device=device)])
    assert gaps(effects) == []
    assert codes(effects) == []
    assert len(values(effects, live=True)) == 900
    assert len(of(DeviceOffline, effects)) == 300


@pytest.mark.tck(
    "tck-id-topics-nbirth-seq-num",
    "tck-id-payloads-nbirth-seq",
    "tck-id-payloads-sequence-num-zero-nbirth",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq",
)
@pytest.mark.parametrize("seq", [0, 17, 255])
def test_a_birth_may_begin_with_any_number(server: ServerSessions, edge: Edge, seq: int) -> None:
    effects = run(server, [edge.birth(seq=seq), *several(edge, 3)])
    assert values(effects, live=True) == [37.0, 1.0, 2.0, 3.0]
    assert edge.seq == (seq + 4) % 256


@pytest.mark.tck("tck-id-payloads-sequence-num-zero-nbirth", "tck-id-payloads-nbirth-seq")
@pytest.mark.parametrize("verb", [Verb.NBIRTH, Verb.NDATA])
def test_a_number_beyond_255_is_refused_and_asked_about_once(server: ServerSessions, edge: Edge, verb: Verb) -> None:
    for seq, asked in ((256, [(RebirthReason.BAD_SEQ,)]), (2**63, [])):
        effects = server.receive(message(verb, [metric("temperature", 1.0)], seq=seq, sent_ms=edge.now_ms))
        assert codes(effects) == ["bad_seq"]
        assert of(NodeOnline, effects) == []
        assert [one.reasons for one in of(RequestRebirth, effects)] == asked
    assert values(run(server, several(edge, 1)), live=True) == [1.0]


@pytest.mark.tck(
    "tck-id-operational-behavior-host-reordering-start", "tck-id-operational-behavior-host-reordering-success"
)
def test_what_comes_out_of_order_waits_for_what_is_missing(server: ServerSessions, edge: Edge) -> None:
    one, two, three, four = several(edge, 4)
    effects = run(server, [one, four, three])
    assert values(effects) == [1.0]
    assert server.elapsed(four.received_us + WAIT_US - 1) == []
    assert values(server.receive(two), live=True) == [2.0, 3.0, 4.0]
    assert server.elapsed(four.received_us + 10 * WAIT_US) == []


@pytest.mark.tck(
    "tck-id-operational-behavior-host-reordering-rebirth",
    "tck-id-payloads-ndata-qos",
    "tck-id-payloads-ddata-qos",
    "tck-id-message-flow-device-birth-publish-dbirth-qos",
)
def test_what_does_not_come_in_time_is_a_gap_and_a_request(server: ServerSessions, edge: Edge) -> None:
    one, _, three, _, _, six = several(edge, 6)
    run(server, [one, three, six])
    effects = server.elapsed(three.received_us + WAIT_US)
    assert gaps(effects) == [(2, 2, 1), (4, 5, 2)]
    assert [gap.before_message for gap in of(SequenceGap, effects)] == [three.number, six.number]
    assert [gap.bd_seq for gap in of(SequenceGap, effects)] == [7, 7]
    assert values(effects, live=True) == [3.0, 6.0]
    assert [one.reasons for one in of(RequestRebirth, effects)] == [(RebirthReason.GAP,)]
    after = run(server, several(edge, 1, first=7))
    assert values(after, live=True) == [7.0]
    assert gaps(after) == []


@pytest.mark.tck("tck-id-operational-behavior-host-reordering-param")
def test_with_no_time_to_wait_a_gap_is_found_at_once() -> None:
    server, edge = ServerSessions(reorder_us=0), Edge()
    server.receive(edge.birth())
    _, two = several(edge, 2)
    effects = server.receive(two)
    assert gaps(effects) == [(1, 1, 1)]
    assert values(effects, live=True) == [2.0]
    assert len(of(RequestRebirth, effects)) == 1


def test_the_wait_for_a_second_hole_begins_with_what_found_it(server: ServerSessions, edge: Edge) -> None:
    edge.step_ms = 1_500
    one, two, _, four = several(edge, 4)
    run(server, [two, four])
    server.receive(one)
    assert server.elapsed(two.received_us + WAIT_US) == []
    assert gaps(server.elapsed(four.received_us + WAIT_US)) == [(3, 3, 1)]


@pytest.mark.tck("tck-id-topics-ndata-seq-num")
def test_a_gap_over_the_wrap_is_counted_on(server: ServerSessions, edge: Edge) -> None:
    run(server, several(edge, 253))
    _, _, _, after = several(edge, 4)
    assert after.payload.seq == 1
    server.receive(after)
    assert gaps(server.elapsed(after.received_us + WAIT_US)) == [(254, 0, 3)]


def test_what_is_held_on_both_sides_of_the_wrap_is_taken_in_its_order(server: ServerSessions, edge: Edge) -> None:
    run(server, several(edge, 253))
    _, at_255, _, at_1 = several(edge, 4, first=254)
    run(server, [at_1, at_255])
    effects = server.elapsed(at_1.received_us + WAIT_US)
    assert gaps(effects) == [(254, 254, 1), (0, 0, 1)]
    assert values(effects, live=True) == [255.0, 257.0]


@pytest.mark.parametrize("lost", [127, 128, 129, 200, 255])
def test_a_long_loss_is_a_gap_too(server: ServerSessions, edge: Edge, lost: int) -> None:
    several(edge, lost)
    last = edge.data(999.0)
    assert values(server.receive(last)) == []
    effects = server.elapsed(last.received_us + WAIT_US)
    assert sum(count for _, _, count in gaps(effects)) == lost
    assert values(effects, live=True) == [999.0]


def test_256_messages_lost_in_a_row_leave_no_trace(server: ServerSessions, edge: Edge) -> None:
    several(edge, 256)
    assert gaps(run(server, several(edge, 1))) == []


def test_what_was_given_up_and_comes_late_fills_the_gap_and_moves_no_live_value(
    server: ServerSessions, edge: Edge
) -> None:
    one, two, three = several(edge, 3)
    run(server, [one, three])
    server.elapsed(three.received_us + WAIT_US)
    effects = server.receive(two)
    assert [(filled.seq, filled.message) for filled in of(GapFilled, effects)] == [(2, two.number)]
    assert values(effects, live=False) == [2.0]
    assert values(effects, live=True) == []
    assert of(GapFilled, server.receive(two)) == []
    assert server.sessions[NODE].metrics.by_name[None]["temperature"].value == 3.0


def test_a_gap_is_filled_once_also_by_messages_that_do_not_say_when_they_were_sent(
    server: ServerSessions, edge: Edge
) -> None:
    timeless = [
        message(Verb.NDATA, [metric("temperature", float(seq))], seq=seq, sent_ms=None, received_us=edge.now_ms * 1000)
        for seq in (1, 2)
    ]
    server.receive(timeless[1])
    assert gaps(server.elapsed(edge.now_ms * 1000 + WAIT_US)) == [(1, 1, 1)]
    assert len(of(GapFilled, run(server, [timeless[0], timeless[0]]))) == 1


def test_a_number_that_was_missing_one_round_ago_is_not_filled_by_the_next_round(
    server: ServerSessions, edge: Edge
) -> None:
    one, _, three = several(edge, 3)
    run(server, [one, three])
    server.elapsed(three.received_us + WAIT_US)
    several(edge, 254)
    after = edge.data(1.0)
    assert after.payload.seq == 2
    assert of(GapFilled, server.receive(after)) == []
    assert gaps(server.elapsed(after.received_us + WAIT_US)) == [(4, 1, 254)]


def test_a_message_delivered_twice_is_stored_again_and_moves_nothing(server: ServerSessions, edge: Edge) -> None:
    one, two, three = several(edge, 3)
    effects = run(server, [one, two, one, two, three])
    assert values(effects, live=True) == [1.0, 2.0, 3.0]
    assert values(effects, live=False) == [1.0, 2.0]
    assert gaps(effects) == []


def test_a_message_delivered_again_long_after_opens_no_gap(server: ServerSessions, edge: Edge) -> None:
    first, *others = several(edge, 200)
    run(server, [first, *others])
    assert values(server.receive(first), live=False) == [1.0]
    assert gaps(server.elapsed(edge.now_ms * 1000 + WAIT_US)) == []


def test_a_late_or_repeated_birth_of_a_device_is_stored_and_defines_nothing(server: ServerSessions, edge: Edge) -> None:
    older = edge.say(Verb.DBIRTH, [metric("pH", 7.0, alias=20)], device="BR-2")
    lost = edge.say(Verb.DBIRTH, [metric("pH", 7.1, alias=21)], device="BR-2")
    newer = edge.say(Verb.DBIRTH, [metric("DO", 40.0, alias=20)], device="BR-2")
    run(server, [older, newer])
    server.elapsed(newer.received_us + WAIT_US)
    effects = run(server, [lost, older])
    assert values(effects, live=False) == [7.1, 7.0]
    assert values(effects, live=True) == []
    after = server.receive(edge.say(Verb.DDATA, [metric(value=41.0, alias=20), metric("pH", 7.2)], device="BR-2"))
    assert (values(after, live=True), codes(after)) == ([41.0], ["unknown_metric"])


def test_a_message_held_twice_is_taken_once_and_stored_once_more(server: ServerSessions, edge: Edge) -> None:
    one, two = several(edge, 2)
    effects = run(server, [two, two, one])
    assert values(effects, live=True) == [1.0, 2.0]
    assert values(effects, live=False) == [2.0]
    assert set(accounted([one, two], effects)[one.number]) == {1}


@pytest.mark.tck("tck-id-payloads-ddeath-seq-number")
def test_the_death_of_a_device_waits_for_the_data_sent_before_it(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.say(Verb.DBIRTH, [metric("pH", 7.0)], device="BR-2"))
    data = edge.say(Verb.DDATA, [metric("pH", 7.1)], device="BR-2")
    death = edge.say(Verb.DDEATH, device="BR-2")
    assert run(server, [death]) == []
    effects = server.receive(data)
    assert values(effects, live=True) == [7.1]
    assert [one.device for one in of(DeviceOffline, effects)] == ["BR-2"]
    assert effects.index(of(DeviceOffline, effects)[0]) == len(effects) - 2
    assert server.sessions[NODE].metrics.by_name["BR-2"]["pH"].stale


@pytest.mark.tck(
    "tck-id-payloads-sequence-num-always-included",
    "tck-id-payloads-ndata-seq",
    "tck-id-payloads-ddata-seq",
    "tck-id-payloads-dbirth-seq",
    "tck-id-payloads-ddeath-seq",
)
@pytest.mark.parametrize("verb", [Verb.NDATA, Verb.DDATA, Verb.DBIRTH, Verb.DDEATH])
def test_a_message_without_a_number_is_taken_noted_and_asked_about(
    server: ServerSessions, edge: Edge, verb: Verb
) -> None:
    server.receive(edge.say(Verb.DBIRTH, [metric("pH", 7.0)], device="BR-2"))
    name = "pH" if verb.of_device else "temperature"
    bare = message(
        verb, [metric(name, 5.0)], seq=None, sent_ms=edge.now_ms + 1, device="BR-2" if verb.of_device else None
    )
    effects = server.receive(bare)
    assert values(effects) == ([] if verb is Verb.DDEATH else [5.0])
    assert [one.what for one in of(NonConformant, effects)] == ["no_seq"]
    assert [one.reasons for one in of(RequestRebirth, effects)] == [(RebirthReason.BAD_SEQ,)]
    assert values(server.receive(edge.data(1.0)), live=True) == [1.0]


def test_an_edge_node_that_numbers_nothing_is_taken_in_the_order_of_arrival() -> None:
    server = ServerSessions()
    own = [metric("bdSeq", 1.0), metric("x", 0.0)]
    effects = server.receive(message(Verb.NBIRTH, own, seq=None))
    for at in (1, 2, 3):
        effects += server.receive(message(Verb.NDATA, [metric("x", float(at))], seq=None, sent_ms=T0_MS + at))
    assert values(effects, live=True) == [0.0, 1.0, 2.0, 3.0]
    assert [one.what for one in of(NonConformant, effects)].count(Oddity.NO_SEQ) == 1
    assert of(RequestRebirth, effects) == []


def test_what_was_sent_after_a_birth_and_came_before_it_belongs_to_the_new_run(
    server: ServerSessions, edge: Edge
) -> None:
    run(server, several(edge, 5))
    birth = edge.birth()
    one, two = several(edge, 2)
    effects = run(server, [one, birth, two])
    assert gaps(effects) == []
    assert values(effects, live=True) == [37.0, 1.0, 2.0]


def test_what_was_held_at_a_birth_is_taken_with_its_gap_by_the_old_aliases(server: ServerSessions, edge: Edge) -> None:
    _, two = several(edge, 2)
    server.receive(two)
    edge.metrics = [metric("pressure", 1.0, alias=1), metric("temperature", 38.0, alias=2)]
    effects = server.receive(edge.birth())
    assert gaps(effects) == [(1, 1, 1)]
    assert values(effects, live=True) == [2.0, 1.0, 38.0]
    assert of(RequestRebirth, effects) == []


def test_what_was_sent_before_a_birth_and_comes_after_it_is_put_aside(server: ServerSessions, edge: Edge) -> None:
    run(server, several(edge, 9))
    old = edge.data(10.0)
    effects = run(server, [edge.birth(), old])
    assert [(one.code, one.index, one.message) for one in of(Refused, effects)] == [("no_session", None, old.number)]
    assert values(run(server, several(edge, 2)), live=True) == [1.0, 2.0]


@pytest.mark.parametrize("limit", ["MOST_HELD", "MOST_HELD_BYTES"])
def test_what_waits_is_bounded(server: ServerSessions, edge: Edge, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *later = several(edge, 6)
    monkeypatch.setattr(f"ingest.sparkplug.sequence.{limit}", 4 if limit == "MOST_HELD" else 4 * later[0].payload.size)
    assert gaps(run(server, later[:4])) == []
    assert gaps(run(server, later[4:])) == [(1, 1, 1)]


def test_what_waits_of_all_edge_nodes_together_is_bounded(
    server: ServerSessions, edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, two, three = several(edge, 3)
    monkeypatch.setattr("ingest.sparkplug.server.MOST_HELD_BYTES", two.payload.size)
    assert gaps(server.receive(two)) == []
    effects = server.receive(three)
    assert gaps(effects) == [(1, 1, 1)]
    assert values(effects, live=True) == [2.0, 3.0]
