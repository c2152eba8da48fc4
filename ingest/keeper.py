"""Holds this process's fair share of the slots and serves each with a worker.

Any number of processes may be started, all the same. Each claims free slots until it has its share, renews them, and
gives some back when more processes come. Who dies stops renewing; after LEASE_S another process takes the slot, and
with it the client id: the broker hands over the session with everything that was not acknowledged. A holder that was
frozen and wakes up is fenced by the epoch of its chain and stops at its next renewal.
"""

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import structlog

from ingest.partitions import Partition
from ingest.worker import Worker
from store.errors import StoreUnavailable, translated
from store.slots import Slot, all_slots, claim_slot, keepers, release_slot

LEASE_S = 10.0
RENEW_S = 2.0
UNSERVED_AT_MOST_S = 900.0  # then time is told although a slot has no holder or lies behind
APPLICATION = "batchwitness ingest keeper"

log = structlog.get_logger()


@dataclass(slots=True)
class Keeper:
    """One process's slots."""

    partitions: list[Partition]  # the rest first
    holder: str  # host:pid
    connect: Callable[[str], psycopg.Connection]  # takes an application name
    new_worker: Callable[[Partition, Callable[[], bool]], Worker]
    stop: threading.Event
    workers: dict[str, Worker] = field(default_factory=dict)  # by name of the slot, oldest first
    failures: list[str] = field(default_factory=list)
    _everybody_caught_up: bool = False
    _behind_since: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Until stopping, or until a worker fails in a way that no other process could do better."""
        try:
            while not self.stop.is_set() and not self.failures:
                try:
                    with translated(), self.connect(APPLICATION) as connection:
                        while not self.stop.is_set() and not self.failures:
                            self._round(connection)
                            self.stop.wait(RENEW_S)
                        for name in list(self.workers):
                            self._give_back(connection, name)
                except StoreUnavailable as error:
                    log.warning("store unavailable: slots are kept as they are", error=str(error))
                    self.stop.wait(RENEW_S)
        finally:
            for worker in self.workers.values():
                worker.stop()

    def _round(self, connection: psycopg.Connection) -> None:
        for name, worker in list(self.workers.items()):
            if not worker.running():
                if worker.failure is not None:
                    self.failures.append(worker.failure)
                self._drop(name)
            elif not self._claim(connection, worker.partition):
                log.warning("another process holds the slot", slot=name)
                self._drop(name)
        share = math.ceil(len(self.partitions) / max(1, keepers(connection, APPLICATION, within_s=LEASE_S)))
        for name in list(self.workers)[share:]:
            self._give_back(connection, name)
        for partition in self.partitions:
            if len(self.workers) < share and partition.name not in self.workers and self._claim(connection, partition):
                log.info("slot claimed", slot=partition.name)
                worker = self.workers[partition.name] = self.new_worker(partition, self._tells_time(partition))
                worker.start()
        self._look_around(all_slots(connection))

    def _look_around(self, slots: list[Slot]) -> None:
        """What the others do decides what the rest may leave to them, and whether time may be told."""
        known = {slot.name: slot for slot in slots}
        caught_up = all(partition.name in known and known[partition.name].caught_up for partition in self.partitions)
        now = time.monotonic()
        if caught_up:
            self._behind_since = now
        self._everybody_caught_up = caught_up or now - self._behind_since > UNSERVED_AT_MOST_S
        rest = self.workers.get(self.partitions[0].name)
        if rest is not None:
            rest.leave_to_others(
                [
                    partition
                    for partition in self.partitions[1:]
                    if partition.name in known and known[partition.name].filters == partition.filters
                ]
            )

    def _tells_time(self, partition: Partition) -> Callable[[], bool]:
        """One chain tells the time, that of the rest; where there is no other, it need not look around."""
        if partition is not self.partitions[0]:
            return lambda: False
        if len(self.partitions) == 1:
            return lambda: True
        return lambda: self._everybody_caught_up

    def _claim(self, connection: psycopg.Connection, partition: Partition) -> bool:
        worker = self.workers.get(partition.name)
        subscribed = worker is not None and worker.subscriber.ever_subscribed()
        caught_up = worker is not None and worker.pipeline.caught_up()
        if claim_slot(
            connection,
            name=partition.name,
            holder=self.holder,
            lease_s=LEASE_S,
            filters=partition.filters if subscribed else None,
            caught_up=caught_up,
        ):
            return True
        slot = next((slot for slot in all_slots(connection) if slot.name == partition.name), None)
        if worker is None and slot is not None and _is_dead(slot.holder):
            release_slot(connection, name=slot.name, holder=slot.holder)
            return claim_slot(connection, name=partition.name, holder=self.holder, lease_s=LEASE_S)
        return False

    def _drop(self, name: str) -> None:
        self.workers.pop(name).stop()

    def _give_back(self, connection: psycopg.Connection, name: str) -> None:
        self._drop(name)
        release_slot(connection, name=name, holder=self.holder)
        log.info("slot given back", slot=name)


def _is_dead(holder: str) -> bool:
    """Whether a process of this host that held a slot is gone; of other hosts nothing can be said."""
    host, _, pid = holder.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
