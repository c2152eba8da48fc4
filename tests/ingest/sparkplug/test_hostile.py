"""An edge node that says anything at all: no exception, every metric accounted for, nothing waits for ever."""

import math
from collections import defaultdict
from random import Random

import pytest

from ingest.sparkplug.effects import Effect, RequestRebirth
from ingest.sparkplug.message import Message
from ingest.sparkplug.sequence import NUMBERS
from ingest.sparkplug.server import MOST_REQUESTS, ServerSessions
from ingest.sparkplug.sparkplug_b_pb2 import Metric
from ingest.sparkplug.topic import EdgeNode, Verb
from store.model.times import US_PER_S
from tests.ingest.sparkplug.edge import T0_MS, accounted, message, of, properties

HISTORIES = 20  # a seed
STEPS = 50
NODES = [EdgeNode(group="g", node=name) for name in ("n", "N")]
VALUES: list[tuple[str, object]] = [
    *(("int_value", number) for number in (0, 1, 0x80, 0xFFFFFFFF)),
    *(("long_value", number) for number in (0, 7, 2**32, 2**64 - 1)),
    *(("double_value", number) for number in (1.5, math.nan, math.inf)),
    ("float_value", 1.5),
    ("boolean_value", True),
    *(("string_value", text) for text in ("", "7", "\x00")),
    *(("bytes_value", wire) for wire in (b"", b"\x01", b"\xff\xff\xff\xff\x80", b"a\x00", b"\x00" * 8)),
    ("dataset_value", b"\xff"),
    ("template_value", b""),
]


def any_metric(random: Random) -> Metric:
    made = Metric(
        name=random.choice([None, "", "a", "a", "A", "b", "bdSeq", "Node Control/Rebirth", "x\x00"]),
        alias=random.choice([None, None, 0, 1, 2]),
        datatype=random.choice([None, *range(36)]),
        timestamp=random.choice([None, 0, T0_MS, T0_MS + 1, 2**64 - 1]),
        is_historical=random.choice([None, None, True]),
        is_null=random.choice([None, None, True]),
        properties=random.choice([None, b"\xff", properties(Quality=500)]),
    )
    if random.random() < 0.9:
        setattr(made, *random.choice(VALUES))
    return made


def any_message(random: Random) -> Message:
    verb = random.choice(list(Verb))
    return message(
        verb,
        [any_metric(random) for _ in range(random.randrange(5))],
        seq=random.choice([None, 0, 0, 1, 1, 2, 2, 3, 128, 254, 255, 256, 2**64 - 1]),
        sent_ms=random.choice([None, 0, 2**64 - 1, *range(T0_MS - 3, T0_MS + 4)]),
        received_us=T0_MS * 1000,
        device=random.choice(["d", "e"]) if verb.of_device else None,
        node=random.choice(NODES),
        retained=random.random() < 0.1,
        qos=random.randrange(2),
    )


def play(random: Random, server: ServerSessions) -> tuple[list[Message], list[Effect], int]:
    """What was delivered, what followed, and how many seconds passed."""
    taken: list[Message] = []
    effects: list[Effect] = []
    now_us = T0_MS * 1000
    for _ in range(STEPS):
        what = random.random()
        if what < 0.8:
            taken.append(any_message(random) if not taken or what > 0.1 else random.choice(taken))
            effects += server.receive(taken[-1])
        elif what < 0.92:
            now_us += US_PER_S
            effects += server.elapsed(now_us)
        elif what < 0.96 and taken:
            effects += server.receive_broken(taken[-1].topic, now_us)
        elif what < 0.98:
            effects += server.link_lost(now_us)
        else:
            server.link_up(now_us)
    effects += server.link_lost(now_us)
    return taken, effects, now_us // US_PER_S - T0_MS // 1000


@pytest.mark.parametrize("seed", range(5))
def test_ingest_3_whatever_an_edge_node_says_every_metric_is_accounted_for(seed: int) -> None:
    random = Random(seed)
    for _ in range(HISTORIES):
        server = ServerSessions()
        taken, effects, seconds = play(random, server)
        times: dict[int, int] = defaultdict(int)
        for one in taken:
            times[one.number] += 1
        wrong = {
            number: counts for number, counts in accounted(taken, effects).items() if not set(counts) <= {times[number]}
        }
        assert wrong == {}
        assert len(of(RequestRebirth, effects)) <= MOST_REQUESTS * (1 + seconds)
        for session in server.sessions.values():
            assert (session.sequence.held, session.sequence.held_bytes) == ({}, 0)
            assert session.sequence.next is None or 0 <= session.sequence.next < NUMBERS
            assert session.metrics.count == sum(len(names) for names in session.metrics.by_name.values())
