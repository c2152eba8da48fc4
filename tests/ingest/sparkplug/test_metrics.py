"""Metrics and aliases: what a birth defines is what data mean, and nothing is guessed."""

import pytest

from ingest.sparkplug.codes import Oddity
from ingest.sparkplug.datatypes import Datatype
from ingest.sparkplug.effects import NonConformant, RebirthReason, RequestRebirth, TimeFrom
from ingest.sparkplug.metrics import MOST_METRICS, MOST_NAME_CHARACTERS
from ingest.sparkplug.server import ServerSessions
from ingest.sparkplug.sparkplug_b_pb2 import Metric
from ingest.sparkplug.topic import Verb
from store.model.reading import Quality
from tests.ingest.sparkplug.edge import NODE, T0_MS, Edge, accounted, codes, message, metric, of, readings, run, values


@pytest.fixture
def server() -> ServerSessions:
    return ServerSessions()


@pytest.fixture
def edge() -> Edge:
    return Edge()


def live(server: ServerSessions, name: str = "temperature", device: str | None = None) -> object:
    return server.sessions[NODE].metrics.by_name[device][name].value


@pytest.mark.tck(
    "tck-id-topics-nbirth-metrics",
    "tck-id-topics-dbirth-metrics",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-metric-datatype-value",
    "tck-id-payloads-name-requirement",
    "tck-id-payloads-alias-birth-requirement",
)
@pytest.mark.parametrize("verb", [Verb.NBIRTH, Verb.DBIRTH])
def test_a_metric_that_its_birth_does_not_describe_is_refused_alone_then_and_later(
    server: ServerSessions, edge: Edge, verb: Verb
) -> None:
    own = [
        metric(value=1.0, alias=11),
        metric("no datatype", 1.0, bare=True, alias=12),
        metric("no such datatype", 1.0, datatype=None, alias=13),
        metric("set", datatype=Datatype.DataSet, alias=14),
        metric("", 1.0, alias=15),
        metric("n" * (MOST_NAME_CHARACTERS + 1), 1.0, alias=16),
        metric("nul\x00", 1.0, alias=17),
        metric("good", 1.0, alias=18),
    ]
    own[2].datatype = 35
    device = "BR-2" if verb is Verb.DBIRTH else None
    if verb is Verb.NBIRTH:
        edge.metrics = own
        effects = server.receive(edge.birth())
    else:
        server.receive(edge.birth())
        effects = server.receive(edge.say(verb, own, device=device))
    why = [
        "missing_name",
        "missing_datatype",
        "unknown_datatype",
        "unsupported_datatype",
        "missing_name",
        "bad_name",
        "bad_name",
    ]
    assert codes(effects) == why
    assert values(effects, live=True) == [1.0]
    data = edge.say(
        Verb.DDATA if device else Verb.NDATA, [metric(value=2.0, alias=alias) for alias in range(11, 19)], device=device
    )
    effects = server.receive(data)
    assert codes(effects) == why
    assert values(effects, live=True) == [2.0]
    assert of(RequestRebirth, effects) == []  # another birth of that kind would help nobody


