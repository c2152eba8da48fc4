"""Read of a metric's properties what matters here: its Quality. What cannot be read is noted, never fatal."""

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from ingest.sparkplug import sparkplug_b_pb2 as wire
from ingest.sparkplug.datatypes import INTEGERS, UNSUPPORTED, Datatype, read_value
from store.errors import PayloadRejected
from store.model.reading import Quality

MOST_BYTES = 64 * 1024  # of one metric's properties
QUALITY = "Quality"
TYPES = frozenset(Datatype) - UNSUPPORTED
# Sparkplug has three codes. Stale means that the source did not confirm the value, not that it is known to be wrong.
QUALITIES = {0: Quality.BAD, 192: Quality.GOOD, 500: Quality.UNCERTAIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """What the properties of a metric say."""

    quality: Quality = Quality.GOOD
    quality_code: int | None = None  # as written; None: no quality is stated
    notes: tuple[str, ...] = ()


NONE = Properties()


def read_properties(encoded: bytes | None) -> Properties:
    """The properties in these bytes of a metric; None where it has none."""
    if not encoded:
        return NONE
    if len(encoded) > MOST_BYTES:
        return Properties(notes=(f"{len(encoded)} bytes of properties are not read; at most {MOST_BYTES} are",))
    try:
        properties = wire.PropertySet.FromString(encoded)
    except DecodeError:
        return Properties(notes=("the properties are no PropertySet and were not read",))
    if len(properties.keys) != len(properties.values):
        return Properties(
            notes=(f"properties with {len(properties.keys)} keys and {len(properties.values)} values were not read",)
        )
    found, unread = NONE, 0
    for key, value in zip(properties.keys, properties.values, strict=True):
        if value.type not in TYPES:
            unread += 1
        elif key == QUALITY:
            found = _quality(value)
    if unread:
        notes = (*found.notes, f"{unread} properties without a type or of an unknown one were not read")
        return Properties(quality=found.quality, quality_code=found.quality_code, notes=notes)
    return found


def _quality(value: wire.PropertyValue) -> Properties:
    field = value.WhichOneof("value")
    datatype = Datatype(value.type)
    if value.is_null or field is None or datatype not in INTEGERS:
        return Properties(notes=(f"the quality is of type {datatype.name}, not an Int32, and was not read",))
    try:
        code = read_value(datatype, field, getattr(value, field))
    except PayloadRejected as rejection:
        return Properties(notes=(f"the quality was not read: {rejection.reason}",))
    assert isinstance(code, int)
    if code not in QUALITIES:
        return Properties(
            quality=Quality.UNCERTAIN, quality_code=code, notes=(f"quality {code} is none of 0, 192 and 500",)
        )
    return Properties(quality=QUALITIES[code], quality_code=code)
