"""The datatypes of Sparkplug B: from the field of the wire that carries a value to the value.

Source: Sparkplug 3.0.0, section 6.4.16. Edge nodes differ in how they write integers: negatives arrive sign-extended to
the field or cut to the datatype's width, UInt32 in either integer field. Masking to the width reads all of them.
"""

import struct
from enum import IntEnum

from ingest.sparkplug.codes import Code
from store.errors import PayloadRejected
from store.fields import shown

Scalar = int | float | bool | str | bytes
Value = Scalar | tuple[int | float | bool | str, ...]


class Datatype(IntEnum):
    """The datatype numbers a metric can state."""

    Int8 = 1
    Int16 = 2
    Int32 = 3
    Int64 = 4
    UInt8 = 5
    UInt16 = 6
    UInt32 = 7
    UInt64 = 8
    Float = 9
    Double = 10
    Boolean = 11
    String = 12
    DateTime = 13  # ms since 1970 in UTC; the value is that number
    Text = 14
    UUID = 15
    DataSet = 16
    Bytes = 17
    File = 18
    Template = 19
    PropertySet = 20
    PropertySetList = 21
    Int8Array = 22
    Int16Array = 23
    Int32Array = 24
    Int64Array = 25
    UInt8Array = 26
    UInt16Array = 27
    UInt32Array = 28
    UInt64Array = 29
    FloatArray = 30
    DoubleArray = 31
    BooleanArray = 32
    StringArray = 33
    DateTimeArray = 34


UNSUPPORTED = frozenset({Datatype.DataSet, Datatype.Template})
PROPERTIES_ONLY = frozenset({Datatype.PropertySet, Datatype.PropertySetList})

# Width in bits, and whether the top bit means a negative number.
INTEGERS = {
    Datatype.Int8: (8, True),
    Datatype.Int16: (16, True),
    Datatype.Int32: (32, True),
    Datatype.Int64: (64, True),
    Datatype.UInt8: (8, False),
    Datatype.UInt16: (16, False),
    Datatype.UInt32: (32, False),
    Datatype.UInt64: (64, False),
    Datatype.DateTime: (64, False),
}
FIELDS = {
    Datatype.Float: "float_value",
    Datatype.Double: "double_value",
    Datatype.Boolean: "boolean_value",
    Datatype.String: "string_value",
    Datatype.Text: "string_value",
    Datatype.UUID: "string_value",
    Datatype.Bytes: "bytes_value",
    Datatype.File: "bytes_value",
}
# The elements of arrays, little-endian, as struct names them.
ELEMENTS = {
    Datatype.Int8Array: "b",
    Datatype.Int16Array: "h",
    Datatype.Int32Array: "i",
    Datatype.Int64Array: "q",
    Datatype.UInt8Array: "B",
    Datatype.UInt16Array: "H",
    Datatype.UInt32Array: "I",
    Datatype.UInt64Array: "Q",
    Datatype.FloatArray: "f",
    Datatype.DoubleArray: "d",
    Datatype.DateTimeArray: "Q",
}


def read_datatype(number: int) -> Datatype:
    """The datatype of a number that a metric states. Raises PayloadRejected for one that no metric may have.

    >>> read_datatype(9)
    <Datatype.Float: 9>
    """
    try:
        datatype = Datatype(number)
    except ValueError:
        raise PayloadRejected(Code.UNKNOWN_DATATYPE, f"datatype {number} is none of 1 to 34") from None
    if datatype in UNSUPPORTED:
        raise PayloadRejected(Code.UNSUPPORTED_DATATYPE, f"values of datatype {datatype.name} are not taken")
    if datatype in PROPERTIES_ONLY:
        raise PayloadRejected(Code.UNKNOWN_DATATYPE, f"datatype {datatype.name} belongs to properties, not to metrics")
    return datatype


def read_value(datatype: Datatype, field: str, wire: Scalar) -> Value:
    r"""The value that `wire`, found in `field` of a metric, has in a datatype. Raises PayloadRejected.

    >>> read_value(Datatype.Int8, "int_value", 0xFFFFFFFB), read_value(Datatype.Int8, "int_value", 0xFB)
    (-5, -5)
    >>> read_value(Datatype.BooleanArray, "bytes_value", b"\x03\x00\x00\x00\xa0")
    (True, False, True)
    """
    if datatype in INTEGERS:
        if field not in {"int_value", "long_value"} or not isinstance(wire, int):
            raise _wrong_field(datatype, field)
        if datatype is Datatype.Int64 and field == "int_value" and wire >> 31:
            raise PayloadRejected(Code.BAD_VALUE, f"{wire} in the 32 bits of int_value may be a negative Int64 or not")
        return _integer(datatype, wire)
    if datatype in FIELDS:
        if field != FIELDS[datatype]:
            raise _wrong_field(datatype, field)
        if FIELDS[datatype] == "string_value" and not isinstance(wire, str):
            raise PayloadRejected(Code.BAD_VALUE, f"the text {shown(wire)} is not UTF-8")
        return wire
    if field != "bytes_value" or not isinstance(wire, bytes):
        raise _wrong_field(datatype, field)
    return _array(datatype, wire)


def _integer(datatype: Datatype, wire: int) -> int:
    width, signed = INTEGERS[datatype]
    value = wire & ((1 << width) - 1)
    top = value >> (width - 1)
    # What is cut off must be nothing, or the sign of a number written with more bits.
    cut = wire >> width
    if cut and not (top and cut in {(1 << (32 - width)) - 1, (1 << (64 - width)) - 1}):
        raise PayloadRejected(Code.BAD_VALUE, f"{wire} does not fit {datatype.name}")
    return value - (1 << width) if signed and top else value


def _array(datatype: Datatype, wire: bytes) -> tuple[int | float | bool | str, ...]:
    if datatype is Datatype.BooleanArray:
        return _booleans(wire)
    if datatype is Datatype.StringArray:
        return _strings(wire)
    size = struct.calcsize(f"<{ELEMENTS[datatype]}")
    if len(wire) % size:
        raise PayloadRejected(Code.BAD_VALUE, f"{len(wire)} bytes are no whole number of elements of a {datatype.name}")
    return struct.unpack(f"<{len(wire) // size}{ELEMENTS[datatype]}", wire)


def _booleans(wire: bytes) -> tuple[bool, ...]:
    """A count in four bytes, then the bits from the most significant one."""
    count = int.from_bytes(wire[:4], "little")
    if len(wire) < 4 or len(wire) - 4 != (count + 7) // 8:
        raise PayloadRejected(Code.BAD_VALUE, f"a BooleanArray of {len(wire)} bytes does not hold {count} elements")
    return tuple(bool(wire[4 + index // 8] >> (7 - index % 8) & 1) for index in range(count))


def _strings(wire: bytes) -> tuple[str, ...]:
    """Texts in UTF-8, each ended by NUL."""
    if wire and not wire.endswith(b"\x00"):
        raise PayloadRejected(Code.BAD_VALUE, "the last text of a StringArray does not end")
    try:
        return tuple(text.decode() for text in wire.split(b"\x00")[:-1])
    except UnicodeDecodeError:
        raise PayloadRejected(Code.BAD_VALUE, "a text of a StringArray is not UTF-8") from None


def _wrong_field(datatype: Datatype, field: str) -> PayloadRejected:
    return PayloadRejected(Code.BAD_VALUE, f"a {datatype.name} cannot be in {field}")
