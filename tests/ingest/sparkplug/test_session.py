"""Births and deaths: who is online since when, what is stale, and what only looks like one of them."""

import pytest

from ingest.sparkplug.datatypes import Datatype
from ingest.sparkplug.effects import (
    DeviceOffline,
    DeviceOnline,
    Effect,
    Ignored,
    IgnoredBecause,
    MetricsStale,
    NodeOffline,
    NodeOnline,
    NodeUnknown,
    NonConformant,
    OfflineCause,
    RebirthReason,
    RequestRebirth,
    SequenceGap,
    StaleCause,
)
from ingest.sparkplug.server import MOST_NODES, ServerSessions
from ingest.sparkplug.session import MOST_DEVICES, PROBE_US, DeviceState, NodeSession, NodeState
from ingest.sparkplug.topic import EdgeNode, Verb
from tests.ingest.sparkplug.edge import NODE, T0_MS, Edge, accounted, codes, message, metric, of, readings, run, values

PH = [metric("pH", 7.0, alias=20)]


@pytest.fixture
def server() -> ServerSessions:
    return ServerSessions()


@pytest.fixture
def edge() -> Edge:
    return Edge()


def session(server: ServerSessions, node: EdgeNode = NODE) -> NodeSession:
    return server.sessions[node]


def odd(effects: list[Effect]) -> list[str]:
    return [str(effect.what) for effect in of(NonConformant, effects)]


def test_a_birth_brings_an_edge_node_online_and_its_values_are_readings(server: ServerSessions, edge: Edge) -> None:
    birth = edge.birth()
    effects = server.receive(birth)
    assert of(NodeOnline, effects) == [
        NodeOnline(
            message=birth.number,
            edge_node=NODE,
            at_us=birth.received_us,
            bd_seq=7,
            rebirth=False,
            sent_ms=edge.now_ms,
        )
    ]
    assert values(effects, live=True) == [37.0]
    assert odd(effects) == []


@pytest.mark.tck(
    "tck-id-payloads-nbirth-rebirth-req",
    "tck-id-operational-behavior-data-commands-rebirth-value",
    "tck-id-operational-behavior-data-commands-rebirth-name-aliases",
)
def test_what_is_about_the_session_is_no_reading(server: ServerSessions, edge: Edge) -> None:
    edge.metrics += [metric("Node Control/Next Server", value=False, datatype=Datatype.Boolean, alias=5)]
    effects = server.receive(edge.birth())
    effects += server.receive(edge.say(Verb.NDATA, [metric(value=True, datatype=Datatype.Boolean, alias=5)]))
    assert [reading.name for reading in readings(effects)] == ["temperature"]
    ignored = of(Ignored, effects)
    assert [(one.indexes, one.because) for one in ignored] == [
        ((0, 1, 3), IgnoredBecause.CONTROL),
        ((0,), IgnoredBecause.CONTROL),
    ]


@pytest.mark.tck(
    "tck-id-payloads-nbirth-bdseq-repeat",
    "tck-id-operational-behavior-data-commands-rebirth-action-2",
    "tck-id-operational-behavior-data-commands-rebirth-action-3",
)
def test_a_rebirth_goes_on_with_the_session_and_makes_devices_stale_until_their_own(
    server: ServerSessions, edge: Edge
) -> None:
    run(server, [edge.birth(), edge.say(Verb.DBIRTH, PH, device="BR-2")])
    effects = server.receive(edge.birth())
    assert [one.rebirth for one in of(NodeOnline, effects)] == [True]
    assert of(NodeOffline, effects) == []
    assert [(one.device, one.cause, one.names) for one in of(MetricsStale, effects)] == [
        ("BR-2", StaleCause.AWAITING_BIRTH, ("pH",))
    ]
    assert codes(server.receive(edge.say(Verb.DDATA, [metric("pH", 7.1)], device="BR-2"))) == ["device_not_born"]
    effects = server.receive(edge.say(Verb.DBIRTH, PH, device="BR-2"))
    assert [one.device for one in of(DeviceOnline, effects)] == ["BR-2"]
    end = server.receive(edge.death())
    assert [one.bd_seq for one in of(NodeOffline, end)] == [7]


