"""Tags that are read too seldom to be judged, by how their reference was read: said once, of all of them together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.cells import NEVER_US, ClosedCell
from analytics.context import Context
from analytics.episodes import AlertBook, Episode
from analytics.packing import pack, unpack
from analytics.segment import Bools
from analytics.sentences import sparse_sentence
from analytics.usual_reading import UsualReading
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.plant import Tag
from store.model.times import US_PER_H

SPARSE_H = 4.0  # of cells that were read too seldom, before anybody is told
DETECTOR = "sparse"


class SparseJudge:
    """One alert of the lesser kind, from when tags could not be judged in four hours of cells until all of them are.

    A cell that holds enough readings ends it for its tag. One that holds none says nothing; four hours of them are
    silence, which is told elsewhere, and end it too.
    """

    def __init__(self, *, reading: UsualReading, tags: Sequence[Tag], context: Context, book: AlertBook) -> None:
        """`reading` has the columns of `tags`."""
        self._reading = reading
        self._tags = tags
        self._context = context
        self._book = book
        self._cells = round(SPARSE_H * US_PER_H) // reading.width_us  # that make four hours
        self._few = np.zeros(len(tags), np.int64)  # cells that held too few since the last that held enough
        self._empty = np.zeros(len(tags), np.int64)  # cells in a row that held nothing
        self._since_us = np.full(len(tags), NEVER_US, np.int64)  # the start of the first that held too few

    def closed(self, closed: ClosedCell, place: int) -> list[Alert]:
        """A cell closed at a position at which the reference knows something."""
        few = self._reading.too_few(closed.readings, place)
        self._empty = np.where(closed.readings > 0, 0, self._empty + 1)
        over = (closed.readings > 0) & ~few | (self._empty >= self._cells)
        begun_us = closed.end_us - self._reading.width_us
        self._since_us = np.where(few & (self._few == 0), begun_us, self._since_us)
        self._few = np.where(over, 0, self._few + few)
        episode = next((one for one in self._book.of_kind(AlertKind.QUALITY) if one.alert.detector == DETECTOR), None)
        due = few & (self._few >= self._cells)
        if episode is None:
            return [self._begin(closed, due, place)] if due.any() else []
        if not self._few[episode.slots].any():
            return [self._book.end(episode, begun_us)]
        fresh = [slot for slot in np.flatnonzero(due).tolist() if slot not in episode.slots]
        if not fresh:
            return []
        # Whose numbers are told first is read too seldom now; who is read well again is no longer named.
        episode.slots = [*fresh, *(slot for slot in episode.slots if self._few[slot])]
        episode.alert = self._told(episode.alert, episode.slots, closed, place)
        return [episode.alert]

    def to_bytes(self) -> bytes:
        """Since when each tag has been read too seldom, and how often."""
        return pack("sparse", 1, {}, {"few": self._few, "empty": self._empty, "since": self._since_us})

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        _, arrays = unpack("sparse", 1, data)
        self._few, self._empty, self._since_us = arrays["few"], arrays["empty"], arrays["since"]

    def _begin(self, closed: ClosedCell, due: Bools, place: int) -> Alert:
        slots = np.flatnonzero(due).tolist()
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
