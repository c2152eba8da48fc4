"""What follows from a message, from the passing of time or from the loss of the connection: effects, in order.

The session decides, the host carries out: it stores readings, records gaps, publishes requests. Every metric of every
message taken is in exactly one Readings, Refused or Ignored once the message has had its turn; `message` is the number
the host gave it, which may be that of an earlier one that had been held.
"""

from dataclasses import dataclass
from enum import StrEnum

from ingest.sparkplug.codes import Code, Oddity
from ingest.sparkplug.datatypes import Datatype, Value
from ingest.sparkplug.topic import EdgeNode
from store.model.reading import Quality


class TimeFrom(StrEnum):
    """Whose time a reading has."""

    METRIC = "metric"
    PAYLOAD = "payload"  # the metric had none
    RECEIVED = "received"  # neither had one


class OfflineCause(StrEnum):
    """Why an edge node or a device is offline."""

    NDEATH = "ndeath"
    DDEATH = "ddeath"
    NODE = "node"  # a device whose edge node went offline
    UNANSWERED = "unanswered"  # a death that may be of this session, and a rebirth request without an answer


class StaleCause(StrEnum):
    """Why values are not current any more."""

    DEATH = "death"
    LINK_LOST = "link_lost"  # our own connection to the server
    AWAITING_BIRTH = "awaiting_birth"  # the edge node was born again, the device not yet


class IgnoredBecause(StrEnum):
    """Why metrics are neither stored nor put aside."""

    CONTROL = "control"  # bdSeq and Node Control/…: about the session, not about the process
    COMMAND = "command"  # another host's NCMD or DCMD
    RETAINED = "retained"  # an old message kept by the server
    DEATH = "death"  # an NDEATH carries no values
    DUPLICATE_BIRTH = "duplicate_birth"  # the same NBIRTH delivered again


class RebirthReason(StrEnum):
    """Why an edge node is asked to publish its births again."""

    GAP = "gap"
    NO_BIRTH = "no_birth"  # something came before an NBIRTH
    LINK_LOST = "link_lost"  # we were not connected and do not know what was sent
    UNBORN_DEVICE = "unborn_device"
    UNKNOWN_METRIC = "unknown_metric"
    BROKEN_BIRTH = "broken_birth"
    BAD_SEQ = "bad_seq"
    OTHER_DEATH = "other_death"  # a death that may be of this session or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One metric's value, resolved through the birth that says what it is."""

    index: int  # of the metric in its message
    name: str
    datatype: Datatype
    value: Value | None  # None: null
    source_time_us: int
    time_from: TimeFrom
    quality: Quality
    quality_code: int | None  # as the source wrote it
    is_historical: bool
    is_transient: bool  # to be shown, not stored
    live: bool  # it is now the metric's current value
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The values of one message, in its order; device None: the edge node's own metrics."""

    message: int
    edge_node: EdgeNode
    device: str | None
    readings: tuple[Reading, ...]
    birth: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A metric that cannot be taken, or, with index None, all metrics of a message; to be put aside with the reason."""

    message: int
    edge_node: EdgeNode
    device: str | None
    index: int | None
    name: str | None
    code: Code
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Metrics that are neither values nor faults; with indexes None all metrics of a message."""

    message: int
    edge_node: EdgeNode
    device: str | None
    indexes: tuple[int, ...] | None
    because: IgnoredBecause


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOnline:
    """An NBIRTH was taken. `rebirth`: within the session that was going on, so there is no offline interval."""

    message: int
    edge_node: EdgeNode
    at_us: int  # host time
    bd_seq: int | None
    rebirth: bool
    sent_ms: int | None  # what the payload says


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOffline:
    """The edge node's session ended; its devices are offline and everything of it is stale."""

    edge_node: EdgeNode
    at_us: int  # host time
    cause: OfflineCause
    bd_seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUnknown:
    """Our own connection was lost: whether the edge node is online is not known until its next birth."""

    edge_node: EdgeNode
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOnline:
    """A DBIRTH was taken."""

    message: int
    edge_node: EdgeNode
    device: str
    at_us: int  # of the payload; of the receipt where it has no time
    received_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOffline:
    """A DDEATH, or the end of the edge node's session."""

    edge_node: EdgeNode
    device: str
    at_us: int  # of a DDEATH's payload; host time when the edge node went offline
    received_us: int
    cause: OfflineCause


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsStale:
    """Values that are not current any more; device None: the edge node's own metrics."""

    edge_node: EdgeNode
    device: str | None
    at_us: int
    cause: StaleCause
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceGap:
    """Messages that did not come: sequence numbers first to last, counted on from first and wrapping after 255."""

    edge_node: EdgeNode
    first: int
    last: int
    count: int  # 1 to 255
    bd_seq: int | None
    found_us: int
    before_message: int  # the one whose number told


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFilled:
    """A message reported as missing in this session came after all; its values are among the readings."""

    edge_node: EdgeNode
    seq: int
    bd_seq: int | None
    message: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRebirth:
    """Publish a rebirth request now."""

    edge_node: EdgeNode
    reasons: tuple[RebirthReason, ...]
    attempt: int  # 1 for the first


@dataclass(frozen=True, slots=True, kw_only=True)
class NonConformant:
    """Something an operator should know of an edge node; said once for each kind and session."""

    edge_node: EdgeNode
    what: Oddity
    detail: str


Effect = (
    Readings
    | Refused
    | Ignored
    | NodeOnline
    | NodeOffline
    | NodeUnknown
    | DeviceOnline
    | DeviceOffline
    | MetricsStale
    | SequenceGap
    | GapFilled
    | RequestRebirth
    | NonConformant
)
