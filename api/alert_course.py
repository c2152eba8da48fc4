"""What the page of an alert draws beside the course of its batch: its own steps, and what stood out while it lasted."""

from psycopg import Connection
from pydantic import BaseModel

from api.contributions import Contributions, read_contributions
from api.database import row
from api.episode import Step, read_steps
from api.series import batch_row
from store.errors import NotFound
from store.model.alert import AlertKind
from store.sql import queries


class AlertCourse(BaseModel):
    """Steps in the plant's time; contributions of a drift, null for other kinds, which come from no such scores."""

    alert: int
    batch: str | None
    run: int | None  # of the monitor that raised it; the scores are those of this run
    steps: list[Step]
    contributions: Contributions | None


def read_alert_course(connection: Connection, alert: int) -> AlertCourse:
    """Of the alert of that number. Raises NotFound."""
    found = row(connection, queries("api_alerts")["detail"], {"alert_id": alert})
    if found is None:
        raise NotFound(f"there is no alert {alert}")
    made = None if found["batch"] is None else batch_row(connection, found["batch"])
    contributions = None
    if made is not None and found["kind"] == AlertKind.DRIFT:
        contributions = read_contributions(
            connection,
            made,
            run=found["run"],
            tags=found["tags"],
            onset=found["onset_time"],
            ended=found["ended_time"],
        )
    started = None if made is None else made["started"]
    return AlertCourse(
        alert=alert,
        batch=found["batch"],
        run=found["run"],
        steps=read_steps(connection, alert, kind=found["kind"], onset=found["onset_time"], started=started),
        contributions=contributions,
    )
