"""The session of one edge node on one server: messages in, effects out; no clock, no input or output.

Every loss that the sequence numbers tell is a SequenceGap; every metric of a message is in exactly one Readings,
Refused or Ignored once the message has had its turn. When something does not fit (data before a birth, an alias nobody
was told, a hole) the values are put aside, or stored without touching the live ones, and the edge node is asked for its
births again; nothing is guessed.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from ingest.sparkplug.codes import Code, Oddity
from ingest.sparkplug.effects import (
    DeviceOffline,
    DeviceOnline,
    Effect,
    GapFilled,
    IgnoredBecause,
    MetricsStale,
    NodeOffline,
    NodeOnline,
    NodeUnknown,
    NonConformant,
    OfflineCause,
    RebirthReason,
    SequenceGap,
    StaleCause,
)
from ingest.sparkplug.message import Message
from ingest.sparkplug.metrics import MetricTable
from ingest.sparkplug.oddities import birth_oddities
from ingest.sparkplug.payload import BDSEQ, US_PER_MS, read_bd_seq
from ingest.sparkplug.rebirth import RebirthRequests
from ingest.sparkplug.sequence import NUMBERS, Place, Sequence
from ingest.sparkplug.topic import EdgeNode, Verb
from ingest.sparkplug.values import Taken, ignore_message, refuse_message, take_birth, take_data
from store.fields import LATEST_US
from store.model.times import US_PER_S

MOST_DEVICES = 1_000  # of one edge node
PROBE_US = 30 * US_PER_S  # how long an edge node that may be dead has to answer
DUPLICATE_US = 600 * US_PER_S  # two bdSeq by turns within this time are two clients under one name


class NodeState(StrEnum):
    """What is known of an edge node."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    OFFLINE = "offline"


class DeviceState(StrEnum):
    """What is known of a device."""

    AWAITING_BIRTH = "awaiting_birth"
    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedNode:
    """What is kept of an edge node across a restart. No aliases: a restarted host asks for a birth."""

    edge_node: EdgeNode
    state: NodeState
    bd_seq: int | None
    last_seq: int | None
    birth_us: int | None  # host time


