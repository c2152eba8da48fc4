"""Which reading belongs to which watched tag of a batch."""

from collections.abc import Sequence

import numpy as np

from analytics.segment import Int32s, Segment
from store.model.plant import Tag


class Slots:
    """Numbers the tags of a batch in their order."""

    def __init__(self, *, tags: Sequence[Tag], start_us: int) -> None:
        """Readings from before `start_us` belong to no slot."""
        ids = np.array([tag.tag_id for tag in tags], np.int32)
        self._start_us = start_us
        self._order = np.argsort(ids).astype(np.int32)
        self._sorted_ids = ids[self._order]

    def of(self, segment: Segment) -> Int32s:
        """The slot of every reading, −1 for tags nobody watches and for readings before the batch."""
        if not len(self._sorted_ids):
            return np.full(len(segment), -1, np.int32)
        at = self._sorted_ids[:-1].searchsorted(segment.tag_ids)  # at most the last
        watched = (self._sorted_ids[at] == segment.tag_ids) & (segment.source_times_us >= self._start_us)
        slots: Int32s = self._order[at]
        slots[~watched] = -1
        return slots
