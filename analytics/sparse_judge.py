"""Tags that are read too seldom to be judged, by how their reference was read: said once, of all of them together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.cells import NEVER_US, ClosedCell
from analytics.context import Context
from analytics.episodes import AlertBook, Episode
from analytics.packing import pack, unpack
from analytics.sentences import sparse_sentence
from analytics.usual_reading import UsualReading
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.plant import Tag
from store.model.times import US_PER_H

SPARSE_H = 4.0  # of cells that were read too seldom, before anybody is told
DETECTOR = "sparse"


class SparseJudge:
    """One alert of the lesser kind, from when tags could not be judged for four hours until all of them are again.

    A cell that holds enough readings ends it for its tag; one that holds none says nothing: that is silence.
    """

    def __init__(self, *, reading: UsualReading, tags: Sequence[Tag], context: Context, book: AlertBook) -> None:
        """`reading` has the columns of `tags`."""
        self._reading = reading
        self._tags = tags
        self._context = context
        self._book = book
        self._since_us = np.full(len(tags), NEVER_US, np.int64)  # the start of the first cell that held too few

    def closed(self, closed: ClosedCell, place: int) -> list[Alert]:
        """A cell closed at a position of the course."""
        few = self._reading.too_few(closed.readings, place)
        enough = (closed.readings > 0) & ~few
        begun_us = closed.end_us - self._reading.width_us
        self._since_us = np.where(
            enough, NEVER_US, np.where(few & (self._since_us == NEVER_US), begun_us, self._since_us)
        )
        episode = next((one for one in self._book.of_kind(AlertKind.QUALITY) if one.alert.detector == DETECTOR), None)
        due = few & (closed.end_us - self._since_us >= round(SPARSE_H * US_PER_H))
        if episode is None:
            return [self._begin(closed, np.flatnonzero(due).tolist(), place)] if due.any() else []
        if not (self._since_us[episode.slots] != NEVER_US).any():
            return [self._book.end(episode, begun_us)]
        fresh = [slot for slot in np.flatnonzero(due).tolist() if slot not in episode.slots]
        if not fresh:
            return []
        episode.slots += fresh
        episode.alert = self._told(episode.alert, episode.slots, closed, place)
        return [episode.alert]

    def to_bytes(self) -> bytes:
        """Since when each tag has been read too seldom."""
        return pack("sparse", 1, {}, {"since": self._since_us})

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        _, arrays = unpack("sparse", 1, data)
        self._since_us = arrays["since"]

    def _begin(self, closed: ClosedCell, slots: list[int], place: int) -> Alert:
        since_us = int(self._since_us[slots].min())
        alert = Alert(
            ordinal=self._book.next_ordinal(),
            kind=AlertKind.QUALITY,
            severity=AlertSeverity.LOW,
            detector=DETECTOR,
            tags=(),
            raised_us=closed.end_us,
            onset_us=since_us,
            phase_time_h=(closed.end_us - self._context.start_us) / US_PER_H,
            score=(closed.end_us - since_us) / 1_000_000,
            limit=SPARSE_H * 3600.0,
            sentence="",
            software=self._context.software,
        )
        episode = Episode(alert=self._told(alert, slots, closed, place), slots=slots, joined_us=closed.end_us)
        self._book.open.append(episode)
        return episode.alert

    def _told(self, alert: Alert, slots: list[int], closed: ClosedCell, place: int) -> Alert:
        tags = [self._tags[slot] for slot in slots]
        return replace(
            alert,
            tags=tuple(tag.name for tag in tags),
            contributions=tuple((tag.name, 1.0 / len(tags)) for tag in tags),
            sentence=sparse_sentence(
                tags=tags,
                readings=int(closed.readings[slots[0]]),
                fewest=int(self._reading.fewest[place, slots[0]]),
                width_h=self._reading.width_us / US_PER_H,
                since_h=(alert.onset_us - self._context.start_us) / US_PER_H,
            ),
        )
