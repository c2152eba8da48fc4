"""The publishers of a campaign: each speaks over a connection of its own, as fast as due, and keeps what it said."""

import queue
import random
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from batchwitness.plant.messages import Message
from batchwitness.plant.outbox import BrokerAddress, Outbox, connected
from tests.bench.campaign.speech import Sent, Speaker, now_us

LOOK_EVERY_S = 0.02
MOST_AT_ONCE = 100


class Edge:
    """One publisher. It publishes at QoS 1 and repeats what was not acknowledged; nothing it said is forgotten.

    Its connection goes through the proxy that `broker` leads to.
    """

    def __init__(self, speaker: Speaker, broker: BrokerAddress, *, seed: int) -> None:
        self.speaker = speaker
        self.sent: list[Sent] = []
        self.failure: Exception | None = None
        self._broker = broker
        self._dice = random.Random(f"orders {seed} {speaker.name}")
        self._order: list[Sent] = []  # as published, repetitions included
        self._acknowledged = 0  # of them, without a hole
        self._orders: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._talk = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=speaker.name)

    @property
    def name(self) -> str:
        return self.speaker.name

    @property
    def heard_seq(self) -> int:
        """The last sequence number said; everything up to it is on its way."""
        return self.speaker.seq

    def talk(self) -> None:
        """Go on after the first message, the start of the batch."""
        self._talk.set()

    def repeat(self, count: int) -> None:
        """Publish the last messages again, byte for byte."""
        self._orders.put(("repeat", count))

    def shuffle(self, count: int) -> None:
        """Publish the next messages in another order."""
        self._orders.put(("shuffle", count))

    def finish(self) -> None:
        """Say a last message, wait until all is acknowledged, and end."""
        self._stop.set()
        self._talk.set()

    def join(self, within_s: float) -> bool:
        """Whether it has ended in time."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        self._thread.join(60)

    def _run(self) -> None:
        try:
            with connected(self._broker) as outbox:
                self._publish(outbox, [self._say_first()])
                while not self._talk.wait(LOOK_EVERY_S):
                    self._note(outbox)
                while not self._stop.is_set():
                    self._obey(outbox)
                    due = min(self.speaker.due(now_us()), MOST_AT_ONCE)
                    self._publish(outbox, [self._say() for _ in range(due)])
                    outbox.collect(wait_s=LOOK_EVERY_S)
                    self._note(outbox)
                self._publish(outbox, [self._say()])
                outbox.settle(threading.Event())
                self._note(outbox)
        except Exception as failure:  # told in the campaign's thread
            self.failure = failure

    def _say_first(self) -> Sent:
        sent = self.speaker.begin()
        self.sent.append(sent)
        return sent

    def _say(self) -> Sent:
        sent = self.speaker.say()
        self.sent.append(sent)
        return sent

    def _obey(self, outbox: Outbox) -> None:
        while True:
            try:
                order, count = self._orders.get_nowait()
            except queue.Empty:
                return
            if order == "repeat":
                self._publish(outbox, self.sent[-count:])
            else:
                said = [self._say() for _ in range(count)]
                self._dice.shuffle(said)
                self._publish(outbox, said)

    def _publish(self, outbox: Outbox, said: Sequence[Sent]) -> None:
        never = threading.Event()
        for sent in said:
            self._order.append(sent)
            outbox.send(Message(plant_us=0, topic=sent.topic, payload=sent.payload, readings=0), never)
            self._note(outbox)

    def _note(self, outbox: Outbox) -> None:
        for sent in self._order[self._acknowledged : outbox.published.messages]:
            if sent.acknowledged_s is None:
                sent.acknowledged_s = time.monotonic()
        self._acknowledged = outbox.published.messages
