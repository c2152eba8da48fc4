"""Holes in a publisher's sequence numbers: what is missing is stored as a gap, what arrives late closes it.

Beside the numbers stand the source times of the messages around a hole: the readings that were lost lie between them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import psycopg

from store.draft import Draft, Numbered
from store.errors import PayloadRejected
from store.fields import shown, text, time_us, whole_number
from store.model.ids import UnitId
from store.model.times import from_us
from store.sql import queries

BEGUN_WITHIN = timedelta(hours=1)
MOST_BEGUN_BY_ONE = 100  # boots of one publisher in that time
MOST_BEGUN = 1_000  # of all publishers


def draft_sequence(draft: Draft, object_: Mapping[str, object], unit_id: UnitId | None, time: object) -> None:
    """Note the sequence number of an object that states one, of whatever topic, with the time it states if it does.

    `unit_id` is None where the publisher may not speak for the unit. Raises PayloadRejected.
    """
    publisher, boot, seq = object_.get("publisher"), object_.get("boot"), object_.get("seq")
    if type(publisher) is str and type(boot) is int and type(seq) is int and 0 <= seq < 2**63:
        heard = draft.sequences.get((publisher, boot))
        if heard is not None:  # these two have been looked at in this draft
            heard[seq] = unit_id, time
            return
    if "publisher" not in object_ and "seq" not in object_ and "boot" not in object_:
        return
    key, seq = (text(object_, "publisher"), whole_number(object_, "boot")), whole_number(object_, "seq")
    draft.sequences.setdefault(key, {})[seq] = unit_id, time
    draft.speakers.setdefault(key, len(draft.entries) - 1)


def note_sequences(cursor: psycopg.Cursor, draft: Draft, *, found_time: datetime) -> None:
    """Take the sequence numbers of one block, by (publisher, boot), in the caller's transaction.

    Who begins to count too often is not followed: that goes into the draft's quarantine, what was said is stored.
    """
    sql = queries("sequence")
    begun: Counter[str] | None = None
    for (publisher, boot), numbered in draft.sequences.items():
        key = {"publisher": publisher, "boot": boot, "found_time": found_time}
        row = cursor.execute(sql["publisher"], key).fetchone()
        if row is None:
            if begun is None:
                begun = Counter(dict(cursor.execute(sql["begun"], {"since": found_time - BEGUN_WITHIN}).fetchall()))
            if begun[publisher] >= MOST_BEGUN_BY_ONE or begun.total() >= MOST_BEGUN:
                _do_not_follow(draft, publisher, boot, by_one=begun[publisher] >= MOST_BEGUN_BY_ONE)
                continue
            begun[publisher] += 1
        for unit_id in sorted({unit_id for unit_id, _ in numbered.values() if unit_id is not None}):
            cursor.execute(sql["add_unit"], key | {"unit_id": unit_id})
        seen = sorted(numbered)
        last, last_time = (seen[0] - 1, None) if row is None else row
        late = [number for number in seen if number <= last]
        new = [number for number in seen if number > last]
        if new:
            reached = key | {"first_seq": seen[0], "last_seq": new[-1], "last_time": _time(numbered, new[-1])}
            cursor.execute(sql["set_publisher"], reached)
        around = _Around(numbered, before={last: last_time})
        for first_missing, last_missing in missing(last, new):
            cursor.execute(sql["insert_gap"], key | around.gap(first_missing, last_missing))
        if late:
            _fill(cursor, key, late, numbered)


def missing(last: int, arrived: Iterable[int]) -> list[tuple[int, int]]:
    """The closed ranges left out between `last` and ascending later numbers.

    >>> missing(4, [5, 6, 9, 10, 12])
    [(7, 8), (11, 11)]
    """
    gaps = []
    for number in arrived:
        if number > last + 1:
            gaps.append((last + 1, number - 1))
        last = number
    return gaps


def remaining(first: int, last: int, arrived: Iterable[int]) -> list[tuple[int, int]]:
    """What is still missing of a gap once ascending numbers inside it have arrived.

    >>> remaining(7, 12, [8, 9, 12])
    [(7, 7), (10, 11)]
    >>> remaining(7, 8, [7, 8])
    []
    """
    gaps = missing(first - 1, arrived)
    newest = max(arrived)
    return [*gaps, (newest + 1, last)] if newest < last else gaps


class _Around:
    """The source times of the messages that enclose a hole: those of this block, and those known from before."""

    def __init__(self, numbered: Mapping[int, Numbered], *, before: Mapping[int, datetime | None]) -> None:
        self._numbered = numbered
        self._before = before

    def gap(self, first: int, last: int) -> dict[str, object]:
        """A gap's columns."""
        return {
            "first_seq": first,
            "last_seq": last,
            "after_time": self._time(first - 1),
            "before_time": self._time(last + 1),
        }

    def _time(self, number: int) -> datetime | None:
        return self._before[number] if number in self._before else _time(self._numbered, number)


def _do_not_follow(draft: Draft, publisher: str, boot: int, *, by_one: bool) -> None:
    who, most = ("it", MOST_BEGUN_BY_ONE) if by_one else ("all publishers together", MOST_BEGUN)
    draft.reject(
        draft.speakers[publisher, boot],
        "publisher",
        "too_many_boots",
        f"publisher {shown(publisher)}, boot {boot}: {who} began to count more than {most:,} times in an hour; "
        "its numbers are not followed, so that what it loses cannot be seen",
        shown(publisher),
    )


def _fill(cursor: psycopg.Cursor, key: dict[str, object], late: list[int], numbered: Mapping[int, Numbered]) -> None:
    sql = queries("sequence")
    between = key | {"first_late": late[0], "last_late": late[-1]}
    for gap_id, first, last, after, before in cursor.execute(sql["open_gaps"], between).fetchall():
        inside = late[bisect_left(late, first) : bisect_left(late, last + 1)]
        if not inside:
            continue
        cursor.execute(sql["close_gap"], key | {"sequence_gap_id": gap_id})
        around = _Around(numbered, before={first - 1: after, last + 1: before})
        for rest_first, rest_last in remaining(first, last, inside):
            cursor.execute(sql["insert_gap"], key | around.gap(rest_first, rest_last))


def _time(numbered: Mapping[int, Numbered], number: int) -> datetime | None:
    """The time a message stated, None where it stated none that can be read; looked at for few of them only."""
    if number not in numbered:
        return None
    try:
        return from_us(time_us(numbered[number][1], "time"))
    except PayloadRejected:
        return None
