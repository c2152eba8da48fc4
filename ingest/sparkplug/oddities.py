"""What a birth shows of an edge node that does not follow the specification, or may confuse people."""

from collections import Counter

from ingest.sparkplug.codes import Oddity
from ingest.sparkplug.datatypes import Datatype
from ingest.sparkplug.message import Message
from ingest.sparkplug.metrics import MetricTable
from ingest.sparkplug.payload import REBIRTH, read_bd_seq
from ingest.sparkplug.topic import Verb


def birth_oddities(message: Message, metrics: MetricTable) -> list[tuple[Oddity, str]]:
    """What is odd about a birth that was taken, each with a sentence."""
    verb, payload = message.topic.verb, message.payload
    found: list[tuple[Oddity, str]] = []
    if payload.timestamp_ms is None:
        found.append((Oddity.NO_PAYLOAD_TIME, f"{verb} without a timestamp"))
    if payload.seq is None:
        found.append((Oddity.NO_SEQ, f"{verb} without seq"))
    by_case = Counter(name.casefold() for name in metrics.names(message.topic.device))
    same = [name for name, count in by_case.items() if count > 1]
    if same:
        found.append(
            (Oddity.NAMES_DIFFER_BY_CASE, f"{len(same)} metric names differ only by case, such as {same[0]!r}")
        )
    if verb is Verb.NBIRTH:
        found += _of_node(message, metrics)
    return found


def _of_node(message: Message, metrics: MetricTable) -> list[tuple[Oddity, str]]:
    found: list[tuple[Oddity, str]] = []
    if read_bd_seq(message.payload) is None:
        found.append((Oddity.NO_BDSEQ, "NBIRTH without bdSeq: any NDEATH ends the session"))
    rebirth = metrics.by_name[None].get(REBIRTH)
    if rebirth is None:
        found.append((Oddity.NO_REBIRTH_METRIC, f"NBIRTH without {REBIRTH}: it may not answer a request"))
    elif rebirth.datatype is not Datatype.Boolean:
        found.append((Oddity.NO_REBIRTH_METRIC, f"{REBIRTH} is no Boolean: it may not answer a request"))
    return found
