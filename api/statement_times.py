"""The times of a tag in a batch by what it owed in them, and what follows from their lengths alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from store.model.plant import ReportingMode
from store.model.times import US_PER_S
from store.pieces import Piece
from store.service import NotOwed

Interval = tuple[int, int]  # microseconds since 1970

FEWEST_TO_JUDGE = 10  # readings


@dataclass(slots=True, kw_only=True)
class Times:
    """The times of a tag in a batch by what was owed in them."""

    name: str
    unit: str
    owed: list[tuple[Piece | None, Interval]] = field(default_factory=list)
    idle: list[tuple[Piece | None, Interval]] = field(default_factory=list)  # out of service or being calibrated
    free: list[tuple[Piece | None, Interval]] = field(default_factory=list)  # it owes nothing at a known time

    def add(self, piece: Piece, stretch: Interval, idle: Iterable[NotOwed]) -> None:
        """A stretch of a piece, cut where the tag was out of service."""
        at, end = stretch
        for time in idle:
            first, last = max(time.from_us, at), min(time.to_us, end)
            if first >= last:
                continue
            if first > at:
                self.owed.append((piece, (at, first)))
            self.idle.append((piece, (first, last)))
            at = last
        if at < end:
            self.owed.append((piece, (at, end)))

    def every(self) -> list[Interval]:
        """All of them."""
        return [interval for some in (self.owed, self.idle, self.free) for _, interval in some]

    def lengths(self) -> list[tuple[Piece, int]]:
        """How long each piece owed readings, in microseconds."""
        lengths: dict[Piece, int] = {}
        for piece, (start, end) in self.owed:
            if piece is not None:
                lengths[piece] = lengths.get(piece, 0) + end - start
        return list(lengths.items())

    def by_interval(self) -> int | None:
        """Readings owed by the interval alone; None where only what came, and what failed to, can tell."""
        owed = [piece.owing.by_interval(length) for piece, length in self.lengths()]
        known = [count for count in owed if count is not None]
        return sum(known) if len(known) == len(owed) else None

    def kept_interval_s(self, *, received: int, beyond: int, gaps: int) -> float | None:
        """The interval at which a periodic tag came, where the described one is wrong; None where nothing says so.

        Slower: a gap at every second reading or more often. Faster: a third of what came, or more, was not asked for.
        Outages are few holes, however long, and losses at random that are so frequent deserve the same question.
        """
        lengths = self.lengths()
        if received < FEWEST_TO_JUDGE or any(piece.owing.mode is not ReportingMode.PERIODIC for piece, _ in lengths):
            return None
        wrong = 2 * gaps >= received or 3 * beyond >= received
        return sum(length for _, length in lengths) / received / US_PER_S if wrong else None
