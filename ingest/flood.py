"""Take again the messages of a flood, of whose refused items only one row in the quarantine tells.

The row stands for what was held back of a topic, or of all topics, from its block to the end of the minute. Their
messages are in the journal: each goes through the decoder and the commit once more, some blocks at a time. What is in
the record or has a row of its own already is not written twice. What is refused again is bounded as it was: beyond the
bound a new row stands for it. Killed on the way, it begins anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from ingest.inbox import Delivery
from ingest.pipeline import StoreSession
from records.quarantine import Answer, answer
from store.commit import commit
from store.errors import ChainLost, StoreUnavailable, translated
from store.journal import decode_entries
from store.model.correction import QuarantineState
from store.model.journal import Entry, EntryKind
from store.quarantine import ALL_TOPICS, MOST_REFUSED, topic_of
from store.sql import queries

BLOCKS = 50  # read at a time
MOST_MESSAGES = 1_000  # committed at a time

log = structlog.get_logger()


@dataclass(slots=True)
class _Outcome:
    messages: int = 0
    refused: int = 0  # items
    failed: int = 0  # messages that met a fault
    gone: int = 0  # blocks whose messages are no longer there


def take_flood(
    session: StoreSession,
    *,
    quarantine_id: int,
    place: tuple[int, int, int],
    item: str,
    most_refused: int = MOST_REFUSED,
) -> None:
    """Take again what a row stands for, and answer. Raises StoreUnavailable and ChainLost."""
    connection = session.decoder.connection
    chain_id, first, _ = place
    began = {"chain_id": chain_id, "block_seq": first}
    with translated():
        found = connection.execute(queries("quarantine")["flood"], began).fetchone()
        stood_for = connection.execute(queries("quarantine")["topic"], {"quarantine_id": quarantine_id}).fetchone()
    assert found is not None
    assert stood_for is not None
    topic = None if item == ALL_TOPICS else stood_for[0]
    outcome = _Outcome()
    for seq in range(first, found[0] + 1, BLOCKS):
        asked = {"chain_id": chain_id, "block_seq": seq, "last": min(seq + BLOCKS - 1, found[0])}
        with translated():
            bodies = connection.execute(queries("quarantine")["bodies"], asked).fetchall()
        outcome.gone += sum(raw is None for (raw,) in bodies)
        deliveries = [
            delivery(entry)
            for (raw,) in bodies
            if raw is not None
            for entry in decode_entries(raw)
            if entry.kind is EntryKind.MESSAGE and topic in (None, topic_of(entry))
        ]
        for start in range(0, len(deliveries), MOST_MESSAGES):
            _take(session, deliveries[start : start + MOST_MESSAGES], outcome, most_refused)
    with translated(), connection.transaction():
        answer(connection, [_answer(quarantine_id, outcome)])


def delivery(entry: Entry) -> Delivery:
    """As it came then: its times are judged by when it was received."""
    return Delivery(topic=entry.topic, payload=entry.payload, received_us=entry.received_us, mid=0, generation=0)


def _take(session: StoreSession, deliveries: Sequence[Delivery], outcome: _Outcome, most_refused: int) -> None:
    lease = session.lease
    stands = lease.seq, lease.digest
    try:
        draft = session.decoder.draft(deliveries)
        commit(session.decoder.connection, lease, draft, most_refused=most_refused)
    except (StoreUnavailable, ChainLost):
        raise
    except Exception:
        lease.seq, lease.digest = stands
        if len(deliveries) == 1:
            log.exception("a message of a flood cannot be taken again", topic=deliveries[0].topic)
            outcome.failed += 1
            return
        half = len(deliveries) // 2
        _take(session, deliveries[:half], outcome, most_refused)
        _take(session, deliveries[half:], outcome, most_refused)
        return
    outcome.messages += len(deliveries)
    outcome.refused += len(draft.quarantine)


def _answer(quarantine_id: int, outcome: _Outcome) -> Answer:
    """What became of a flood; what met a fault keeps its row open, so that it can be asked for once more."""
    taken = f"{outcome.messages:,} messages were taken again"
    if outcome.failed or outcome.gone:
        reason = (
            f"{taken}; {outcome.failed:,} meet a fault of the database or of our software, and the messages of "
            f"{outcome.gone:,} blocks are no longer in the journal"
        )
        return Answer(quarantine_id=quarantine_id, state=QuarantineState.OPEN, reason=reason)
    if outcome.refused:
        reason = f"{taken}: {outcome.refused:,} items of them are still refused and have rows, or one stands for them"
        return Answer(quarantine_id=quarantine_id, state=QuarantineState.REPLACED, reason=reason)
    return Answer(quarantine_id=quarantine_id, state=QuarantineState.STORED, reason=f"{taken}: all is in the record")
