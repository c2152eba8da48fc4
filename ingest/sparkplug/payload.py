"""Read the bytes of a Sparkplug B payload: a Payload, or PayloadRejected with code and reason; never another exception.

What a metric means depends on the birth it refers to, so a metric here is what the wire says: its value is read by
`datatypes.read_value` once the session knows the datatype. Size and number of metrics are bounded before anything is
allocated for them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from ingest.sparkplug import sparkplug_b_pb2 as wire
from ingest.sparkplug.codes import Code
from ingest.sparkplug.datatypes import Datatype, Scalar
from ingest.sparkplug.properties import Properties, read_properties
from store.errors import PayloadRejected

MOST_BYTES = 4 * 1024 * 1024  # as much as a message of the plain topics
MOST_METRICS = 50_000  # in one payload
US_PER_MS = 1_000
REBIRTH = "Node Control/Rebirth"
BDSEQ = "bdSeq"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireMetric:
    """One metric of a payload as it was written; nothing is filled in from a birth."""

    name: str | bytes | None  # bytes: not UTF-8
    alias: int | None
    datatype: int | None
    timestamp_ms: int | None  # since 1970 in UTC, of the capture
    field: str | None  # the field of the wire that holds the value; None: no value
    value: Scalar | None  # of that field, not yet read by datatype
    is_null: bool
    is_historical: bool
    is_transient: bool
    properties: Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A payload: when it was sent, its place in the edge node's sequence, its metrics."""

    timestamp_ms: int | None  # since 1970 in UTC, of the sending
    seq: int | None  # as written; 0 to 255 when it follows the specification
    metrics: tuple[WireMetric, ...]
    size: int  # bytes on the wire
    digest: bytes  # of those bytes, to know a duplicate by


def decode_payload(payload: bytes) -> Payload:
    """The payload in these bytes. Raises PayloadRejected when they are none, or too large."""
    if len(payload) > MOST_BYTES:
        raise PayloadRejected(Code.TOO_LARGE, f"{len(payload)} bytes; at most {MOST_BYTES} are taken")
    if len(payload) > 2 * MOST_METRICS and _more_metrics_than(payload, MOST_METRICS):
        raise PayloadRejected(Code.TOO_MANY_METRICS, f"more than {MOST_METRICS} metrics in one payload")
    try:
        message = wire.Payload.FromString(payload)
    except DecodeError:
        raise PayloadRejected(Code.NOT_SPARKPLUG, "the payload is no Sparkplug B protobuf message") from None
    return Payload(
        timestamp_ms=message.timestamp if message.HasField("timestamp") else None,
        seq=message.seq if message.HasField("seq") else None,
        metrics=tuple(_metric(metric) for metric in message.metrics),
        size=len(payload),
        digest=hashlib.blake2b(payload, digest_size=16).digest(),
    )


def encode_rebirth_request(now_ms: int) -> bytes:
    """The payload of an NCMD that asks an edge node to publish its births again.

    >>> decode_payload(encode_rebirth_request(1_767_225_608_500)).metrics[0].name
    'Node Control/Rebirth'
    """
    message = wire.Payload(timestamp=now_ms)
    message.metrics.add(name=REBIRTH, timestamp=now_ms, datatype=int(Datatype.Boolean), boolean_value=True)
    return message.SerializeToString()


def read_bd_seq(payload: Payload, aliases: Sequence[int] = ()) -> int | None:
    """The number that ties a death to its birth, by name or else by one of its aliases; None where there is none.

    Only equality means anything, so both integer types and fields are taken as they are.
    """
    named = [metric for metric in payload.metrics if metric.name == BDSEQ]
    found = named or [metric for metric in payload.metrics if metric.name is None and metric.alias in aliases]
    for metric in found:
        if metric.field in {"int_value", "long_value"} and isinstance(metric.value, int) and not metric.is_null:
            return metric.value
    return None


def _metric(metric: wire.Metric) -> WireMetric:
    field = metric.WhichOneof("value")
    return WireMetric(
        name=metric.name if metric.HasField("name") else None,
        alias=metric.alias if metric.HasField("alias") else None,
        datatype=metric.datatype if metric.HasField("datatype") else None,
        timestamp_ms=metric.timestamp if metric.HasField("timestamp") else None,
        field=field,
        value=None if field is None else getattr(metric, field),
        is_null=metric.is_null,
        is_historical=metric.is_historical,
        is_transient=metric.is_transient,
        properties=read_properties(metric.properties if metric.HasField("properties") else None),
    )


def _more_metrics_than(payload: bytes, most: int) -> bool:
    """Whether a payload has more metrics, counted without allocating anything; False where it is no protobuf."""
    at, count, depth, end = 0, 0, 0, len(payload)  # depth: of groups, which no Sparkplug payload has
    try:
        while at < end:
            key, at = _varint(payload, at)
            kind = key & 7
            if kind == 0:
                _, at = _varint(payload, at)
            elif kind == 1:
                at += 8
            elif kind == 2:
                length, at = _varint(payload, at)
                at += length
                count += depth == 0 and key >> 3 == wire.Payload.METRICS_FIELD_NUMBER
            elif kind == 5:
                at += 4
            elif kind in {3, 4}:
                depth += 1 if kind == 3 else -1
            else:
                return False
            if count > most:
                return True
    except IndexError:
        pass
    return False


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """A number of at most ten bytes, and where the next thing begins. IndexError when it does not end."""
    number = 0
    for shift in range(0, 70, 7):
        byte = payload[at + shift // 7]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at + shift // 7 + 1
    raise IndexError
