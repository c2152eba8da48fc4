"""A campaign: faults one after another under load, each until the system has caught up again; then the account."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from tests.acceptance.alerts import disagreements
from tests.bench.campaign.account import Account, account
from tests.bench.campaign.edges import Edge
from tests.bench.campaign.faults import Fault
from tests.bench.campaign.machine import Machine, machine
from tests.bench.campaign.meeting import meet
from tests.bench.campaign.speech import UNITS, Speaker, now_us
from tests.support import eventually

MESSAGES_PER_S = 25  # of each publisher, at ten readings a message
RECOVERED_WITHIN_S = 180.0
ACCOUNTED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A fault that happened, and how long after its end everything published meanwhile was in the record."""

    fault: Fault
    recovered_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What happened, and what became of everything that was published."""

    met: list[Met]
    broker_kills_s: list[float]  # in order, by the monotonic clock
    account: Account
    alerts: int
    duration_s: float


def campaign(
    faults: Sequence[Fault], *, seed: int, workers: int = 1, minutes: float = 0.0, messages_per_s: int = MESSAGES_PER_S
) -> Campaign:
    """Let the faults happen, spread over at least so many minutes, and count."""
    with machine(workers=workers, disturbed=True) as one, ExitStack() as stack:
        began_s = time.monotonic()
        edges = [
            stack.enter_context(_edge(one, number, seed=seed, messages_per_s=messages_per_s))
            for number in range(len(UNITS))
        ]
        under_way = _UnderWay(one, edges)
        under_way.begin()
        met = []
        for number, fault in enumerate(faults):
            time.sleep(max(fault.pause_s, began_s + number * minutes * 60 / len(faults) - time.monotonic()))
            sys.stderr.write(f"\r\x1b[Kfault {number + 1} of {len(faults)}: {fault.kind}")
            sys.stderr.flush()
            ended_s = meet(fault, one, edges)
            under_way.recover()
            met.append(Met(fault=fault, recovered_s=time.monotonic() - ended_s))
        sys.stderr.write("\r\x1b[Kevery publisher ends; counting\n")
        under_way.end()
        counted = under_way.count()
        return Campaign(
            met=met,
            broker_kills_s=one.broker_kills_s,
            account=counted,
            alerts=one.ask("SELECT count(*) FROM alert")[0][0],
            duration_s=time.monotonic() - began_s,
        )


def _edge(one: Machine, number: int, *, seed: int, messages_per_s: int) -> Edge:
    speaker = Speaker(number, seed=seed, started_us=now_us(), interval_us=1_000_000 // messages_per_s)
    return Edge(speaker, one.publisher(speaker.name), seed=seed)


class _UnderWay:
    """A campaign while it goes on."""

    def __init__(self, one: Machine, edges: Sequence[Edge]) -> None:
        self._machine = one
        self._edges = edges

    def begin(self) -> None:
        """Every publisher has been heard of: what it says from now on cannot be lost unseen."""
        self.recover()
        for edge in self._edges:
            edge.talk()
        eventually(lambda: all(edge.heard_seq > 10 for edge in self._edges), within_s=30, what="publishers speak")
        self.recover()

    def recover(self) -> None:
        """Wait until all that has been said is in the record and analytics has taken it."""
        goals = {edge.name: edge.heard_seq for edge in self._edges}
        self._wait(lambda: self._heard(goals), "everything said is in the record")
        blocks = self._machine.ask("SELECT max(seq), chain_id FROM block GROUP BY chain_id")
        self._wait(lambda: self._taken(blocks), "analytics has taken it")

    def end(self) -> None:
        """Let everybody say a last message, which shows what is missing before it."""
        for edge in self._edges:
            edge.finish()
        for edge in self._edges:
            assert edge.join(60), f"{edge.name} still waits for an acknowledgement"
            if edge.failure is not None:
                raise edge.failure
        self.recover()

    def count(self) -> Account:
        """The account, once nothing arrives that would better it; and whether the alerts are what they must be."""
        deadline = time.monotonic() + ACCOUNTED_WITHIN_S
        while True:
            counted = account(self._machine, self._edges)
            if not counted.problems or time.monotonic() > deadline:
                break
            time.sleep(1)
        self.recover()
        self._machine.analytics.stop()
        counted.problems.extend(
            f"alert {one.alert}, {one.what}: the journal leads to {one.computed}, not to {one.recorded}"
            for one in disagreements(self._machine)
        )
        return counted

    def _wait(self, check: Callable[[], bool], what: str) -> None:
        def asked() -> bool:
            for edge in self._edges:
                if edge.failure is not None:
                    raise edge.failure
            for stage in (*self._machine.ingests, self._machine.analytics):
                if not stage.alive:
                    raise RuntimeError(stage.why())  # nobody killed it: a fault it must not die of
            try:
                return check()
            except psycopg.OperationalError:  # the database is on its way back
                return False

        eventually(asked, within_s=RECOVERED_WITHIN_S, what=what)

    def _heard(self, goals: dict[str, int]) -> bool:
        stands: dict[str, int] = dict(self._machine.ask("SELECT publisher, last_seq FROM publisher"))
        return all(stands.get(name, -1) >= seq for name, seq in goals.items())

    def _taken(self, blocks: Sequence[tuple[int, int]]) -> bool:
        stands: dict[int, int] = dict(self._machine.ask("SELECT chain_id, max(seq) FROM intake GROUP BY 1"))
        return all(stands.get(chain, 0) >= seq for seq, chain in blocks)
