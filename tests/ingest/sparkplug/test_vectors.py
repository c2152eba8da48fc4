"""What others wrote: the payloads of two public encoders decode to what they encoded."""

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.sparkplug.datatypes import Datatype
from ingest.sparkplug.effects import (
    DeviceOffline,
    DeviceOnline,
    Effect,
    MetricsStale,
    NodeOffline,
    NodeOnline,
    NonConformant,
    OfflineCause,
    Reading,
    RequestRebirth,
    SequenceGap,
)
from ingest.sparkplug.message import Message
from ingest.sparkplug.payload import decode_payload, encode_rebirth_request
from ingest.sparkplug.server import ServerSessions
from ingest.sparkplug.topic import SparkplugTopic, parse_topic
from store.errors import PayloadRejected
from store.model.reading import Quality
from tests.ingest.sparkplug.edge import accounted, codes, of, readings

Vector = Mapping[str, Any]

FILE = json.loads((Path(__file__).parents[2] / "data/sparkplug/vectors.json").read_text(encoding="utf-8"))
VECTORS: Mapping[str, Vector] = {vector["id"]: vector for vector in FILE["vectors"]}
QUALITIES = {None: Quality.GOOD, 192: Quality.GOOD, 500: Quality.UNCERTAIN, 0: Quality.BAD}


def taken(*names: str, retained: bool = False) -> list[Message]:
    messages = []
    for number, name in enumerate(names):
        topic = parse_topic(VECTORS[name]["topic"])
        assert isinstance(topic, SparkplugTopic)
        payload = decode_payload(base64.b64decode(VECTORS[name]["payload"]))
        sent_us = (payload.timestamp_ms or 0) * 1000
        # A will is sent by the server when the edge node is gone; its timestamp is that of the CONNECT.
        received_us = sent_us if not name.startswith("ndeath") else 1_767_225_609_000_000 + number
        messages.append(
            Message(topic=topic, payload=payload, received_us=received_us, number=number, retained=retained)
        )
    return messages


def written(reading: Reading) -> dict[str, object]:
    """A reading as the file writes it."""
    value: object = reading.value
    if isinstance(value, tuple):
        value = list(value)
    elif isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    elif reading.datatype in {Datatype.Int64, Datatype.UInt64, Datatype.DateTime} and value is not None:
        value = str(value)
    elif isinstance(value, float) and math.isnan(value):
        value = "NaN"
    return {
        "name": reading.name,
        "datatype": reading.datatype.name,
        "time_ms": reading.source_time_us // 1000,
        "time_from": str(reading.time_from),
        "value": value,
        "historical": reading.is_historical,
        "transient": reading.is_transient,
        "quality": reading.quality,
    }


def expected(vector: Vector) -> list[dict[str, object]]:
    control = ("Node Control/", "bdSeq")
    return [
        {
            "name": metric["name"],
            "datatype": metric["datatype"],
            "time_ms": metric["time_ms"],
            "time_from": metric.get("time_from", "metric"),
            "value": metric["value"],
            "historical": metric.get("historical", False),
            "transient": metric.get("transient", False),
            "quality": QUALITIES[metric.get("quality")],
        }
        for metric in vector["metrics"]
        if "refused" not in metric and not metric["name"].startswith(control)
    ]


def session() -> tuple[list[Message], list[list[Effect]], ServerSessions]:
    server = ServerSessions()
    messages = taken(*FILE["session"])
    return messages, [server.receive(message) for message in messages], server


@pytest.mark.tck(
    "tck-id-topics-nbirth-topic",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-topic",
    "tck-id-message-flow-device-birth-publish-dbirth-topic",
    "tck-id-topics-ndata-topic",
    "tck-id-topics-ndeath-topic",
    "tck-id-topics-dbirth-topic",
    "tck-id-topics-ddata-topic",
    "tck-id-topics-ddeath-topic",
    "tck-id-payloads-alias-data-cmd-requirement",
    "tck-id-payloads-metric-datatype-not-req",
    "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-payloads-timestamp-in-UTC",
)
def test_a_session_of_a_foreign_edge_node_is_read_as_it_was_written() -> None:
    _, effects, _ = session()
    for name, one in zip(FILE["session"], effects, strict=True):
        if not name.startswith("ndeath"):
            assert [written(reading) for reading in readings(one)] == expected(VECTORS[name]), name


def test_a_session_of_a_foreign_edge_node_has_no_gap_and_nothing_odd() -> None:
    _, effects, _ = session()
    every = [effect for one in effects for effect in one]
    assert of(SequenceGap, every) == []
    assert of(RequestRebirth, every) == []
    assert [effect.what for effect in of(NonConformant, every)] == ["other_death"]


