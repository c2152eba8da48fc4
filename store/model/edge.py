"""Edge nodes and their devices, as a Sparkplug host knows them."""

from enum import StrEnum


class EdgeState(StrEnum):
    """Whether a node or a device can be heard."""

    UNKNOWN = "unknown"  # the host was away and has not heard a birth since
    ONLINE = "online"  # born, and not dead: silence changes nothing
    OFFLINE = "offline"  # its death certificate came


class EdgeEventKind(StrEnum):
    """What happened to the session of a node or a device."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    REBIRTH_REQUESTED = "rebirth_requested"
    NOT_CONFORMANT = "not_conformant"


class EdgeGapCause(StrEnum):
    """Why messages of a node may be missing."""

    SEQUENCE = "sequence"  # numbers left out between two messages
    HOST_AWAY = "host_away"  # the host, its link or its store was away while the node may have spoken
    SPOOL_FULL = "spool_full"  # arrived, and could not be kept while the store was away


class LedBy(StrEnum):
    """What says to which tag a metric leads."""

    TABLE = "table"  # a line that somebody wrote
    RULE = "rule"  # the names of its group, device and metric
