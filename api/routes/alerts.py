"""The alert queue, each alert with what is needed to question it, and its acknowledgement."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from psycopg import Connection
from pydantic import BaseModel, Field

from api.against import Against
from api.alert_course import AlertCourse, read_alert_course
from api.auth import ACKNOWLEDGE, CORRECT
from api.database import Reading, Writing, models, row, rows
from api.fields import BIGGEST_ID, AlertNumber, AscendingCursor, Cursor, Limit, OptionalName
from api.paging import Page, page
from records.actors import Actor
from records.alerts import acknowledge, assess
from store.errors import NotFound
from store.model.alert import AlertCause, AlertImpact, AlertKind, AlertSeverity, AlertState
from store.model.correction import AlertOutcome
from store.sql import queries

MOST_VERSIONS = 2**31 - 1

# Of an earlier run, where the alert of the later one is shown; or of a revision that does not watch.
ELSEWHERE = (AlertOutcome.RAISED_AGAIN, AlertOutcome.REPLACED, AlertOutcome.NOT_TOLD)

router = APIRouter(prefix="/alerts", tags=["alerts"])


class AlertRow(BaseModel):
    """One alert in a list, as it stands now."""

    alert: int
    batch: str | None
    batches: list[str]  # of a signal, which is between batches: all it was ever about
    unit: str | None  # null: of a signal
    process: str | None
    kind: AlertKind
    severity: AlertSeverity | None  # null: raised before there was one
    detector: str
    tags: list[str]
    raised_time: datetime
    onset_time: datetime
    ended_time: datetime | None
    phase_time_h: float | None  # null: of a signal
    score: float  # of the layer that judges it now, as are detector and limit_value
    limit_value: float
    sentence: str
    state: AlertState
    decided_by: str | None
    decided_at: datetime | None
    comment: str | None
    version: int  # how often it changed since it was raised
    spread_to: list[str]  # tags or batches it did not have when somebody decided about it; then it is raised again
    run: int | None  # of its monitor; a correction begins another
    superseded: bool  # a later run has taken the place of the one that raised it, or its own has not caught up yet
    outcome: AlertOutcome | None = None  # what the correction did to it; null: not asked for, or nothing to say
    earlier_alert: int | None = None  # the alert of an earlier run that it is, or takes the place of
    chart: int | None  # of a signal, as is the version of its limits
    limits_version: int | None
    software: str
    reference_digest: str | None

    @property
    def against(self) -> Against:
        """Score and limit as a person reads them."""
        return Against.of(self.kind, self.detector, self.score, self.limit_value)


class ToldRow(AlertRow):
    """One alert as it stands now, with its place in the order in which alerts are told."""

    told: int


class Told(BaseModel):
    """Alerts in the order in which each was last told, and the cursor to ask with the next time, whenever that is."""

    items: list[ToldRow]
    next_cursor: int  # that of the last item; the one that was sent where there is none


class VersionRow(BaseModel):
    """How an alert stood at a later block."""

    version: int
    ended_time: datetime | None
    severity: AlertSeverity | None
    detector: str
    tags: list[str]
    score: float
    limit_value: float
    sentence: str
    intake_ordinal: int
    committed_time: datetime


class DecisionRow(BaseModel):
    """What a person decided, about the version they saw."""

    version: int
    state: AlertState
    actor: str
    printed_name: str | None
    comment: str
    impact: AlertImpact | None  # of an assessment
    cause: AlertCause | None
    known_at: datetime


class Contribution(BaseModel):
    """A tag's share of the score."""

    tag: str
    share: float


class ComputedAnew(BaseModel):
    """The newest check of the run that raised an alert."""

    finished_time: datetime
    differs: bool  # whether the record then told otherwise than the journal


class AlertDetail(AlertRow):
    """An alert with all that is needed to question it (DETECT-3)."""

    ordinal: int
    intake_ordinal: int
    committed_time: datetime
    run_cause: str | None  # why its run began, of one after the first: correction, upgrade, late_readings
    told_since: datetime | None  # host time at which its run took over, where that was after it had raised it
    phase: str | None
    reference: str | None
    reference_batches: int | None
    reference_set_aside: int | None  # of these, as unlike the others: nothing was learned from them
    computed_anew: ComputedAnew | None  # null: not yet
    contributions: list[Contribution]
    cells: list[dict[str, Any]]
    versions: list[VersionRow]
    decisions: list[DecisionRow]

    @property
    def replay(self) -> str | None:
        """The command that computes it anew; None where it was raised by what happened and not by a score."""
        scored = self.chart is not None or (self.run is not None and self.detector != "monitor_failed")
        return f"batchwitness replay {self.alert}" if scored else None


class Comment(BaseModel):
    """What whoever acknowledges says, and the version of the alert they saw."""

    version: int = Field(ge=0, le=MOST_VERSIONS)
    comment: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")


class Assessment(Comment):
    """What it means for the batch and where it came from, besides."""

    impact: AlertImpact
    cause: AlertCause


