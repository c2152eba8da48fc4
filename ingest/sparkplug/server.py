"""All edge nodes of one MQTT server: whose session a message belongs to, how many rebirth requests leave at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.sparkplug.codes import Code, Oddity
from ingest.sparkplug.effects import Effect, IgnoredBecause
from ingest.sparkplug.message import Message
from ingest.sparkplug.session import NodeSession, NodeState, SavedNode
from ingest.sparkplug.topic import EdgeNode, SparkplugTopic
from ingest.sparkplug.values import ignore_message, refuse_message
from store.model.times import US_PER_S

MOST_NODES = 5_000
MOST_HELD_BYTES = 64 * 1024 * 1024  # of all edge nodes
MOST_REQUESTS = 10  # rebirth requests a second
QUIET_US = 5 * US_PER_S  # after going online: edge nodes that wait for this host publish births by themselves


@dataclass(slots=True, kw_only=True)
class ServerSessions:
    """The sessions of one server. Times are host time in µs; `elapsed` is to be called a few times a second."""

    reorder_us: int = 2 * US_PER_S
    quiet_us: int = QUIET_US
    sessions: dict[EdgeNode, NodeSession] = field(default_factory=dict)
    _folded: set[tuple[str, str]] = field(default_factory=set)
    _quiet_until_us: int = 0
    _requested_us: list[int] = field(default_factory=list)  # when requests left within the last second

    def restore(self, saved: Iterable[SavedNode]) -> None:
        """Begin with what the record knows of edge nodes; `link_up` then asks for their births."""
        for node in saved:
            self._add(NodeSession.restored(node, self.reorder_us))

    def saved(self, edge_node: EdgeNode) -> SavedNode:
        """What to store of an edge node. Raises KeyError for one that was never heard of."""
        return self.sessions[edge_node].saved()

    def link_up(self, now_us: int) -> None:
        """We are connected, subscribed and online: births may be asked for after a moment of quiet."""
        self._quiet_until_us = now_us + self.quiet_us
        for session in self.sessions.values():
            session.link_up(now_us)

    def link_lost(self, now_us: int) -> list[Effect]:
        """Our connection to the server is lost."""
        return [effect for session in self.sessions.values() for effect in session.link_lost(now_us)]

    def receive(self, message: Message) -> list[Effect]:
        """Take a message, in the order of arrival."""
        if message.topic.verb.is_command:
            return [ignore_message(message, IgnoredBecause.COMMAND)]
        session, effects = self._session(message.topic)
        if session is None:
            reason = f"{MOST_NODES} edge nodes are known already"
            return [refuse_message(message, Code.TOO_MANY_NODES, reason)]
        effects += session.receive(message)
        if session.sequence.held and self._held_bytes() > MOST_HELD_BYTES:
            effects += session.give_up_waiting(message.received_us)
        return effects + self._requests([session], message.received_us)

    def receive_broken(self, topic: SparkplugTopic, received_us: int) -> list[Effect]:
        """A message whose payload could not be read, which the host puts aside."""
        session, effects = self._session(topic)
        if session is None:
            return []
        effects += session.receive_broken(topic.verb, received_us)
        return effects + self._requests([session], received_us)

    def elapsed(self, now_us: int) -> list[Effect]:
        """Time has passed."""
        effects = [effect for session in self.sessions.values() for effect in session.elapsed(now_us)]
        return effects + self._requests(self.sessions.values(), now_us)

    def _session(self, topic: SparkplugTopic) -> tuple[NodeSession | None, list[Effect]]:
        session = self.sessions.get(topic.edge_node)
        if session is not None:
            return session, []
        if len(self.sessions) >= MOST_NODES:
            return None, []
        return self._add(NodeSession(edge_node=topic.edge_node, reorder_us=self.reorder_us))

    def _add(self, session: NodeSession) -> tuple[NodeSession, list[Effect]]:
        self.sessions[session.edge_node] = session
        folded = (session.edge_node.group.casefold(), session.edge_node.node.casefold())
        if folded in self._folded:
            detail = f"{session.edge_node} differs from another edge node only by case"
            return session, session.note(Oddity.NAMES_DIFFER_BY_CASE, detail)
        self._folded.add(folded)
        return session, []

    def _held_bytes(self) -> int:
        return sum(session.sequence.held_bytes for session in self.sessions.values())

    def _requests(self, sessions: Iterable[NodeSession], now_us: int) -> list[Effect]:
        """The rebirth requests that are due and may leave now; the others stay due."""
        if now_us < self._quiet_until_us:
            return []
        due = [session for session in sessions if session.requests.due_us is not None]
        if not due:
            return []
        self._requested_us = [at for at in self._requested_us if now_us - at < US_PER_S]
        effects: list[Effect] = []
        for session in sorted(due, key=lambda one: one.requests.due_us or 0):
            if len(self._requested_us) >= MOST_REQUESTS:
                break
            was_exhausted = session.requests.exhausted
            request = session.requests.take(now_us, again=session.state is not NodeState.OFFLINE)
            if request is None:
                continue
            self._requested_us.append(now_us)
            effects.append(request)
            if session.requests.exhausted and not was_exhausted:
                detail = f"{request.attempt} rebirth requests without a birth that helps"
                effects += session.note(Oddity.REBIRTH_UNANSWERED, detail)
        return effects
