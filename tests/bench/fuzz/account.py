"""Every part of every hostile message: in the record, or put aside with a reason."""

import hashlib
import json
import math
import struct
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from ingest.oversize import Passing
from store.draft import MOST_REJECTED, storable
from store.errors import PayloadRejected
from store.fields import time_us
from store.journal import decode_entries, verify_chain
from store.model.times import to_us
from store.payload import MOST_BYTES, MOST_DIGITS
from tests.bench.campaign.machine import Machine
from tests.bench.fuzz.hostile import Message

# Our reader must get as deep as the product's, whose parser stops at 1,024 levels: of a field that is said twice, deep
# the first time, only the second counts.
DEEPEST = 3_000

Place = tuple[int, int, int]  # chain, block, entry
Value = tuple[str, str, int, bytes]  # unit, tag, microseconds since 1970, bits


class Outcome(StrEnum):
    """What became of a message."""

    QUARANTINED = "quarantined"
    PARTLY = "stored in part, the rest quarantined"
    STORED = "stored"
    NOTHING = "says nothing"  # an empty array, an object without values: in the journal
    UNACCOUNTED = "unaccounted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the database holds."""

    places: dict[bytes, list[Place]]  # by digest of topic and payload
    aside: dict[Place, Counter[str]]
    values: set[Value]
    events: set[bytes]
    results: set[tuple[str, str, str]]
    units: dict[str, int]


def account(machine: Machine, said: Iterable[Message]) -> tuple[Counter[Outcome], list[str]]:
    """The outcome of every message, and sentences about those that are nowhere."""
    sys.setrecursionlimit(DEEPEST)
    found = _found(machine)
    outcomes: Counter[Outcome] = Counter()
    problems: list[str] = []
    for topic, payload in said:
        outcome = _outcome(found, topic, payload)
        outcomes[outcome] += 1
        if outcome is Outcome.UNACCOUNTED:
            problems.append(f"nothing is known of {payload[:300]!r} on {topic[:100]!r}")
    with machine.connect() as connection:
        for chain, name in connection.execute("SELECT chain_id, name FROM chain").fetchall():
            problems += [f"chain {name}: {problem}" for problem in verify_chain(connection, chain)]
    return outcomes, problems


def _found(machine: Machine) -> Found:
    places: dict[bytes, list[Place]] = defaultdict(list)
    for chain, seq in machine.ask("SELECT chain_id, seq FROM block_body ORDER BY 1, 2"):
        for (raw,) in machine.ask("SELECT raw FROM block_body WHERE chain_id = %s AND seq = %s", chain, seq):
            for number, entry in enumerate(decode_entries(raw)):
                if entry.topic:
                    places[_digest(entry.topic, entry.payload)].append((chain, seq, number))
    aside: dict[Place, Counter[str]] = defaultdict(Counter)
    for chain, seq, number, item in machine.ask("SELECT chain_id, block_seq, entry, item FROM quarantine"):
        aside[chain, seq, number][item] += 1
    values = machine.ask(
        "SELECT unit.name, tag.name, source_time, value FROM (SELECT tag_id, source_time, value FROM reading"
        " UNION ALL SELECT tag_id, source_time, value FROM reading_conflict) AS held"
        " JOIN tag USING (tag_id) JOIN unit USING (unit_id)"
    )
    return Found(
        places=places,
        aside=aside,
        values={(unit, tag, to_us(time), struct.pack(">d", value)) for unit, tag, time, value in values},
        events={digest for (digest,) in machine.ask("SELECT digest FROM event")},
        results=set(machine.ask("SELECT result, status, value_text FROM qc_result")),
        units=dict(machine.ask("SELECT name, unit_id FROM unit")),
    )


def _outcome(found: Found, topic: str, payload: bytes) -> Outcome:
    places = found.places.get(_digest(topic, _journaled(payload)), [])
    aside: Counter[str] = Counter()
    for place in places:
        aside.update(found.aside.get(place, {}))
    if not places:
        return Outcome.UNACCOUNTED
    if "" in aside and sum(aside.values()) <= MOST_REJECTED:
        return Outcome.QUARANTINED  # as a whole; otherwise it stands for the rest of very many
    try:
        body = json.loads(payload.decode(), parse_int=_whole)
        objects = body if isinstance(body, list) else [body]
        *_, unit, level = topic.split("/")
        stored = [
            one
            for number, object_ in enumerate(objects)
            for one in _part(found, unit, level, object_, aside, f"[{number}]" if len(objects) > 1 else "")
        ]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return Outcome.QUARANTINED if aside else Outcome.UNACCOUNTED
    if not all(stored) and "" not in aside:
        return Outcome.UNACCOUNTED
    if not stored:
        return Outcome.QUARANTINED if aside else Outcome.NOTHING
    return Outcome.PARTLY if aside else Outcome.STORED


def _part(found: Found, unit: str, level: str, object_: Any, aside: Counter[str], item: str) -> Iterator[bool]:
    """Of everything in an object that was not put aside: whether it is stored."""
    if item and item in aside:
        return
    inner = item and f"{item}."
    if not isinstance(object_, dict):
        yield False
    elif level == "readings":
        for name, given in object_["values"].items():
            if storable(f"{inner}values.{name}") not in aside:
                yield _value(unit, name, object_["time"], given) in found.values
    elif level == "results":
        text = object_["value"]
        text = text if isinstance(text, str) else None
        identity = (object_["result"], object_["status"])
        yield any(one[:2] == identity and text in (None, one[2]) for one in found.results)
    elif storable(f"{inner}{object_['event']}") not in aside:
        body = orjson.dumps(object_, option=orjson.OPT_SORT_KEYS)
        yield hashlib.sha256(b"event\x00%d\x00" % found.units[unit] + body).digest() in found.events


def _journaled(payload: bytes) -> bytes:
    """What the journal keeps of a payload."""
    if len(payload) <= MOST_BYTES:
        return payload
    passing = Passing()
    passing.feed(payload)
    return passing.kept()


def _whole(digits: str) -> int | float:
    if len(digits) > MOST_DIGITS:
        return float(digits)
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)


def _value(unit: str, name: str, time: object, given: Any) -> Value | None:
    number = given["value"] if isinstance(given, dict) else given
    try:
        bits = float(number)
        return (unit, name, time_us(time, "time"), struct.pack(">d", bits)) if math.isfinite(bits) else None
    except (OverflowError, PayloadRejected):
        return None


def _digest(topic: str, payload: bytes) -> bytes:
    return hashlib.sha256(topic.encode("utf-8", "surrogatepass") + b"\x00" + payload).digest()
