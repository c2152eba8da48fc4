"""After a correction, an upgrade or late readings: watch anew, in recorded order, beside what was said before.

A run that a correction touches goes as far as that correction and no further; the next run begins at the beginning,
with the same references, tags and ranges, and with everything that was corrected or had come late by then. A run goes
on under the version of the software it began with or not at all: another one begins the next run. Alerts of earlier
runs stay.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from analytics.batch_setup import setup, tick_before
from analytics.corrections import corrections_at, interval_at
from analytics.fresh import Fresh
from analytics.inputs import note_changed_inputs
from analytics.playing import Run, first_state, read_run
from analytics.settings import AnalyticsSettings
from analytics.software import software
from store.model.ids import ProcessVersionId
from store.model.times import from_us, to_us
from store.sql import queries


class Cause(StrEnum):
    """Why a run after the first one began."""

    CORRECTION = "correction"
    UPGRADE = "upgrade"
    LATE_READINGS = "late_readings"


def follow_correction(
    connection: psycopg.Connection, correction_id: int, ordinal: int, settings: AnalyticsSettings
) -> None:
    """React to the correction that is at an ordinal of the intake, in the caller's transaction."""
    sql = queries("rerun")
    asked = {"correction_id": correction_id}
    touched = [monitor_id for (monitor_id,) in connection.execute(sql["by_intervals"], asked)]
    for monitor_id, unit_procedure_id, first, last in connection.execute(sql["by_readings"], asked):
        interval = interval_at(connection, unit_procedure_id, ordinal)
        if last >= interval.started and (interval.ended is None or first < interval.ended):
            touched.append(monitor_id)
    for monitor_id in sorted(set(touched)):
        end_run(connection, monitor_id, ordinal)
        run_again(connection, monitor_id, ordinal, settings, Cause.CORRECTION)
    note_changed_inputs(connection, correction_id)


def run_again_if_corrected(
    connection: psycopg.Connection, unit_procedure_id: int, ordinal: int, settings: AnalyticsSettings
) -> None:
    """For a batch that is first watched at an ordinal: what was corrected before that was taken applies too."""
    row = connection.execute(queries("rerun")["of_procedure"], {"unit_procedure_id": unit_procedure_id}).fetchone()
    assert row is not None
    run = read_run(connection, row[0])
    told = interval_at(connection, unit_procedure_id, 0)
    truly = interval_at(connection, unit_procedure_id, ordinal)
    applied = corrections_at(connection, unit_procedure_id, ordinal, [tag.tag_id for tag in run.configuration.tags])
    told_otherwise = (told.started, told.batch_id) != (truly.started, truly.batch_id)
    if told_otherwise or applied.end_corrected or applied.phases or applied.revised:
        end_run(connection, run.monitor_id, ordinal)
        run_again(connection, run.monitor_id, ordinal, settings, Cause.CORRECTION)


def run_on_under_this_version(
    connection: psycopg.Connection, monitor_id: int, *, superseded: bool, settings: AnalyticsSettings
) -> bool:
    """End a run that another version of the software began where it stands, in the caller's transaction; its next
    run begins here, unless there is one already. False when the run is of this version.
    """
    run = read_run(connection, monitor_id)
    if run.software == software():
        return False
    end_run(connection, monitor_id, run.position)
    if not superseded:
        last = max(run.position, run.corrected_ordinal or 0)
        run_again(connection, monitor_id, last, settings, Cause.UPGRADE)
    return True


def end_run(connection: psycopg.Connection, monitor_id: int, ordinal: int) -> None:
    """A run goes no further than an ordinal of the intake; one that is already there is closed."""
    connection.execute(queries("rerun")["end_run"], {"monitor_id": monitor_id, "ordinal": ordinal})


