"""What one block will hold, gathered before the transaction begins."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from store.edge_nodes import EdgeRows
from store.model.ids import TagId, UnitId
from store.model.journal import Entry
from store.model.result import QCResult

Numbered = tuple[UnitId | None, object]  # of a message with a sequence number: its unit, and the time as it stated it

EXCERPT_CHARACTERS = 1_000
MOST_REJECTED = 1_000  # items of one message, each a row of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftEvent:
    """An event whose fields are valid; whether it can be applied is known only inside the transaction."""

    entry: int
    item: str  # where in the message it stands: "[3]." in an array, "" else
    unit_id: UnitId
    positions: dict[str, int]
    kind: str
    time: datetime
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftResult:
    """A result whose fields are valid; whether it contradicts the record is known only inside the transaction."""

    entry: int
    item: str  # where in the message it stands: "[3]" in an array, "" else
    result: QCResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose reading something would have been: what is known of it, for whoever looks for what is missing."""

    unit_id: UnitId
    source_us: int | None = None  # None: it named no usable time
    tag: str | None = None  # None: any tag of the unit, or several


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftQuarantine:
    """Something that cannot enter the record, with the reason."""

    entry: int
    item: str
    code: str
    reason: str
    excerpt: str
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """So far the broker has been sending to us without a break that we know of; host time."""

    since_us: int
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time passed: what the plant clock and the host clock said."""

    plant_us: int
    host_us: int
    rate: float  # plant seconds a host second


@dataclass(slots=True)
class ReadingColumns:
    """Readings in arrival order: once per object what its readings share, and parallel columns of what they do not."""

    entry: list[int] = field(default_factory=list)  # per object
    unit_id: list[UnitId] = field(default_factory=list)  # per object
    time_us: list[int] = field(default_factory=list)  # per object
    count: list[int] = field(default_factory=list)  # readings of each object
    tag_id: "array[int]" = field(default_factory=lambda: array("i"))  # arrays, as very many are taken over as they are
    quality: bytearray = field(default_factory=bytearray)
    value: list[float] = field(default_factory=list)

    def add(
        self,
        entry: int,
        unit_id: UnitId,
        time_us: int,
        tag_ids: "Sequence[TagId] | array[int]",
        values: Iterable[float],
        qualities: Iterable[int],
    ) -> None:
        """Take the readings of one object of an entry: as many values and qualities (`Quality`) as tags, in order."""
        self.entry.append(entry)
        self.unit_id.append(unit_id)
        self.time_us.append(time_us)
        self.count.append(len(tag_ids))
        self.tag_id.extend(tag_ids)
        self.value.extend(values)
        self.quality.extend(qualities)


@dataclass(slots=True)
class Draft:
    """Entries and everything decoded from them; `entry` fields index into `entries`."""

    entries: list[Entry] = field(default_factory=list)
    readings: ReadingColumns = field(default_factory=ReadingColumns)
    events: list[DraftEvent] = field(default_factory=list)
    results: list[DraftResult] = field(default_factory=list)
    quarantine: list[DraftQuarantine] = field(default_factory=list)
    sequences: dict[tuple[str, int], dict[int, Numbered]] = field(default_factory=dict)  # (publisher, boot) → by seq
    speakers: dict[tuple[str, int], int] = field(default_factory=dict)  # (publisher, boot) → entry it is first met in
    edge: EdgeRows = field(default_factory=EdgeRows)
    tick: Tick | None = None
    listening: Listening | None = None
    _rejected: dict[int, int] = field(default_factory=dict)  # by entry

    def reject(
        self, entry: int, item: str, code: str, reason: str, excerpt: str, *, place: Place | None = None
    ) -> None:
        """Put one item of an entry aside; beyond MOST_REJECTED one row stands for the rest."""
        count = self._rejected[entry] = self._rejected.get(entry, 0) + 1
        if count <= MOST_REJECTED:
            self._put_aside(entry, item, code, reason, excerpt, place)
        elif count == MOST_REJECTED + 1:
            reason = f"more than {MOST_REJECTED} items of this message are refused; the rest is in the journal only"
            self._put_aside(entry, "", "too_many", reason, excerpt, place)

    def _put_aside(self, entry: int, item: str, code: str, reason: str, excerpt: str, place: Place | None) -> None:
        self.quarantine.append(
            DraftQuarantine(
                entry=entry,
                item=storable(item),
                code=code,
                reason=storable(reason),
                excerpt=storable(excerpt),
                place=place,
            )
        )


def storable(text: str) -> str:
    r"""Text as the database can hold it: no NUL, no lone surrogates, at most EXCERPT_CHARACTERS.

    >>> storable("a\x00b")
    'a\\x00b'
    """
    return text[:EXCERPT_CHARACTERS].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
