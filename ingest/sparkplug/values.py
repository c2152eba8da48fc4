"""Take the metrics of one message: each becomes a reading, is refused with its reason, or is about the session."""

from dataclasses import dataclass, field

from ingest.sparkplug.codes import Code
from ingest.sparkplug.effects import Effect, Ignored, IgnoredBecause, Reading, Readings, RebirthReason, Refused
from ingest.sparkplug.message import Message
from ingest.sparkplug.metrics import KnownMetric, MetricTable, read_metric
from ingest.sparkplug.payload import WireMetric
from store.errors import PayloadRejected

# What another birth may put right.
ASKS = {
    Code.UNKNOWN_METRIC: RebirthReason.UNKNOWN_METRIC,
    Code.UNKNOWN_ALIAS: RebirthReason.UNKNOWN_METRIC,
    Code.ALIAS_DIFFERS: RebirthReason.UNKNOWN_METRIC,
    Code.DATATYPE_DIFFERS: RebirthReason.UNKNOWN_METRIC,
    Code.AMBIGUOUS_ALIAS: RebirthReason.BROKEN_BIRTH,
}


@dataclass(slots=True, kw_only=True)
class Taken:
    """What became of the metrics of a message, and why the edge node should be born again, if so."""

    effects: list[Effect] = field(default_factory=list)
    reasons: list[RebirthReason] = field(default_factory=list)
    ambiguous_aliases: list[int] = field(default_factory=list)


def take_birth(table: MetricTable, message: Message, *, live: bool) -> Taken:
    """Define what a birth describes and take its values, which are readings too."""
    taken = Taken()
    device = message.topic.device
    table.begin_device(device)
    known: list[KnownMetric | PayloadRejected] = []
    for metric in message.payload.metrics:
        try:
            known.append(table.define(device, metric))
        except PayloadRejected as rejection:
            known.append(rejection)
    _take(taken, message, known, live=live)
    for metric in message.payload.metrics:
        if metric.alias is not None and table.is_ambiguous(metric.alias):
            taken.ambiguous_aliases.append(metric.alias)
    if taken.ambiguous_aliases:
        taken.reasons.append(RebirthReason.BROKEN_BIRTH)
    return taken


def take_data(table: MetricTable, message: Message, *, live: bool) -> Taken:
    """Take the values of a message whose metrics births have described."""
    taken = Taken()
    known = [_resolved(table, message.topic.device, metric) for metric in message.payload.metrics]
    _take(taken, message, known, live=live)
    taken.reasons += [
        ASKS[effect.code] for effect in taken.effects if isinstance(effect, Refused) and effect.code in ASKS
    ]
    return taken


def refuse_message(message: Message, code: Code, reason: str) -> Refused:
    """The whole message is to be put aside."""
    return Refused(
        message=message.number,
        edge_node=message.topic.edge_node,
        device=message.topic.device,
        index=None,
        name=None,
        code=code,
        reason=reason,
    )


def ignore_message(message: Message, because: IgnoredBecause) -> Ignored:
    """The whole message is neither a value nor a fault."""
    return _ignored(message, None, because)


def _resolved(table: MetricTable, device: str | None, metric: WireMetric) -> KnownMetric | PayloadRejected:
    try:
        return table.resolve(device, metric)
    except PayloadRejected as rejection:
        return rejection


def _take(taken: Taken, message: Message, known: list[KnownMetric | PayloadRejected], *, live: bool) -> None:
    readings: list[Reading] = []
    control: list[int] = []
    refused: list[Effect] = []
    for index, (metric, found) in enumerate(zip(message.payload.metrics, known, strict=True)):
        if isinstance(found, PayloadRejected):
            refused.append(_refused(message, index, metric, found))
        elif found.is_control:
            control.append(index)
        else:
            try:
                readings.append(read_metric(found, metric, message, index, live=live))
            except PayloadRejected as rejection:
                refused.append(_refused(message, index, metric, rejection))
    if readings:
        taken.effects.append(
            Readings(
                message=message.number,
                edge_node=message.topic.edge_node,
                device=message.topic.device,
                readings=tuple(readings),
                birth=message.topic.verb.is_birth,
            )
        )
    if control:
        taken.effects.append(_ignored(message, tuple(control), IgnoredBecause.CONTROL))
    taken.effects += refused


def _refused(message: Message, index: int, metric: WireMetric, rejection: PayloadRejected) -> Refused:
    return Refused(
        message=message.number,
        edge_node=message.topic.edge_node,
        device=message.topic.device,
        index=index,
        name=metric.name if isinstance(metric.name, str) else None,
        code=Code(rejection.code),
        reason=rejection.reason,
    )


def _ignored(message: Message, indexes: tuple[int, ...] | None, because: IgnoredBecause) -> Ignored:
    return Ignored(
        message=message.number,
        edge_node=message.topic.edge_node,
        device=message.topic.device,
        indexes=indexes,
        because=because,
    )