@pytest.mark.tck("tck-id-topics-ndeath-payload", "tck-id-payloads-ndeath-bdseq", "tck-id-topics-nbirth-bdseq-matching")
def test_only_the_death_with_the_births_bdseq_ends_the_session() -> None:
    messages, effects, _ = session()
    older, death = effects[-2:]
    assert of(NodeOffline, older) == []
    assert [(end.at_us, end.cause) for end in of(NodeOffline, death)] == [
        (messages[-1].received_us, OfflineCause.NDEATH)
    ]


def test_birth_and_death_of_a_foreign_device_are_seen_at_their_own_times() -> None:
    messages, effects, _ = session()
    every = [effect for one in effects for effect in one]
    assert [one.at_us for one in of(NodeOnline, every)] == [messages[0].received_us]
    assert [(one.device, one.at_us) for one in of(DeviceOnline, every)] == [("BR-2", 1_767_225_600_010_000)]
    ends = of(DeviceOffline, every)
    assert [(one.device, one.at_us, one.cause) for one in ends] == [
        ("BR-2", 1_767_225_608_000_000, OfflineCause.DDEATH)
    ]
    assert [stale.device for stale in of(MetricsStale, every)] == ["BR-2", None]


@pytest.mark.tck("tck-id-payloads-dataset-types-def", "tck-id-payloads-template-instance-ref")
def test_a_dataset_and_a_template_are_refused_alone() -> None:
    _, effects, _ = session()
    one = effects[FILE["session"].index("ddata_dataset_and_template")]
    assert codes(one) == ["unsupported_datatype", "unsupported_datatype"]
    assert [reading.value for reading in readings(one)] == [7.06]


def test_every_metric_of_a_session_is_accounted_for_once() -> None:
    messages, effects, _ = session()
    counts = accounted(messages, [effect for one in effects for effect in one])
    assert all(set(of_metrics) <= {1} for of_metrics in counts.values()), counts


def test_the_live_value_after_a_session_is_the_last_that_was_no_history() -> None:
    _, _, server = session()
    (one,) = server.sessions.values()
    ph = one.metrics.by_name["BR-2"]["pH"]
    assert (ph.value, ph.stale) == (7.06, True)


@pytest.mark.tck("tck-id-payloads-ndata-seq-inc", "tck-id-topics-ndata-seq-num")
def test_the_number_after_255_is_0() -> None:
    server = ServerSessions()
    birth, before, wrapped = taken("nbirth", "ndata_seq_255", "ndata_seq_wrapped_0")
    server.receive(birth)
    server.sessions[birth.topic.edge_node].sequence.next = 255
    assert [reading.value for reading in readings(server.receive(before) + server.receive(wrapped))] == [20.5, 20.75]


def test_another_producers_birth_is_read_as_it_was_written() -> None:
    server = ServerSessions()
    birth, _, other = taken("nbirth", "dbirth_all_scalars", "dbirth_other_producer")
    server.receive(birth)
    server.sessions[birth.topic.edge_node].sequence.next = 2
    effects = server.receive(other)
    assert [written(reading) for reading in readings(effects)] == expected(VECTORS["dbirth_other_producer"])
    assert codes(effects) == []


def test_a_truncated_payload_is_rejected_with_a_code() -> None:
    with pytest.raises(PayloadRejected) as rejected:
        decode_payload(base64.b64decode(VECTORS["ddata_truncated"]["payload"]))
    assert rejected.value.code == "not_sparkplug"


@pytest.mark.tck(
    "tck-id-topics-ncmd-timestamp",
    "tck-id-topics-ncmd-payload",
    "tck-id-payloads-ncmd-timestamp",
    "tck-id-payloads-ncmd-seq",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-name",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-value",
    "tck-id-operational-behavior-data-commands-ncmd-metric-value",
    "tck-id-payloads-name-cmd-requirement",
)
def test_a_rebirth_request_is_what_a_foreign_encoder_writes() -> None:
    ours = decode_payload(encode_rebirth_request(1_767_225_608_500))
    theirs = decode_payload(base64.b64decode(VECTORS["ncmd_rebirth"]["payload"]))
    assert ours.metrics == theirs.metrics
    assert (ours.timestamp_ms, ours.seq) == (1_767_225_608_500, None)
    (asked,) = ours.metrics
    assert (asked.name, asked.alias, asked.field, asked.value) == ("Node Control/Rebirth", None, "boolean_value", True)
