"""take → follow the sessions → commit → ask for rebirth: the loop of the Sparkplug host.

Every message that arrives while this host is the active one is in a block, and every loss that can be known is a row of
`edge_gap` (INGEST-4). One process at a time is the host: it holds the slot, and its chain's epoch fences whoever
believes to hold it still. When the store is away the same steps are tried again and the spool fills; `wish` then tells
the link to say offline. Killed, the process loses what was not committed: the next one knows since when nobody
listened, asks every node for its births, and writes the gap.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg
import structlog
from prometheus_client import Counter, Gauge

from ingest.sparkplug.book import Book
from ingest.sparkplug.drafting import Drafter, Taken
from ingest.sparkplug.effects import RequestRebirth
from ingest.sparkplug.link import Wish
from ingest.sparkplug.mapping import Mapping
from ingest.sparkplug.payload import encode_rebirth_request
from ingest.sparkplug.server import QUIET_US, ServerSessions
from ingest.sparkplug.session import NodeState, SavedNode
from ingest.sparkplug.settings import SparkplugSettings
from ingest.sparkplug.spool import Spool, now_us
from ingest.sparkplug.steps import Steps
from ingest.sparkplug.topic import EdgeNode, SparkplugTopic, Verb
from store.commit import commit
from store.directory import Directory
from store.draft import Draft, Listening
from store.edge_nodes import alive_until_us, read_sessions
from store.errors import ChainLost, StoreRejected, StoreUnavailable, translated
from store.journal import ChainLease, claim_chain
from store.model.edge import EdgeState
from store.model.times import US_PER_S
from store.slots import claim_slot, release_slot

HEARTBEAT_S = 5.0  # a block at least so often says that somebody listens
ELAPSE_EVERY_S = 0.2
MOST_MESSAGES = 1_000  # in one block
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0

log = structlog.get_logger()
committed_total = Counter("batchwitness_sparkplug_messages_committed", "messages whose content is in the record")
unavailable_total = Counter("batchwitness_sparkplug_store_unavailable", "times the store could take nothing")
forgotten_total = Counter("batchwitness_sparkplug_messages_forgotten", "messages left when another process took over")
requests_total = Counter("batchwitness_sparkplug_rebirth_requests", "rebirth requests published")
spool_gauge = Gauge("batchwitness_sparkplug_spool", "messages that wait for the store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a host waits before it believes something."""

    lease_s: float = 15.0  # longer than the next: whoever cannot renew has said offline before another takes over
    offline_after_s: float = 10.0  # without the store
    renew_every_s: float = 3.0
    quiet_us: int = QUIET_US  # after going online, without a request for births


@dataclass(slots=True)
class _Store:
    """An open connection, the chain, and what drafting looks up through them."""

    connection: psycopg.Connection
    lease: ChainLease
    drafter: Drafter


