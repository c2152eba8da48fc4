"""Values by datatype: both forms of negatives, arrays as bytes, the edges of every width, and what fits none."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sparkplug.datatypes import ELEMENTS, INTEGERS, Datatype, Scalar, Value, read_datatype, read_value
from store.errors import PayloadRejected


def refused(datatype: Datatype, field: str, wire: Scalar) -> str:
    with pytest.raises(PayloadRejected) as refusal:
        read_value(datatype, field, wire)
    return refusal.value.code


@given(st.sampled_from(sorted(INTEGERS)), st.data())
def test_an_integer_is_read_whether_it_was_cut_to_its_width_or_sign_extended(
    datatype: Datatype, data: st.DataObject
) -> None:
    width, signed = INTEGERS[datatype]
    value = data.draw(
        st.integers(-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else st.integers(0, (1 << width) - 1)
    )
    assert read_value(datatype, "long_value", value & ((1 << width) - 1)) == value
    assert read_value(datatype, "long_value", value & ((1 << 64) - 1)) == value
    if width <= 32:
        assert read_value(datatype, "int_value", value & 0xFFFFFFFF) == value


@pytest.mark.parametrize(
    ("datatype", "field", "wire", "value"),
    [
        (Datatype.Int8, "int_value", 0x80, -128),
        (Datatype.Int8, "int_value", 0x7F, 127),
        (Datatype.UInt8, "int_value", 0xFF, 255),
        (Datatype.UInt8, "int_value", 0xFFFFFFFF, 255),
        (Datatype.UInt32, "long_value", 0xFFFFFFFF, 2**32 - 1),
        (Datatype.UInt32, "int_value", 0xFFFFFFFF, 2**32 - 1),
        (Datatype.UInt64, "long_value", 2**64 - 1, 2**64 - 1),
        (Datatype.Int64, "int_value", 12, 12),
        (Datatype.Boolean, "boolean_value", False, False),
        (Datatype.String, "string_value", "", ""),
        (Datatype.BooleanArray, "bytes_value", b"\x00\x00\x00\x00", ()),
        (Datatype.BooleanArray, "bytes_value", b"\x09\x00\x00\x00\x80\x80", (True, *[False] * 7, True)),
        (Datatype.StringArray, "bytes_value", b"", ()),
        (Datatype.StringArray, "bytes_value", b"\x00", ("",)),
        (Datatype.StringArray, "bytes_value", "µ\x00".encode(), ("µ",)),
        (Datatype.Int16Array, "bytes_value", b"\xff\xff\x01\x00", (-1, 1)),
    ],
)
def test_a_value_is_read(datatype: Datatype, field: str, wire: Scalar, value: Value) -> None:
    assert read_value(datatype, field, wire) == value


@pytest.mark.parametrize(
    ("datatype", "field", "wire"),
    [
        (Datatype.Int8, "int_value", 0x1FF),
        (Datatype.UInt8, "int_value", 256),
        (Datatype.UInt32, "long_value", 2**32),
        (Datatype.Int64, "int_value", 0xFFFFFFFB),
        (Datatype.Int32, "double_value", 1.0),
        (Datatype.Int32, "string_value", "1"),
        (Datatype.Double, "float_value", 1.0),
        (Datatype.Double, "int_value", 1),
        (Datatype.Boolean, "int_value", 1),
        (Datatype.String, "string_value", b"\xff"),
        (Datatype.Bytes, "string_value", "x"),
        (Datatype.Int8Array, "int_value", 1),
        (Datatype.Int16Array, "bytes_value", b"\x01"),
        (Datatype.DoubleArray, "bytes_value", b"\x01" * 12),
        (Datatype.BooleanArray, "bytes_value", b"\x01\x00"),
        (Datatype.BooleanArray, "bytes_value", b"\xff\xff\xff\xff\x80"),
        (Datatype.BooleanArray, "bytes_value", b"\x01\x00\x00\x00\x80\x80"),
        (Datatype.StringArray, "bytes_value", b"abc"),
        (Datatype.StringArray, "bytes_value", b"\xff\x00"),
    ],
)
def test_a_value_that_its_datatype_cannot_have_is_refused(datatype: Datatype, field: str, wire: Scalar) -> None:
    assert refused(datatype, field, wire) == "bad_value"


@given(st.sampled_from(sorted(ELEMENTS)), st.binary(max_size=200))
def test_the_elements_of_an_array_are_little_endian(datatype: Datatype, wire: bytes) -> None:
    size = struct.calcsize(f"<{ELEMENTS[datatype]}")
    if len(wire) % size:
        assert refused(datatype, "bytes_value", wire) == "bad_value"
        return
    values = read_value(datatype, "bytes_value", wire)
    assert isinstance(values, tuple)
    assert len(values) == len(wire) // size
    for index, value in enumerate(values):
        if isinstance(value, int):
            encoded = value.to_bytes(size, "little", signed=value < 0)
            assert encoded == wire[index * size : (index + 1) * size]


@pytest.mark.tck("tck-id-payloads-metric-datatype-value", "tck-id-payloads-metric-datatype-value-type")
@pytest.mark.parametrize("number", [0, 20, 21, 35, 2**32 - 1])
def test_a_number_that_is_no_datatype_of_a_metric_is_refused(number: int) -> None:
    with pytest.raises(PayloadRejected) as refusal:
        read_datatype(number)
    assert refusal.value.code == "unknown_datatype"
    assert str(number) in refusal.value.reason or number in {20, 21}


@pytest.mark.parametrize("number", [16, 19])
def test_datasets_and_templates_are_refused_by_their_name(number: int) -> None:
    with pytest.raises(PayloadRejected, match=Datatype(number).name) as refusal:
        read_datatype(number)
    assert refusal.value.code == "unsupported_datatype"
