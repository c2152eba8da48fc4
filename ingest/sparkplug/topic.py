"""A topic of the Sparkplug B namespace: a frozen, validated value, never a split string."""

from dataclasses import dataclass
from enum import StrEnum

from ingest.sparkplug.codes import Code
from store.errors import PayloadRejected
from store.fields import shown

NAMESPACE = "spBv1.0"
MOST_CHARACTERS = 200  # of one identifier: as long as any other name in the record
RESERVED = ("+", "#", "/", "\x00")


class Verb(StrEnum):
    """The message types of edge nodes (N…) and devices (D…)."""

    NBIRTH = "NBIRTH"
    NDATA = "NDATA"
    NDEATH = "NDEATH"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDATA = "DDATA"
    DDEATH = "DDEATH"
    DCMD = "DCMD"

    @property
    def of_device(self) -> bool:
        """Whether topics of this verb name a device."""
        return self.value.startswith("D")

    @property
    def is_birth(self) -> bool:
        """Whether it describes metrics."""
        return self in {Verb.NBIRTH, Verb.DBIRTH}

    @property
    def is_command(self) -> bool:
        """Whether hosts send it."""
        return self in {Verb.NCMD, Verb.DCMD}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EdgeNode:
    """The edge node descriptor, which is unique: group ID and edge node ID together. Raises PayloadRejected."""

    group: str
    node: str

    def __post_init__(self) -> None:
        _check("group ID", self.group)
        _check("edge node ID", self.node)

    def __str__(self) -> str:
        return f"{self.group}/{self.node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkplugTopic:
    """`spBv1.0/<group>/<verb>/<edge node>` and, for the verbs of devices, `/<device>`. Raises PayloadRejected."""

    edge_node: EdgeNode
    verb: Verb
    device: str | None = None

    def __post_init__(self) -> None:
        if self.device is not None:
            _check("device ID", self.device)
        if self.verb.of_device and self.device is None:
            raise PayloadRejected(Code.BAD_TOPIC, f"{self.verb} without a device ID")
        if not self.verb.of_device and self.device is not None:
            raise PayloadRejected(Code.BAD_TOPIC, f"{self.verb} with the device ID {shown(self.device)}")

    def __str__(self) -> str:
        topic = f"{NAMESPACE}/{self.edge_node.group}/{self.verb}/{self.edge_node.node}"
        return topic if self.device is None else f"{topic}/{self.device}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTopic:
    """`spBv1.0/STATE/<host id>`, where a host says whether it is online. Raises PayloadRejected."""

    host_id: str

    def __post_init__(self) -> None:
        _check("host ID", self.host_id)

    def __str__(self) -> str:
        return f"{NAMESPACE}/STATE/{self.host_id}"


def parse_topic(topic: str) -> SparkplugTopic | StateTopic:
    """The parts of a topic. Raises PayloadRejected for one that is not of the namespace.

    >>> parse_topic("spBv1.0/Suite3/DDATA/EN-07/BR-2").device
    'BR-2'
    >>> str(parse_topic("spBv1.0/STATE/batchwitness"))
    'spBv1.0/STATE/batchwitness'
    """
    match topic.split("/"):
        case [namespace, "STATE", host_id] if namespace == NAMESPACE:
            return StateTopic(host_id=host_id)
        case [namespace, group, verb, node, *device] if namespace == NAMESPACE and len(device) <= 1:
            if verb not in list(Verb):
                raise PayloadRejected(Code.BAD_TOPIC, f"{shown(verb)} in topic {shown(topic)} is no message type")
            return SparkplugTopic(
                edge_node=EdgeNode(group=group, node=node), verb=Verb(verb), device=device[0] if device else None
            )
    raise PayloadRejected(
        Code.BAD_TOPIC, f"topic {shown(topic)} is not {NAMESPACE}/<group>/<message type>/<edge node>[/<device>]"
    )


def _check(what: str, identifier: str) -> None:
    if not identifier or len(identifier) > MOST_CHARACTERS or any(sign in identifier for sign in RESERVED):
        raise PayloadRejected(
            Code.BAD_TOPIC,
            f"the {what} must be 1 to {MOST_CHARACTERS} characters without +, #, / and NUL, not {shown(identifier)}",
        )
