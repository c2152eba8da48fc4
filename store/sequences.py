"""Holes in a publisher's sequence numbers: what is missing is stored as a gap, what arrives late closes it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import psycopg

from store.draft import Draft
from store.fields import text, whole_number
from store.sql import queries


def draft_sequence(draft: Draft, object_: Mapping[str, object]) -> None:
    """Note the sequence number of an object that states one, of whatever topic. Raises PayloadRejected."""
    publisher, boot, seq = object_.get("publisher"), object_.get("boot"), object_.get("seq")
    if type(publisher) is str and type(boot) is int and type(seq) is int and 0 <= seq < 2**63:
        heard = draft.sequences.get((publisher, boot))
        if heard is not None:  # these two have been looked at in this draft
            heard.append(seq)
            return
    if "publisher" not in object_ and "seq" not in object_ and "boot" not in object_:
        return
    key, seq = (text(object_, "publisher"), whole_number(object_, "boot")), whole_number(object_, "seq")
    draft.sequences.setdefault(key, []).append(seq)


def note_sequences(
    cursor: psycopg.Cursor, sequences: dict[tuple[str, int], list[int]], *, found_time: datetime
) -> None:
    """Take the sequence numbers of one block, by (publisher, boot), in the caller's transaction."""
    sql = queries("sequence")
    for (publisher, boot), numbers in sequences.items():
        key = {"publisher": publisher, "boot": boot, "found_time": found_time}
        seen = sorted(set(numbers))
        row = cursor.execute(sql["publisher"], key).fetchone()
        last = seen[0] - 1 if row is None else row[0]
        late = [number for number in seen if number <= last]
        new = [number for number in seen if number > last]
        if new:
            cursor.execute(sql["set_publisher"], key | {"first_seq": seen[0], "last_seq": new[-1]})
        for first_missing, last_missing in missing(last, new):
            cursor.execute(sql["insert_gap"], key | {"first_seq": first_missing, "last_seq": last_missing})
        if late:
            _fill(cursor, key, late)


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


def _fill(cursor: psycopg.Cursor, key: dict[str, object], late: list[int]) -> None:
    sql = queries("sequence")
    between = key | {"first_late": late[0], "last_late": late[-1]}
    for gap_id, first, last in cursor.execute(sql["open_gaps"], between).fetchall():
        inside = [number for number in late if first <= number <= last]
        if not inside:
            continue
        cursor.execute(sql["close_gap"], key | {"sequence_gap_id": gap_id})
        for rest_first, rest_last in remaining(first, last, inside):
            cursor.execute(sql["insert_gap"], key | {"first_seq": rest_first, "last_seq": rest_last})