@router.get("")
def alert_queue(
    connection: Reading,
    batch: OptionalName = None,
    kind: AlertKind | None = None,
    state: AlertState | None = None,
    severity: AlertSeverity | None = None,
    *,
    open_only: bool = False,
    superseded: Annotated[bool, Query(description="also those that a correction superseded")] = False,
    cursor: Cursor = BIGGEST_ID,
    limit: Limit = 100,
) -> Page[AlertRow]:
    """Alerts, newest first."""
    found = read_queue(
        connection,
        batch=batch,
        kind=kind,
        state=state,
        severity=severity,
        open_only=open_only,
        superseded=superseded,
        below=cursor,
        limit=limit + 1,
    )
    return page(found, [alert.alert for alert in found], limit)


@router.get("/told")
def alerts_told(connection: Reading, cursor: AscendingCursor = 0, limit: Limit = 100) -> Told:
    """Alerts in the order in which each was last told; what is told later never comes before a cursor.

    An alert comes again whenever it changes: told again, ended, decided about, superseded.
    """
    asked = {"after": cursor, "limit": limit}
    items = models(connection, ToldRow, queries("api_alerts")["told_after"], asked)
    return Told(items=items, next_cursor=items[-1].told if items else cursor)


@router.get("/{alert}")
def one_alert(connection: Reading, alert: AlertNumber) -> AlertDetail:
    """An alert with its cells, scores, limits, contributions, reference and software, and what became of it."""
    return read_alert(connection, alert)


@router.get("/{alert}/course")
def alert_course(connection: Reading, alert: AlertNumber) -> AlertCourse:
    """What became of an alert, step by step, and what stood out while a drift lasted: shares by cell, ranked by tag."""
    return read_alert_course(connection, alert)


@router.post("/{alert}/acknowledge")
def acknowledge_alert(
    connection: Writing, actor: Annotated[Actor, Depends(ACKNOWLEDGE)], alert: AlertNumber, body: Comment
) -> AlertDetail:
    """Somebody has seen it and says what they make of it. 409 when somebody was faster or it has changed."""
    acknowledge(connection, alert_id=alert, version=body.version, actor=actor, comment=body.comment)
    return read_alert(connection, alert)


@router.post("/{alert}/assess")
def assess_alert(
    connection: Writing, actor: Annotated[Actor, Depends(CORRECT)], alert: AlertNumber, body: Assessment
) -> AlertDetail:
    """MSAT or QA judge what an acknowledged alert means. 409 when somebody was faster or it has changed."""
    assess(
        connection,
        alert_id=alert,
        version=body.version,
        impact=body.impact,
        cause=body.cause,
        actor=actor,
        comment=body.comment,
    )
    return read_alert(connection, alert)


def read_queue(
    connection: Connection,
    *,
    batch: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    severity: str | None = None,
    open_only: bool = False,
    superseded: bool = False,
    below: int = BIGGEST_ID,
    limit: int,
) -> list[AlertRow]:
    """Alerts below a number, newest first."""
    asked = {
        "below": below,
        "batch": batch,
        "kind": kind,
        "state": state,
        "severity": severity,
        "open_only": open_only,
        "superseded": superseded,
        "limit": limit,
    }
    return models(connection, AlertRow, queries("api_alerts")["queue"], asked)


def read_batch_alerts(connection: Connection, batch: str) -> list[AlertRow]:
    """The newest 500 alerts of a batch with what corrections did to them; each once, however many runs raised it."""
    found = read_queue(connection, batch=batch, superseded=True, limit=500)
    outcomes = {
        row["alert"]: row
        for row in rows(connection, queries("api_alerts")["outcomes"], {"alert_ids": [row.alert for row in found]})
    }
    for alert in found:
        if alert.alert in outcomes:
            alert.outcome = AlertOutcome(outcomes[alert.alert]["outcome"])
            alert.earlier_alert = outcomes[alert.alert]["earlier_alert"]
    return [alert for alert in found if alert.outcome not in ELSEWHERE]


def read_alert(connection: Connection, alert: int) -> AlertDetail:
    """The alert of that number. Raises NotFound."""
    sql = queries("api_alerts")
    found = row(connection, sql["detail"], {"alert_id": alert})
    if found is None:
        raise NotFound(f"there is no alert {alert}")
    outcome = row(connection, sql["outcomes"], {"alert_ids": [alert]})
    if outcome is not None:
        found |= {"outcome": outcome["outcome"], "earlier_alert": outcome["earlier_alert"]}
    contributions = [Contribution(tag=tag, share=share) for tag, share in found.pop("contributions")]
    return AlertDetail(
        **found,
        contributions=contributions,
        versions=[VersionRow(**version) for version in rows(connection, sql["versions"], {"alert_id": alert})],
        decisions=[DecisionRow(**decision) for decision in rows(connection, sql["decisions"], {"alert_id": alert})],
    )