@pytest.mark.tck("tck-id-topics-nbirth-bdseq-increment")
@pytest.mark.parametrize("after", [8, 0, 255, 3])
def test_any_other_bdseq_begins_another_session(server: ServerSessions, edge: Edge, after: int) -> None:
    server.receive(edge.birth())
    edge.bd_seq = after
    assert [one.rebirth for one in of(NodeOnline, server.receive(edge.birth()))] == [False]
    assert of(NodeOffline, server.receive(edge.death(bd_seq=7))) == []
    assert [one.bd_seq for one in of(NodeOffline, server.receive(edge.death()))] == [after]


@pytest.mark.tck(
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale",
    "tck-id-conformance-mqtt-aware-ndeath-timestamp",
)
def test_a_death_takes_the_edge_node_and_its_devices_offline_at_host_time(server: ServerSessions, edge: Edge) -> None:
    devices = ("BR-1", "BR-2", "BR-3")
    run(server, [edge.birth()])
    for at, device in enumerate(devices):
        own = [metric("pH", 7.0, alias=20 + at), metric("DO", 40.0, alias=30 + at)]
        server.receive(edge.say(Verb.DBIRTH, own, device=device))
    death = edge.death()
    effects = server.receive(death)
    assert death.payload.timestamp_ms == T0_MS - 1000  # that of the CONNECT, which says nothing
    assert of(NodeOffline, effects) == [
        NodeOffline(edge_node=NODE, at_us=death.received_us, cause=OfflineCause.NDEATH, bd_seq=7)
    ]
    assert [(one.device, one.at_us, one.cause) for one in of(DeviceOffline, effects)] == [
        (device, death.received_us, OfflineCause.NODE) for device in devices
    ]
    assert [(one.device, one.at_us, one.names) for one in of(MetricsStale, effects)] == [
        (None, death.received_us, ("temperature",)),
        *((device, death.received_us, ("pH", "DO")) for device in devices),
    ]
    tables = session(server).metrics.by_name
    assert all(known.stale for table in tables.values() for known in table.values() if known.datatype is not None)
    assert tables["BR-2"]["pH"].value == 7.0


@pytest.mark.tck(
    "tck-id-payloads-ndeath-will-message-qos",
    "tck-id-message-flow-edge-node-birth-publish-will-message-qos",
    "tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath",
    "tck-id-operational-behavior-edge-node-intentional-disconnect-packet",
    "tck-id-payloads-ndeath-will-message-publisher",
)
def test_a_death_that_comes_again_changes_nothing(server: ServerSessions, edge: Edge) -> None:
    run(server, [edge.birth(), edge.death()])
    assert [type(effect) for effect in server.receive(edge.death())] == [Ignored]