@dataclass(slots=True)
class Host:
    """The loop between the spool and the store."""

    settings: SparkplugSettings
    holder: str  # names this run of this process
    spool: Spool
    command: Callable[[str, bytes], bool]  # publish, while online
    stop: threading.Event
    conninfo: str = ""
    patience: Patience = field(default_factory=Patience)
    _store: _Store | None = None
    _steps: Steps = field(init=False)
    _active: bool = False  # this process is the host
    _epoch: int = 0  # of our chain, as we claimed it last
    _leased_until: float = float("-inf")
    _renewed_at: float = float("-inf")
    _good_at: float = field(default_factory=time.monotonic)  # when the store last took something
    _committed_at: float = float("-inf")
    _elapsed_at: float = float("-inf")
    _notes: Drafter | None = None

    def __post_init__(self) -> None:
        self._forget()

    def wish(self) -> Wish:
        """What the link should be doing; asked from its thread."""
        if not self._active:
            return Wish.AWAY
        return Wish.ONLINE if time.monotonic() - self._good_at < self.patience.offline_after_s else Wish.LISTEN

    def may_connect(self) -> bool:
        """Whether nobody else can be the host; whoever connects under its name ends the other's connection."""
        return self._active and time.monotonic() < self._leased_until

    def run(self) -> None:
        """Until told to stop; what has arrived by then is committed if the store takes it at once."""
        wait_s = FIRST_WAIT_S
        waiting: list[Taken] = []
        while not self.stop.is_set() or waiting:
            try:
                if not self._hold():
                    waiting = []
                    self.stop.wait(1.0)
                    continue
                waiting = waiting or self._take()
                self._commit(waiting)
                self._publish_requests(waiting)
                waiting, wait_s = [], FIRST_WAIT_S
            except StoreUnavailable as error:
                unavailable_total.inc()
                log.warning("store unavailable", waiting=len(waiting), spool=len(self.spool), error=str(error))
                self._close()
                if self.stop.is_set():
                    return
                self.stop.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            except ChainLost as error:
                log.warning("another process is the host now", reason=str(error))
                self._stand_by()
                waiting = []

    def finish(self) -> None:
        """Commit what arrived until the link was left, and let the next process be the host at once."""
        try:
            if self._active and self._store is not None:
                while len(self.spool):
                    self._commit(self._take())
                release_slot(self._store.connection, name=self.settings.chain, holder=self.holder)
        except (StoreUnavailable, ChainLost) as error:
            log.warning("not everything was committed", spool=len(self.spool), reason=str(error))
        finally:
            self._close()

    def _hold(self) -> bool:
        """Whether this process is the host: claims or renews the slot when it is time. Raises StoreUnavailable."""
        now = time.monotonic()
        if self._store is not None and self._active and now - self._renewed_at < self.patience.renew_every_s:
            return True
        with translated():
            connection = (
                psycopg.connect(
                    self.conninfo, autocommit=True, application_name="batchwitness sparkplug", connect_timeout=5
                )
                if self._store is None
                else self._store.connection
            )
        try:
            held = claim_slot(connection, name=self.settings.chain, holder=self.holder, lease_s=self.patience.lease_s)
            if held and self._store is None:
                self._open(connection)
        finally:
            if self._store is None:
                connection.close()
        if not held:
            self._stand_by()
            return False
        self._renewed_at, self._leased_until = now, now + self.patience.lease_s
        self._good_at = time.monotonic()
        self._active = True
        return True

    def _open(self, connection: psycopg.Connection) -> None:
        lease = claim_chain(connection, name=self.settings.chain, kind="live", holder=self.holder)
        if self._notes is None:
            directory = Directory()
            directory.read(connection)
            self._notes = Drafter(
                connection=connection, directory=directory, mapping=Mapping(self.settings.sparkplug_rule)
            )
        self._notes.connection = connection
        self._store = _Store(connection=connection, lease=lease, drafter=self._notes)
        if lease.epoch != self._epoch + 1 or not self._active:
            self._restore(connection, lease)
        self._epoch = lease.epoch

    def _restore(self, connection: psycopg.Connection, lease: ChainLease) -> None:
        """Begin where the record ends, because another process wrote its last part, or an earlier life of this one."""
        self._forget()
        sessions = read_sessions(connection, self.settings.server)
        alive_us = alive_until_us(connection, chain_id=lease.chain_id, seq=lease.seq)
        rows = self._steps.book.restore(sessions, alive_until_us=alive_us, now_us=now_us())
        self._steps.sessions.restore(
            SavedNode(
                edge_node=EdgeNode(group=group, node=node),
                state=NodeState(session.state),
                bd_seq=session.bd_seq,
                last_seq=session.last_seq,
                birth_us=session.born_us,
            )
            for (group, node), session in sessions.items()
        )
        draft = Draft()
        draft.edge.add(rows)
        commit(connection, lease, draft)
        online = sum(session.state is EdgeState.ONLINE for session in sessions.values())
        log.info("host", chain=lease.name, epoch=lease.epoch, nodes=len(sessions), online_before=online)

    def _forget(self) -> None:
        reorder_us = round(self.settings.sparkplug_reorder_s * US_PER_S)
        self._steps = Steps(
            server=self.settings.server,
            sessions=ServerSessions(reorder_us=reorder_us, quiet_us=self.patience.quiet_us),
            book=Book(server=self.settings.server, rebirth=self.settings.sparkplug_rebirth),
        )

    def _stand_by(self) -> None:
        if self._active:
            forgotten = self.spool.clear()
            forgotten_total.inc(forgotten)
            log.warning("standing by", forgotten=forgotten)
        self._active = False
        self._close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.connection.close()
            self._store = None

    def _take(self) -> list[Taken]:
        """What happened since: up to MOST_MESSAGES things from the spool, and the passing of time."""
        taken = [self._steps.step(item) for item in self.spool.take(MOST_MESSAGES, within_s=ELAPSE_EVERY_S)]
        spool_gauge.set(len(self.spool))
        now = time.monotonic()
        # Time must not pass for the sessions before what waits was taken.
        if now - self._elapsed_at >= ELAPSE_EVERY_S and not len(self.spool):
            self._elapsed_at = now
            taken += self._steps.elapsed(now_us())
        return taken

    def _commit(self, taken: Sequence[Taken]) -> None:
        """One block of what was taken. Raises StoreUnavailable, ChainLost."""
        assert self._store is not None
        now = time.monotonic()
        if not taken and now - self._committed_at < HEARTBEAT_S:
            return
        draft = self._store.drafter.draft(taken)
        if self._steps.listening_since_us is not None:
            since_us = self._steps.listening_since_us
            draft.listening = Listening(since_us=since_us, until_us=max(since_us, now_us()))
        try:
            commit(self._store.connection, self._store.lease, draft, actor="sparkplug")
        except (StoreUnavailable, ChainLost):
            raise
        except Exception as error:
            # Refused by the database, or a bug of ours: neither may stop ingestion (INGEST-3).
            self._isolate(taken, error)
        committed_total.inc(sum(step.arrival is not None for step in taken))
        self._good_at = self._committed_at = time.monotonic()

    def _isolate(self, taken: Sequence[Taken], error: Exception) -> None:
        """Halve until what cannot be committed stands alone, and quarantine it."""
        assert self._store is not None
        if not taken:
            raise error  # a heartbeat alone can only be refused by a bug
        if len(taken) > 1:
            middle = len(taken) // 2
            for half in (taken[:middle], taken[middle:]):
                self._commit(half)
            return
        refused = isinstance(error, StoreRejected)
        log.error("a step cannot be committed", exc_info=None if refused else error, reason=str(error))
        reason = f"{type(error).__name__}: {error}"
        draft = self._store.drafter.quarantine_whole(taken[0], reason, refused=refused)
        commit(self._store.connection, self._store.lease, draft, actor="sparkplug")

    def _publish_requests(self, taken: Sequence[Taken]) -> None:
        if not self.settings.sparkplug_rebirth:
            return
        for step in taken:
            for effect in step.effects:
                if isinstance(effect, RequestRebirth):
                    topic = str(SparkplugTopic(edge_node=effect.edge_node, verb=Verb.NCMD))
                    if self.command(topic, encode_rebirth_request(now_us() // 1000)):
                        requests_total.inc()
