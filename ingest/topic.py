"""A topic of the plain contract: a frozen, validated value, never a split string."""

from dataclasses import dataclass
from enum import StrEnum

from store.errors import PayloadRejected
from store.fields import shown

CHECK_LEVEL = "check"  # below the prefix: where `batchwitness broker-check` tries a broker


class TopicKind(StrEnum):
    """What the messages of a topic carry."""

    READINGS = "readings"
    EVENTS = "events"
    RESULTS = "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`<prefix>/<site>/<area>/<unit>/<kind>`."""

    site: str
    area: str
    unit: str
    kind: TopicKind


def is_check(topic: str, prefix: str) -> bool:
    """Whether a broker is being tried on this topic: what comes there is journaled and means nothing.

    >>> is_check("batchwitness/v1/check/5f21", "batchwitness/v1")
    True
    """
    beginning = f"{prefix}/{CHECK_LEVEL}/"
    return topic.startswith(beginning) and "/" not in topic[len(beginning) :]


def parse_topic(topic: str, prefix: str) -> Topic:
    """The parts of a topic. Raises PayloadRejected for one that is not of the contract.

    >>> parse_topic("batchwitness/v1/basel/hall-1/BR-01/readings", "batchwitness/v1").unit
    'BR-01'
    """
    rest = topic.removeprefix(prefix + "/")
    parts = rest.split("/")
    if rest == topic or len(parts) != 4 or not all(parts) or parts[3] not in list(TopicKind):
        raise PayloadRejected(
            "unknown_topic",
            f"topic {shown(topic)} is not {prefix}/<site>/<area>/<unit>/ and one of {', '.join(TopicKind)}",
        )
    return Topic(site=parts[0], area=parts[1], unit=parts[2], kind=TopicKind(parts[3]))