@pytest.mark.tck("tck-id-topics-ndeath-seq", "tck-id-payloads-ndeath-seq")
def test_a_death_with_a_seq_is_noted_and_moves_no_sequence(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    stray = message(Verb.NDEATH, [metric("bdSeq", 6, datatype=Datatype.Int64)], seq=200)
    assert odd(server.receive(stray)) == ["stray_seq", "other_death"]
    assert values(server.receive(edge.data(1.0)), live=True) == [1.0]


@pytest.mark.tck("tck-id-topics-nbirth-bdseq-included", "tck-id-payloads-nbirth-bdseq")
def test_without_a_bdseq_in_the_birth_any_death_ends_the_session(server: ServerSessions, edge: Edge) -> None:
    edge.bd_seq = None
    effects = server.receive(edge.birth())
    assert odd(effects) == ["no_bdseq"]
    assert len(of(NodeOffline, server.receive(edge.death(bd_seq=99)))) == 1


def test_a_birth_gives_bdseq_an_alias_by_which_a_death_may_name_it(server: ServerSessions) -> None:
    server.receive(message(Verb.NBIRTH, [metric("bdSeq", 7, datatype=Datatype.Int64, alias=3)], seq=0))
    death = message(Verb.NDEATH, [metric(value=7, datatype=Datatype.Int64, alias=3)], seq=None)
    assert len(of(NodeOffline, server.receive(death))) == 1


@pytest.mark.parametrize("death", ["without bdSeq", "unreadable"])
def test_a_death_that_may_be_of_this_session_ends_it_unless_the_edge_node_answers(
    server: ServerSessions, edge: Edge, death: str
) -> None:
    for answers in (True, False):
        birth = edge.birth()
        server.receive(birth)
        if death == "unreadable":
            effects = server.receive_broken(birth.topic.__class__(edge_node=NODE, verb=Verb.NDEATH), birth.received_us)
        else:
            effects = server.receive(message(Verb.NDEATH, seq=None, received_us=birth.received_us))
        assert session(server).state is NodeState.ONLINE
        assert of(NodeOffline, effects) == []
        if answers:
            assert [one.reasons for one in of(RequestRebirth, effects)] == [(RebirthReason.OTHER_DEATH,)]
            server.receive(edge.data(1.0))
        ends = of(NodeOffline, server.elapsed(birth.received_us + PROBE_US))
        assert [one.cause for one in ends] == ([] if answers else [OfflineCause.UNANSWERED])


def test_a_death_of_no_session_seen_is_probed_and_unanswered_means_offline(server: ServerSessions, edge: Edge) -> None:
    death = edge.death()
    effects = server.receive(death)
    assert [one.reasons for one in of(RequestRebirth, effects)] == [(RebirthReason.OTHER_DEATH,)]
    assert of(NodeOffline, server.elapsed(death.received_us + PROBE_US - 1)) == []
    effects = server.elapsed(death.received_us + PROBE_US)
    assert [one.cause for one in of(NodeOffline, effects)] == [OfflineCause.UNANSWERED]
    assert of(MetricsStale, effects) == []
    assert of(RequestRebirth, server.elapsed(death.received_us + 100 * PROBE_US)) == []


@pytest.mark.tck(
    "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale",
    "tck-id-payloads-ddeath-timestamp",
    "tck-id-topics-ddeath-seq-num",
)
def test_the_death_of_a_device_makes_only_it_stale_at_the_payloads_time(server: ServerSessions, edge: Edge) -> None:
    run(
        server,
        [
            edge.birth(),
            edge.say(Verb.DBIRTH, PH, device="BR-2"),
            edge.say(Verb.DBIRTH, [metric("pH", 6.9, alias=21)], device="BR-3"),
        ],
    )
    at_ms = edge.now_ms
    death = message(Verb.DDEATH, seq=edge.seq, sent_ms=at_ms, received_us=at_ms * 1000 + 77, device="BR-2")
    edge.seq += 1
    effects = server.receive(death)
    assert [(one.device, one.at_us, one.received_us) for one in of(DeviceOffline, effects)] == [
        ("BR-2", at_ms * 1000, at_ms * 1000 + 77)
    ]
    assert [(one.device, one.at_us, one.names) for one in of(MetricsStale, effects)] == [
        ("BR-2", at_ms * 1000, ("pH",))
    ]
    after = server.receive(edge.say(Verb.DDATA, [metric(value=6.8, alias=21)], device="BR-3"))
    assert values(after, live=True) == [6.8]
    assert codes(server.receive(edge.say(Verb.DDATA, [metric(value=6.8, alias=20)], device="BR-2"))) == [
        "device_not_born"
    ]


def test_a_device_dies_once(server: ServerSessions, edge: Edge) -> None:
    run(server, [edge.birth(), edge.say(Verb.DBIRTH, PH, device="BR-2"), edge.say(Verb.DDEATH, device="BR-2")])
    effects = server.receive(edge.say(Verb.DDEATH, device="BR-2"))
    effects += server.receive(edge.death())
    assert of(DeviceOffline, effects) == []
    assert [one.device for one in of(MetricsStale, effects)] == [None]


def test_the_death_of_a_device_that_nobody_knows_is_taken_in_its_turn(server: ServerSessions, edge: Edge) -> None:
    effects = run(server, [edge.birth(), edge.say(Verb.DDEATH, device="BR-9"), edge.data(1.0)])
    assert of(DeviceOffline, effects) == []
    assert of(SequenceGap, effects) == []
    assert values(effects, live=True) == [37.0, 1.0]


@pytest.mark.tck("tck-id-topics-dbirth-timestamp", "tck-id-payloads-dbirth-timestamp")
def test_a_device_is_online_since_its_births_own_time(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    birth = message(Verb.DBIRTH, PH, seq=1, sent_ms=T0_MS + 5, received_us=T0_MS * 1000 + 9000, device="BR-2")
    (online,) = of(DeviceOnline, server.receive(birth))
    assert (online.at_us, online.received_us) == (T0_MS * 1000 + 5000, T0_MS * 1000 + 9000)


@pytest.mark.tck(
    "tck-id-topic-structure-namespace-unique-device-id",
    "tck-id-payloads-dbirth-order",
)
def test_a_second_birth_of_a_device_replaces_the_first_and_may_come_late(server: ServerSessions, edge: Edge) -> None:
    run(server, [edge.birth(), edge.data(1.0), edge.say(Verb.DBIRTH, PH, device="BR-2")])
    run(server, [edge.say(Verb.DBIRTH, [metric("DO", 40.0, alias=20)], device="BR-2")])
    assert set(session(server).devices) == {"BR-2"}
    assert codes(server.receive(edge.say(Verb.DDATA, [metric("pH", 7.1)], device="BR-2"))) == ["unknown_metric"]
    effects = server.receive(edge.say(Verb.DDATA, [metric(value=41.0, alias=20)], device="BR-2"))
    assert [(one.name, one.value) for one in readings(effects)] == [("DO", 41.0)]


@pytest.mark.tck(
    "tck-id-topic-structure-namespace-unique-edge-node-descriptor",
    "tck-id-topic-structure-namespace-duplicate-device-id-across-edge-node",
    "tck-id-message-flow-device-birth-publish-dbirth-match-edge-node-topic",
)
def test_edge_nodes_have_their_own_sessions_whatever_they_share(server: ServerSessions) -> None:
    nodes = [Edge(), Edge(node=EdgeNode(group="Suite4", node=NODE.node)), Edge(node=EdgeNode(group="Suite3", node="B"))]
    for edge in nodes:
        run(server, [edge.birth(), edge.say(Verb.DBIRTH, PH, device="D1")])
    server.receive(nodes[0].death())
    assert [session(server, edge.node).state for edge in nodes] == [
        NodeState.OFFLINE,
        NodeState.ONLINE,
        NodeState.ONLINE,
    ]
    other = nodes[1].say(Verb.DDATA, [metric(value=7.3, alias=20)], device="D1")
    assert values(server.receive(other), live=True) == [7.3]
    stranger = Edge(node=EdgeNode(group="Suite9", node="B"))
    assert codes(server.receive(stranger.say(Verb.DBIRTH, PH, device="D1"))) == ["no_session"]


@pytest.mark.tck(
    "tck-id-topics-nbirth-mqtt",
    "tck-id-topics-ndata-mqtt",
    "tck-id-topics-dbirth-mqtt",
    "tck-id-topics-ddata-mqtt",
    "tck-id-topics-ddeath-mqtt",
    "tck-id-payloads-nbirth-retain",
    "tck-id-payloads-dbirth-retain",
    "tck-id-payloads-ndata-retain",
    "tck-id-payloads-ddata-retain",
    "tck-id-payloads-ndeath-will-message-retain",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-retained",
    "tck-id-message-flow-device-birth-publish-dbirth-retained",
    "tck-id-message-flow-edge-node-birth-publish-will-message-will-retained",
)
@pytest.mark.parametrize("verb", [verb for verb in Verb if not verb.is_command])
def test_a_retained_message_is_old_and_says_nothing(server: ServerSessions, edge: Edge, verb: Verb) -> None:
    device = "BR-2" if verb.of_device else None
    own = [metric("bdSeq", 7, datatype=Datatype.Int64), metric("pH", 9.0, alias=20)]
    births = [edge.birth(), edge.say(Verb.DBIRTH, PH, device="BR-2")]
    for known in (False, True):
        if known:
            run(server, births)
        old = message(verb, own, seq=2, sent_ms=edge.now_ms + 1, device=device, retained=True)
        effects = server.receive(old)
        assert odd(effects) == ["retained"]
        assert [(one.because, one.indexes) for one in of(Ignored, effects)] == [(IgnoredBecause.RETAINED, None)]
        assert [one.reasons for one in of(RequestRebirth, effects)] == ([] if known else [(RebirthReason.NO_BIRTH,)])
        expected = NodeState.ONLINE if known else NodeState.UNKNOWN
        assert session(server).state is expected
    assert session(server).devices == {"BR-2": DeviceState.ONLINE}
    assert values(server.receive(edge.data(1.0)), live=True) == [1.0]


@pytest.mark.tck(
    "tck-id-payloads-nbirth-qos",
    "tck-id-payloads-dbirth-qos",
    "tck-id-payloads-ndata-qos",
    "tck-id-payloads-ddata-qos",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-qos",
    "tck-id-message-flow-device-birth-publish-dbirth-qos",
)
@pytest.mark.parametrize("verb", [Verb.NBIRTH, Verb.DBIRTH, Verb.NDATA, Verb.DDATA])
def test_another_qos_is_noted_once_and_the_message_is_taken(server: ServerSessions, edge: Edge, verb: Verb) -> None:
    device = "BR-2" if verb.of_device else None
    run(server, [edge.birth(), edge.say(Verb.DBIRTH, PH, device="BR-2")])
    own = {Verb.NBIRTH: edge.metrics, Verb.DBIRTH: PH, Verb.NDATA: [metric(value=1.0, alias=1)]}
    metrics = own.get(verb, [metric(value=1.0, alias=20)])
    seen = []
    for later in (1, 2):
        one = message(verb, metrics, seq=edge.seq, sent_ms=edge.now_ms + later, device=device, qos=1)
        edge.seq = edge.seq + 1
        effects = server.receive(one)
        assert len(readings(effects)) == 1
        seen += [what for what in odd(effects) if what == "qos"]
    assert seen == ["qos"]


@pytest.mark.tck("tck-id-principles-rbe-recommended", "tck-id-operational-behavior-device-ddeath")
def test_silence_makes_nothing_stale(server: ServerSessions, edge: Edge) -> None:
    run(server, [edge.birth(), edge.say(Verb.DBIRTH, PH, device="BR-2")])
    for hour in range(1, 100):
        assert server.elapsed((edge.now_ms + hour * 3_600_000) * 1000) == []
    edge.now_ms += 100 * 3_600_000
    assert values(server.receive(edge.data(1.0)), live=True) == [1.0]


def test_the_loss_of_our_own_link_makes_everything_stale_and_nothing_known(server: ServerSessions, edge: Edge) -> None:
    run(server, [edge.birth(), edge.say(Verb.DBIRTH, PH, device="BR-2")])
    effects = server.link_lost(edge.now_ms * 1000 + 5)
    assert of(NodeUnknown, effects) == [NodeUnknown(edge_node=NODE, at_us=edge.now_ms * 1000 + 5)]
    assert [(one.device, one.cause) for one in of(MetricsStale, effects)] == [
        (None, StaleCause.LINK_LOST),
        ("BR-2", StaleCause.LINK_LOST),
    ]
    assert codes(server.receive(edge.data(1.0))) == ["no_session"]
    assert server.link_lost(edge.now_ms * 1000 + 6) == []
    again = server.receive(edge.birth())
    assert [one.rebirth for one in of(NodeOnline, again)] == [True]


def test_a_birth_after_a_death_is_no_rebirth_also_when_our_link_was_lost_between(
    server: ServerSessions, edge: Edge
) -> None:
    run(server, [edge.birth(), edge.death()])
    server.link_lost(edge.now_ms * 1000)
    assert [one.rebirth for one in of(NodeOnline, server.receive(edge.birth()))] == [False]


def test_what_was_held_when_our_link_was_lost_is_taken_with_its_gap(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    edge.data(1.0)
    held = edge.data(2.0)
    assert readings(server.receive(held)) == []
    effects = server.link_lost(edge.now_ms * 1000)
    assert [(one.first, one.last, one.count) for one in of(SequenceGap, effects)] == [(1, 1, 1)]
    assert values(effects) == [2.0]


@pytest.mark.tck("tck-id-intro-edge-node-id-uniqueness", "tck-id-payloads-nbirth-edge-node-descriptor")
def test_two_clients_under_one_name_are_noticed(server: ServerSessions) -> None:
    one, other = Edge(bd_seq=3), Edge(bd_seq=9)
    effects = run(server, [one.birth()])
    other.now_ms = one.now_ms + 10
    effects += run(server, [other.birth()])
    assert odd(effects) == []
    one.now_ms = other.now_ms + 10
    assert odd(server.receive(one.birth())) == ["duplicate_node"]


def test_one_client_that_reconnects_again_and_again_is_no_duplicate(server: ServerSessions, edge: Edge) -> None:
    effects: list[Effect] = []
    for bd_seq in (7, 8, 9, 0, 1):
        edge.bd_seq = bd_seq
        effects += server.receive(edge.birth())
        if bd_seq % 2:
            effects += server.receive(edge.death())
    assert odd(effects) == []


def test_the_same_birth_delivered_twice_is_taken_once(server: ServerSessions, edge: Edge) -> None:
    birth = edge.birth()
    run(server, [birth, edge.data(1.0)])
    effects = server.receive(birth)
    assert [one.because for one in of(Ignored, effects)] == [IgnoredBecause.DUPLICATE_BIRTH]
    assert values(server.receive(edge.data(2.0)), live=True) == [2.0]


def test_an_older_birth_of_the_session_is_stored_and_asked_about(server: ServerSessions, edge: Edge) -> None:
    older, newer = edge.birth(), edge.birth()
    run(server, [newer, edge.data(1.0)])
    effects = server.receive(older)
    assert odd(effects) == ["older_birth"]
    assert values(effects, live=False) == [37.0]
    assert of(NodeOnline, effects) == []
    assert [one.reasons for one in of(RequestRebirth, effects)] == [(RebirthReason.BROKEN_BIRTH,)]
    # The answer of an edge node whose clock was set back is older as well, and is taken.
    edge.now_ms -= 3_600_000
    assert [one.rebirth for one in of(NodeOnline, server.receive(edge.birth()))] == [True]


@pytest.mark.tck("tck-id-topics-nbirth-rebirth-metric", "tck-id-operational-behavior-data-commands-rebirth-name")
@pytest.mark.parametrize("extra", [[], [metric("Node Control/Rebirth", 0, datatype=Datatype.Int8)]])
@pytest.mark.tck("tck-id-operational-behavior-data-commands-rebirth-datatype")
def test_an_edge_node_without_a_proper_rebirth_metric_is_noted_and_asked_all_the_same(
    server: ServerSessions, extra: list[object]
) -> None:
    own = [metric("bdSeq", 1, datatype=Datatype.Int64), *extra]
    assert odd(server.receive(message(Verb.NBIRTH, own, seq=0))) == ["no_rebirth_metric"]  # type: ignore[arg-type]
    effects = server.receive(message(Verb.NDATA, [metric("x", 1.0)], seq=1, sent_ms=T0_MS + 1))
    assert len(of(RequestRebirth, effects)) == 1


@pytest.mark.tck("tck-id-topics-nbirth-timestamp")
def test_a_birth_without_a_time_is_taken_with_that_of_its_receipt(server: ServerSessions) -> None:
    own = [metric("bdSeq", 1, datatype=Datatype.Int64), metric("x", 1.0)]
    effects = server.receive(message(Verb.NBIRTH, own, seq=0, sent_ms=None, received_us=77_000_000))
    assert odd(effects) == ["no_payload_time", "no_rebirth_metric"]
    assert [(one.source_time_us, one.time_from) for one in readings(effects)] == [(77_000_000, "received")]


@pytest.mark.tck("tck-id-case-sensitivity-metric-names")
def test_names_of_metrics_that_differ_by_case_are_kept_apart_and_noted_once(server: ServerSessions, edge: Edge) -> None:
    edge.metrics += [metric("Temperature", 36.0, alias=2)]
    effects = server.receive(edge.birth())
    assert odd(effects) == ["names_differ_by_case"]
    assert [reading.name for reading in readings(effects)] == ["temperature", "Temperature"]
    assert odd(server.receive(edge.birth())) == []


@pytest.mark.tck("tck-id-case-sensitivity-sparkplug-ids")
def test_edge_nodes_that_differ_by_case_are_kept_apart_and_noted(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    other = Edge(node=EdgeNode(group="suite3", node="en-07"))
    assert odd(server.receive(other.birth())) == ["names_differ_by_case"]
    assert len(server.sessions) == 2


def test_commands_of_other_hosts_are_ignored_and_make_no_session(server: ServerSessions) -> None:
    effects = server.receive(message(Verb.NCMD, [metric("Node Control/Rebirth", 1.0)], seq=None))
    effects += server.receive(message(Verb.DCMD, [metric("x", 1.0)], seq=None, device="d"))
    assert [one.because for one in of(Ignored, effects)] == [IgnoredBecause.COMMAND] * 2
    assert server.sessions == {}


def test_the_number_of_edge_nodes_and_devices_is_bounded(
    server: ServerSessions, edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sparkplug.session.MOST_DEVICES", 2)
    monkeypatch.setattr("ingest.sparkplug.server.MOST_NODES", 1)
    assert (MOST_DEVICES, MOST_NODES) == (1_000, 5_000)
    messages = [edge.birth(), *(edge.say(Verb.DBIRTH, PH, device=f"D{at}") for at in range(3))]
    effects = run(server, messages)
    assert codes(effects) == ["too_many_devices"]
    stranger = Edge(node=EdgeNode(group="g", node="n")).birth()
    assert codes(server.receive(stranger)) == ["too_many_nodes"]
    assert {count for counts in accounted(messages, effects).values() for count in counts} == {1}


def test_what_is_saved_of_a_session_is_what_a_restarted_host_begins_with(server: ServerSessions, edge: Edge) -> None:
    run(server, [edge.birth(), edge.data(1.0), edge.data(2.0)])
    saved = server.saved(NODE)
    assert (saved.state, saved.bd_seq, saved.last_seq) == (NodeState.ONLINE, 7, 2)
    restarted = ServerSessions()
    restarted.restore([saved])
    assert restarted.saved(NODE).state is NodeState.UNKNOWN
    assert (restarted.saved(NODE).bd_seq, restarted.saved(NODE).last_seq) == (7, 2)
    assert codes(restarted.receive(edge.data(3.0))) == ["no_session"]
    assert [one.rebirth for one in of(NodeOnline, restarted.receive(edge.birth()))] == [True]


def test_a_death_with_the_saved_bdseq_ends_the_session_after_a_restart(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    restarted = ServerSessions()
    restarted.restore([server.saved(NODE)])
    assert [one.cause for one in of(NodeOffline, restarted.receive(edge.death()))] == [OfflineCause.NDEATH]
