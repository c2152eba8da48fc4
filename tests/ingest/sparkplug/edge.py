"""An edge node as the tests play it: payloads as the wire has them, messages as the host takes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from ingest.sparkplug.datatypes import FIELDS, INTEGERS, Datatype
from ingest.sparkplug.effects import Effect, Ignored, Reading, Readings, Refused
from ingest.sparkplug.message import Message
from ingest.sparkplug.payload import BDSEQ, REBIRTH, decode_payload
from ingest.sparkplug.server import ServerSessions
from ingest.sparkplug.sparkplug_b_pb2 import Metric, Payload, PropertySet
from ingest.sparkplug.topic import EdgeNode, SparkplugTopic, Verb

T0_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
NODE = EdgeNode(group="Suite3", node="EN-07")
NULL = object()

One = TypeVar("One", bound=Effect)
_numbers = count(1)


def metric(
    name: str | None = None,
    value: object = NULL,
    *,
    datatype: Datatype | int | None = Datatype.Double,
    alias: int | None = None,
    at_ms: int | None = None,
    bare: bool = False,  # the datatype decides about the field but is not written
    historical: bool = False,
    transient: bool = False,
    quality: int | None = None,
) -> Metric:
    """A metric; without a value it is null."""
    made = Metric(name=name, alias=alias, timestamp=at_ms)
    if datatype is not None and not bare:
        made.datatype = datatype
    if historical:
        made.is_historical = True
    if transient:
        made.is_transient = True
    if quality is not None:
        made.properties = properties(Quality=quality)
    if value is NULL:
        made.is_null = True
    elif datatype in INTEGERS:
        assert isinstance(value, int)
        width = INTEGERS[Datatype(datatype)][0]
        setattr(made, "long_value" if width == 64 else "int_value", value & ((1 << width) - 1))
    else:
        setattr(made, FIELDS.get(Datatype(datatype or Datatype.Double), "bytes_value"), value)
    return made


def properties(**values: int) -> bytes:
    """A PropertySet of Int32 values."""
    encoded = PropertySet()
    for key, value in values.items():
        encoded.keys.append(key)
        encoded.values.add(type=int(Datatype.Int32), int_value=value & 0xFFFFFFFF)
    return encoded.SerializeToString()


def payload(metrics: Iterable[Metric] = (), *, seq: int | None, sent_ms: int | None = T0_MS) -> bytes:
    """The bytes of a payload."""
    return Payload(timestamp=sent_ms, seq=seq, metrics=list(metrics)).SerializeToString()


def message(
    verb: Verb,
    metrics: Iterable[Metric] = (),
    *,
    seq: int | None,
    sent_ms: int | None = T0_MS,
    received_us: int | None = None,
    device: str | None = None,
    node: EdgeNode = NODE,
    retained: bool = False,
    qos: int = 0,
) -> Message:
    """A message, received when it was sent unless stated otherwise."""
    return Message(
        topic=SparkplugTopic(edge_node=node, verb=verb, device=device),
        payload=decode_payload(payload(metrics, seq=seq, sent_ms=sent_ms)),
        received_us=(sent_ms or T0_MS) * 1000 if received_us is None else received_us,
        number=next(_numbers),
        retained=retained,
        qos=qos,
    )


@dataclass(slots=True, kw_only=True)
class Edge:
    """An edge node that follows the specification: one counter, a clock that runs 100 ms a message."""

    node: EdgeNode = NODE
    bd_seq: int | None = 7
    seq: int = 0  # of the next message
    now_ms: int = T0_MS
    metrics: list[Metric] = field(default_factory=lambda: [metric("temperature", 37.0, alias=1)])
    step_ms: int = 100

    def say(self, verb: Verb, metrics: Iterable[Metric] = (), *, device: str | None = None) -> Message:
        """The next message; lose it by not delivering it."""
        self.now_ms += self.step_ms
        seq, self.seq = self.seq, (self.seq + 1) % 256
        return message(verb, metrics, seq=seq, sent_ms=self.now_ms, device=device, node=self.node)

    def birth(self, *, seq: int = 0) -> Message:
        """An NBIRTH with the metrics of the edge node."""
        self.seq = seq
        own = [metric(REBIRTH, value=False, datatype=Datatype.Boolean), *self.metrics]
        if self.bd_seq is not None:
            own.insert(0, metric(BDSEQ, self.bd_seq, datatype=Datatype.Int64))
        return self.say(Verb.NBIRTH, own)

    def data(self, value: float, *, alias: int = 1) -> Message:
        """A value of the edge node's own metric."""
        return self.say(Verb.NDATA, [metric(value=value, alias=alias, bare=True, at_ms=self.now_ms + self.step_ms)])

    def death(self, *, bd_seq: int | None = None) -> Message:
        """The NDEATH of this session, or that of another."""
        self.now_ms += self.step_ms
        own = [metric(BDSEQ, self.bd_seq if bd_seq is None else bd_seq, datatype=Datatype.Int64)]
        return message(Verb.NDEATH, own, seq=None, sent_ms=T0_MS - 1000, received_us=self.now_ms * 1000, node=self.node)


def of(kind: type[One], effects: Iterable[Effect]) -> list[One]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def readings(effects: Iterable[Effect]) -> list[Reading]:
    """All readings, in order."""
    return [reading for effect in of(Readings, effects) for reading in effect.readings]


def values(effects: Iterable[Effect], *, live: bool | None = None) -> list[object]:
    """The values of all readings, or of those that became current or did not."""
    return [reading.value for reading in readings(effects) if live is None or reading.live is live]


def codes(effects: Iterable[Effect]) -> list[str]:
    """Why something was refused."""
    return [str(effect.code) for effect in of(Refused, effects)]


def run(server: ServerSessions, messages: Iterable[Message]) -> list[Effect]:
    """The effects of messages delivered in this order."""
    return [effect for one in messages for effect in server.receive(one)]


def accounted(messages: Sequence[Message], effects: Iterable[Effect]) -> dict[int, list[int]]:
    """By message, how often each of its metrics is in an effect; once is right."""
    counts = {one.number: [0] * len(one.payload.metrics) for one in messages}
    for effect in effects:
        match effect:
            case Readings():
                indexes = [reading.index for reading in effect.readings]
            case Refused(index=None) | Ignored(indexes=None):
                indexes = list(range(len(counts[effect.message])))
            case Refused(index=int(index)):
                indexes = [index]
            case Ignored(indexes=tuple(several)):
                indexes = list(several)
            case _:
                continue
        for index in indexes:
            counts[effect.message][index] += 1
    return counts
