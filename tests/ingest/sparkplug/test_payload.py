"""Payloads: any bytes are a Payload or a PayloadRejected, within bounds; properties never cost the value."""

import resource
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.sparkplug import payload as module
from ingest.sparkplug.datatypes import Datatype
from ingest.sparkplug.payload import MOST_BYTES, MOST_METRICS, decode_payload, read_bd_seq
from ingest.sparkplug.properties import MOST_BYTES as MOST_PROPERTY_BYTES
from ingest.sparkplug.properties import Properties, read_properties
from ingest.sparkplug.sparkplug_b_pb2 import Payload, PropertySet
from store.errors import PayloadRejected
from store.model.reading import Quality
from tests.ingest.sparkplug.edge import T0_MS, metric, payload, properties

A_PAYLOAD = payload(
    [
        metric("pH", 7.0, alias=1, at_ms=T0_MS, quality=192),
        metric("name", "µ", datatype=Datatype.String),
        metric("count", -5, datatype=Datatype.Int64, historical=True),
    ],
    seq=3,
)


# Fields of a payload, whole and broken; 0b … 0c is a group, which the parser passes over with all that is in it.
PIECES = st.sampled_from(
    [
        *(b"\x12\x00", b"\x12\x02\x10\x01", b"\x92\x00\x00", b"\x12\x80\x00", b"\x2a\x02\x12\x00", b"\x18\x01"),
        *(b"\x09" + b"\x12" * 8, b"\x0d" + b"\x12" * 4, b"\x08" + b"\x80" * 9 + b"\x01"),
        *(b"\x0b", b"\x0c", b"\x1b", b"\x1c", b"\x12", b"\x0f"),
    ]
)


def code_of(encoded: bytes) -> str:
    with pytest.raises(PayloadRejected) as refusal:
        decode_payload(encoded)
    return refusal.value.code


def outcome(encoded: bytes) -> str:
    """The code of a rejection, or that there was none."""
    try:
        decode_payload(encoded)
    except PayloadRejected as refusal:
        return refusal.code
    return "payload"


@given(st.binary(max_size=300))
@example(b"\x0b" * 100)
@example(b"\x12\x02\x0a\xff")
@example(b"\x12\x03\x0a\x01\xff")
def test_any_bytes_are_a_payload_or_are_rejected(encoded: bytes) -> None:
    assert outcome(encoded) in {"payload", "not_sparkplug"}


@given(st.data())
def test_a_damaged_payload_is_a_payload_or_is_rejected(data: st.DataObject) -> None:
    damaged = bytearray(A_PAYLOAD)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    encoded = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    assert outcome(encoded) in {"payload", "not_sparkplug"}


def test_what_is_absent_is_none_and_what_is_there_is_kept() -> None:
    empty = decode_payload(b"")
    assert (empty.timestamp_ms, empty.seq, empty.metrics) == (None, None, ())
    zero = decode_payload(payload([metric(alias=0)], seq=0, sent_ms=0))
    assert (zero.timestamp_ms, zero.seq, zero.metrics[0].alias) == (0, 0, 0)
    (long,) = decode_payload(payload([metric(alias=2**64 - 1)], seq=1)).metrics
    assert (long.alias, long.name, long.timestamp_ms) == (2**64 - 1, None, None)


@pytest.mark.tck(
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload",
    "tck-id-message-flow-device-birth-publish-dbirth-payload",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload",
)
@pytest.mark.parametrize("encoded", [b'{"timestamp": 1}', A_PAYLOAD[:-3], b"\xff" * 40, b"\x12\xff\xff\xff\xff\x7f"])
def test_bytes_of_another_kind_are_rejected(encoded: bytes) -> None:
    assert code_of(encoded) == "not_sparkplug"


