"""A random history of an edge node over a bad connection: what is current is its truth in order, no loss goes unseen.

The edge node is born, has devices that come and go, sends values by alias, is born again with other aliases. Then
messages are lost, delivered twice and delivered out of order. What the host makes of that is compared with what the
edge node did.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sparkplug.datatypes import Value
from ingest.sparkplug.effects import Effect, GapFilled, Readings, SequenceGap
from ingest.sparkplug.message import Message
from ingest.sparkplug.server import ServerSessions
from ingest.sparkplug.session import DeviceState, NodeState
from ingest.sparkplug.topic import Verb
from tests.ingest.sparkplug.edge import NODE, Edge, accounted, metric, of, readings

DEVICES = ("D0", "D1")
NAMES = ("a", "b")
WAIT_US = 2_000_000
SWAP_WITHIN = 5  # places by which a message may be overtaken; far less than the wait

steps = st.lists(
    st.one_of(
        st.tuples(st.just("value"), st.sampled_from([None, *DEVICES]), st.sampled_from(NAMES)),
        st.tuples(st.just("born"), st.sampled_from(DEVICES), st.just("")),
        st.tuples(st.just("dead"), st.sampled_from(DEVICES), st.just("")),
    ),
    min_size=1,
    max_size=60,
)


@dataclass(slots=True)
class Plant:
    """An edge node with devices; `truth` is every value it sent, by message."""

    edge: Edge = field(default_factory=Edge)
    online: dict[str, bool] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    truth: dict[int, list[Value | None]] = field(default_factory=dict)
    counter: int = 0
    shift: int = 0  # of the aliases; another one after each NBIRTH

    def alias(self, device: str | None, name: str) -> int:
        place = (0 if device is None else 1 + DEVICES.index(device)) * len(NAMES) + NAMES.index(name)
        return (place + self.shift) % ((1 + len(DEVICES)) * len(NAMES))

    def fresh(self) -> float:
        self.counter += 1
        return float(self.counter)

    def send(self, message: Message, values: list[Value | None]) -> None:
        self.sent.append(message)
        self.truth[message.number] = values

    def births(self) -> None:
        """The edge node's own birth and those of the devices that are there."""
        self.shift += 1
        values = [self.fresh() for _ in NAMES]
        self.edge.metrics = [
            metric(name, value, alias=self.alias(None, name)) for name, value in zip(NAMES, values, strict=True)
        ]
        self.send(self.edge.birth(), [*values])
        for device, online in self.online.items():
            if online:
                self.born(device)

    def born(self, device: str) -> None:
        self.online[device] = True
        values = [self.fresh() for _ in NAMES]
        own = [metric(name, value, alias=self.alias(device, name)) for name, value in zip(NAMES, values, strict=True)]
        self.send(self.edge.say(Verb.DBIRTH, own, device=device), [*values])

    def take(self, step: tuple[str, str | None, str]) -> None:
        what, device, name = step
        if what == "born" and device is not None:
            self.born(device)
        elif what == "dead" and device is not None:
            if self.online.get(device):
                self.online[device] = False
                self.send(self.edge.say(Verb.DDEATH, device=device), [])
        elif device is None or self.online.get(device):
            value = self.fresh()
            own = [metric(value=value, alias=self.alias(device, name), bare=True)]
            self.send(self.edge.say(Verb.NDATA if device is None else Verb.DDATA, own, device=device), [value])


def played(history: list[tuple[str, str | None, str]]) -> Plant:
    plant = Plant()
    plant.births()
    for step in history:
        plant.take(step)
    return plant


def deliver(server: ServerSessions, messages: list[Message]) -> list[Effect]:
    """Deliver in this order, then let all waiting run out."""
    effects = [effect for message in messages for effect in server.receive(message)]
    return effects + server.elapsed(messages[-1].received_us + 1_000 * WAIT_US)


def stored(effects: list[Effect]) -> dict[int, list[Value | None]]:
    """The values that were taken, by message; a message delivered twice is there twice."""
    values: dict[int, list[Value | None]] = defaultdict(list)
    for one in of(Readings, effects):
        values[one.message] += [reading.value for reading in one.readings]
    return values


def live(effects: list[Effect]) -> list[Value | None]:
    return [reading.value for reading in readings(effects) if reading.live]


def missing(effects: list[Effect]) -> int:
    return sum(gap.count for gap in of(SequenceGap, effects)) - len(of(GapFilled, effects))


