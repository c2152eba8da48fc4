"""While a batch runs, what came late for it is judged by a revision: a run beside the one that watches.

The run that watches goes on watching and telling. A revision begins at the beginning of the batch, pinned to an ordinal
of the intake up to which late readings are in their place, and plays the journal in turns that live scoring leaves
over. Once it has come exactly as far as the run that watches it takes over, in one transaction: that run ends there,
and the revision watches from then on. Until then nothing that it raises is told and nothing of it is on a board. What
comes late for it in its turn leads to a later revision.
"""

from datetime import datetime

import psycopg

from analytics.cells import Late
from analytics.claims import Claim
from analytics.reruns import Cause, end_run, run_again
from analytics.settings import AnalyticsSettings
from store.model.times import US_PER_S, from_us, to_us
from store.sql import queries

TURN_READINGS = 50_000  # of all units: about a quarter of a second, for which alerts of other batches may wait


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
    """Begin a revision beside the run that watches, in the caller's transaction; False when there was one already.

    A run has one revision: where that failed, the end of the batch brings the next.
    """
    of_procedure = {"unit_procedure_id": claim.unit_procedure_id}
    newest = connection.execute(queries("rerun")["newest_run"], of_procedure).fetchone()
    assert newest is not None
    if newest[0] > claim.run:
        return False
    run_again(connection, claim.monitor_id, ordinal, settings, Cause.LATE_READINGS, late_until=from_us(late.reached_us))
    return True


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
