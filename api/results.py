"""Results of a batch: what is valid now, what was said before, and what is still expected."""

from datetime import datetime, timedelta

from psycopg import Connection
from pydantic import BaseModel

from api.clock import read_clock
from api.database import Row, rows
from store.model.result import ResultStatus
from store.sql import queries


class ResultRow(BaseModel):
    """One statement of a result; `current` when it is what is valid now."""

    result: str
    attribute: str
    specimen: str | None
    method: str
    value_text: str
    value_number: float | None
    censored: str | None
    unit_of_measure: str
    status: ResultStatus
    current: bool
    sampled_at: datetime | None
    measured_at: datetime
    known_at: datetime
    replaces: str | None
    stated_by: str
    due: datetime | None
    late: bool | None  # arrived after it was due; null where nobody knows either
    specification_low: float | None
    specification_high: float | None
    within_specification: bool | None


class ExpectedRow(BaseModel):
    """What the sampling plan asks for and no valid result answers yet."""

    attribute: str
    specimen: str
    sample_at: datetime
    due: datetime
    overdue: bool


class Results(BaseModel):
    """All statements in order of attribute and knowledge, and what is missing."""

    results: list[ResultRow]
    expected: list[ExpectedRow]


def read_results(connection: Connection, made: Row) -> Results:
    """The results of the batch `made`, judged at the plant's time now."""
    sql = queries("api_batches")
    asked = {"batch_id": made["batch_id"], "process_version_id": made["process_version_id"]}
    start: datetime | None = made["started"]
    now = read_clock(connection).now
    expected = rows(connection, sql["expected"], asked) if start is not None else []
    return Results(
        results=[_result(found, start) for found in rows(connection, sql["results"], asked)],
        expected=[
            ExpectedRow(
                attribute=found["attribute"],
                specimen=found["specimen"],
                sample_at=start + timedelta(hours=found["at_h"]),
                due=start + timedelta(hours=found["due_h"]),
                overdue=start + timedelta(hours=found["due_h"]) < now,
            )
            for found in expected
            if start is not None
        ],
    )


def _result(found: Row, start: datetime | None) -> ResultRow:
    due = start + timedelta(hours=found["due_h"]) if start is not None and found["due_h"] is not None else None
    arrived: datetime | None = found.pop("arrived")
    del found["due_h"]
    return ResultRow(
        **found,
        due=due,
        late=None if due is None or arrived is None else arrived > due,
        within_specification=_within(found),
    )


def _within(found: Row) -> bool | None:
    """Whether a value lies within the specification; a bound such as "<0.5" counts where it decides.

    Null without a specification, without a number, or where the bound leaves it open.
    """
    low, high, value = found["specification_low"], found["specification_high"], found["value_number"]
    if value is None or (low is None and high is None):
        return None
    if found["censored"] == "<":
        below = high is None or value <= high
        return True if below and low is None else None
    if found["censored"] == ">":
        above = low is None or value >= low
        return True if above and high is None else None
    return (low is None or value >= low) and (high is None or value <= high)
