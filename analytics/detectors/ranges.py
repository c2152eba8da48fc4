"""Approved ranges, checked reading by reading."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Floats, Int32s, Int64s

NEVER_US = -(1 << 62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One approved range of one slot."""

    slot: int
    low: float  # −inf: unbounded
    high: float
    confirm: int  # readings in a row that must lie outside: 2 for a stream, 1 for what is read by hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Excursion:
    """An approved range was left, or left and entered again."""

    position: int  # in the segment
    bound: int
    left: bool  # False: it is over
    time_us: int  # of the reading that said so
    onset_us: int  # of the first reading outside
    value: float  # of the confirming reading; the last one outside when it is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A single reading of a stream lay outside; the next one was inside again."""

    position: int  # in the segment, of the reading that was inside
    bound: int
    time_us: int  # of the reading outside
    known_us: int  # of the reading that was inside again
    value: float


class RangeWatch:
    """Per approved range: outside once it is confirmed, over once every reading of a while was inside.

    A single reading of a stream outside is a spike and no excursion. Readings are taken in journal order, whatever
    their source times.

    >>> watch = RangeWatch(bounds=[Bound(slot=0, low=6.8, high=7.4, confirm=2)], slots=1, hold_us=30)
    >>> events = watch.update(
    ...     slots=np.zeros(3, np.int32), times_us=np.array([0, 10, 20]), values=np.array([7.0, 7.6, 7.7]),
    ...     usable=np.ones(3, np.bool_),
    ... )
    >>> [(event.left, event.onset_us, event.time_us) for event in events]
    [(True, 10, 20)]
    """

    def __init__(self, *, bounds: Sequence[Bound], slots: int, hold_us: int) -> None:
        """`hold_us` is how long readings must lie inside before an excursion is over."""
        self._bounds = tuple(bounds)
        self._hold_us = hold_us
        self._low = np.full(slots, -np.inf)
        self._high = np.full(slots, np.inf)
        for bound in bounds:
            self._low[bound.slot] = max(self._low[bound.slot], bound.low)
            self._high[bound.slot] = min(self._high[bound.slot], bound.high)
        count = len(self._bounds)
        self._run = np.zeros(count, np.int64)  # readings outside in a row
        self._onset_us = np.full(count, NEVER_US, np.int64)
        self._last_outside_us = np.full(count, NEVER_US, np.int64)
        self._last_value = np.zeros(count)
        self._open = np.zeros(count, np.bool_)
        self._busy = False  # whether anything is open or being confirmed

    def update(
        self, *, slots: Int32s, times_us: Int64s, values: Floats, usable: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> list[Excursion | Spike]:
        """Excursions begun or ended and spikes seen, in journal order. Slot −1 and unusable readings are ignored."""
        if not self._bounds:
            return []
        watched = usable & (slots >= 0)
        outside = watched & ((values < self._low[slots]) | (values > self._high[slots]))
        if not self._busy and not np.count_nonzero(outside):
            return []
        touched = set(slots[outside].tolist())
        events: list[Excursion | Spike] = []
        for number, bound in enumerate(self._bounds):
            if bound.slot in touched or self._run[number] or self._open[number]:
                positions = np.flatnonzero(watched & (slots == bound.slot))
                events += self._follow(number, positions, times_us, values)
        self._busy = bool(self._run.any() or self._open.any())
        return sorted(events, key=lambda event: (event.position, event.bound))

    def to_bytes(self) -> bytes:
        """What is open and what is being confirmed."""
        return pack(
            "ranges",
            2,
            {},
            {
                "run": self._run,
                "onset": self._onset_us,
                "last": self._last_outside_us,
                "value": self._last_value,
                "open": self._open,
            },
        )

    def restore(self, data: bytes) -> Self:
        """This watch in the state those bytes describe."""
        _, arrays = unpack("ranges", 2, data)
        self._run, self._onset_us = arrays["run"], arrays["onset"]
        self._last_outside_us, self._last_value = arrays["last"], arrays["value"]
        self._open = arrays["open"]
        self._busy = bool(self._run.any() or self._open.any())
        return self

    def _follow(self, number: int, positions: Int64s, times_us: Int64s, values: Floats) -> list[Excursion | Spike]:
        bound = self._bounds[number]
        events: list[Excursion | Spike] = []
        for position in positions.tolist():
            time_us, value = int(times_us[position]), float(values[position])
            if value < bound.low or value > bound.high:
                if self._run[number] == 0 and not self._open[number]:
                    self._onset_us[number] = time_us
                self._run[number] += 1
                self._last_outside_us[number] = max(time_us, int(self._last_outside_us[number]))
                self._last_value[number] = value
                if not self._open[number] and self._run[number] >= bound.confirm:
                    self._open[number] = True
                    events.append(self._event(number, position, time_us, left=True))
                continue
            if self._run[number] and not self._open[number]:
                events.append(
                    Spike(
                        position=position,
                        bound=number,
                        time_us=int(self._onset_us[number]),
                        known_us=time_us,
                        value=float(self._last_value[number]),
                    )
                )
            self._run[number] = 0
            if self._open[number] and time_us - int(self._last_outside_us[number]) >= self._hold_us:
                self._open[number] = False
                events.append(self._event(number, position, time_us, left=False))
        return events

    def _event(self, number: int, position: int, time_us: int, *, left: bool) -> Excursion:
        return Excursion(
            position=position,
            bound=number,
            left=left,
            time_us=time_us if left else int(self._last_outside_us[number]),
            onset_us=int(self._onset_us[number]),
            value=float(self._last_value[number]),
        )
