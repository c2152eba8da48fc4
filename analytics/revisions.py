"""While a batch runs, what came late for it is judged by a revision: a run beside the one that watches.

The run that watches goes on watching and telling. A revision begins at the beginning of the batch, pinned to an ordinal
of the intake up to which late readings are in their place, and plays the journal in turns that live scoring leaves
over. Once it has come exactly as far as the run that watches it takes over, in one transaction: that run ends there,
and the revision watches from then on. Until then nothing that it raises is told and nothing of it is on a board. What
comes late for it in its turn leads to a later revision. One that fails is begun anew after a while, a few times; the
run that watches goes on as before.
"""

from datetime import datetime
from typing import NamedTuple

import psycopg

from analytics.cells import Late
from analytics.claims import Claim
from analytics.reruns import Cause, end_run, run_again
from analytics.settings import AnalyticsSettings
from store.model.revision import tried_again_from
from store.model.times import US_PER_S, from_us, to_us
from store.sql import queries

TURN_READINGS = 50_000  # of all units: about a quarter of a second, for which alerts of other batches may wait


class Tried(NamedTuple):
    """The revisions that began beside the run that watches now."""

    goes_on: bool
    failed: int
    begun: datetime | None  # unit time at which the last of those that failed is pinned; None: none has failed

    @property
    def again_from(self) -> datetime | None:
        """Unit time from which on the next one may begin; None where none failed, or too many."""
        return None if self.begun is None else tried_again_from(self.failed, self.begun)


def is_due(late: Late, late_until: datetime | None, settings: AnalyticsSettings) -> bool:
    """Whether late readings of a run have settled, or wait for long enough, and its last beginning is long enough ago.

    `late_until` is the unit time at which the run itself is pinned, where it began as a revision. A tag that is always
    late never settles; it leads to one revision a pause and no more.
    """
    if late.first_us is None or late.last_us is None:
        return False
    pause_us = settings.revision_pause_s * US_PER_S
    if late_until is not None and late.reached_us - to_us(late_until) < pause_us:
        return False
    settled = late.reached_us - late.last_us >= settings.late_settling_s * US_PER_S
    return settled or late.reached_us - late.first_us >= pause_us


def begin_revision(
    connection: psycopg.Connection, claim: Claim, ordinal: int, late: Late, settings: AnalyticsSettings
) -> bool:
    """Begin a revision beside the run that watches, in the caller's transaction; False where one goes on, or where the
    last one failed not long ago or too often.
    """
    tried = tried_so_far(connection, claim.unit_procedure_id)
    waits = tried.again_from is None or from_us(late.reached_us) < tried.again_from
    if tried.goes_on or (tried.failed and waits):
        return False
    run_again(connection, claim.monitor_id, ordinal, settings, Cause.LATE_READINGS, late_until=from_us(late.reached_us))
    return True


def tried_so_far(connection: psycopg.Connection, unit_procedure_id: int) -> Tried:
    """What became of the revisions of the run that watches a unit procedure."""
    row = connection.execute(queries("rerun")["revisions"], {"unit_procedure_id": unit_procedure_id}).fetchone()
    assert row is not None
    return Tried(*row)


def turn_of(connection: psycopg.Connection, *, position: int, until: int) -> int:
    """How far a revision goes in one turn."""
    parameters = {"after": position, "until": until, "most_readings": TURN_READINGS}
    row = connection.execute(queries("analytics")["stretch_of_readings"], parameters).fetchone()
    assert row is not None
    reached: int = row[0]
    return reached


def take_over(connection: psycopg.Connection, claim: Claim, position: int) -> int | None:
    """Let a revision be the run that watches, in the caller's transaction; returns the run that it ends.

    None where that run has gone on meanwhile, another process moves it just now or follows corrections, which may end
    it: then it catches up once more.
    """
    sql = queries("rerun")
    at = {"unit_procedure_id": claim.unit_procedure_id, "position": position}
    row = connection.execute(sql["watching_at"], at).fetchone()
    if row is None:
        return None
    watched: int = row[0]
    end_run(connection, watched, position)
    connection.execute(sql["take_over"], {"monitor_id": claim.monitor_id})
    return watched


def watching_run(connection: psycopg.Connection, unit_procedure_id: int) -> int:
    """The run by which people know how a batch stands."""
    row = connection.execute(queries("rerun")["of_procedure"], {"unit_procedure_id": unit_procedure_id}).fetchone()
    assert row is not None
    monitor_id: int = row[0]
    return monitor_id
