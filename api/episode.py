"""What became of an alert, step by step: when it began, was raised, grew graver, spread, was told again and ended."""

from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from psycopg import Connection
from pydantic import BaseModel

from api.against import Against
from api.database import Row, rows
from api.overlay import hour_of
from store.model.alert import AlertSeverity
from store.sql import queries


class StepKind(StrEnum):
    """What happened to an alert."""

    BEGAN = "began"  # an estimate
    RAISED = "raised"
    GRAVER = "graver"
    SPREAD = "spread"
    TOLD_AGAIN = "told_again"
    ENDED = "ended"


class Step(BaseModel):
    """One thing that happened, in the plant's time; null where no clock ticked when it was told, as in an import."""

    kind: StepKind
    version: int  # of the alert; 0 as it was raised
    time: datetime | None
    hour: float | None  # process hours; null without a time or a batch
    severity: AlertSeverity | None  # from then on
    words: str
    said: str  # the alert's sentence from then on


def read_steps(
    connection: Connection, alert_id: int, *, kind: str, onset: datetime, started: datetime | None
) -> list[Step]:
    """The steps of an alert that began at `onset`, of a batch that `started`, in the order they were told."""
    told = rows(connection, queries("api_alerts")["told"], {"alert_id": alert_id})
    raised = told[0]
    found = [
        _step(StepKind.BEGAN, raised, onset, "began about then", started),
        _step(StepKind.RAISED, raised, raised["told_time"], f"raised{_as(raised)}{_measured(kind, raised)}", started),
    ]
    for before, after in pairwise(told):
        found += _changes(kind, before, after, started)
    return found


def _changes(kind: str, before: Row, after: Row, started: datetime | None) -> list[Step]:
    found = []
    new_tags = [tag for tag in after["tags"] if tag not in before["tags"]]
    if new_tags:
        words = f"spread to {', '.join(new_tags)}"
        found.append(_step(StepKind.SPREAD, after, after["told_time"], words, started))
    if after["severity"] != before["severity"]:
        words = f"severity {before['severity'] or 'not said'} → {after['severity'] or 'not said'}"
        found.append(_step(StepKind.GRAVER, after, after["told_time"], words, started))
    if after["ended_time"] is not None:
        found.append(_step(StepKind.ENDED, after, after["ended_time"], "ended", started))
    elif not found:
        found.append(
            _step(StepKind.TOLD_AGAIN, after, after["told_time"], f"told again{_measured(kind, after)}", started)
        )
    return found


def _step(kind: StepKind, told: Row, time: datetime | None, words: str, started: datetime | None) -> Step:
    return Step(
        kind=kind,
        version=told["version"],
        time=time,
        hour=None if time is None or started is None else hour_of(time, started),
        severity=told["severity"],
        words=words,
        said=told["sentence"],
    )


def _as(told: Row) -> str:
    return "" if told["severity"] is None else f", {told['severity']}"


def _measured(kind: str, told: Row) -> str:
    words = Against.of(kind, told["detector"], told["score"], told["limit_value"]).words
    return f": {words} ({told['detector']})" if words else ""
