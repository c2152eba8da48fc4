"""What a campaign does to the system, drawn by seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LEAST_HOLD_S, MOST_HOLD_S = 0.2, 4.0
LEAST_PAUSE_S, MOST_PAUSE_S = 0.1, 1.0


class FaultKind(StrEnum):
    """One way to disturb a running system, named as the report names it."""

    KILL_INGEST = "ingest killed"
    KILL_ANALYTICS = "analytics killed"
    KILL_BROKER = "broker killed"
    KILL_BOTH = "ingest killed, then the broker that keeps its messages"
    KILL_POSTGRES = "PostgreSQL killed"
    STOP_INGEST = "ingest stopped and continued"
    CUT_BROKER = "ingest and broker cut apart"
    STALL_TO_BROKER = "nothing passes from ingest to broker"
    STALL_FROM_BROKER = "nothing passes from broker to ingest"
    HALF_OPEN_BROKER = "connection to the broker half open"
    CUT_DATABASE = "stages and database cut apart"
    STALL_TO_DATABASE = "nothing passes from stages to database"
    STALL_FROM_DATABASE = "nothing passes from database to stages"
    LOSE_ANSWERS = "answers of the database lost"
    HALF_OPEN_DATABASE = "connections to the database half open"
    CUT_EDGES = "publishers and broker cut apart"
    REPEAT = "messages published again"
    SHUFFLE = "messages published out of order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: how long it lasts, where it has a duration, and how long the system was left alone before."""

    kind: FaultKind
    hold_s: float
    pause_s: float
    victim: int  # which ingest or publisher, where there are several: modulo their number


def draw(seed: int, count: int, kinds: Sequence[FaultKind] = tuple(FaultKind)) -> list[Fault]:
    """`count` faults in an order and with durations that depend on the seed alone; every kind as often as possible."""
    dice = random.Random(seed)
    drawn = list(kinds) * (count // len(kinds)) + dice.sample(list(kinds), count % len(kinds))
    dice.shuffle(drawn)
    return [
        Fault(
            kind=kind,
            hold_s=dice.uniform(LEAST_HOLD_S, MOST_HOLD_S),
            pause_s=dice.uniform(LEAST_PAUSE_S, MOST_PAUSE_S),
            victim=dice.randrange(1000),
        )
        for kind in drawn
    ]
