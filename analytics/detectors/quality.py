"""Tags that speak, but say of their own readings that they are bad."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Int32s, Int64s

NEVER_US = -(1 << 62)
LEAST_READINGS = 3  # a bad reading or two is noise of the instrument's own check


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A tag began to say nothing that can be used, or was usable again."""

    position: int  # in the segment
    slot: int
    bad: bool  # False: it is usable again
    time_us: int  # of the reading that said so
    since_us: int  # of the first bad reading


class QualityWatch:
    """A tag is in doubt once every reading of a while was bad, three at least; one usable reading ends it.

    To silence such a tag is speaking, to the cells it is missing: without this nobody is told that it cannot be
    judged. Readings are taken in journal order, whatever their source times.

    >>> watch = QualityWatch(delays_us=np.array([50]))
    >>> times_us = np.array([0, 30, 60])
    >>> doubts = watch.update(slots=np.zeros(3, np.int32), times_us=times_us, usable=np.zeros(3, np.bool_))
    >>> [(doubt.bad, doubt.time_us, doubt.since_us) for doubt in doubts]
    [(True, 60, 0)]
    """

    def __init__(self, *, delays_us: Int64s) -> None:
        """`delays_us` is (slots,): how long a tag may be bad; negative for tags that owe no regular reading."""
        self._delays_us = delays_us
        self._since_us = np.full(len(delays_us), NEVER_US, np.int64)
        self._readings = np.zeros(len(delays_us), np.int64)
        self._open = np.zeros(len(delays_us), np.bool_)
        self._doubtful = False  # whether any tag's last reading was bad

    def update(
        self, *, slots: Int32s, times_us: Int64s, usable: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> list[Doubt]:
        """Doubts begun or ended by these readings, in journal order. Slot −1 is ignored."""
        if not self._doubtful and np.count_nonzero(usable) == len(usable):
            return []
        bad = ~usable & (slots >= 0)
        touched = set(slots[bad].tolist()) | set(np.flatnonzero(self._readings).tolist())
        events: list[Doubt] = []
        for slot in sorted(touched):
            if self._delays_us[slot] >= 0:
                for position in np.flatnonzero(slots == slot).tolist():
                    events += self._follow(slot, position, int(times_us[position]), usable=bool(usable[position]))
        self._doubtful = bool(self._readings.any())
        return sorted(events, key=lambda event: (event.position, event.slot))

    def to_bytes(self) -> bytes:
        """Runs of bad readings, and which of them were told."""
        return pack("quality", 1, {}, {"since": self._since_us, "readings": self._readings, "open": self._open})

    def restore(self, data: bytes) -> Self:
        """This watch in the state those bytes describe."""
        _, arrays = unpack("quality", 1, data)
        self._since_us, self._readings, self._open = arrays["since"], arrays["readings"], arrays["open"]
        self._doubtful = bool(self._readings.any())
        return self

    def _follow(self, slot: int, position: int, time_us: int, *, usable: bool) -> list[Doubt]:
        since_us = int(self._since_us[slot])
        if usable:
            told = bool(self._open[slot])
            self._readings[slot], self._open[slot] = 0, False
            return [Doubt(position=position, slot=slot, bad=False, time_us=time_us, since_us=since_us)] if told else []
        if self._readings[slot] == 0:
            self._since_us[slot] = since_us = time_us
        self._readings[slot] += 1
        lasted = time_us - since_us >= int(self._delays_us[slot]) and self._readings[slot] >= LEAST_READINGS
        if not lasted or self._open[slot]:
            return []
        self._open[slot] = True
        return [Doubt(position=position, slot=slot, bad=True, time_us=time_us, since_us=since_us)]
