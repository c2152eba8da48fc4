"""How complete the record of a batch is, in one line: the sums of its statement of completeness."""

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row
from api.statement_counts import read_counts
from store.model.completeness import GapCause


class Completeness(BaseModel):
    """What the statement of completeness comes to, over all tags that owe readings at a known time."""

    readings: int  # in the record, of every tag
    expected: int | None  # null where no tag owes readings at a known time
    missing: dict[GapCause, int]
    slower: int  # missing as well, in no one gap: a tag reports slower than its interval
    late: int
    received_share: float | None
    worst_tag: str | None  # the tag of which the least is there
    worst_share: float | None
    conflicts: int
    waiting: int  # blocks that are not counted yet


def read_completeness(connection: Connection, made: Row) -> Completeness:
    """The completeness of a batch row."""
    counts = read_counts(connection, made["batch_id"])
    total = counts.total
    shares = [(tag.share, tag.tag) for tag in counts.tags if tag.share is not None]
    worst_share, worst_tag = min(shares, default=(None, None))
    return Completeness(
        readings=sum(tag.received for tag in counts.tags),
        expected=total.expected if shares else None,
        missing=total.missing,
        slower=total.slower,
        late=total.late,
        received_share=total.share if shares else None,
        worst_tag=worst_tag,
        worst_share=worst_share,
        conflicts=sum(tag.conflicts for tag in counts.tags),
        waiting=counts.reach.waiting,
    )