def all_accounted(messages: list[Message], effects: list[Effect]) -> bool:
    """Whether every metric of every message has an outcome, one for each time the message was delivered."""
    times: dict[int, int] = defaultdict(int)
    for message in messages:
        times[message.number] += 1
    return all(set(counts) <= {times[number]} for number, counts in accounted(messages, effects).items())


@given(steps)
def test_in_order_everything_is_live_and_nothing_is_missing(history: list[tuple[str, str | None, str]]) -> None:
    plant, server = played(history), ServerSessions(reorder_us=WAIT_US)
    effects = deliver(server, plant.sent)
    assert live(effects) == [value for message in plant.sent for value in plant.truth[message.number]]
    assert missing(effects) == 0
    session = server.sessions[NODE]
    assert session.state is NodeState.ONLINE
    assert {device: state is DeviceState.ONLINE for device, state in session.devices.items()} == plant.online
    assert all_accounted(plant.sent, effects)


@given(steps, st.data())
def test_overtaken_and_repeated_within_the_wait_the_truth_is_applied_in_order(
    history: list[tuple[str, str | None, str]], data: st.DataObject
) -> None:
    plant, server = played(history), ServerSessions(reorder_us=WAIT_US)
    birth, *rest = plant.sent
    keys = [at + data.draw(st.integers(0, SWAP_WITHIN)) for at in range(len(rest))]
    mixed = [message for _, message in sorted(zip(keys, rest, strict=True), key=lambda pair: pair[0])]
    for at in sorted(data.draw(st.sets(st.integers(0, max(len(mixed) - 1, 0)), max_size=5)), reverse=True):
        if mixed:
            mixed.insert(at + data.draw(st.integers(1, SWAP_WITHIN)), mixed[at])
    delivered = [birth, *mixed]
    effects = deliver(server, delivered)
    assert live(effects) == [value for message in plant.sent for value in plant.truth[message.number]]
    assert missing(effects) == 0
    assert all_accounted(delivered, effects)


@settings(max_examples=200)
@given(steps, st.data())
def test_every_loss_is_a_gap_and_what_arrived_is_stored_or_put_aside(
    history: list[tuple[str, str | None, str]], data: st.DataObject
) -> None:
    plant, server = played(history), ServerSessions(reorder_us=WAIT_US)
    birth, *rest = plant.sent
    lost = data.draw(st.sets(st.integers(0, max(len(rest) - 1, 0)), max_size=8))
    arrived = [birth, *(message for at, message in enumerate(rest) if at not in lost)]
    effects = deliver(server, arrived)
    last = max((at for at in range(len(rest)) if at not in lost), default=-1)
    seen = [at for at in lost if at < last]  # that the last ones did not come can be told by the next message only
    assert missing(effects) == len(seen)
    assert all_accounted(arrived, effects)
    for number, values in stored(effects).items():
        assert values == plant.truth[number]
    # A value that became current is never older than the one before it, whatever was lost.
    assert live(effects) == sorted(live(effects), key=lambda value: float(str(value)))


@given(steps, steps, st.data())
def test_after_a_rebirth_everything_is_the_truth_again(
    history: list[tuple[str, str | None, str]], later: list[tuple[str, str | None, str]], data: st.DataObject
) -> None:
    plant, server = played(history), ServerSessions(reorder_us=WAIT_US)
    before = [message for message in plant.sent if data.draw(st.booleans())]
    first = deliver(server, before) if before else []
    born = len(plant.sent)
    plant.births()
    for step in later:
        plant.take(step)
    after = plant.sent[born:]
    effects = deliver(server, after)
    assert live(effects) == [value for message in after for value in plant.truth[message.number]]
    assert missing(effects) == 0
    assert all_accounted(before, first)
    assert all_accounted(after, effects)


@given(steps, st.data())
def test_what_comes_long_after_its_gap_was_recorded_fills_it(
    history: list[tuple[str, str | None, str]], data: st.DataObject
) -> None:
    plant, server = played(history), ServerSessions(reorder_us=WAIT_US)
    birth, *rest = plant.sent
    late = data.draw(st.sets(st.integers(0, max(len(rest) - 2, 0)), max_size=8))
    late = {at for at in late if at < len(rest) - 1}
    effects = deliver(server, [birth, *(message for at, message in enumerate(rest) if at not in late)])
    assert missing(effects) == len(late)
    current = live(effects)
    effects += deliver(server, [rest[at] for at in sorted(late)]) if late else []
    assert missing(effects) == 0
    assert live(effects) == current
    assert all_accounted(plant.sent, effects)
