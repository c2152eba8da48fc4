"""A stretch of the journal as the analytics see it: arrays in journal order, perhaps followed by a tick."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bytes8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time passed on the plant's clock, whether or not anybody spoke."""

    plant_time_us: int
    transport_allowance_us: int  # how long a reading may still be on its way at that instant
    ahead_us: int = (
        0  # how far readings may move time beyond it: the plant time an accelerated clock runs until the next
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Readings of journal entries, all arrays of one length, then the tick that followed them, if any.

    Ordinals never decrease from one segment to the next and an entry is never cut in two; in which order the
    readings lie within a segment does not matter. How a journal is cut into segments never changes what the
    analytics say.
    """

    ordinals: Int64s  # of the journal entries the readings came in
    tag_ids: Int32s
    source_times_us: Int64s
    values: Floats
    qualities: Bytes8
    tick: Tick | None = None

    @classmethod
    def of_tick(cls, tick: Tick) -> Self:
        """A segment that only says that time passed."""
        return cls(
            ordinals=np.empty(0, np.int64),
            tag_ids=np.empty(0, np.int32),
            source_times_us=np.empty(0, np.int64),
            values=np.empty(0, np.float64),
            qualities=np.empty(0, np.uint8),
            tick=tick,
        )

    def in_journal_order(self) -> "Segment":
        """The readings by entry, within an entry by source time and tag.

        An entry is one instant of arrival: no reading in it is late because of another.
        """
        if len(self) < 2:
            return self
        entries, times, tags = self.ordinals, self.source_times_us, self.tag_ids
        next_tag = (times[1:] > times[:-1]) | ((times[1:] == times[:-1]) & (tags[1:] > tags[:-1]))
        in_order = (entries[1:] > entries[:-1]) | ((entries[1:] == entries[:-1]) & next_tag)
        if np.count_nonzero(in_order) == len(in_order):
            return self
        order = np.lexsort((self.tag_ids, self.source_times_us, self.ordinals))
        return replace(self.at(order), tick=self.tick)

    def at(self, positions: Int64s) -> "Segment":
        """The readings at these positions, without a tick."""
        return Segment(
            ordinals=self.ordinals[positions],
            tag_ids=self.tag_ids[positions],
            source_times_us=self.source_times_us[positions],
            values=self.values[positions],
            qualities=self.qualities[positions],
        )

    def __len__(self) -> int:
        """The number of readings."""
        return len(self.values)
