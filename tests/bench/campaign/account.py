"""What became of every message that was published, from the database alone."""

import hashlib
import json
import math
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.journal import decode_entries, verify_chain
from store.model.times import to_us
from tests.bench.campaign.edges import Edge
from tests.bench.campaign.machine import Machine
from tests.bench.campaign.speech import Sent

# Mosquitto saves once a second what it has taken (autosave_interval), and not at once: a kill takes what is newer.
BROKER_MAY_LOSE_S = 5.0
NOTICED_LATE_S = 0.5  # an acknowledgement may lie in a publisher's socket while the broker is killed

Value = tuple[str, str, int, bytes]  # unit, tag, microseconds since 1970, bits of the float
Place = tuple[int, int, int]  # chain, block, entry


class Outcome(StrEnum):
    """What became of a message. Of one with several parts the last that applies to any of them."""

    STORED = "stored once"
    CONFLICT = "in conflict"
    QUARANTINED = "quarantined"
    GAP = "reported as a gap"
    UNACCOUNTED = "unaccounted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A message that the record does not hold, but reports as missing."""

    sent: Sent
    killed_s: float | None  # when the broker was killed that had acknowledged it just before; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The outcome of every message, and what is wrong besides."""

    outcomes: Counter[Outcome]
    losses: list[Loss]
    problems: list[str]  # sentences; empty when everything is accounted for
    readings: int
    deliveries: int  # messages as the journal has them, repetitions included

    @property
    def messages(self) -> int:
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the database holds."""

    taken: dict[bytes, list[Place]]  # by digest of topic and payload
    aside: dict[Place, set[str]]  # which parts of an entry
    values: set[Value]
    contradictions: set[Value]
    events: set[tuple[str, str, str]]  # unit, kind, canonical body
    results: set[tuple[str, str, str]]  # id, status, value as text
    gaps: dict[str, list[tuple[int, int]]]  # by publisher


def account(machine: Machine, edges: Sequence[Edge]) -> Account:
    """Follow every message into the record."""
    held = _held(machine)
    outcomes: Counter[Outcome] = Counter()
    losses: list[Loss] = []
    problems: list[str] = []
    said: set[Value] = set()
    for edge in edges:
        for sent in edge.sent:
            bodies = _bodies(sent)
            if bodies is not None:
                said.update(_values(sent, bodies))
            outcome = _outcome(held, sent, bodies, edge.name)
            outcomes[outcome] += 1
            if outcome is Outcome.GAP:
                losses.append(_loss(sent, machine.broker_kills_s))
            elif outcome is Outcome.UNACCOUNTED:
                problems.append(f"{edge.name}: nothing is known of {sent.payload[:200]!r} on {sent.topic}")
    unexcused = [loss for loss in losses if loss.killed_s is None]
    problems += [f"lost though no broker was killed after it: {loss.sent.payload[:200]!r}" for loss in unexcused]
    problems += [f"stored but never published: {value}" for value in (held.values | held.contradictions) - said]
    problems += _false_gaps(held, edges)
    problems += _journal_problems(machine)
    return Account(
        outcomes=outcomes,
        losses=losses,
        problems=problems,
        readings=len(held.values),
        deliveries=sum(len(places) for places in held.taken.values()),
    )


def _held(machine: Machine) -> Held:
    taken: dict[bytes, list[Place]] = defaultdict(list)
    bodies = machine.ask(
        "SELECT chain_id, block_body.seq, raw FROM block_body JOIN chain USING (chain_id) ORDER BY 1, 2"
    )
    for chain, seq, raw in bodies:
        for number, entry in enumerate(decode_entries(raw)):
            if entry.topic:
                taken[_digest(entry.topic, entry.payload)].append((chain, seq, number))
    gaps: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for publisher, first, last in machine.ask(
        "SELECT publisher, first_seq, last_seq FROM sequence_gap WHERE filled_time IS NULL"
    ):
        gaps[publisher].append((first, last))
    aside: dict[Place, set[str]] = defaultdict(set)
    for chain, seq, number, item in machine.ask("SELECT chain_id, block_seq, entry, item FROM quarantine"):
        aside[chain, seq, number].add(item)
    events = machine.ask("SELECT unit.name, event.kind, body FROM event JOIN unit USING (unit_id)")
    return Held(
        taken=taken,
        aside=aside,
        values=set(_stored(machine, "reading")),
        contradictions=set(_stored(machine, "reading_conflict")),
        events={(unit, kind, _canonical(body)) for unit, kind, body in events},
        results=set(machine.ask("SELECT result, status, value_text FROM qc_result")),
        gaps=gaps,
    )


def _stored(machine: Machine, table: str) -> Iterator[Value]:
    named = machine.ask("SELECT tag_id, unit.name, tag.name FROM tag JOIN unit USING (unit_id)")
    tags = {tag_id: (unit, tag) for tag_id, unit, tag in named}
    rows = machine.ask(f"SELECT tag_id, source_time, value FROM {table}")  # noqa: S608 - one of our two tables
    return ((*tags[tag_id], to_us(time), struct.pack(">d", value)) for tag_id, time, value in rows)


def _outcome(held: Held, sent: Sent, bodies: list[dict[str, Any]] | None, publisher: str) -> Outcome:
    places = held.taken.get(_digest(sent.topic, sent.payload), [])
    items = {item for place in places for item in held.aside.get(place, ())}
    if any(not item.startswith("values.") for item in items):
        return Outcome.QUARANTINED  # as a whole
    if bodies is not None:
        if sent.topic.endswith("/readings"):
            values = set(_values(sent, bodies))
            whole = values - held.values <= held.contradictions
            contradicted = not values <= held.values
        else:
            whole, contradicted = all(_has(held, sent, body) for body in bodies), False
        if whole:
            return Outcome.QUARANTINED if items else Outcome.CONFLICT if contradicted else Outcome.STORED
    if not places and all(_in_gap(held, publisher, number) for number in sent.numbers):
        return Outcome.GAP
    return Outcome.UNACCOUNTED


def _bodies(sent: Sent) -> list[dict[str, Any]] | None:
    try:
        body = json.loads(sent.payload)
    except ValueError:
        return None
    return body if isinstance(body, list) else [body]


def _values(sent: Sent, bodies: list[dict[str, Any]]) -> Iterator[Value]:
    """Everything in a message that is a value and can be taken."""
    *_, unit, level = sent.topic.split("/")
    for body in bodies if level == "readings" else ():
        for tag, value in body["values"].items() if isinstance(body["time"], int) else ():
            if isinstance(value, float) and math.isfinite(value):
                yield unit, tag, body["time"] * 1000, struct.pack(">d", value)


def _has(held: Held, sent: Sent, body: dict[str, Any]) -> bool:
    *_, unit, level = sent.topic.split("/")
    if level == "results":
        return (body["result"], body["status"], body["value"]) in held.results
    return (unit, body["event"], _canonical(body)) in held.events


def _in_gap(held: Held, publisher: str, seq: int) -> bool:
    return any(first <= seq <= last for first, last in held.gaps.get(publisher, ()))


def _loss(sent: Sent, broker_kills_s: Sequence[float]) -> Loss:
    acknowledged_s = sent.acknowledged_s
    assert acknowledged_s is not None, "publishers end when all is acknowledged"
    after = [kill for kill in broker_kills_s if -NOTICED_LATE_S <= kill - acknowledged_s <= BROKER_MAY_LOSE_S]
    return Loss(sent=sent, killed_s=min(after, default=None))


def _false_gaps(held: Held, edges: Sequence[Edge]) -> Iterator[str]:
    """Numbers that are reported as missing although the message with them was taken and could be read."""
    for edge in edges:
        for sent in edge.sent:
            # What is not JSON has used a number that nobody can read.
            if _digest(sent.topic, sent.payload) in held.taken and _bodies(sent) is not None:
                for number in sent.numbers:
                    if _in_gap(held, edge.name, number):
                        yield f"{edge.name}: number {number} is reported as missing and was taken"


def _journal_problems(machine: Machine) -> Iterator[str]:
    with machine.connect() as connection:
        for chain, name in connection.execute("SELECT chain_id, name FROM chain ORDER BY 1").fetchall():
            yield from (f"chain {name}: {problem}" for problem in verify_chain(connection, chain))
    ((rows, in_blocks, in_units),) = machine.ask(
        "SELECT (SELECT count(*) FROM reading), (SELECT sum(readings) FROM block)::bigint,"
        " (SELECT sum(readings) FROM block_unit)::bigint"
    )
    if not rows == in_blocks == in_units:
        yield f"{rows} readings, but the journal says {in_blocks} and {in_units}"


def _digest(topic: str, payload: bytes) -> bytes:
    return hashlib.sha256(topic.encode() + b"\x00" + payload).digest()


def _canonical(body: object) -> str:
    return json.dumps(body, sort_keys=True)
