"""take → decode → commit → acknowledge. Deliveries come decoded where that could be done ahead (`ingest.ahead`).

INGEST-1: a message is acknowledged only after the transaction holding what it carried has committed.
INGEST-2: killed at any instant, what was not acknowledged comes again, and what was committed is not stored twice.
INGEST-3: no input stops this loop.

When the store is unavailable the loop waits and tries the same deliveries again; the inbox fills, the broker keeps the
rest. When the store rejects a block it is halved until the bad message stands alone and is quarantined. Only three
outcomes exist, each with a counter: committed, quarantined, not acknowledged.
"""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from ingest.ahead import NOTHING, Batch, DecodeAhead
from ingest.clock_watch import ClockWatch
from ingest.decode import Decoder
from ingest.inbox import Delivery
from store.commit import Committed, Prepared, commit
from store.draft import Draft, Listening, Tick
from store.errors import ChainLost, StoreRejected, StoreUnavailable
from store.journal import ChainLease
from store.model.journal import Entry, EntryKind
from store.model.times import US_PER_S

TICK_INTERVAL_S = 1.0
# After a connection or an outage, time is told again once what waited meanwhile has been taken. That is so when
CAUGHT_UP_S = 60.0  # half of a block's readings are no older than this, in host seconds,
QUIET_S = 2.0  # or nothing came for so long,
CATCH_UP_WITHIN_S = 900.0  # or, where clocks are wrong or old data keep coming, after so long at the latest.
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0

log = structlog.get_logger()
committed_total = Counter("batchwitness_ingest_messages_committed", "messages whose content is in the record")
readings_total = Counter("batchwitness_ingest_readings_stored", "readings newly stored")
duplicates_total = Counter("batchwitness_ingest_readings_duplicate", "readings that were in the record already")
conflicts_total = Counter("batchwitness_ingest_readings_conflict", "readings that contradict the record")
quarantined_total = Counter("batchwitness_ingest_items_quarantined", "items put aside")
held_back_total = Counter(
    "batchwitness_ingest_items_held_back", "items refused beyond what the quarantine takes in a minute"
)
unavailable_total = Counter("batchwitness_ingest_store_unavailable", "times the store could take nothing")


@dataclass(slots=True)
class StoreSession:
    """An open connection to the store, the chain it may append to and the decoder that looks names up through it."""

    lease: ChainLease
    decoder: Decoder


