"""Take again what people ask for from the quarantine: the original bytes, the same decoder, the same commit.

What fits by now is stored, in a block of a chain of its own, so that analytics learns of it as of anything that comes
late; what does not fit stays in quarantine with its reason. The answer is in the transaction of the block: killed at
any instant, either both are there or the next process does it again, and what is stored already is not stored twice.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg
import structlog
from prometheus_client import Counter

from ingest.flood import delivery, take_flood
from ingest.pipeline import StoreSession
from records.quarantine import Answer, answer
from store.commit import commit
from store.draft import DraftQuarantine
from store.errors import ChainLost, StoreRejected, StoreUnavailable, translated
from store.journal import decode_entries
from store.model.correction import QuarantineState
from store.model.journal import Entry, EntryKind
from store.quarantine import FLOOD
from store.slots import claim_slot
from store.sql import queries

CHAIN = "reprocess"
LOOK_EVERY_S = 2.0
LEASE_S = 10.0
MOST_ITEMS = 500  # in one block

log = structlog.get_logger()
answered_total = Counter("batchwitness_ingest_reprocessed", "quarantined items taken again, by outcome", ["outcome"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """An item that somebody wants taken again, and which part of which message it is."""

    quarantine_id: int
    chain_id: int
    block_seq: int
    entry: int
    item: str
    code: str

    @property
    def place(self) -> tuple[int, int, int]:
        """Of the message in the journal."""
        return self.chain_id, self.block_seq, self.entry


class Taker(Protocol):
    """Takes again what is asked for, into a chain that it holds."""

    def take(self) -> bool:
        """Take the next of it; False when there was none. Raises StoreUnavailable and ChainLost."""

    def close(self) -> None:
        """Give up the connection."""


@dataclass(frozen=True, slots=True)
class MessageTaker:
    """Takes again messages of the plain topics."""

    session: StoreSession

    def take(self) -> bool:
        """As `take_again`."""
        return take_again(self.session)

    def close(self) -> None:
        """Give up the connection."""
        self.session.decoder.connection.close()


@dataclass(slots=True)
class Reprocessor:
    """The loop beside those that take messages; of several processes one has it at a time."""

    connect: Callable[[], psycopg.Connection]
    asked: Callable[[psycopg.Connection], bool]
    open_taker: Callable[[], Taker]  # claims the chain; raises StoreUnavailable
    chain: str
    holder: str
    stop: threading.Event
    taker: Taker | None = None

    def run(self) -> None:
        """Until stopping. While the store is unavailable, wait."""
        while not self.stop.is_set():
            try:
                with translated(), self.connect() as connection:
                    while not self.stop.wait(LOOK_EVERY_S):
                        while self.step(connection) and not self.stop.is_set():
                            pass
            except (StoreUnavailable, ChainLost) as error:
                log.warning("what is asked from the quarantine has to wait", error=str(error))
                self.stop.wait(LOOK_EVERY_S)
            except Exception:  # a fault here may not stop ingestion (INGEST-3)
                log.exception("taking again from the quarantine failed")
                self.stop.wait(LOOK_EVERY_S)
            finally:
                self._drop()

    def step(self, connection: psycopg.Connection) -> bool:
        """Take some of what is asked for; False when nothing is, or another process does it."""
        if not self.asked(connection):
            return False
        if not claim_slot(connection, name=self.chain, holder=self.holder, lease_s=LEASE_S):
            self._drop()
            return False
        self.taker = self.taker or self.open_taker()
        try:
            return self.taker.take()
        except Exception:
            self._drop()  # a chain may have moved in memory only
            raise

    def _drop(self) -> None:
        if self.taker is not None:
            self.taker.close()
            self.taker = None


def is_asked(connection: psycopg.Connection) -> bool:
    """Whether anything of the plain topics is asked for."""
    return bool(read_requested(connection, limit=1))


def read_requested(connection: psycopg.Connection, *, limit: int) -> list[Requested]:
    """What is asked for, in the order in which it came."""
    rows = connection.execute(queries("quarantine")["requested"], {"limit": limit})
    return [
        Requested(quarantine_id=number, chain_id=chain_id, block_seq=seq, entry=entry, item=item, code=code)
        for number, chain_id, seq, entry, item, code in rows
    ]


def take_again(session: StoreSession) -> bool:
    """Take the next items that are asked for; False when there were none. Raises StoreUnavailable and ChainLost."""
    requested = read_requested(session.decoder.connection, limit=MOST_ITEMS)
    if not requested:
        return False
    session.decoder.directory.read(session.decoder.connection)  # somebody has just described something
    floods = [one for one in requested if one.code == FLOOD]
    if len(floods) == len(requested):  # each may be long; everything else comes first
        flood = floods[0]
        take_flood(session, quarantine_id=flood.quarantine_id, place=flood.place, item=flood.item)
        return True
    requested = [one for one in requested if one.code != FLOOD]
    try:
        _take(session, requested)
    except (StoreUnavailable, ChainLost):
        raise
    except Exception:
        log.exception("one of these messages cannot be taken again", items=len(requested))
        _take_apart(session, requested)
    return True


def _take(session: StoreSession, requested: Sequence[Requested]) -> None:
    """Decode, commit and answer in one transaction; on any error the chain is where it was."""
    connection, lease = session.decoder.connection, session.lease
    stands = lease.seq, lease.digest
    try:
        with translated(), connection.transaction():
            connection.execute(queries("quarantine")["lock"])  # before the audit chain's, as people do
            entries = {place: _entry(connection, place) for place in dict.fromkeys(one.place for one in requested)}
            known = {place: entry for place, entry in entries.items() if entry is not None}
            draft = session.decoder.draft([delivery(entry) for entry in known.values()])
            commit(connection, lease, draft, most_refused=None)
            refused: dict[tuple[int, int, int], list[DraftQuarantine]] = {place: [] for place in known}
            places = list(known)
            for item in draft.quarantine:
                refused[places[item.entry]].append(item)
            answers = [judge(one, refused.get(one.place)) for one in requested]
            answer(connection, answers)
    except BaseException:
        lease.seq, lease.digest = stands
        raise
    for one in answers:
        answered_total.labels(one.state).inc()


def _take_apart(session: StoreSession, requested: Sequence[Requested]) -> None:
    """One message at a time, so that one which the database refuses does not hold up the others."""
    for place in dict.fromkeys(one.place for one in requested):
        items = [one for one in requested if one.place == place]
        try:
            _take(session, items)
        except (StoreUnavailable, ChainLost):
            raise
        except Exception as error:
            refused = isinstance(error, StoreRejected)
            log.exception("a message cannot be taken again", place=place)
            why = "the database refuses it" if refused else "a fault of our software meets it"
            reason = f"taken again, and {why}: {type(error).__name__}: {error}"[:1000]
            connection = session.decoder.connection
            with translated(), connection.transaction():
                answer(
                    connection,
                    [
                        Answer(quarantine_id=one.quarantine_id, state=QuarantineState.OPEN, reason=reason)
                        for one in items
                    ],
                )


def judge(requested: Requested, refused: Sequence[DraftQuarantine] | None) -> Answer:
    """What became of an item, by what is refused of its message now; None: the message is no longer there.

    >>> asked = Requested(quarantine_id=1, chain_id=1, block_seq=1, entry=0, item="values.pH", code="wrong_type")
    >>> judge(asked, []).state
    <QuarantineState.STORED: 'stored'>
    """
    if refused is None:
        state, reason = QuarantineState.OPEN, "the message is no longer in the journal, or it did not come by message"
    elif same := [one for one in refused if (one.item, one.code) == (requested.item, requested.code)]:
        state, reason = QuarantineState.OPEN, f"taken again, and refused as before: {same[0].reason}"
    elif touching := [one for one in refused if _touches(one.item, requested.item)]:
        one = touching[0]
        state, reason = QuarantineState.REPLACED, f"taken again, and refused as {one.code}: {one.reason}"
    else:
        state, reason = QuarantineState.STORED, "taken again: what it says is in the record"
    return Answer(quarantine_id=requested.quarantine_id, state=state, reason=reason)


def _touches(refused: str, asked: str) -> bool:
    """Whether a refused part of a message is the part that was asked for, lies in it or holds it."""
    return _holds(refused, asked) or _holds(asked, refused)


def _holds(whole: str, part: str) -> bool:
    return not whole or part == whole or part.startswith(f"{whole}.")


def _entry(connection: psycopg.Connection, place: tuple[int, int, int]) -> Entry | None:
    chain_id, block_seq, entry = place
    row = connection.execute(queries("quarantine")["body"], {"chain_id": chain_id, "block_seq": block_seq}).fetchone()
    if row is None:
        return None
    found = next((one for number, one in enumerate(decode_entries(row[0])) if number == entry), None)
    return found if found is not None and found.kind is EntryKind.MESSAGE else None
