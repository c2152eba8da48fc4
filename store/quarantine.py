"""Write what cannot enter the record into the quarantine, each item once, and bound how fast it may grow.

A flood of refused messages would fill the database with rows that nobody can review. Of what a topic, and all topics
together, cause in a minute only so many items get rows of their own; one more row stands for the rest, which is in the
journal like everything else. How much was refused is counted in `quarantine_minute`, also beyond the bounds.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from store.draft import DraftQuarantine, Place
from store.journal import ChainLease
from store.model.journal import Entry
from store.model.times import from_us
from store.sql import queries

MOST_REFUSED = 10_000  # items a minute, of all topics together
SHARE_OF_A_TOPIC = 10  # of that, one in so many
ALL_TOPICS = "#"
FLOOD = "too_many_refused"  # code of the row that stands for what was held back


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """What became of refused items."""

    quarantined: int  # new rows, of items and of what stands for others
    held_back: int  # items without a row of their own


def write_quarantine(
    cursor: psycopg.Cursor,
    items: Sequence[DraftQuarantine],
    entries: Sequence[Entry],
    *,
    lease: ChainLease,
    seq: int,
    minute: datetime,
    most: int | None,
) -> PutAside:
    """Write the refused items of a block in the caller's transaction; `minute` is the one it is committed in.

    At most `most` items of a minute get rows of their own, and of a topic a tenth of that.
    """
    if not items:
        return PutAside(quarantined=0, held_back=0)
    held_back = {} if most is None else _held_back(cursor, items, entries, minute=minute, most=most)
    messages = {index: _message_digest(entries[index]) for index in {item.entry for item in items}}
    rows = [
        # The same item of the same message, delivered again, is one quarantine row.
        _row(item, entries, messages[item.entry] + f"{item.code}\x00{item.item}".encode(), lease=lease, seq=seq)
        for number, item in enumerate(items)
        if number not in held_back
    ]
    first = {topic: items[number].entry for number, topic in reversed(held_back.items())}
    for topic, entry in first.items():
        summary = _summary(topic, entry, minute, most or 0)
        once = f"{lease.chain_id}\x00{topic}\x00{minute.isoformat()}".encode()
        rows.append(_row(summary, entries, once, lease=lease, seq=seq))
    if held_back:
        counted = {"topic": ALL_TOPICS, "minute": minute, "held_back": len(held_back)}
        cursor.execute(queries("journal")["count_held_back"], counted)
    cursor.executemany(queries("journal")["insert_quarantine"], rows)
    return PutAside(quarantined=max(cursor.rowcount, 0), held_back=len(held_back))


def _held_back(
    cursor: psycopg.Cursor, items: Sequence[DraftQuarantine], entries: Sequence[Entry], *, minute: datetime, most: int
) -> dict[int, str]:
    """The numbers of the items that get no row of their own, with the topic whose bound they are beyond."""
    held_back: dict[int, str] = {}
    left = {ALL_TOPICS: _left(cursor, ALL_TOPICS, len(items), most, minute=minute)}
    topics = [topic_of(entries[item.entry]) for item in items]
    if left[ALL_TOPICS] > 0:  # otherwise more topics would be more rows here
        # In one order everywhere, so that writers at the same time wait for each other and never in a circle.
        for topic, count in sorted(Counter(topics).items()):
            left[topic] = _left(cursor, topic, count, most // SHARE_OF_A_TOPIC, minute=minute)
    for number, topic in enumerate(topics):
        for bound in (ALL_TOPICS, topic):
            if left.get(bound, 0) <= 0:
                held_back[number] = bound
                break
        else:
            left[ALL_TOPICS] -= 1
            left[topic] -= 1
    return held_back


def _left(cursor: psycopg.Cursor, topic: str, refused: int, most: int, *, minute: datetime) -> int:
    """How many items of a topic may still get rows in this minute; counts what is refused now."""
    parameters = {"topic": topic, "minute": minute, "refused": refused}
    row = cursor.execute(queries("journal")["count_refused"], parameters).fetchone()
    assert row is not None
    counted, held_back = row
    return int(most - (counted - refused - held_back))


def _summary(topic: str, entry: int, minute: datetime, most: int) -> DraftQuarantine:
    which, taken = ("all topics together", most) if topic == ALL_TOPICS else ("this topic", most // SHARE_OF_A_TOPIC)
    reason = (
        f"of {which} more than {taken:,} items were refused in the minute from {minute:%Y-%m-%d %H:%M} UTC; "
        "the rest is counted in quarantine_minute, and in the journal only"
    )
    item = ALL_TOPICS if topic == ALL_TOPICS else ""  # of whose messages it has to be taken again
    return DraftQuarantine(entry=entry, item=item, code=FLOOD, reason=reason, excerpt="", place=None)


def _row(
    item: DraftQuarantine, entries: Sequence[Entry], identity: bytes, *, lease: ChainLease, seq: int
) -> dict[str, object]:
    entry = entries[item.entry]
    return {
        "chain_id": lease.chain_id,
        "block_seq": seq,
        "entry": item.entry,
        "topic": topic_of(entry),
        "item": item.item,
        "code": item.code,
        "reason": item.reason,
        "excerpt": item.excerpt,
        "received_time": from_us(entry.received_us),
        "unit_id": None if item.place is None else item.place.unit_id,
        "tag": None if item.place is None else item.place.tag,
        "source_time": _source_time(item.place),
        "digest": hashlib.sha256(identity).digest(),
    }


def _source_time(place: Place | None) -> datetime | None:
    return None if place is None or place.source_us is None else from_us(place.source_us)


def topic_of(entry: Entry) -> str:
    """The topic of a message as the quarantine tells it."""
    return entry.topic.encode("utf-8", "backslashreplace").decode()


def _message_digest(entry: Entry) -> bytes:
    return hashlib.sha256(entry.topic.encode("utf-8", "surrogatepass") + b"\x00" + entry.payload).digest()