@dataclass(slots=True)
class Pipeline:
    """The loop between the inbox and the store."""

    ahead: DecodeAhead
    open_session: Callable[[], StoreSession]  # raises StoreUnavailable
    acknowledge: Callable[[Sequence[Delivery]], None]
    read_clock: Callable[[], Tick]
    listening: Callable[[], bool]  # whether the broker sends to us
    tells_time: Callable[[], bool]  # whether others agree that time may be told
    most_refused: int  # items a minute that get rows in the quarantine
    stop: threading.Event
    session: StoreSession | None = None
    _clock_watch: ClockWatch = field(default_factory=ClockWatch)
    _ticked_at: float = field(default=float("-inf"))
    _behind_since: float | None = field(default_factory=time.monotonic)  # None: caught up
    _delivered_at: float = field(default_factory=time.monotonic)
    _listening_since_us: int | None = None  # None: the broker does not send to us, or the store takes nothing
    _listening_told_at: float = field(default=float("-inf"))

    def run(self) -> None:
        """Until stopping. What was taken but not committed then is not acknowledged and comes again."""
        with self.ahead:
            while not self.stop.is_set():
                batch = self.ahead.take(within_s=TICK_INTERVAL_S / 2)
                tick_due = self._tick_due(len(batch.deliveries))
                if (batch.deliveries or tick_due) and self._commit_until_done(batch, tick_due=tick_due):
                    self.acknowledge(batch.deliveries)

    def _tick_due(self, taken: int) -> bool:
        """Whether to say that time passed. Not while a backlog waits: it would make everything in it late."""
        now = time.monotonic()
        if taken:
            self._delivered_at = now
        if not self.listening():
            self._behind_since, self._delivered_at, self._listening_since_us = now, now, None
        elif self._listening_since_us is None:
            self._listening_since_us = time.time_ns() // 1000
        if self._behind_since is not None and (
            now - self._delivered_at >= QUIET_S or now - self._behind_since >= CATCH_UP_WITHIN_S
        ):
            self._behind_since = None
        return self._behind_since is None and self.tells_time() and now - self._ticked_at >= TICK_INTERVAL_S

    def caught_up(self) -> bool:
        """Whether nothing waits at the broker that time should not pass over."""
        return self._behind_since is None

    def close(self) -> None:
        """Leave the store."""
        self._drop_session()

    def _commit_until_done(self, batch: Batch, *, tick_due: bool) -> bool:
        """Try the same deliveries until they are committed; False when told to stop before."""
        wait_s = FIRST_WAIT_S
        while not self.stop.is_set():
            try:
                self.session = self.session or self.open_session()
                self._commit(self.session, batch, tick_due=tick_due)
            except StoreUnavailable as error:
                unavailable_total.inc()
                log.warning("store unavailable", waiting=len(batch.deliveries), wait_s=wait_s, error=str(error))
                self._drop_session()
                self._behind_since, tick_due = time.monotonic(), False
                self._listening_since_us = None
                if not batch.deliveries:
                    return True
                batch = Batch(deliveries=batch.deliveries)  # a failed commit may have added to its draft
                self.stop.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                return True
        return False

    def _commit(self, session: StoreSession, batch: Batch, *, tick_due: bool) -> None:
        draft = batch.draft or session.decoder.draft(batch.deliveries)
        tick = self.read_clock()
        self._clock_watch.look(tick.host_us, time.monotonic())
        if tick_due:
            draft.tick = tick
            draft.entries.append(_tick_entry(tick))
        draft.listening = self._listening()
        try:
            self._count(self._commit_draft(session, draft, tick, batch.prepared), len(batch.deliveries))
        except (StoreUnavailable, ChainLost):
            raise
        except Exception as error:
            # Refused by the database, or a bug of ours: neither may stop ingestion (INGEST-3).
            self._isolate(session, batch.deliveries, error)
            if tick_due:
                self._commit(session, NOTHING, tick_due=True)
            return
        if tick_due:
            self._ticked_at = time.monotonic()
        times_us = draft.readings.time_us
        if times_us and tick.plant_us - statistics.median_low(times_us) <= CAUGHT_UP_S * tick.rate * US_PER_S:
            self._behind_since = None

    def _listening(self) -> Listening | None:
        """For how long the broker has been sending to us, told about once a second."""
        now = time.monotonic()
        if self._listening_since_us is None or now - self._listening_told_at < TICK_INTERVAL_S:
            return None
        self._listening_told_at = now
        since_us = self._listening_since_us  # a host's clock may step back
        return Listening(since_us=since_us, until_us=max(since_us, time.time_ns() // 1000))

    def _isolate(self, session: StoreSession, deliveries: Sequence[Delivery], error: Exception) -> None:
        """Halve until the message that cannot be committed stands alone, and quarantine it."""
        if not deliveries:
            raise error  # a tick alone can only be refused by a bug
        if len(deliveries) == 1:
            refused = isinstance(error, StoreRejected)
            log.error("a message cannot be committed", topic=deliveries[0].topic, exc_info=None if refused else error)
            reason = f"{type(error).__name__}: {error}"
            draft = session.decoder.quarantine_whole(deliveries[0], reason, refused=refused)
            self._count(self._commit_draft(session, draft, self.read_clock()), 1)
            return
        middle = len(deliveries) // 2
        for half in (deliveries[:middle], deliveries[middle:]):
            self._commit(session, Batch(deliveries=half), tick_due=False)

    def _commit_draft(
        self, session: StoreSession, draft: Draft, tick: Tick, prepared: Prepared | None = None
    ) -> Committed:
        return commit(
            session.decoder.connection,
            session.lease,
            draft,
            prepared=prepared,
            host_us=tick.host_us,
            most_refused=self.most_refused,
        )

    def _drop_session(self) -> None:
        if self.session is not None:
            self.session.decoder.connection.close()
            self.session = None

    def _count(self, committed: Committed, messages: int) -> None:
        committed_total.inc(messages)
        readings_total.inc(committed.stored)
        duplicates_total.inc(committed.duplicates)
        conflicts_total.inc(committed.conflicts)
        quarantined_total.inc(committed.quarantined)
        held_back_total.inc(committed.held_back)


def _tick_entry(tick: Tick) -> Entry:
    payload = b'{"plant_us":%d,"rate":%r}' % (tick.plant_us, tick.rate)
    return Entry(kind=EntryKind.TICK, topic="", payload=payload, received_us=tick.host_us)
