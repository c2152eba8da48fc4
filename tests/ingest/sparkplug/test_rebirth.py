"""Requests for rebirth: when an edge node is asked, how often, and when not."""

import pytest

from ingest.sparkplug.codes import Oddity
from ingest.sparkplug.effects import (
    Effect,
    NodeOffline,
    NonConformant,
    RebirthReason,
    RequestRebirth,
)
from ingest.sparkplug.rebirth import JITTER, WAITS_S
from ingest.sparkplug.server import MOST_REQUESTS, QUIET_US, ServerSessions
from ingest.sparkplug.session import PROBE_US, NodeState
from ingest.sparkplug.topic import EdgeNode, SparkplugTopic, Verb
from store.model.times import US_PER_S
from tests.ingest.sparkplug.edge import NODE, T0_MS, Edge, codes, metric, of, run, values

DAY_S = 24 * 3600


@pytest.fixture
def server() -> ServerSessions:
    return ServerSessions()


@pytest.fixture
def edge() -> Edge:
    return Edge()


def asked(effects: list[Effect]) -> list[tuple[RebirthReason, ...]]:
    return [request.reasons for request in of(RequestRebirth, effects)]


def requests_over(server: ServerSessions, from_us: int, seconds: int) -> list[tuple[int, RequestRebirth]]:
    """The requests of so many seconds and when they left, asked for every second."""
    return [
        (second, request)
        for second in range(seconds)
        for request in of(RequestRebirth, server.elapsed(from_us + second * US_PER_S))
    ]


@pytest.mark.tck(
    "tck-id-message-flow-device-birth-publish-nbirth-wait",
    "tck-id-payloads-ndata-order",
    "tck-id-operational-behavior-data-commands-ncmd-metric-name",
)
@pytest.mark.parametrize("verb", [Verb.NDATA, Verb.DDATA, Verb.DBIRTH, Verb.DDEATH])
def test_what_comes_before_a_birth_is_put_aside_and_asked_about_once(
    server: ServerSessions, edge: Edge, verb: Verb
) -> None:
    device = "BR-2" if verb.of_device else None
    effects = run(server, [edge.say(verb, [metric("x", 1.0, alias=1)], device=device) for _ in range(3)])
    assert codes(effects) == ["no_session"] * 3
    assert asked(effects) == [(RebirthReason.NO_BIRTH,)]
    assert values(effects) == []


