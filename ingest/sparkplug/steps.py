"""From what happened to what follows: each arrival, loss and change of the link, once, in order, without the store."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.sparkplug.book import Book
from ingest.sparkplug.drafting import Taken
from ingest.sparkplug.effects import Effect, Ignored, Readings, Refused
from ingest.sparkplug.message import Message
from ingest.sparkplug.payload import decode_payload
from ingest.sparkplug.server import ServerSessions
from ingest.sparkplug.spool import Arrival, Dropped, Item, LinkLost, LinkUp
from ingest.sparkplug.topic import EdgeNode, StateTopic, parse_topic
from store.edge_nodes import EdgeRows
from store.errors import PayloadRejected
from store.model.times import US_PER_S

HELD_FOR_US = 120 * US_PER_S  # twice the longest time a message can wait for its turn


@dataclass(slots=True, kw_only=True)
class Steps:
    """The sessions of a server and the book of them, moved together."""

    server: str  # "host:port"
    sessions: ServerSessions
    book: Book
    listening_since_us: int | None = None  # None: there is no link
    _number: int = 0
    _held: dict[int, Arrival] = field(default_factory=dict)

    def elapsed(self, at_us: int) -> list[Taken]:
        """What follows from the passing of time, once nothing waits that came before."""
        effects = self.sessions.elapsed(at_us)
        return [self._taken(None, effects, at_us)] if effects else []

    def step(self, item: Item) -> Taken:
        """What follows from one thing that happened."""
        match item:
            case Arrival():
                return self._arrived(item)
            case LinkUp():
                self.sessions.link_up(item.at_us)
                self.listening_since_us = item.at_us
                return self._taken(None, [], item.at_us)
            case LinkLost():
                self.book.link_lost(item.at_us, ours=item.ours)
                self.listening_since_us = None
                return self._taken(None, self.sessions.link_lost(item.at_us), item.at_us)
            case Dropped():
                return self._dropped(item)

    def _arrived(self, arrival: Arrival) -> Taken:
        self._number += 1
        try:
            topic = parse_topic(arrival.topic)
        except PayloadRejected as rejection:
            return self._taken(arrival, [], arrival.received_us, rejection)
        assert not isinstance(topic, StateTopic), "the link keeps them to itself"
        try:
            payload = decode_payload(arrival.payload)
        except PayloadRejected as rejection:
            effects = self.sessions.receive_broken(topic, arrival.received_us)
            return self._taken(arrival, effects, arrival.received_us, rejection)
        message = Message(
            topic=topic,
            payload=payload,
            received_us=arrival.received_us,
            number=self._number,
            retained=arrival.retained,
        )
        effects = self.sessions.receive(message)
        return self._taken(arrival, effects, arrival.received_us)

    def _dropped(self, item: Dropped) -> Taken:
        """Messages of a node found no room: whatever its aliases mean now, it has to be born again."""
        rows = self.book.dropped(item) if item.node else EdgeRows(server=self.server)
        session = self.sessions.sessions.get(EdgeNode(group=item.group, node=item.node)) if item.node else None
        effects: list[Effect] = []
        if session is not None:
            effects = session.link_lost(item.last_us)
            session.link_up(item.last_us)
        taken = self._taken(None, effects, item.last_us)
        rows.add(taken.rows)
        return Taken(number=taken.number, arrival=None, effects=taken.effects, rows=rows)

    def _taken(
        self, arrival: Arrival | None, effects: Sequence[Effect], at_us: int, rejection: PayloadRejected | None = None
    ) -> Taken:
        number = self._number if arrival is not None else 0
        rows = self.book.take(effects, at_us)
        for node in {effect.edge_node for effect in effects}:
            if arrival is not None and node in self.sessions.sessions:
                self.book.heard(node, at_us, last_seq=self.sessions.saved(node).last_seq, rows=rows)
        mentioned = {effect.message for effect in effects if isinstance(effect, Readings | Refused | Ignored)} - {
            number
        }
        held = {earlier: self._held.pop(earlier) for earlier in mentioned if earlier in self._held}
        if arrival is not None and rejection is None and not effects:
            self._held = {earlier: one for earlier, one in self._held.items() if at_us - one.received_us < HELD_FOR_US}
            self._held[number] = arrival
        return Taken(number=number, arrival=arrival, effects=tuple(effects), rows=rows, rejection=rejection, held=held)
