"""Follow batches through the journal: watch one when it starts, anew when what it rests on was corrected.

Imported history is not watched: what it says was over before anybody could have been told.
"""

from datetime import UTC
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics.batch_setup import setup, tick_before
from analytics.intake import Stretch
from analytics.monitor import BatchMonitor
from analytics.playing import first_state, model_of
from analytics.reruns import follow_correction, run_again_if_corrected
from analytics.settings import AnalyticsSettings
from analytics.software import software
from store.model.times import to_us
from store.sql import queries


def follow_batches(connection: psycopg.Connection, stretch: Stretch, settings: AnalyticsSettings) -> None:
    """Act on the batch events and corrections of a stretch in their order, in the caller's transaction."""
    parameters = {"after": stretch.after, "until": stretch.until}
    corrections = connection.execute(queries("rerun")["corrections"], parameters).fetchall()
    events = connection.execute(queries("analytics")["batch_events"], parameters).fetchall()
    for ordinal, chain_kind, event_id, kind, time, batch_id, unit_id, unit_procedure_id, note in events:
        if kind != "unit_procedure_started":
            continue
        while corrections and corrections[0][0] < ordinal:
            earlier, correction_id = corrections.pop(0)
            follow_correction(connection, correction_id, earlier, settings)
        event: dict[str, Any] = {
            "unit_procedure_id": unit_procedure_id,
            "unit_id": unit_id,
            "batch_id": batch_id,
            "started": time,
        }
        row = connection.execute(queries("analytics")["started_procedure"], event).fetchone()
        assert row is not None
        event |= dict(zip(("position_id", "batch", "process_version_id"), row, strict=True))
        if note is not None:
            _raise_missing_end(connection, event, event_id=event_id, ordinal=ordinal)
        if chain_kind == "live":
            _watch(connection, event, ordinal=ordinal, settings=settings)
    for ordinal, correction_id in corrections:
        follow_correction(connection, correction_id, ordinal, settings)


def _watch(connection: psycopg.Connection, event: dict[str, Any], *, ordinal: int, settings: AnalyticsSettings) -> None:
    """Begin to watch a batch, from the first block that holds readings of it: a start is often told late."""
    sql = queries("analytics")
    first = connection.execute(sql["first_ordinal"], event | {"ordinal": ordinal}).fetchone()
    assert first is not None
    made = setup(
        connection,
        unit_id=event["unit_id"],
        position_id=event["position_id"],
        process_version_id=event["process_version_id"],
        settings=settings,
        started_us=to_us(event["started"]),
        first_tick=tick_before(connection, first[0], settings.transport_allowance_s),
    )

    def begin() -> BatchMonitor:
        new, old = model_of(made.model_new), model_of(made.model_old)
        return made.configuration.begin(batch=event["batch"], new=new, old=old, software=software())

    begun = connection.execute(
        sql["insert_monitor"],
        {
            "batch_id": event["batch_id"],
            "unit_procedure_id": event["unit_procedure_id"],
            "reference_new_id": made.reference_new_id,
            "reference_old_id": made.reference_old_id,
            "software": software(),
            "configuration": Jsonb(made.configuration.to_fields()),
            "ordinal": first[0],
            "position": first[0] - 1,
            "state": first_state(begin),
        },
    )
    if begun.rowcount:
        run_again_if_corrected(connection, event["unit_procedure_id"], ordinal, settings)


def _raise_missing_end(connection: psycopg.Connection, event: dict[str, Any], *, event_id: int, ordinal: int) -> None:
    """A start at an occupied position: the batch that was there never said that it ended."""
    sql = queries("analytics")
    parameters = {"position_id": event["position_id"], "ended": event["started"]}
    for batch_id, name, started, ended in connection.execute(sql["missing_end"], parameters).fetchall():
        connection.execute(
            sql["insert_alert"],
            {
                "monitor_id": None,
                "batch_id": batch_id,
                "unit_id": event["unit_id"],
                "ordinal": event_id,
                "kind": "silence",
                "severity": "medium",
                "detector": "missing_end",
                "tags": [],
                "raised_time": ended,
                "onset_time": ended,
                "phase_time_h": (ended - started).total_seconds() / 3600,
                "score": 1.0,
                "limit_value": 0.0,
                "sentence": f"Nobody said that {name} ended; another batch was started in its place at "
                f"{ended.astimezone(UTC):%Y-%m-%d %H:%M} UTC, so its end is inferred from that start. Confirm or "
                "correct it.",
                "contributions": Jsonb([]),
                "cells": Jsonb([]),
                "reference_digest": None,
                "software": software(),
                "intake_ordinal": ordinal,
                "same_as": None,
            },
        )
