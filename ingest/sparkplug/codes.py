"""Why something a host received was put aside, and what it noted about an edge node: codes that can be counted."""

from enum import StrEnum


class Code(StrEnum):
    """Why a message or a metric was put aside. docs/sparkplug.md explains each."""

    BAD_TOPIC = "bad_topic"
    TOO_LARGE = "too_large"
    NOT_SPARKPLUG = "not_sparkplug"
    TOO_MANY_METRICS = "too_many_metrics"
    TOO_MANY_NODES = "too_many_nodes"
    TOO_MANY_DEVICES = "too_many_devices"
    BAD_SEQ = "bad_seq"
    NO_SESSION = "no_session"
    DEVICE_NOT_BORN = "device_not_born"
    MISSING_NAME = "missing_name"
    BAD_NAME = "bad_name"
    MISSING_DATATYPE = "missing_datatype"
    UNKNOWN_DATATYPE = "unknown_datatype"
    UNSUPPORTED_DATATYPE = "unsupported_datatype"
    DATATYPE_DIFFERS = "datatype_differs"
    UNKNOWN_METRIC = "unknown_metric"
    UNKNOWN_ALIAS = "unknown_alias"
    AMBIGUOUS_ALIAS = "ambiguous_alias"
    ALIAS_DIFFERS = "alias_differs"
    BAD_VALUE = "bad_value"
    BAD_TIME = "bad_time"


class Oddity(StrEnum):
    """What an edge node does that the specification does not allow, or that an operator should know."""

    RETAINED = "retained"
    QOS = "qos"
    NO_PAYLOAD_TIME = "no_payload_time"
    NO_BDSEQ = "no_bdseq"
    NO_SEQ = "no_seq"
    NO_REBIRTH_METRIC = "no_rebirth_metric"
    STRAY_SEQ = "stray_seq"
    OTHER_DEATH = "other_death"
    OLDER_BIRTH = "older_birth"
    DUPLICATE_NODE = "duplicate_node"
    DUPLICATE_ALIAS = "duplicate_alias"
    NAMES_DIFFER_BY_CASE = "names_differ_by_case"
    REBIRTH_UNANSWERED = "rebirth_unanswered"