def test_a_payload_beyond_the_limits_is_rejected_before_it_is_read() -> None:
    assert code_of(b"\x00" * (MOST_BYTES + 1)) == "too_large"
    assert len(decode_payload(b"\x12\x00" * MOST_METRICS).metrics) == MOST_METRICS
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert code_of(b"\x12\x00" * (MOST_BYTES // 2)) == "too_many_metrics"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * MOST_BYTES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB; parsing it took 240 MB


@given(st.lists(PIECES, max_size=12).map(b"".join) | st.binary(max_size=60), st.integers(0, 5))
@example(b"\x0b\x12\x00\x0c\x12\x00", 1)
def test_metrics_are_counted_as_the_parser_counts_them(encoded: bytes, most: int) -> None:
    try:
        metrics = len(Payload.FromString(encoded).metrics)
    except Exception:
        return
    assert module._more_metrics_than(encoded, most) == (metrics > most)


@pytest.mark.tck(
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
)
@pytest.mark.parametrize("datatype", [Datatype.Int64, Datatype.UInt64, Datatype.Int32, Datatype.UInt8])
def test_bdseq_is_found_by_name_or_alias_whatever_integer_it_is(datatype: Datatype) -> None:
    named = decode_payload(payload([metric("x", 1.0), metric("bdSeq", 255, datatype=datatype)], seq=None))
    assert read_bd_seq(named) == 255
    by_alias = decode_payload(payload([metric(value=0, alias=9, datatype=datatype)], seq=None))
    assert (read_bd_seq(by_alias, [9]), read_bd_seq(by_alias, [8]), read_bd_seq(by_alias)) == (0, None, None)


def test_a_bdseq_that_is_no_number_is_none() -> None:
    for one in (metric("bdSeq"), metric("bdSeq", "7", datatype=Datatype.String), metric("bdSeq", 7.0)):
        assert read_bd_seq(decode_payload(payload([one], seq=None))) is None


@pytest.mark.tck("tck-id-payloads-propertyset-quality-value-value", "tck-id-payloads-metric-propertyvalue-type-value")
@pytest.mark.parametrize(
    ("code", "quality"), [(0, Quality.BAD), (192, Quality.GOOD), (500, Quality.UNCERTAIN), (64, Quality.UNCERTAIN)]
)
def test_quality_is_read_and_an_unknown_code_is_uncertain(code: int, quality: Quality) -> None:
    read = read_properties(properties(engUnit=3, Quality=code))
    assert (read.quality, read.quality_code) == (quality, code)
    assert bool(read.notes) == (code == 64)


@pytest.mark.tck("tck-id-payloads-propertyset-quality-value-type")
def test_a_quality_that_is_no_integer_is_noted_and_not_used() -> None:
    encoded = PropertySet(keys=["Quality"])
    encoded.values.add(type=int(Datatype.String), string_value="bad")
    read = read_properties(encoded.SerializeToString())
    assert (read.quality, read.quality_code) == (Quality.GOOD, None)
    assert "String" in read.notes[0]


@pytest.mark.parametrize(("value", "says"), [({"is_null": True}, "not read"), ({"string_value": "0"}, "string_value")])
def test_a_quality_without_a_number_is_noted(value: dict[str, object], says: str) -> None:
    encoded = PropertySet(keys=["Quality"])
    encoded.values.add(type=int(Datatype.Int32), **value)
    read = read_properties(encoded.SerializeToString())
    assert read.quality is Quality.GOOD
    assert says in read.notes[0]


@pytest.mark.tck("tck-id-payloads-metric-propertyvalue-type-type", "tck-id-payloads-metric-propertyvalue-type-req")
def test_a_property_without_a_type_or_of_an_unknown_one_is_noted_and_the_others_are_read() -> None:
    encoded = PropertySet(keys=["a", "Quality", "b", "c"])
    encoded.values.add(int_value=1)
    encoded.values.add(type=int(Datatype.Int32), int_value=0)
    encoded.values.add(type=99, int_value=1)
    encoded.values.add(type=int(Datatype.PropertySet), propertyset_value=b"")
    read = read_properties(encoded.SerializeToString())
    assert read.quality is Quality.BAD
    assert read.notes == ("2 properties without a type or of an unknown one were not read",)


@pytest.mark.tck("tck-id-payloads-propertyset-keys-array-size", "tck-id-payloads-propertyset-values-array-size")
@pytest.mark.parametrize(("keys", "values"), [(2, 1), (1, 2), (0, 1)])
def test_properties_whose_keys_and_values_differ_in_number_are_noted_and_not_used(keys: int, values: int) -> None:
    encoded = PropertySet(keys=["Quality"] * keys)
    for _ in range(values):
        encoded.values.add(type=int(Datatype.Int32), int_value=0)
    read = read_properties(encoded.SerializeToString())
    assert read.quality is Quality.GOOD
    assert read.notes == (f"properties with {keys} keys and {values} values were not read",)


@pytest.mark.parametrize("encoded", [b"\xff\xff", b"\x0a" * (MOST_PROPERTY_BYTES + 1)])
def test_properties_that_cannot_be_read_leave_a_note(encoded: bytes) -> None:
    assert read_properties(encoded) == Properties(notes=read_properties(encoded).notes)
    assert len(read_properties(encoded).notes) == 1
