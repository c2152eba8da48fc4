"""What a run is pinned to: what had been corrected by an ordinal of the intake, and what had come late by then."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg

from analytics.corrections import corrections_at
from analytics.intake import Stretch
from analytics.late import LateSeeker
from analytics.playing import Played, Run, play, segment_of
from store.model.alert import Alert
from store.rows import decode_rows
from store.sql import queries


class Search:
    """Finds in turns what came late for a run up to the ordinal it is pinned to, by playing once what came until then.

    Beyond that ordinal nothing is moved any more, so a run that has come so far needs no search.
    """

    def __init__(self, connection: psycopg.Connection, run: Run) -> None:
        """For a run wherever it stands."""
        tags = [tag.tag_id for tag in run.configuration.tags]
        self._played = Played(
            unit_id=run.unit_id,
            unit_procedure_id=run.unit_procedure_id,
            transport_allowance_s=run.configuration.transport_allowance_s,
            corrections=corrections_at(connection, run.unit_procedure_id, run.corrected_ordinal, tags),
        )
        first = run.started_ordinal - 1
        pinned = run.corrected_ordinal
        self._seeker = None if pinned is None or run.position >= pinned else _seeker(run)
        self._until = first if pinned is None else pinned
        self._last = first  # ordinal of the last block before the end
        self.position = first

    def go_on(self, connection: psycopg.Connection, until: int) -> Played | None:
        """Play on to an ordinal; what the run plays, None while the search has not come to its end."""
        if self._seeker is None:
            return self._played
        stretch = Stretch(after=self.position, until=min(until, self._until))
        if self._seeker.ended_us is None:
            for ordinal, _, _ in play(connection, self._seeker, stretch, self._played):
                self._seeker.passed(ordinal)
                self._last = ordinal
            stretch = Stretch(after=self._last, until=stretch.until)
        if self._seeker.ended_us is not None:
            play_beyond(connection, self._seeker, stretch, self._played)
        self.position = stretch.until
        return replace(self._played, moved=self._seeker.moved()) if self.position == self._until else None


def replay(connection: psycopg.Connection, run: Run) -> Iterator[tuple[int, list[Alert], bool]]:
    """A run once more from its beginning, as far as it has come."""
    run.verify()
    stretch = Stretch(after=run.started_ordinal - 1, until=run.position)
    from_beginning = run._replace(position=stretch.after)
    yield from play(connection, run.begin(), stretch, played_by(connection, from_beginning))


def played_by(connection: psycopg.Connection, run: Run) -> Played:
    """What a run plays from where it stands, with what had been corrected and had come late where it is pinned."""
    played = Search(connection, run).go_on(connection, run.corrected_ordinal or 0)
    assert played is not None
    return played


def play_beyond(connection: psycopg.Connection, seeker: LateSeeker, stretch: Stretch, played: Played) -> None:
    """Show a seeker what came for a batch after its end."""
    beyond = {"after": stretch.after, "until": stretch.until, "unit_id": played.unit_id}
    for _, rows, _, _ in connection.execute(queries("analytics")["unit_blocks"], beyond):
        if rows is not None:
            seeker.after_the_end(segment_of(played.corrections.readings(decode_rows(rows))))


def _seeker(run: Run) -> LateSeeker:
    seeker = run.begin().seeker()
    if run.configuration.first_tick is not None:
        seeker.hold_back(run.configuration.first_tick)
    return seeker
