"""What the births of one edge node say: its metrics, their datatypes, aliases and current values.

Aliases are unique over the edge node and all its devices and hold until the next birth. Nothing is guessed: a metric
that its birth does not describe well enough stays in the table with the reason, so that its data are refused with it.
"""

from dataclasses import dataclass, field

from ingest.sparkplug.codes import Code
from ingest.sparkplug.datatypes import Datatype, Value, read_datatype, read_value
from ingest.sparkplug.effects import Reading, TimeFrom
from ingest.sparkplug.message import Message
from ingest.sparkplug.payload import BDSEQ, US_PER_MS, WireMetric
from store.errors import PayloadRejected
from store.fields import LATEST_US, shown
from store.model.reading import Quality

MOST_METRICS = 50_000  # of one edge node and its devices
MOST_NAME_CHARACTERS = 500
CONTROL = ("Node Control/", "Device Control/")


@dataclass(slots=True, kw_only=True)
class KnownMetric:
    """A metric of a birth with its current value. Not a value object: the session moves it on."""

    device: str | None
    name: str
    datatype: Datatype | None  # None: its birth was refused
    refusal: PayloadRejected | None = None  # what all its data are refused with
    value: Value | None = None
    time_us: int | None = None  # of the value; None: no live value yet
    quality: Quality = Quality.GOOD
    stale: bool = False
    aliases: list[int] = field(default_factory=list)

    @property
    def is_control(self) -> bool:
        """Whether it is about the session, not about the process."""
        return (self.device is None and self.name == BDSEQ) or self.name.startswith(CONTROL)


@dataclass(slots=True)
class MetricTable:
    """The metrics of one edge node by device (None: its own) and name, and by alias."""

    by_name: dict[str | None, dict[str, KnownMetric]] = field(default_factory=lambda: {None: {}})
    by_alias: dict[int, KnownMetric] = field(default_factory=dict)
    count: int = 0

    def begin_node(self) -> None:
        """Forget all aliases and the edge node's own metrics: an NBIRTH describes them anew."""
        self.by_alias.clear()
        self.begin_device(None)

    def begin_device(self, device: str | None) -> None:
        """Forget the metrics of one device and their aliases."""
        for known in self.by_name.get(device, {}).values():
            self.count -= 1
            for alias in known.aliases:
                if self.by_alias.get(alias) is known:
                    del self.by_alias[alias]
        self.by_name[device] = {}

    def define(self, device: str | None, metric: WireMetric) -> KnownMetric:
        """Take a metric of a birth, whose device has begun. Raises PayloadRejected when its data cannot be taken."""
        try:
            name = metric_name(metric)
        except PayloadRejected as rejection:
            if metric.alias is not None:
                self._alias(KnownMetric(device=device, name="", datatype=None, refusal=rejection), metric.alias)
            raise
        known = self.by_name[device].get(name)
        if known is None:
            if self.count >= MOST_METRICS:
                raise PayloadRejected(Code.TOO_MANY_METRICS, f"the edge node has {MOST_METRICS} metrics already")
            known = KnownMetric(device=device, name=name, datatype=None)
            try:
                known.datatype = _stated_datatype(metric)
            except PayloadRejected as rejection:
                known.refusal = rejection
            self.by_name[device][name] = known
            self.count += 1
        elif known.datatype is not None and metric.datatype != known.datatype:
            raise _differs(known, metric.datatype)
        if metric.alias is not None:
            self._alias(known, metric.alias)
        if known.refusal is not None:
            raise known.refusal
        return known

    def resolve(self, device: str | None, metric: WireMetric) -> KnownMetric:
        """The metric that a metric of data means. Raises PayloadRejected."""
        if metric.name is not None:
            known = self._by_name(device, metric)
        elif metric.alias is not None:
            known = self._by_alias(device, metric.alias)
        else:
            raise PayloadRejected(Code.MISSING_NAME, "a metric with neither name nor alias")
        if known.refusal is not None:
            raise known.refusal
        if metric.datatype is not None and metric.datatype != known.datatype:
            raise _differs(known, metric.datatype)
        return known

    def is_ambiguous(self, alias: int | None) -> bool:
        """Whether births gave an alias to two metrics, so that it means neither."""
        known = None if alias is None else self.by_alias.get(alias)
        return known is not None and known.refusal is not None and known.refusal.code == Code.AMBIGUOUS_ALIAS

    def names(self, device: str | None) -> tuple[str, ...]:
        """The names of the process metrics of a device, or of the edge node itself."""
        known = self.by_name.get(device, {}).values()
        return tuple(metric.name for metric in known if metric.datatype is not None and not metric.is_control)

    def make_stale(self, device: str | None) -> None:
        """Say of all metrics of a device that their values are not current any more; the values stay."""
        for metric in self.by_name.get(device, {}).values():
            metric.stale = True

    def _alias(self, known: KnownMetric, alias: int) -> None:
        other = self.by_alias.get(alias)
        if other is known:
            return
        if other is None:
            self.by_alias[alias] = known
            known.aliases.append(alias)
            return
        reason = f"alias {alias} is given to {_called(other)} and to {_called(known)}"
        refusal = PayloadRejected(Code.AMBIGUOUS_ALIAS, reason)
        self.by_alias[alias] = KnownMetric(device=None, name="", datatype=None, refusal=refusal)

    def _by_name(self, device: str | None, metric: WireMetric) -> KnownMetric:
        name = metric_name(metric)
        known = self.by_name.get(device, {}).get(name)
        if known is None:
            if metric.datatype is not None:
                read_datatype(metric.datatype)  # what is never taken needs no birth to be refused
            raise PayloadRejected(Code.UNKNOWN_METRIC, f"no birth names the metric {shown(name)}")
        if metric.alias is not None and self.by_alias.get(metric.alias) is not known:
            raise PayloadRejected(Code.ALIAS_DIFFERS, f"alias {metric.alias} is not that of {shown(name)}")
        return known

    def _by_alias(self, device: str | None, alias: int) -> KnownMetric:
        known = self.by_alias.get(alias)
        if known is None or (known.device != device and known.refusal is None):
            of = "the edge node" if device is None else shown(device)
            raise PayloadRejected(Code.UNKNOWN_ALIAS, f"no birth gives alias {alias} to a metric of {of}")
        return known


