"""What a tag owes by its reporting mode, and which readings a hole between two of them is short of.

A periodic tag owes one reading an interval, one that speaks on change at least one in its longest silence, a manual one
a reading an interval, give or take half of it. A tag without an interval owes none at a known time.
"""

from dataclasses import dataclass
from typing import Self, assert_never

from store.model.plant import ReportingMode
from store.model.times import US_PER_S

INTERVAL_UNLESS_SAID_S = 60.0  # of a periodic tag
OVERDUE_INTERVALS = 2  # without a reading: the tag is shown as silent, and what is missing at the end becomes a gap
TRANSPORT_ALLOWANCE_S = 5.0  # of the host's clock: what transport and commit may take before a tag is shown as silent


def owed_every_s(reporting_mode: str | None, interval_s: float | None) -> float | None:
    """The longest time between two readings of a tag in plant seconds; None when it owes none at a known time.

    >>> owed_every_s("periodic", None), owed_every_s("on_change", 600.0), owed_every_s("manual", None)
    (60.0, 600.0, None)
    """
    if reporting_mode == ReportingMode.PERIODIC:
        return interval_s or INTERVAL_UNLESS_SAID_S
    return interval_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """What a tag owes in a stretch of time in which neither its batch nor its configuration changes."""

    mode: ReportingMode
    interval_us: int
    start_us: int
    end_us: int | None  # exclusive; None: it goes on

    @property
    def hole_us(self) -> int:
        """Two readings this far apart, or farther, have a hole between them."""
        match self.mode:
            case ReportingMode.PERIODIC | ReportingMode.MANUAL:
                return -(-3 * self.interval_us // 2)
            case ReportingMode.ON_CHANGE:
                return 11 * self.interval_us // 10 + 1
            case _:
                assert_never(self.mode)

    def short_of(self, length_us: int) -> int:
        """Readings missing between two that lie so far apart.

        A periodic or manual tag may be early or late by half an interval, one that speaks on change by a tenth.

        >>> every_minute = Owing(mode=ReportingMode.PERIODIC, interval_us=60, start_us=0, end_us=None)
        >>> [every_minute.short_of(length) for length in (60, 89, 90, 120, 600)]
        [0, 0, 1, 1, 9]
        """
        match self.mode:
            case ReportingMode.PERIODIC | ReportingMode.MANUAL:
                return max(0, (2 * length_us + self.interval_us) // (2 * self.interval_us) - 1)
            case ReportingMode.ON_CHANGE:
                return max(0, -((self.interval_us - 10 * length_us) // (10 * self.interval_us)) - 1)
            case _:
                assert_never(self.mode)

    def by_interval(self, length_us: int) -> int | None:
        """Readings owed in a time of this length; None where only what came, and what failed to, can tell."""
        return max(0, length_us // self.interval_us) if self.mode is ReportingMode.PERIODIC else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The instants at which the missing readings of a hole were due: origin + span · k ÷ parts for first ≤ k ≤ last."""

    origin_us: int
    span_us: int
    parts: int
    first: int
    last: int

    @classmethod
    def of(cls, owing: Owing, after_us: int | None, before_us: int | None, until_us: int) -> Self:
        """Those of a hole between two readings that lie in the stretch owed in and before `until_us`.

        A hole without a reading before or after it is open at that end: there the interval alone says when.
        """
        start, until = owing.start_us, until_us if owing.end_us is None else min(owing.end_us, until_us)
        if after_us is None:
            if before_us is not None and owing.mode is ReportingMode.PERIODIC:
                count = max(0, (before_us - start) // owing.interval_us)
                due = cls(origin_us=before_us, span_us=owing.interval_us, parts=1, first=-count, last=-1)
                return due.before(until)
            # A periodic tag may speak at once; of the others the first reading is due an interval after the start.
            after_us = start - (owing.interval_us if owing.mode is ReportingMode.PERIODIC else 0)
        if before_us is None:
            due = cls(origin_us=after_us, span_us=owing.interval_us, parts=1, first=1, last=1 << 60)
        elif before_us <= after_us:  # it spoke at the very start, or before it was due
            due = cls(origin_us=after_us, span_us=owing.interval_us, parts=1, first=1, last=0)
        else:
            count = owing.short_of(before_us - after_us)
            due = cls(origin_us=after_us, span_us=before_us - after_us, parts=count + 1, first=1, last=count)
        return due.since(start).before(until)

    @property
    def count(self) -> int:
        """How many."""
        return max(0, self.last - self.first + 1)

    def at(self, k: int) -> int:
        """The instant number k."""
        return self.origin_us + self.span_us * k // self.parts

    def index(self, us: int) -> int:
        """The first k whose instant lies at or after a time, whether or not it is one of these."""
        return -(-(us - self.origin_us) * self.parts // self.span_us)

    def nearest(self, us: int) -> int:
        """The k whose instant lies nearest to a time, whether or not it is one of these."""
        return (2 * (us - self.origin_us) * self.parts + self.span_us) // (2 * self.span_us)

    def since(self, us: int) -> Self:
        """Those at or after a time."""
        return self._within(max(self.first, self.index(us)), self.last)

    def before(self, us: int) -> Self:
        """Those before a time."""
        return self._within(self.first, min(self.last, self.index(us) - 1))

    def _within(self, first: int, last: int) -> Self:
        return type(self)(origin_us=self.origin_us, span_us=self.span_us, parts=self.parts, first=first, last=last)


def interval_us(interval_s: float) -> int:
    """Seconds as whole microseconds, at least one."""
    return max(1, round(interval_s * US_PER_S))
