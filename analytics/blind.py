"""The times of a running batch in which drift is not judged: declared hours after the start of a phase."""

from collections.abc import Sequence

from analytics.reference import Blind
from store.model.times import US_PER_H


class BlindTimes:
    """What is declared blind, and the intervals that follow from the phases that have started."""

    def __init__(self, declared: Sequence[Blind]) -> None:
        self._declared = declared
        self._intervals: list[tuple[int, int]] = []

    def begin(self, phase: str | None, started_us: int) -> None:
        """A phase started; None: the unit procedure."""
        for part in self._declared:
            if part.phase == phase:
                self._intervals.append((started_us, started_us + round(part.hours * US_PER_H)))

    def cover(self, at_us: int) -> bool:
        """Whether what ended at this instant is not judged."""
        return any(start < at_us <= until for start, until in self._intervals)

    def to_fields(self) -> list[tuple[int, int]]:
        """The intervals, as JSON can hold them."""
        return self._intervals

    def restore(self, fields: Sequence[Sequence[int]]) -> None:
        """Take the intervals that `to_fields` gave."""
        self._intervals = [(start, until) for start, until in fields]
