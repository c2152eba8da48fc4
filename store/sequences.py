"""Holes in a publisher's sequence numbers: what is missing is stored as a gap, what arrives late closes it.

Beside the numbers stand the source times of the messages around a hole: the readings that were lost lie between them.
"""

from bisect import bisect_left, bisect_right
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


def draft_sequence(draft: Draft, entry: int, object_: Mapping[str, object], unit_id: UnitId | None) -> None:
    """Note the sequence number of an object that states one, of whatever topic, with the time it states if it does.

    `unit_id` is None where the publisher may not speak for the unit. Raises PayloadRejected.
    """
    get = object_.get
    publisher, boot, seq = get("publisher"), get("boot"), get("seq")
    if type(publisher) is str and type(boot) is int and type(seq) is int and 0 <= seq < 2**63:
        heard = draft.sequences.get((publisher, boot))
        if heard is not None:  # these two have been looked at in this draft
            heard[seq] = unit_id, get("time")
            return
    if "publisher" not in object_ and "seq" not in object_ and "boot" not in object_:
        return
    key, seq = (text(object_, "publisher"), whole_number(object_, "boot")), whole_number(object_, "seq")
    draft.sequences.setdefault(key, {})[seq] = unit_id, get("time")
    draft.speakers.setdefault(key, entry)


def note_sequences(cursor: psycopg.Cursor, draft: Draft, *, found_time: datetime) -> None:
    """Take the sequence numbers of one block, by (publisher, boot), in the caller's transaction.

    Who begins to count too often is not followed: that goes into the draft's quarantine, what was said is stored.
    """
    sql = queries("sequence")
    boots = sorted(draft.sequences)
    known = {
        (publisher, boot): (last, last_time)
        for publisher, boot, last, last_time in cursor.execute(
            sql["publishers"], {"publishers": [name for name, _ in boots], "boots": [boot for _, boot in boots]}
        )
    }
    followed = _followed(cursor, draft, [boot for boot in boots if boot not in known], found_time)
    heard = [
        _Heard(publisher, boot, draft.sequences[publisher, boot], known.get((publisher, boot)))
        for publisher, boot in boots
        if (publisher, boot) in known or (publisher, boot) in followed
    ]
    if not heard:
        return
    speaks = sorted({(one.publisher, unit_id) for one in heard for unit_id in one.units()})
    cursor.execute(
        sql["move_on"],
        {
            "found_time": found_time,
            "speakers": [publisher for publisher, _ in speaks],
            "unit_ids": [unit_id for _, unit_id in speaks],
            "publishers": [one.publisher for one in heard],
            "boots": [one.boot for one in heard],
            "first_seqs": [one.seen[0] for one in heard],
            "last_seqs": [one.new[-1] if one.new else one.last for one in heard],
            "last_times": [_time(one.numbered, one.new[-1]) if one.new else one.last_time for one in heard],
        },
    )
    for one in heard:
        key = {"publisher": one.publisher, "boot": one.boot, "found_time": found_time}
        around = _Around(one.numbered, before={one.last: one.last_time})
        for first_missing, last_missing in missing(one.last, one.new):
            cursor.execute(sql["insert_gap"], key | around.gap(first_missing, last_missing))
        if one.late:
            _fill(cursor, key, one.late, one.numbered)


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


class _Heard:
    """What a block holds of one boot of a publisher, beside what was known of it."""

    def __init__(
        self, publisher: str, boot: int, numbered: Mapping[int, Numbered], known: tuple[int, datetime | None] | None
    ) -> None:
        self.publisher = publisher
        self.boot = boot
        self.numbered = numbered
        self.seen = sorted(numbered)
        self.last, self.last_time = (self.seen[0] - 1, None) if known is None else known
        until = bisect_right(self.seen, self.last)
        self.late, self.new = self.seen[:until], self.seen[until:]

    def units(self) -> set[UnitId]:
        """The units it spoke for."""
        return {unit_id for unit_id, _ in self.numbered.values() if unit_id is not None}


def _followed(
    cursor: psycopg.Cursor, draft: Draft, beginning: Iterable[tuple[str, int]], found_time: datetime
) -> set[tuple[str, int]]:
    """Those of the boots that begin to count which are followed; the others go into the quarantine."""
    followed: set[tuple[str, int]] = set()
    begun: Counter[str] | None = None
    for publisher, boot in beginning:
        if begun is None:
            since = {"since": found_time - BEGUN_WITHIN}
            begun = Counter(dict(cursor.execute(queries("sequence")["begun"], since).fetchall()))
        if begun[publisher] >= MOST_BEGUN_BY_ONE or begun.total() >= MOST_BEGUN:
            _do_not_follow(draft, publisher, boot, by_one=begun[publisher] >= MOST_BEGUN_BY_ONE)
            continue
        begun[publisher] += 1
        followed.add((publisher, boot))
    return followed


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
