"""Alerts of a run of a monitor as rows: raised once, then what became of them, and which earlier one each repeats."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics.claims import Claim
from store.model.alert import Alert
from store.model.times import from_us
from store.sql import queries


def write_alert(connection: psycopg.Connection, alert: Alert, claim: Claim, *, ordinal: int) -> None:
    """Raise an alert, or add what became of it, in the caller's transaction."""
    sql = queries("analytics")
    asked = {"monitor_id": claim.monitor_id, "ordinal": alert.ordinal}
    known = connection.execute(sql["alert_of_monitor"], asked).fetchone()
    common: dict[str, Any] = {
        "severity": str(alert.severity),
        "detector": alert.detector,
        "tags": list(alert.tags),
        "score": alert.score,
        "limit_value": alert.limit,
        "sentence": alert.sentence,
        "contributions": Jsonb(alert.contributions),
        "cells": Jsonb(alert.cells),
        "intake_ordinal": ordinal,
    }
    if known is None:
        raised = common | {
            "monitor_id": claim.monitor_id,
            "batch_id": claim.batch_id,
            "unit_id": claim.unit_id,
            "ordinal": alert.ordinal,
            "kind": str(alert.kind),
            "raised_time": from_us(alert.raised_us),
            "onset_time": from_us(alert.onset_us),
            "phase_time_h": alert.phase_time_h,
            "reference_digest": alert.reference_digest,
            "software": alert.software,
        }
        raised |= {"same_as": _same_as(connection, raised, claim)}
        known = connection.execute(sql["insert_alert"], raised).fetchone()
        if alert.ended_us is None:
            return
        assert known is not None
        known = (known[0], 0)
    ended = None if alert.ended_us is None else from_us(alert.ended_us)
    connection.execute(
        sql["update_alert"], common | {"alert_id": known[0], "version": known[1] + 1, "ended_time": ended}
    )


def _same_as(connection: psycopg.Connection, raised: dict[str, Any], claim: Claim) -> int | None:
    """The alert of an earlier run that is raised again just as it was."""
    if claim.run == 1:
        return None
    asked = raised | {"unit_procedure_id": claim.unit_procedure_id, "run": claim.run}
    row = connection.execute(queries("rerun")["same_as"], asked).fetchone()
    return None if row is None else int(row[0])