@pytest.mark.tck("tck-id-payloads-name-requirement")
def test_a_metric_of_data_without_name_and_alias_is_refused_alone(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    effects = server.receive(edge.say(Verb.NDATA, [metric(value=1.0), metric("temperature", 2.0)]))
    assert (codes(effects), values(effects, live=True)) == (["missing_name"], [2.0])


def test_a_name_that_is_not_utf8_is_refused_alone(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    broken = Metric.FromString(metric("xx", 1.0).SerializeToString().replace(b"xx", b"\xff\xfe"))
    effects = server.receive(edge.say(Verb.NDATA, [broken, metric("temperature", 2.0)]))
    assert (codes(effects), values(effects, live=True)) == (["bad_name"], [2.0])


@pytest.mark.tck("tck-id-payloads-alias-data-cmd-requirement")
def test_an_alias_may_be_0_or_very_large_and_stands_for_name_and_datatype(server: ServerSessions, edge: Edge) -> None:
    edge.metrics = [metric("a", -1, datatype=Datatype.Int8, alias=0), metric("b", 1.5, alias=2**64 - 1)]
    server.receive(edge.birth())
    own = [
        metric(value=-2, datatype=Datatype.Int8, bare=True, alias=0),
        metric(value=2.5, bare=True, alias=2**64 - 1),
    ]
    found = readings(server.receive(edge.say(Verb.NDATA, own)))
    assert [(one.name, one.datatype, one.value) for one in found] == [
        ("a", Datatype.Int8, -2),
        ("b", Datatype.Double, 2.5),
    ]


@pytest.mark.parametrize("alias", [None, 1])
def test_a_name_is_taken_with_or_without_its_alias_and_the_datatype_comes_from_the_birth(
    server: ServerSessions, edge: Edge, alias: int | None
) -> None:
    server.receive(edge.birth())
    effects = server.receive(edge.say(Verb.NDATA, [metric("temperature", 36.0, bare=True, alias=alias)]))
    assert values(effects, live=True) == [36.0]


@pytest.mark.tck("tck-id-payloads-metric-datatype-not-req")
@pytest.mark.parametrize(
    ("own", "code"),
    [
        (metric("temperature", 36.0, alias=2), "alias_differs"),
        (metric("temperature", 36.0, alias=99), "alias_differs"),
        (metric("temperature", 36.0, datatype=Datatype.Float), "datatype_differs"),
        (metric(value=36, datatype=Datatype.Int32, alias=1), "datatype_differs"),
        (metric(value=36.0, alias=20), "unknown_alias"),
        (metric("pH", 7.0), "unknown_metric"),
    ],
)
def test_what_contradicts_the_birth_is_refused_and_asked_about(
    server: ServerSessions, edge: Edge, own: Metric, code: str
) -> None:
    edge.metrics += [metric("pressure", 1.0, alias=2)]
    run(server, [edge.birth(), edge.say(Verb.DBIRTH, [metric("pH", 7.0, alias=20)], device="BR-2")])
    effects = server.receive(edge.say(Verb.NDATA, [own, metric("pressure", 2.0)]))
    assert (codes(effects), values(effects, live=True)) == ([code], [2.0])
    assert [one.reasons for one in of(RequestRebirth, effects)] == [(RebirthReason.UNKNOWN_METRIC,)]
    assert live(server) == 37.0


@pytest.mark.tck("tck-id-payloads-alias-uniqueness")
def test_an_alias_given_twice_means_neither_metric(server: ServerSessions, edge: Edge) -> None:
    birth = edge.birth()
    device = edge.say(Verb.DBIRTH, [metric("pH", 7.0, alias=1), metric("DO", 40.0, alias=2)], device="BR-2")
    effects = run(server, [birth, device])
    assert values(effects, live=True) == [37.0, 7.0, 40.0]  # their names say what they are
    assert [one.what for one in of(NonConformant, effects)] == [Oddity.DUPLICATE_ALIAS]
    assert [one.reasons for one in of(RequestRebirth, effects)] == [(RebirthReason.BROKEN_BIRTH,)]
    by_alias = server.receive(edge.say(Verb.NDATA, [metric(value=1.0, alias=1)]))
    by_alias += server.receive(edge.say(Verb.DDATA, [metric(value=1.0, alias=1)], device="BR-2"))
    assert codes(by_alias) == ["ambiguous_alias", "ambiguous_alias"]
    by_name = server.receive(edge.say(Verb.DDATA, [metric("pH", 7.1), metric(value=41.0, alias=2)], device="BR-2"))
    assert values(by_name, live=True) == [7.1, 41.0]


def test_a_birth_replaces_all_aliases(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    edge.metrics = [metric("pressure", 1.0, alias=1), metric("temperature", 37.0, alias=2)]
    server.receive(edge.birth())
    found = readings(server.receive(edge.say(Verb.NDATA, [metric(value=1.1, alias=1), metric(value=37.1, alias=2)])))
    assert [(one.name, one.value) for one in found] == [("pressure", 1.1), ("temperature", 37.1)]


def test_the_birth_of_a_device_frees_its_aliases_and_no_others(server: ServerSessions, edge: Edge) -> None:
    run(
        server,
        [
            edge.birth(),
            edge.say(Verb.DBIRTH, [metric("pH", 7.0, alias=20)], device="BR-2"),
            edge.say(Verb.DBIRTH, [metric("pH", 6.0, alias=30)], device="BR-3"),
            edge.say(Verb.DBIRTH, [metric("DO", 40.0, alias=20), metric("pH", 7.0, alias=21)], device="BR-2"),
        ],
    )
    effects = run(
        server,
        [
            edge.say(Verb.DDATA, [metric(value=41.0, alias=20)], device="BR-2"),
            edge.say(Verb.DDATA, [metric(value=6.1, alias=30)], device="BR-3"),
            edge.data(38.0),
        ],
    )
    assert [(one.name, one.value) for one in readings(effects)] == [("DO", 41.0), ("pH", 6.1), ("temperature", 38.0)]
    assert of(NonConformant, effects) == []


@pytest.mark.tck("tck-id-topics-ndata-payload", "tck-id-topics-ddata-payload")
def test_what_is_not_mentioned_keeps_its_value(server: ServerSessions, edge: Edge) -> None:
    edge.metrics += [metric("pressure", 1.0, alias=2)]
    run(server, [edge.birth(), edge.data(38.0)])
    assert (live(server), live(server, "pressure")) == (38.0, 1.0)


@pytest.mark.tck(
    "tck-id-payloads-name-birth-data-requirement",
    "tck-id-topics-ndata-timestamp",
    "tck-id-topics-ddata-timestamp",
    "tck-id-payloads-nbirth-timestamp",
    "tck-id-payloads-ndata-timestamp",
    "tck-id-payloads-ddata-timestamp",
    "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-payloads-timestamp-in-UTC",
)
def test_a_reading_has_the_metrics_time_else_the_payloads_else_that_of_the_receipt(
    server: ServerSessions, edge: Edge
) -> None:
    server.receive(edge.birth())
    own = [metric("temperature", 1.0, at_ms=T0_MS - 5), metric("temperature", 2.0)]
    sent = message(Verb.NDATA, own, seq=1, sent_ms=edge.now_ms + 7)
    bare = message(Verb.NDATA, own[1:], seq=2, sent_ms=None, received_us=edge.now_ms * 1000 + 9999)
    found = readings(run(server, [sent, bare]))
    assert [(one.source_time_us, one.time_from) for one in found] == [
        ((T0_MS - 5) * 1000, TimeFrom.METRIC),
        ((edge.now_ms + 7) * 1000, TimeFrom.PAYLOAD),
        (edge.now_ms * 1000 + 9999, TimeFrom.RECEIVED),
    ]


def test_a_time_that_no_calendar_has_is_refused(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    own = [metric("temperature", 1.0, at_ms=2**64 - 1), metric("temperature", 2.0)]
    effects = server.receive(edge.say(Verb.NDATA, own))
    assert (codes(effects), values(effects, live=True)) == (["bad_time"], [2.0])
    late = message(Verb.DBIRTH, [metric("x", 1.0)], seq=edge.seq, sent_ms=2**63, received_us=5, device="BR-2")
    assert codes(server.receive(late)) == ["bad_time"]


@pytest.mark.tck(
    "tck-id-operational-behavior-data-publish-nbirth-order",
    "tck-id-operational-behavior-data-publish-dbirth-order",
)
@pytest.mark.parametrize("device", [None, "BR-2"])
def test_two_values_of_a_metric_are_both_stored_and_the_live_one_is_never_moved_back(
    server: ServerSessions, edge: Edge, device: str | None
) -> None:
    server.receive(edge.birth())
    if device is not None:
        server.receive(edge.say(Verb.DBIRTH, [metric("temperature", 37.0)], device=device))
    at_ms = edge.now_ms
    own = [
        metric("temperature", 1.0, at_ms=at_ms + 10),
        metric("temperature", 2.0, at_ms=at_ms + 30),
        metric("temperature", 3.0, at_ms=at_ms + 20),
    ]
    effects = server.receive(edge.say(Verb.DDATA if device else Verb.NDATA, own, device=device))
    assert [(one.value, one.live) for one in readings(effects)] == [(1.0, True), (2.0, True), (3.0, False)]
    assert live(server, device=device) == 2.0


@pytest.mark.tck(
    "tck-id-operational-behavior-data-publish-nbirth-change",
    "tck-id-operational-behavior-data-publish-dbirth-change",
)
def test_values_that_did_not_change_are_readings_all_the_same(server: ServerSessions, edge: Edge) -> None:
    effects = run(server, [edge.birth(), edge.data(37.0), edge.data(37.0)])
    assert values(effects, live=True) == [37.0, 37.0, 37.0]


@pytest.mark.tck(
    "tck-id-operational-behavior-data-publish-nbirth-values",
    "tck-id-operational-behavior-data-publish-dbirth-values",
)
@pytest.mark.parametrize("datatype", [Datatype.Double, Datatype.Int32, Datatype.String, Datatype.Boolean])
@pytest.mark.parametrize("device", [None, "BR-2"])
def test_null_is_null_and_no_zero(server: ServerSessions, edge: Edge, datatype: Datatype, device: str | None) -> None:
    own = [metric("x", datatype=datatype), Metric(name="y", datatype=datatype), metric("z", datatype=datatype)]
    own[2].long_value = 0
    if device is None:
        edge.metrics = own
        effects = server.receive(edge.birth())
    else:
        server.receive(edge.birth())
        effects = server.receive(edge.say(Verb.DBIRTH, own, device=device))
    found = [one for one in readings(effects) if one.name in {"x", "y", "z"}]
    assert [(one.value, one.live, len(one.notes)) for one in found] == [
        (None, True, 0),
        (None, True, 1),
        (None, True, 1),
    ]
    assert live(server, "x", device) is None


def test_history_is_a_reading_that_touches_no_live_value(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    own = [
        metric("temperature", 30.0, at_ms=edge.now_ms + 50, historical=True, quality=0),
        metric("temperature", 31.0, at_ms=edge.now_ms + 10),
        metric("temperature", 32.0, at_ms=edge.now_ms + 60, historical=True),
    ]
    found = readings(server.receive(edge.say(Verb.NDATA, own)))
    assert [(one.value, one.is_historical, one.live) for one in found] == [
        (30.0, True, False),
        (31.0, False, True),
        (32.0, True, False),
    ]
    known = server.sessions[NODE].metrics.by_name[None]["temperature"]
    assert (known.value, known.quality) == (31.0, Quality.GOOD)


def test_history_in_a_birth_defines_its_metric_and_leaves_it_without_a_live_value(
    server: ServerSessions, edge: Edge
) -> None:
    edge.metrics = [metric("temperature", 30.0, alias=1, historical=True)]
    server.receive(edge.birth())
    assert server.sessions[NODE].metrics.by_name[None]["temperature"].time_us is None
    assert values(server.receive(edge.data(31.0)), live=True) == [31.0]


def test_transient_values_bad_quality_and_nan_are_told(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    own = [
        metric("temperature", 30.0, transient=True),
        metric("temperature", 31.0, quality=0),
        metric("temperature", float("nan")),
    ]
    one, two, three = readings(server.receive(edge.say(Verb.NDATA, own)))
    assert (one.is_transient, one.quality) == (True, Quality.GOOD)
    assert (two.is_transient, two.quality, two.quality_code) == (False, Quality.BAD, 0)
    assert isinstance(three.value, float)
    assert three.value != 0
    assert str(three.value) == "nan"


def test_a_value_that_its_datatype_cannot_have_is_refused_alone(server: ServerSessions, edge: Edge) -> None:
    server.receive(edge.birth())
    wrong = Metric(name="temperature", int_value=3)
    effects = server.receive(edge.say(Verb.NDATA, [wrong, metric("temperature", 2.0)]))
    assert (codes(effects), values(effects, live=True)) == (["bad_value"], [2.0])
    assert of(RequestRebirth, effects) == []


def test_the_number_of_metrics_of_an_edge_node_is_bounded(
    server: ServerSessions, edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_METRICS == 50_000
    monkeypatch.setattr("ingest.sparkplug.metrics.MOST_METRICS", 4)
    birth = edge.birth()  # bdSeq, Rebirth, temperature
    device = edge.say(Verb.DBIRTH, [metric("a", 1.0), metric("b", 1.0)], device="BR-2")
    effects = run(server, [birth, device])
    assert codes(effects) == ["too_many_metrics"]
    again = edge.say(Verb.DBIRTH, [metric("c", 1.0), metric("d", 1.0)], device="BR-2")
    assert codes(server.receive(again)) == ["too_many_metrics"]
    assert set(server.sessions[NODE].metrics.by_name["BR-2"]) == {"c"}
    assert {count for counts in accounted([birth, device], effects).values() for count in counts} == {1}
