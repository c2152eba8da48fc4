"""Tags that stopped speaking."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Int32s, Int64s

NEVER_US = -(1 << 62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """A tag fell silent, or spoke again."""

    position: int  # in the segment
    slot: int
    silent: bool  # False: it spoke again
    time_us: int  # when silence was due, or of the reading that broke it
    last_us: int  # of the last reading before the silence


class SilenceWatch:
    """A tag is silent once unit time passes its last reading by the delay that its reporting mode justifies.

    A reading of any quality is speech, unless it is already overdue when it comes. Silence is found at the first
    reading or tick that moves the watermark past it, so the cut of the stream into segments does not matter.

    >>> watch = SilenceWatch(delays_us=np.array([50]), start_us=0)
    >>> nobody = np.empty(0, np.int64)
    >>> [hush.time_us for hush in watch.update(slots=nobody, times_us=nobody, reached_us=nobody, watermark_us=80)]
    [50]
    """

    def __init__(self, *, delays_us: Int64s, start_us: int) -> None:
        """`delays_us` is (slots,), negative for tags that owe no regular reading."""
        self._delays_us = delays_us
        self._last_us = np.full(len(delays_us), start_us, np.int64)
        self.silent = np.zeros(len(delays_us), np.bool_)
        self._due_us = NEVER_US  # before it nobody falls silent, and nobody is; found anew where it is passed

    def update(self, *, slots: Int32s, times_us: Int64s, reached_us: Int64s, watermark_us: int) -> list[Hush]:
        """Who fell silent or spoke again, in journal order.

        `reached_us` is the watermark after each reading, `watermark_us` the one after the tick that followed.
        """
        if watermark_us >= self._due_us:
            due = (self._last_us + self._delays_us)[self._delays_us >= 0]
            self._due_us = NEVER_US if self.silent.any() else int(np.min(due, initial=-NEVER_US))
        if watermark_us < self._due_us or self._all_spoke_in_time(slots, times_us, reached_us, watermark_us):
            known = slots >= 0
            np.maximum.at(self._last_us, slots[known], times_us[known])
            return []
        self._due_us = NEVER_US
        events: list[Hush] = []
        for slot in range(len(self._delays_us)):
            positions = np.flatnonzero(slots == slot)
            if self._delays_us[slot] >= 0:
                events += self._follow(slot, positions, times_us, reached_us, watermark_us)
            elif len(positions):
                self._last_us[slot] = max(int(self._last_us[slot]), int(times_us[positions].max()))
        return sorted(events, key=lambda event: (event.position, event.slot))

    def _all_spoke_in_time(self, slots: Int32s, times_us: Int64s, reached_us: Int64s, watermark_us: int) -> bool:
        """Whether nobody was silent and nobody fell silent, told of all tags at once; False: it may be so."""
        if self.silent.any():
            return False
        known = np.flatnonzero(slots >= 0)
        order = known[np.argsort(slots[known], kind="stable")]  # tag by tag
        mine, times = slots[order], times_us[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = mine[1:] != mine[:-1]
        spoken = np.empty_like(times)  # before each; less than the last where times go back, which may be so
        spoken[1:] = times[:-1]
        spoken[first] = self._last_us[mine[first]]
        reached = np.where(order > 0, reached_us[order - 1], NEVER_US)
        last_us = self._last_us.copy()
        np.maximum.at(last_us, mine, times)
        late = reached >= spoken + self._delays_us[mine]
        silent = watermark_us >= last_us + self._delays_us
        owed = self._delays_us >= 0
        return not (late & owed[mine]).any() and not (silent & owed).any()

    def to_bytes(self) -> bytes:
        """When each tag last spoke and who is silent."""
        return pack("silence", 1, {}, {"last": self._last_us, "silent": self.silent})

    def restore(self, data: bytes) -> Self:
        """This watch in the state those bytes describe."""
        _, arrays = unpack("silence", 1, data)
        self._last_us, self.silent, self._due_us = arrays["last"], arrays["silent"], NEVER_US
        return self

    def _follow(
        self, slot: int, positions: Int64s, times_us: Int64s, reached_us: Int64s, watermark_us: int
    ) -> list[Hush]:
        delay_us = int(self._delays_us[slot])
        times = times_us[positions]
        # The last time this tag had spoken before each of its readings, and after them all.
        spoken = np.maximum.accumulate(np.concatenate(([self._last_us[slot]], times)))
        # How far unit time had come just before each of its readings, and at the end.
        reached = np.append(np.where(positions > 0, reached_us[positions - 1], NEVER_US), watermark_us)
        overdue = np.flatnonzero(reached >= spoken + delay_us)
        # Readings that arrive long after their time, as after an outage, do not end a silence one by one.
        current = np.flatnonzero(spoken[1:] + delay_us > reached_us[positions])
        events = []
        at = 0  # readings of this tag already followed
        while True:
            if self.silent[slot]:
                later = current[current >= at]
                if not len(later):
                    break
                first = int(later[0])
                events.append(
                    Hush(
                        position=int(positions[first]),
                        slot=slot,
                        silent=False,
                        time_us=int(times[first]),
                        last_us=int(spoken[first]),
                    )
                )
                self.silent[slot] = False
                at = first + 1
            else:
                later = overdue[overdue >= at]
                if not len(later):
                    break
                at = int(later[0])
                last_us = int(spoken[at])
                due_us = last_us + delay_us
                found = int(np.searchsorted(reached_us, due_us))
                events.append(Hush(position=found, slot=slot, silent=True, time_us=due_us, last_us=last_us))
                self.silent[slot] = True
        self._last_us[slot] = spoken[-1]
        return events