def run_again(
    connection: psycopg.Connection,
    monitor_id: int,
    ordinal: int,
    settings: AnalyticsSettings,
    cause: Cause,
    *,
    late_until: datetime | None = None,
) -> None:
    """Begin the next run of a run, with what was known up to an ordinal of the intake.

    The run has been ended, and a revision of it is given up; or, where `late_until` says the unit time at that ordinal,
    the run goes on and the next one is a revision that catches up beside it.
    """
    sql = queries("rerun")
    before = read_run(connection, monitor_id)
    of_procedure = {"unit_procedure_id": before.unit_procedure_id}
    if late_until is None:
        connection.execute(sql["give_up"], of_procedure)
    newest = connection.execute(sql["newest_run"], of_procedure).fetchone()
    assert newest is not None
    interval = interval_at(connection, before.unit_procedure_id, ordinal)
    run = before._replace(run=newest[0] + 1, batch_id=interval.batch_id, batch=interval.batch, software=software())
    if interval.process_version_id != before.configuration.process_version_id:
        made = setup(
            connection,
            unit_id=interval.unit_id,
            position_id=interval.position_id,
            process_version_id=ProcessVersionId(interval.process_version_id),
            settings=settings,
        )
        run = run._replace(
            configuration=replace(made.configuration, first_tick=before.configuration.first_tick),
            reference_new_id=made.reference_new_id,
            reference_old_id=made.reference_old_id,
            model_new=made.model_new,
            model_old=made.model_old,
            digest_new=made.digest_new,
            digest_old=made.digest_old,
        )
    run = _from_start(connection, run, started_us=to_us(interval.started), before=before)
    connection.execute(
        sql["insert_run"],
        {
            "batch_id": run.batch_id,
            "unit_procedure_id": run.unit_procedure_id,
            "run": run.run,
            "corrected_ordinal": ordinal,
            "cause": str(cause),
            "beside": late_until is not None,
            "late_until": late_until,
            "reference_new_id": run.reference_new_id,
            "reference_old_id": run.reference_old_id,
            "software": run.software,
            "configuration": Jsonb(run.configuration.to_fields()),
            "ordinal": run.started_ordinal,
            "position": run.started_ordinal - 1,
            "state": first_state(run.begin),
        },
    )


def _from_start(connection: psycopg.Connection, run: Run, *, started_us: int, before: Run) -> Run:
    """The run from its true start: an earlier one may be in blocks that the run before it had no need of."""
    configuration = replace(run.configuration, started_us=started_us)
    if started_us >= before.configuration.started_us:
        return run._replace(configuration=configuration)
    asked = {
        "unit_id": run.unit_id,
        "position_id": interval_at(connection, run.unit_procedure_id, 0).position_id,
        "started": from_us(started_us),
        "ordinal": run.started_ordinal,
    }
    first = connection.execute(queries("analytics")["first_ordinal"], asked).fetchone()
    assert first is not None
    tick = tick_before(connection, first[0], configuration.transport_allowance_s)
    return run._replace(configuration=replace(configuration, first_tick=tick), started_ordinal=first[0])


def note_late(connection: psycopg.Connection, fresh: Fresh) -> None:
    """Note the newest runs of ended batches for which a stretch brought readings after all."""
    sql = queries("rerun")
    if not len(fresh.time_us):
        return
    first = from_us(int(fresh.time_us.min()))
    for monitor_id, tag_ids, started, ended in connection.execute(
        sql["ended_runs"], {"unit_ids": np.unique(fresh.unit_id).tolist(), "first": first}
    ).fetchall():
        times = fresh.time_us[np.isin(fresh.tag_id, tag_ids)]
        if ((times >= to_us(started)) & (times < to_us(ended))).any():
            connection.execute(sql["note_late"], {"monitor_id": monitor_id, "ordinal": fresh.stretch.until})


def score_late_again(connection: psycopg.Connection, reach: int, settings: AnalyticsSettings) -> bool:
    """Begin the next run of one ended batch to which readings came after all; False when there is none."""
    with connection.transaction():
        row = connection.execute(queries("rerun")["late_run"], {"reach": reach}).fetchone()
        if row is None:
            return False
        end_run(connection, row[0], reach)
        run_again(connection, row[0], reach, settings, Cause.LATE_READINGS)
    return True