def metric_name(metric: WireMetric) -> str:
    """The name a metric states. Raises PayloadRejected."""
    name = metric.name
    if name is None or name in {"", b""}:
        raise PayloadRejected(Code.MISSING_NAME, "a metric without a name")
    if not isinstance(name, str) or len(name) > MOST_NAME_CHARACTERS or "\x00" in name:
        raise PayloadRejected(
            Code.BAD_NAME, f"a name must be UTF-8 of at most {MOST_NAME_CHARACTERS} characters, not {shown(name)}"
        )
    return name


def read_metric(known: KnownMetric, metric: WireMetric, message: Message, index: int, *, live: bool) -> Reading:
    """The value of a metric of a message. Raises PayloadRejected.

    `live`: it may become the current value, which it does unless it is history or older than the current one.
    """
    assert known.datatype is not None
    value, notes = _value(known.datatype, metric)
    time_us, time_from = _time(metric, message)
    moves = live and not metric.is_historical and (known.time_us is None or time_us >= known.time_us)
    if moves:
        known.value, known.time_us, known.quality, known.stale = value, time_us, metric.properties.quality, False
    return Reading(
        index=index,
        name=known.name,
        datatype=known.datatype,
        value=value,
        source_time_us=time_us,
        time_from=time_from,
        quality=metric.properties.quality,
        quality_code=metric.properties.quality_code,
        is_historical=metric.is_historical,
        is_transient=metric.is_transient,
        live=moves,
        notes=notes,
    )


def _value(datatype: Datatype, metric: WireMetric) -> tuple[Value | None, tuple[str, ...]]:
    """The value, None for null, and what is to be noted about it."""
    notes = metric.properties.notes
    if metric.field is None or metric.value is None:
        return None, notes if metric.is_null else (*notes, "there is neither a value nor is_null; taken as null")
    if metric.is_null:
        return None, (*notes, "there is a value beside is_null; taken as null")
    return read_value(datatype, metric.field, metric.value), notes


def _time(metric: WireMetric, message: Message) -> tuple[int, TimeFrom]:
    """When the value was captured: the metric's time, else the payload's, else that of the receipt."""
    sent_ms = message.payload.timestamp_ms
    if metric.timestamp_ms is not None:
        ms, time_from = metric.timestamp_ms, TimeFrom.METRIC
    elif sent_ms is not None:
        ms, time_from = sent_ms, TimeFrom.PAYLOAD
    else:
        return message.received_us, TimeFrom.RECEIVED
    if ms * US_PER_MS > LATEST_US:
        raise PayloadRejected(Code.BAD_TIME, f"{time_from} timestamp {ms} lies beyond the year 9999")
    return ms * US_PER_MS, time_from


def _stated_datatype(metric: WireMetric) -> Datatype:
    if metric.datatype is None:
        raise PayloadRejected(Code.MISSING_DATATYPE, f"the birth of {shown(metric.name)} states no datatype")
    return read_datatype(metric.datatype)


def _differs(known: KnownMetric, stated: int | None) -> PayloadRejected:
    born = known.datatype.name if known.datatype is not None else "none"
    return PayloadRejected(Code.DATATYPE_DIFFERS, f"{shown(known.name)} was born as {born}, not as datatype {stated}")


def _called(known: KnownMetric) -> str:
    return shown(known.name) if known.device is None else f"{shown(known.name)} of {shown(known.device)}"
