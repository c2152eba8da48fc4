"""Take again what people ask for of what edge nodes said, once somebody has described what it means.

What is wrong with a metric has a row an hour, not one a value, and a message says nothing without the birth before it.
So the messages of the edge node are followed once more, from that birth to the end of the journal, and of the metrics
that are asked for every value is taken: what is stored already is not stored twice. Killed on the way, it begins anew.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import psycopg

from ingest.reprocess import answered_total
from ingest.sparkplug.drafting import Drafter, Taken
from ingest.sparkplug.effects import Effect, Readings, Refused
from ingest.sparkplug.mapping import MAX_AGE_S, Mapping
from ingest.sparkplug.message import Message
from ingest.sparkplug.payload import decode_payload
from ingest.sparkplug.sequence import MOST_HELD
from ingest.sparkplug.server import ServerSessions
from ingest.sparkplug.settings import SparkplugSettings
from ingest.sparkplug.spool import Arrival
from ingest.sparkplug.topic import EdgeNode, SparkplugTopic, parse_topic
from records.quarantine import Answer, answer
from store.commit import commit
from store.directory import Directory
from store.draft import Draft, DraftQuarantine
from store.edge_nodes import EdgeRows
from store.errors import PayloadRejected, translated
from store.journal import ChainLease, claim_chain, decode_entries
from store.model.correction import QuarantineState
from store.model.journal import Entry, EntryKind
from store.model.times import US_PER_S, to_us
from store.sql import queries

SETTLED_S = MAX_AGE_S + 1.0  # after a request: by then the host itself reads the mapping that was there at the request
MOST_ITEMS = 500
BLOCKS = 200  # read, and committed as one, at a time


@dataclass(frozen=True, slots=True)
class Asked:
    """An item that somebody wants taken again."""

    quarantine_id: int
    chain_id: int
    block_seq: int
    entry: int
    item: str
    code: str
    topic: str

    @property
    def place(self) -> tuple[int, int]:
        """Of the message in its chain."""
        return self.block_seq, self.entry

    @property
    def metric(self) -> str:
        """The name of the metric; that of an event or a result ends before the place in its array."""
        return self.item.partition("[")[0]


@dataclass(slots=True)
class EdgeTaker:
    """Follows edge nodes again, into a chain of its own."""

    connection: psycopg.Connection
    lease: ChainLease
    drafter: Drafter
    reorder_us: int
    settled_s: float = SETTLED_S

    def take(self) -> bool:
        """Take what is asked for of one edge node; False when there was none. Raises StoreUnavailable, ChainLost."""
        asked = read_asked(self.connection, settled_s=self.settled_s, limit=MOST_ITEMS)
        if not asked:
            return False
        self.drafter.directory.read(self.connection)
        self.drafter.mapping.read(self.connection)
        first = asked[0]
        node = _node(first.topic)
        same = [one for one in asked if one.chain_id == first.chain_id and _node(one.topic) == node]
        reasons = {one.quarantine_id: "no birth before it is in the journal" for one in same}
        if node is not None and (born := self._born(node, first)) is not None:
            reasons = self._follow(node, born, same)
        with translated(), self.connection.transaction():
            self.connection.execute(queries("quarantine")["lock"])
            answers = [_answer(one, reasons[one.quarantine_id]) for one in same]
            answer(self.connection, answers)
        for one in answers:
            answered_total.labels(one.state).inc()
        return True

    def close(self) -> None:
        """Give up the connection."""
        self.connection.close()

    def _born(self, node: EdgeNode, asked: Asked) -> int | None:
        with translated():
            about = _about(node, asked.chain_id, asked.block_seq)
            row = self.connection.execute(queries("edge_node")["born_before"], about).fetchone()
        return None if row is None else row[0]

    def _follow(self, node: EdgeNode, born: int, asked: Sequence[Asked]) -> dict[int, str]:
        """Take every value that is asked for; why an item still is refused, "" for one that is not."""
        with translated():
            about = _about(node, asked[0].chain_id, born)
            interrupted = self.connection.execute(queries("edge_node")["interrupted"], about).fetchall()
        replay = _Replay(
            node=node,
            sessions=ServerSessions(reorder_us=self.reorder_us),
            asked=asked,
            interrupted_us=deque(to_us(time) for (time,) in interrupted),
        )
        refused: dict[tuple[int, int], list[DraftQuarantine]] = {}
        while bodies := self._bodies(asked[0].chain_id, born):
            draft, entries = Draft(), dict[int, int]()
            for seq, raw in bodies:
                for number, entry in enumerate(decode_entries(raw)):
                    for step in replay.steps((seq, number), entry):
                        self.drafter.draft_again(draft, entries, step)
            self._commit(draft, {entry: replay.places[number] for number, entry in entries.items()}, refused)
            replay.forget()
            born = bodies[-1][0] + 1
        return {one.quarantine_id: _reason(one, replay, refused.get(one.place, [])) for one in asked}

    def _bodies(self, chain_id: int, from_seq: int) -> list[tuple[int, bytes]]:
        about = {"chain_id": chain_id, "from_seq": from_seq, "limit": BLOCKS}
        with translated():
            return self.connection.execute(queries("edge_node")["bodies"], about).fetchall()

    def _commit(
        self,
        draft: Draft,
        places: dict[int, tuple[int, int]],
        refused: dict[tuple[int, int], list[DraftQuarantine]],
    ) -> None:
        """What is refused again has its row already; only what the transaction itself refuses gets one."""
        again, draft.quarantine = draft.quarantine, []
        draft.edge = EdgeRows()  # what the session was, the host has written down
        if draft.entries:
            commit(self.connection, self.lease, draft, actor="sparkplug", most_refused=None)
        for one in (*again, *draft.quarantine):
            refused.setdefault(places[one.entry], []).append(one)


@dataclass(slots=True)
class _Replay:
    """The session of one edge node, from its journal."""

    node: EdgeNode
    sessions: ServerSessions
    asked: Sequence[Asked]
    interrupted_us: deque[int]  # from then on births before say nothing
    met: set[tuple[int, int]] = field(default_factory=set)  # places of messages of which something was taken
    places: dict[int, tuple[int, int]] = field(default_factory=dict)  # of messages by number, the newest
    _arrivals: dict[int, Arrival] = field(default_factory=dict)
    _number: int = 0

    def steps(self, place: tuple[int, int], entry: Entry) -> Iterator[Taken]:
        """What follows from an entry of the journal, of that what is asked for."""
        topic = _topic(entry.topic) if entry.kind is EntryKind.MESSAGE else None
        if topic is None or topic.edge_node != self.node:
            return
        self._number += 1
        self._arrivals[self._number] = Arrival(entry.topic, entry.payload, entry.received_us, retained=False)
        self.places[self._number] = place
        effects: list[Effect] = []
        while self.interrupted_us and self.interrupted_us[0] <= entry.received_us:
            effects += self.sessions.link_lost(self.interrupted_us.popleft())
        effects += self.sessions.elapsed(entry.received_us)
        try:
            payload = decode_payload(entry.payload)
        except PayloadRejected:
            effects += self.sessions.receive_broken(topic, entry.received_us)
        else:
            message = Message(
                topic=topic, payload=payload, received_us=entry.received_us, number=self._number, retained=False
            )
            effects += self.sessions.receive(message)
        for effect in effects:
            if (wanted := self._wanted(effect)) is not None:
                number = wanted.message
                self.met.add(self.places[number])
                yield Taken(
                    number=number,
                    arrival=None,
                    effects=(wanted,),
                    rows=EdgeRows(),
                    held={number: self._arrivals[number]},
                )

    def forget(self) -> None:
        """Keep only what can still wait for its turn."""
        oldest = self._number - MOST_HELD
        self.places = {number: place for number, place in self.places.items() if number > oldest}
        self._arrivals = {number: arrival for number, arrival in self._arrivals.items() if number > oldest}

    def _wanted(self, effect: Effect) -> Readings | Refused | None:
        if isinstance(effect, Refused):
            return effect if any(one.place == self.places[effect.message] for one in self.asked) else None
        if not isinstance(effect, Readings):
            return None
        names = {one.metric for one in self.asked if one.metric and _device(one.topic) == effect.device}
        whole = any(one.metric == "" and one.place == self.places[effect.message] for one in self.asked)
        readings = tuple(one for one in effect.readings if whole or one.name in names)
        return replace(effect, readings=readings) if readings else None


def open_taker(settings: SparkplugSettings, *, holder: str, conninfo: str = "") -> EdgeTaker:
    """Connect and claim the chain. Raises StoreUnavailable."""
    with translated():
        connection = psycopg.connect(conninfo, autocommit=True, application_name="batchwitness sparkplug again")
    directory, mapping = Directory(), Mapping(settings.sparkplug_rule)
    return EdgeTaker(
        connection=connection,
        lease=claim_chain(connection, name=chain(settings), kind="live", holder=holder),
        drafter=Drafter(connection=connection, directory=directory, mapping=mapping),
        reorder_us=round(settings.sparkplug_reorder_s * US_PER_S),
    )


def chain(settings: SparkplugSettings) -> str:
    """The chain, and the slot, of what is taken again."""
    return f"reprocess {settings.chain}"


def is_asked(connection: psycopg.Connection) -> bool:
    """Whether anything that edge nodes said is asked for."""
    return bool(read_asked(connection, settled_s=SETTLED_S, limit=1))


def read_asked(connection: psycopg.Connection, *, settled_s: float, limit: int) -> list[Asked]:
    """What is asked for, in the order in which it came."""
    about = {"settled_s": settled_s, "limit": limit}
    with translated():
        return [Asked(*row) for row in connection.execute(queries("edge_node")["requested"], about)]


def _reason(asked: Asked, replay: _Replay, refused: Sequence[DraftQuarantine]) -> str:
    if asked.place not in replay.met:
        return "the message says nothing of it, as far as the journal tells"
    for one in refused:
        if asked.item in ("", one.item):
            return f"refused as {one.code}: {one.reason}"
    return ""


def _answer(asked: Asked, reason: str) -> Answer:
    if reason:
        return Answer(quarantine_id=asked.quarantine_id, state=QuarantineState.OPEN, reason=f"taken again: {reason}")
    reason = "taken again, with everything the metric said since: it is in the record"
    return Answer(quarantine_id=asked.quarantine_id, state=QuarantineState.STORED, reason=reason)


def _about(node: EdgeNode, chain_id: int, block_seq: int) -> dict[str, object]:
    return {"edge_group": node.group, "node": node.node, "chain_id": chain_id, "block_seq": block_seq}


def _topic(topic: str) -> SparkplugTopic | None:
    try:
        parsed = parse_topic(topic)
    except PayloadRejected:
        return None
    return parsed if isinstance(parsed, SparkplugTopic) else None


def _node(topic: str) -> EdgeNode | None:
    parsed = _topic(topic)
    return None if parsed is None else parsed.edge_node


def _device(topic: str) -> str | None:
    parsed = _topic(topic)
    return None if parsed is None else parsed.device