@dataclass(slots=True, kw_only=True)
class NodeSession:
    """The state of one edge node, moved by the methods that return effects."""

    edge_node: EdgeNode
    reorder_us: int  # how long to wait for a missing number; 0: not at all
    state: NodeState = NodeState.UNKNOWN
    bd_seq: int | None = None
    birth_us: int | None = None  # host time of the last NBIRTH
    devices: dict[str, DeviceState] = field(default_factory=dict)
    metrics: MetricTable = field(default_factory=MetricTable)
    sequence: Sequence = field(default_factory=lambda: Sequence(next=None, birth_sent_ms=None))
    requests: RebirthRequests = field(init=False)
    _birth: Message | None = None
    _was_offline: bool = False  # before we stopped knowing
    _probe_until_us: int | None = None
    _replaced: dict[int, int] = field(default_factory=dict)  # bdSeq that another took over from, and when
    _noted: set[Oddity] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.requests = RebirthRequests(edge_node=self.edge_node)

    @classmethod
    def restored(cls, saved: SavedNode, reorder_us: int) -> "NodeSession":
        """What a restarted host begins with: it knows that it knows nothing."""
        session = cls(edge_node=saved.edge_node, reorder_us=reorder_us, bd_seq=saved.bd_seq, birth_us=saved.birth_us)
        session._was_offline = saved.state is NodeState.OFFLINE
        if saved.last_seq is not None:
            session.sequence.next = (saved.last_seq + 1) % NUMBERS
        return session

    def saved(self) -> SavedNode:
        """What to store with each block."""
        return SavedNode(
            edge_node=self.edge_node,
            state=self.state,
            bd_seq=self.bd_seq,
            last_seq=self.sequence.last,
            birth_us=self.birth_us,
        )

    def receive(self, message: Message) -> list[Effect]:
        """Take a message, in the order of arrival."""
        verb, now_us = message.topic.verb, message.received_us
        if message.retained:
            if self.state is NodeState.UNKNOWN:
                self.requests.ask(RebirthReason.NO_BIRTH, now_us)
            ignored = ignore_message(message, IgnoredBecause.RETAINED)
            return [ignored, *self.note(Oddity.RETAINED, f"a retained {verb}")]
        if verb is Verb.NDEATH:
            return self._node_death(message)
        self._probe_until_us = None
        effects = self._from_the_living(message)
        if message.qos:
            effects += self.note(Oddity.QOS, f"{verb} at QoS {message.qos}")
        return effects

    def receive_broken(self, verb: Verb, received_us: int) -> list[Effect]:
        """A message whose payload could not be read, which the host puts aside; its number is missing from now on."""
        if verb.is_birth:
            self.requests.ask(RebirthReason.BROKEN_BIRTH, received_us)
        elif verb is Verb.NDEATH:
            self._probe(received_us)
        return []

    def link_up(self, now_us: int) -> None:
        """Connected and subscribed: find out about an edge node that was known before."""
        if self.state is NodeState.UNKNOWN:
            self.requests.ask(RebirthReason.LINK_LOST, now_us)
            if self._was_offline:
                self._probe_until_us = now_us + PROBE_US

    def link_lost(self, now_us: int) -> list[Effect]:
        """Our own connection is lost: what is current is not known any more, what was held will not be completed."""
        effects = self.give_up_waiting(now_us)
        if self.state is NodeState.ONLINE:
            effects.append(NodeUnknown(edge_node=self.edge_node, at_us=now_us))
            effects += self._stale_all(now_us, StaleCause.LINK_LOST)
            self._was_offline = False
        elif self.state is NodeState.OFFLINE:
            self._was_offline = True
        self.state = NodeState.UNKNOWN
        self.devices = dict.fromkeys(self.devices, DeviceState.AWAITING_BIRTH)
        self.requests.start_over()
        self._probe_until_us = None
        return effects

    def elapsed(self, now_us: int) -> list[Effect]:
        """Time has passed: give up waiting for what is missing, and for an answer that would prove life."""
        effects: list[Effect] = []
        since_us = self.sequence.held_since_us
        if since_us is not None and now_us >= since_us + self.reorder_us:
            effects += self.give_up_waiting(now_us)
        if self._probe_until_us is not None and now_us >= self._probe_until_us:
            effects += self._end(now_us, OfflineCause.UNANSWERED)
        return effects

    def give_up_waiting(self, now_us: int) -> list[Effect]:
        """Record what is missing before and among the messages held, and take these in their order."""
        effects: list[Effect] = []
        while hole := self.sequence.skip():
            effects.append(
                SequenceGap(
                    edge_node=self.edge_node,
                    first=hole.first,
                    last=hole.last,
                    count=hole.count,
                    bd_seq=self.bd_seq,
                    found_us=now_us,
                    before_message=self.sequence.held[(hole.last + 1) % NUMBERS][0].number,
                )
            )
            effects += self._drain()
            self.requests.ask(RebirthReason.GAP, now_us)
        return effects

    def note(self, what: Oddity, detail: str) -> list[Effect]:
        """Say something once in a session."""
        if what in self._noted:
            return []
        self._noted.add(what)
        return [NonConformant(edge_node=self.edge_node, what=what, detail=detail)]

    def _from_the_living(self, message: Message) -> list[Effect]:
        verb, seq, now_us = message.topic.verb, message.payload.seq, message.received_us
        if seq is not None and seq >= NUMBERS:
            self.requests.ask(RebirthReason.BAD_SEQ, now_us)
            return [refuse_message(message, Code.BAD_SEQ, f"seq {seq} is not 0 to {NUMBERS - 1}")]
        if verb is Verb.NBIRTH:
            return self._node_birth(message)
        if self.state is not NodeState.ONLINE:
            self.requests.ask(RebirthReason.NO_BIRTH, now_us)
            reason = f"{verb} of an edge node that is {self.state}: no birth says what its metrics are"
            return [refuse_message(message, Code.NO_SESSION, reason)]
        return self._sequenced(message)

    def _sequenced(self, message: Message) -> list[Effect]:
        place = self.sequence.place(message)
        match place:
            case Place.IN_ORDER:
                self.sequence.take(message)
                return [*self._apply(message), *self._drain()]
            case Place.HELD:
                self.sequence.hold(message)
                waits = self.reorder_us > 0 and not self.sequence.overfull
                return [] if waits else self.give_up_waiting(message.received_us)
            case Place.LATE:
                assert message.payload.seq is not None
                self.sequence.take_late(message)
                filled = GapFilled(
                    edge_node=self.edge_node, seq=message.payload.seq, bd_seq=self.bd_seq, message=message.number
                )
                return [filled, *self._store_only(message)]
            case Place.REPEATED:
                return self._store_only(message)
            case Place.BEFORE_BIRTH:
                self.requests.ask(RebirthReason.GAP, message.received_us)
                return [refuse_message(message, Code.NO_SESSION, "sent before the birth that is in force")]
            case Place.UNNUMBERED:
                if self.sequence.next is not None:
                    self.requests.ask(RebirthReason.BAD_SEQ, message.received_us)
                return [*self.note(Oddity.NO_SEQ, f"{message.topic.verb} without seq"), *self._apply(message)]
        assert_never(place)

    def _drain(self) -> list[Effect]:
        """Take what was held for the number that is now the next."""
        effects: list[Effect] = []
        while messages := self.sequence.release():
            first, *repeated = messages
            self.sequence.take(first)
            effects += self._apply(first)
            for message in repeated:
                effects += self._store_only(message)
        return effects

    def _apply(self, message: Message) -> list[Effect]:
        """A message of the session in its turn."""
        verb, device = message.topic.verb, message.topic.device
        if device is None:
            return self._outcome(take_data(self.metrics, message, live=True), message)
        if verb is Verb.DBIRTH:
            return self._device_birth(message, device)
        if verb is Verb.DDEATH:
            return self._device_death(message, device)
        if self.devices.get(device) is not DeviceState.ONLINE:
            return self._unborn(message)
        return self._outcome(take_data(self.metrics, message, live=True), message)

    def _store_only(self, message: Message) -> list[Effect]:
        """A message out of its turn: its values are stored, what is current stays."""
        verb, device = message.topic.verb, message.topic.device
        if verb.is_birth:
            return take_birth(MetricTable(), message, live=False).effects
        if verb is Verb.DDEATH:
            return [ignore_message(message, IgnoredBecause.DEATH)]
        if device is not None and self.devices.get(device, DeviceState.AWAITING_BIRTH) is DeviceState.AWAITING_BIRTH:
            return self._unborn(message)
        return self._outcome(take_data(self.metrics, message, live=False), message)

    def _node_birth(self, message: Message) -> list[Effect]:
        bd_seq, sent_ms = read_bd_seq(message.payload), message.payload.timestamp_ms
        now_us = message.received_us
        if self.state is NodeState.ONLINE and self._birth is not None and not self.requests.outstanding:
            before = self._birth.payload
            if sent_ms is not None and message.payload.digest == before.digest:
                return [ignore_message(message, IgnoredBecause.DUPLICATE_BIRTH)]
            if bd_seq == self.bd_seq and sent_ms is not None and sent_ms < (before.timestamp_ms or 0):
                self.requests.ask(RebirthReason.BROKEN_BIRTH, now_us)
                detail = f"an NBIRTH sent at {sent_ms} ms after one sent at {before.timestamp_ms} ms"
                return [*self.note(Oddity.OLDER_BIRTH, detail), *self._store_only(message)]
        following = self.sequence.withdraw_after(message)
        effects = self.give_up_waiting(now_us)
        rebirth = self.birth_us is not None and self.state is not NodeState.OFFLINE and not self._was_offline
        rebirth = rebirth and bd_seq == self.bd_seq
        duplicate = self._taken_over(bd_seq, now_us)
        if rebirth:
            self.requests.answered()
        else:
            self.requests.start_over()
            self._noted.clear()
        effects.append(
            NodeOnline(
                message=message.number,
                edge_node=self.edge_node,
                at_us=now_us,
                bd_seq=bd_seq,
                rebirth=rebirth,
                sent_ms=sent_ms,
            )
        )
        for device in self.devices:
            effects += self._stale(device, now_us, StaleCause.AWAITING_BIRTH)
        self._begin(message, bd_seq)
        effects += self._outcome(take_birth(self.metrics, message, live=True), message)
        for what, detail in birth_oddities(message, self.metrics):
            effects += self.note(what, detail)
        if duplicate:
            effects += self.note(Oddity.DUPLICATE_NODE, f"births with bdSeq {bd_seq} and another one come by turns")
        for held in following:
            effects += self._sequenced(held)
        return effects

    def _begin(self, birth: Message, bd_seq: int | None) -> None:
        """Everything that an NBIRTH begins anew."""
        seq = birth.payload.seq
        self.sequence = Sequence(
            next=None if seq is None else (seq + 1) % NUMBERS, birth_sent_ms=birth.payload.timestamp_ms
        )
        self.sequence.take(birth)
        self.metrics.begin_node()
        self.devices = dict.fromkeys(self.devices, DeviceState.AWAITING_BIRTH)
        self.state, self.bd_seq, self.birth_us, self._birth = NodeState.ONLINE, bd_seq, birth.received_us, birth
        self._was_offline = False

    def _taken_over(self, bd_seq: int | None, now_us: int) -> bool:
        """Remember whom a birth takes over from without a death; True when two do so by turns."""
        if self.state is not NodeState.ONLINE or bd_seq == self.bd_seq or bd_seq is None or self.bd_seq is None:
            return False
        by_turns = now_us - self._replaced.get(bd_seq, now_us - DUPLICATE_US) < DUPLICATE_US
        self._replaced = {seq: at for seq, at in self._replaced.items() if now_us - at < DUPLICATE_US}
        self._replaced[self.bd_seq] = now_us
        return by_turns

    def _node_death(self, message: Message) -> list[Effect]:
        known = self.metrics.by_name[None].get(BDSEQ)
        bd_seq = read_bd_seq(message.payload, known.aliases if known is not None else ())
        effects: list[Effect] = [ignore_message(message, IgnoredBecause.DEATH)]
        if message.payload.seq is not None:
            effects += self.note(Oddity.STRAY_SEQ, f"NDEATH with seq {message.payload.seq}")
        if self.state is NodeState.OFFLINE:
            return effects
        if self.birth_us is not None and (self.bd_seq is None or bd_seq == self.bd_seq):
            return effects + self._end(message.received_us, OfflineCause.NDEATH)
        if bd_seq is None:
            effects += self.note(Oddity.NO_BDSEQ, "NDEATH without bdSeq")
        elif self.state is NodeState.ONLINE:
            detail = f"NDEATH with bdSeq {bd_seq} in the session with bdSeq {self.bd_seq}"
            return effects + self.note(Oddity.OTHER_DEATH, detail)
        self._probe(message.received_us)
        return effects

    def _probe(self, now_us: int) -> None:
        """It may be dead: ask for its births and take no answer for a yes."""
        if self.state is not NodeState.OFFLINE:
            self.requests.ask(RebirthReason.OTHER_DEATH, now_us)
            self._probe_until_us = now_us + PROBE_US

    def _end(self, now_us: int, cause: OfflineCause) -> list[Effect]:
        """The session is over: edge node and devices are offline, everything is stale, at host time."""
        effects = self.give_up_waiting(now_us)
        effects.append(NodeOffline(edge_node=self.edge_node, at_us=now_us, cause=cause, bd_seq=self.bd_seq))
        for device, state in self.devices.items():
            if state is not DeviceState.OFFLINE:
                effects.append(
                    DeviceOffline(
                        edge_node=self.edge_node,
                        device=device,
                        at_us=now_us,
                        received_us=now_us,
                        cause=OfflineCause.NODE,
                    )
                )
        effects += self._stale_all(now_us, StaleCause.DEATH)
        self.state = NodeState.OFFLINE
        self.devices = dict.fromkeys(self.devices, DeviceState.OFFLINE)
        self._probe_until_us = None
        self._replaced.clear()
        self.requests.start_over()
        return effects

    def _device_birth(self, message: Message, device: str) -> list[Effect]:
        if device not in self.devices and len(self.devices) >= MOST_DEVICES:
            reason = f"the edge node has {MOST_DEVICES} devices already"
            return [refuse_message(message, Code.TOO_MANY_DEVICES, reason)]
        self.devices[device] = DeviceState.ONLINE
        online = DeviceOnline(
            message=message.number,
            edge_node=self.edge_node,
            device=device,
            at_us=_sent_us(message),
            received_us=message.received_us,
        )
        effects: list[Effect] = [online, *self._outcome(take_birth(self.metrics, message, live=True), message)]
        for what, detail in birth_oddities(message, self.metrics):
            effects += self.note(what, detail)
        return effects

    def _device_death(self, message: Message, device: str) -> list[Effect]:
        effects: list[Effect] = [ignore_message(message, IgnoredBecause.DEATH)]
        if self.devices.get(device, DeviceState.OFFLINE) is DeviceState.OFFLINE:
            return effects
        at_us = _sent_us(message)
        offline = DeviceOffline(
            edge_node=self.edge_node,
            device=device,
            at_us=at_us,
            received_us=message.received_us,
            cause=OfflineCause.DDEATH,
        )
        effects += [offline, *self._stale(device, at_us, StaleCause.DEATH)]
        self.devices[device] = DeviceState.OFFLINE
        return effects

    def _unborn(self, message: Message) -> list[Effect]:
        self.requests.ask(RebirthReason.UNBORN_DEVICE, message.received_us)
        state = self.devices.get(message.topic.device or "", "unknown")
        reason = f"the device is {state}: no birth says what its metrics are"
        return [refuse_message(message, Code.DEVICE_NOT_BORN, reason)]

    def _outcome(self, taken: Taken, message: Message) -> list[Effect]:
        for reason in taken.reasons:
            self.requests.ask(reason, message.received_us)
        if taken.ambiguous_aliases:
            detail = f"{message.topic.verb} gives alias {taken.ambiguous_aliases[0]} to more than one metric"
            return [*taken.effects, *self.note(Oddity.DUPLICATE_ALIAS, detail)]
        return taken.effects

    def _stale_all(self, now_us: int, cause: StaleCause) -> list[Effect]:
        effects = self._stale(None, now_us, cause) if self.birth_us is not None else []
        for device in self.devices:
            effects += self._stale(device, now_us, cause)
        return effects

    def _stale(self, device: str | None, at_us: int, cause: StaleCause) -> list[Effect]:
        """Say that values are stale, unless they are already."""
        if device is not None and self.devices[device] is not DeviceState.ONLINE:
            return []
        self.metrics.make_stale(device)
        names = self.metrics.names(device)
        return [MetricsStale(edge_node=self.edge_node, device=device, at_us=at_us, cause=cause, names=names)]


def _sent_us(message: Message) -> int:
    """When a message was sent; when it was received where it does not say or cannot mean it."""
    sent_ms = message.payload.timestamp_ms
    return message.received_us if sent_ms is None or sent_ms * US_PER_MS > LATEST_US else sent_ms * US_PER_MS
