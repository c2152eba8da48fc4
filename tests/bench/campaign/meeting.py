"""How each fault is done to the system, and ended."""

import time
from collections.abc import Callable, Sequence

from batchwitness.embedded.stage import Stage
from tests.bench.campaign.edges import Edge
from tests.bench.campaign.faults import Fault, FaultKind
from tests.bench.campaign.machine import Machine
from tests.fix_proxy import Proxy, Way

REPEATED, SHUFFLED = 200, 100  # messages; 200 reach back eight seconds


def meet(fault: Fault, machine: Machine, edges: Sequence[Edge]) -> float:
    """Let a fault happen and end it; returns when, in seconds of the monotonic clock, what was gone began to return."""
    if fault.kind in LINKS:
        proxy, disturb = LINKS[fault.kind](machine)
        disturb()
        time.sleep(fault.hold_s)
        ended_s = time.monotonic()
        proxy.restore()
    elif fault.kind in PUBLISHED:
        ended_s = time.monotonic()
        PUBLISHED[fault.kind](edges[fault.victim % len(edges)])
    else:
        away, back = PROCESSES[fault.kind](machine, machine.ingests[fault.victim % len(machine.ingests)])
        away()
        time.sleep(fault.hold_s)
        ended_s = time.monotonic()
        back()
    return ended_s


def _in_turn(*steps: Callable[[], None]) -> None:
    for step in steps:
        step()


# How it goes away and how it comes back, of the machine and the ingest process that was drawn.
PROCESSES: dict[FaultKind, Callable[[Machine, Stage], tuple[Callable[[], object], Callable[[], object]]]] = {
    FaultKind.KILL_INGEST: lambda _, ingest: (ingest.kill, ingest.start),
    FaultKind.KILL_ANALYTICS: lambda machine, _: (machine.analytics.kill, machine.analytics.start),
    FaultKind.KILL_BROKER: lambda machine, _: (machine.kill_broker, machine.stack.broker.start),
    FaultKind.KILL_BOTH: lambda machine, ingest: (
        ingest.kill,
        lambda: _in_turn(machine.kill_broker, machine.stack.broker.start, ingest.start),
    ),
    FaultKind.KILL_POSTGRES: lambda machine, _: (machine.stack.database.kill, machine.stack.database.start),
    FaultKind.STOP_INGEST: lambda machine, ingest: (
        lambda: machine.signal(ingest, stop=True),
        lambda: machine.signal(ingest, stop=False),
    ),
    # What was asked is done and the answer held back; then the connection ends: committed, or not?
    FaultKind.LOSE_ANSWERS: lambda machine, _: (
        lambda: machine.database_proxy.stall(Way.BACK),
        lambda: _in_turn(machine.database_proxy.cut, machine.database_proxy.restore),
    ),
}

# What is between the two, and what it does until it is restored.
LINKS: dict[FaultKind, Callable[[Machine], tuple[Proxy, Callable[[], None]]]] = {
    FaultKind.CUT_BROKER: lambda machine: (machine.broker_proxy, machine.broker_proxy.cut),
    FaultKind.STALL_TO_BROKER: lambda machine: (
        machine.broker_proxy,
        lambda: machine.broker_proxy.stall(Way.THERE),
    ),
    FaultKind.STALL_FROM_BROKER: lambda machine: (
        machine.broker_proxy,
        lambda: machine.broker_proxy.stall(Way.BACK),
    ),
    FaultKind.HALF_OPEN_BROKER: lambda machine: (machine.broker_proxy, machine.broker_proxy.half_open),
    FaultKind.CUT_DATABASE: lambda machine: (machine.database_proxy, machine.database_proxy.cut),
    FaultKind.STALL_TO_DATABASE: lambda machine: (
        machine.database_proxy,
        lambda: machine.database_proxy.stall(Way.THERE),
    ),
    FaultKind.STALL_FROM_DATABASE: lambda machine: (
        machine.database_proxy,
        lambda: machine.database_proxy.stall(Way.BACK),
    ),
    FaultKind.HALF_OPEN_DATABASE: lambda machine: (machine.database_proxy, machine.database_proxy.half_open),
    FaultKind.CUT_EDGES: lambda machine: (machine.edge_proxy, machine.edge_proxy.cut),
}

PUBLISHED: dict[FaultKind, Callable[[Edge], None]] = {
    FaultKind.REPEAT: lambda edge: edge.repeat(REPEATED),
    FaultKind.SHUFFLE: lambda edge: edge.shuffle(SHUFFLED),
}