@pytest.mark.tck(
    "tck-id-payloads-ddata-order",
    "tck-id-topics-dbirth-metric-reqs",
    "tck-id-topics-nbirth-metric-reqs",
    "tck-id-operational-behavior-data-publish-nbirth",
    "tck-id-operational-behavior-data-publish-dbirth",
)
def test_what_no_birth_describes_is_put_aside_and_asked_about_once(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    server.receive(edge.say(Verb.DBIRTH, [metric("pH", 7.0, alias=20)], device="BR-2"))
    effects = server.receive(edge.say(Verb.NDATA, [metric("new", 1.0), metric(value=36.0, alias=1)]))
    assert (codes(effects), values(effects, live=True)) == (["unknown_metric"], [36.0])
    assert asked(effects) == [(RebirthReason.UNKNOWN_METRIC,)]
    effects = server.receive(edge.say(Verb.DDATA, [metric(value=1.0, alias=21)], device="BR-2"))
    effects += server.receive(edge.say(Verb.DDATA, [metric("pH", 1.0)], device="BR-3"))
    assert codes(effects) == ["unknown_alias", "device_not_born"]
    assert asked(effects) == []
    ((_, again),) = requests_over(server, edge.now_ms * 1000, 12)
    assert set(again.reasons) == {RebirthReason.UNKNOWN_METRIC, RebirthReason.UNBORN_DEVICE}


@pytest.mark.tck(
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload",
    "tck-id-message-flow-device-birth-publish-dbirth-payload",
)
@pytest.mark.parametrize("verb", [Verb.NBIRTH, Verb.DBIRTH])
def test_a_birth_that_cannot_be_read_is_asked_for_again_and_changes_nothing(
    server: ServerSessions, edge: Edge, verb: Verb
) -> None:
    run(server, [edge.birth(), edge.say(Verb.DBIRTH, [metric("pH", 7.0)], device="BR-2")])
    topic = SparkplugTopic(edge_node=NODE, verb=verb, device="BR-2" if verb.of_device else None)
    assert asked(server.receive_broken(topic, edge.now_ms * 1000)) == [(RebirthReason.BROKEN_BIRTH,)]
    effects = run(server, [edge.data(1.0), edge.say(Verb.DDATA, [metric("pH", 7.1)], device="BR-2")])
    assert values(effects, live=True) == [1.0, 7.1]


def test_data_that_cannot_be_read_leave_a_hole_in_the_sequence(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    broken = edge.data(1.0)
    assert server.receive_broken(broken.topic, broken.received_us) == []
    after = edge.data(2.0)
    server.receive(after)
    assert asked(server.elapsed(after.received_us + server.reorder_us)) == [(RebirthReason.GAP,)]


@pytest.mark.tck("tck-id-message-flow-edge-node-ncmd-subscribe")
def test_a_request_without_an_answer_is_repeated_less_and_less_often_and_then_reported(
    server: ServerSessions, edge: Edge
) -> None:
    first = edge.data(1.0)
    effects = server.receive(first)
    assert len(asked(effects)) == 1
    sent = requests_over(server, first.received_us, 3600)
    waits = [
        after - before for before, after in zip([0, *(at for at, _ in sent)], (at for at, _ in sent), strict=False)
    ]
    expected = [*WAITS_S, WAITS_S[-1], WAITS_S[-1], WAITS_S[-1]]
    assert [request.attempt for _, request in sent] == list(range(2, 2 + len(sent)))
    assert len(waits) >= len(WAITS_S) + 1
    for wait, about in zip(waits, expected, strict=False):
        assert (1 - JITTER) * about <= wait <= (1 + JITTER) * about + 1


def test_an_edge_node_that_never_answers_is_reported_once(server: ServerSessions, edge: Edge) -> None:
    first = edge.data(1.0)
    effects = server.receive(first)
    for second in range(DAY_S // 8):
        effects += server.elapsed(first.received_us + second * 8 * US_PER_S)
    assert [one.what for one in of(NonConformant, effects)] == [Oddity.REBIRTH_UNANSWERED]
    assert DAY_S / 660 - 1 <= len(asked(effects)) <= DAY_S / 540 + len(WAITS_S)


def test_the_waits_of_edge_nodes_differ() -> None:
    server = ServerSessions()
    nodes = [Edge(node=EdgeNode(group="g", node=f"n{number}")) for number in range(9)]
    run(server, [edge.data(1.0) for edge in nodes])
    start_us = T0_MS * 1000
    assert len({second for second, _ in requests_over(server, start_us, 200) if second > 50}) > 3


def test_births_that_do_not_help_are_asked_for_less_and_less_often(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    edge.step_ms = 1_000
    requests = 0
    for _ in range(1_200):
        effects = run(server, [edge.say(Verb.NDATA, [metric("never born", 1.0)])])
        effects += server.elapsed(edge.now_ms * 1000)
        if asked(effects):
            requests += 1
            server.receive(edge.birth())
    assert 5 <= requests <= len(WAITS_S) + 1


def test_after_a_long_time_without_a_reason_the_waits_are_short_again(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    for _ in range(4):
        edge.now_ms += 130_000
        assert len(asked(server.receive(edge.say(Verb.NDATA, [metric("never born", 1.0)])))) == 1
        server.receive(edge.birth())
    edge.now_ms += 660_000
    asking = edge.say(Verb.NDATA, [metric("never born", 1.0)])
    (request,) = of(RequestRebirth, server.receive(asking))
    assert request.attempt == 1
    assert min(second for second, _ in requests_over(server, asking.received_us, 20)) <= WAITS_S[0] * (1 + JITTER) + 1


@pytest.mark.tck("tck-id-operational-behavior-data-commands-rebirth-action-1")
def test_an_answer_ends_the_asking_and_what_was_under_way_before_it_is_taken(
    server: ServerSessions, edge: Edge
) -> None:
    server.receive(edge.birth())
    effects = server.receive(edge.say(Verb.NDATA, [metric("new", 1.0)]))
    assert len(asked(effects)) == 1
    assert values(server.receive(edge.data(1.0)), live=True) == [1.0]
    edge.metrics += [metric("new", 2.0)]
    effects = server.receive(edge.birth())
    assert values(effects, live=True) == [37.0, 2.0]
    assert requests_over(server, edge.now_ms * 1000, 3600) == []


def test_an_edge_node_that_is_offline_is_not_asked_again(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    server.receive(edge.say(Verb.NDATA, [metric("new", 1.0)]))
    server.receive(edge.death())
    assert requests_over(server, edge.now_ms * 1000, 3600) == []
    edge.now_ms += 3_600_000
    effects = server.receive(edge.data(1.0))
    assert codes(effects) == ["no_session"]
    assert asked(effects) == [(RebirthReason.NO_BIRTH,)]
    assert requests_over(server, edge.now_ms * 1000, 3600) == []


def test_after_going_online_there_is_a_moment_of_quiet(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    lost_us = edge.now_ms * 1000
    server.link_lost(lost_us)
    server.link_up(lost_us + US_PER_S)
    assert asked(server.receive(edge.data(1.0))) == []
    assert asked(server.elapsed(lost_us + QUIET_US)) == []
    effects = server.elapsed(lost_us + US_PER_S + QUIET_US)
    assert asked(effects) == [(RebirthReason.LINK_LOST, RebirthReason.NO_BIRTH)]


def test_an_edge_node_that_is_born_by_itself_in_that_moment_is_not_asked(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    server.link_lost(edge.now_ms * 1000)
    server.link_up(edge.now_ms * 1000)
    server.receive(edge.birth())
    assert requests_over(server, edge.now_ms * 1000, 3600) == []


@pytest.mark.parametrize("restarted", [False, True])
def test_after_a_loss_of_our_link_one_that_was_offline_is_probed(
    server: ServerSessions, edge: Edge, *, restarted: bool
) -> None:
    run(server, [edge.birth(), edge.death()])
    now_us = edge.now_ms * 1000
    if restarted:
        saved = server.saved(NODE)
        server = ServerSessions()
        server.restore([saved])
    else:
        server.link_lost(now_us)
    server.link_up(now_us)
    effects = server.elapsed(now_us + QUIET_US)
    assert asked(effects) == [(RebirthReason.LINK_LOST,)]
    effects = [effect for second in range(60) for effect in server.elapsed(now_us + QUIET_US + second * US_PER_S)]
    assert len(of(NodeOffline, effects)) == 1
    assert server.sessions[NODE].state is NodeState.OFFLINE
    assert requests_over(server, now_us + 2 * PROBE_US, 3600) == []


def test_no_more_requests_leave_in_a_second_than_allowed_and_none_is_forgotten(server: ServerSessions) -> None:
    nodes = [Edge(node=EdgeNode(group="g", node=f"n{number}")) for number in range(3 * MOST_REQUESTS)]
    effects = run(server, [edge.data(1.0) for edge in nodes])
    assert len(asked(effects)) == MOST_REQUESTS
    start_us = nodes[0].now_ms * 1000
    counts = []
    for second in (0, 1, 2, 3):
        effects_then = server.elapsed(start_us + second * US_PER_S)
        counts.append(len(asked(effects_then)))
        effects += effects_then
    assert counts == [0, MOST_REQUESTS, MOST_REQUESTS, 0]
    assert {request.edge_node for request in of(RequestRebirth, effects)} == {edge.node for edge in nodes}
