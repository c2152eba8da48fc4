"""Results of a batch: what is valid, what was said before and what is still expected, now or as known at an instant."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row, row, rows
from api.expected import OPEN, PlanRow, plant_now, read_plan
from api.flat import ROW_CAP
from store.model.result import ReportableRule, ResultStatus
from store.sql import queries


class ReplicateRow(BaseModel):
    """One measurement behind a reportable result."""

    value_text: str
    value_number: float | None
    censored: str | None
    valid: bool
    reason: str | None


class ResultRow(BaseModel):
    """One statement of a result: `current` when it is what is valid, `statement` counts those of its result from 1."""

    result: str
    attribute: str
    specimen: str | None
    method: str
    value_text: str
    value_number: float | None
    censored: str | None
    unit_of_measure: str
    reportable: ReportableRule
    replicates: list[ReplicateRow]
    status: ResultStatus
    statement: int
    current: bool
    sampled_at: datetime | None
    measured_at: datetime
    stated_at: datetime | None
    known_at: datetime
    replaces: str | None
    retest_of: str | None
    reason: str | None
    stated_by: str
    brought_by: str | None  # whom the audit trail names: a stage, a person, a machine, an import
    way: str  # broker, api, import
    due: datetime | None
    late: bool | None  # arrived after it was due; null where nobody knows either
    specification_low: float | None
    specification_high: float | None
    within_specification: bool | None

    @property
    def key(self) -> tuple[str, str]:
        """Which result of the batch it speaks of."""
        return self.attribute, self.result


class Results(BaseModel):
    """All statements in order of attribute and knowledge, and what is missing.

    `settled` says that asking again for the same `as_known_at` will give the same statements for ever.
    """

    batch: str
    as_known_at: datetime | None
    settled: bool
    results: list[ResultRow]
    expected: list[PlanRow]


class UnexpectedRow(BaseModel):
    """A valid result that no line of the sampling plan asks for, and why not."""

    result: str
    attribute: str
    specimen: str | None
    value_text: str
    unit_of_measure: str
    status: ResultStatus
    known_at: datetime
    why: str


class Expected(BaseModel):
    """The sampling plan of a batch line by line, and what came unexpected."""

    batch: str
    as_known_at: datetime | None
    plant_time: datetime
    overdue: int
    owed_before_release: int  # lines that release waits for and no final result answers
    owed_after_release: int
    lines: list[PlanRow]
    unexpected: list[UnexpectedRow]


def read_results(connection: Connection, made: Row, *, as_known_at: datetime | None = None) -> Results:
    """The results of the batch `made`, judged at the plant's time."""
    found, lines = _read(connection, made, plant_now(connection, as_known_at), as_known_at)
    due = _due(made["batch"], lines)
    numbers: dict[tuple[str, str], int] = {}
    results = []
    for statement in found:
        key = statement["attribute"], statement["result"]
        numbers[key] = numbers.get(key, 0) + 1
        asked = due.get((statement["attribute"], statement["specimen"]))
        results.append(_result(statement, numbers[key], asked))
    settled = row(connection, queries("api_results")["settled"], {"as_known_at": as_known_at})
    return Results(
        batch=made["batch"],
        as_known_at=as_known_at,
        settled=settled is not None and settled["settled"],
        results=results,
        expected=[line for line in lines if line.state in OPEN],
    )


def read_expected(connection: Connection, made: Row, *, as_known_at: datetime | None = None) -> Expected:
    """The sampling plan of the batch `made`, judged at the plant's time."""
    now = plant_now(connection, as_known_at)
    found, lines = _read(connection, made, now, as_known_at)
    answering = {answer for line in lines for answer in line.answers}
    open_lines = [line for line in lines if line.state in OPEN]
    return Expected(
        batch=made["batch"],
        as_known_at=as_known_at,
        plant_time=now,
        overdue=sum(line.overdue for line in lines),
        owed_before_release=sum(line.before_release for line in open_lines),
        owed_after_release=sum(not line.before_release for line in open_lines),
        lines=lines,
        unexpected=[
            UnexpectedRow(**_columns(statement, UnexpectedRow), why=_why(statement, lines))
            for statement in found
            if statement["current"] and statement["qc_result_id"] not in answering
        ],
    )


def within_specification(
    value: float | None, censored: str | None, *, low: float | None, high: float | None
) -> bool | None:
    """Whether a value lies within a specification; a bound such as "<0.5" counts where it decides.

    None without a specification, without a number, or where the bound leaves it open.

    >>> within_specification(0.5, "<", low=None, high=0.5)
    True
    >>> within_specification(65.0, ">", low=70.0, high=None) is None
    True
    >>> within_specification(70.0, "<", low=70.0, high=None)
    False
    """
    if value is None or (low is None and high is None):
        return None
    if censored is None:
        return (low is None or value >= low) and (high is None or value <= high)
    strict = censored in {"<", ">"}
    if censored in {"<", "<="}:
        outside = low is not None and (value <= low if strict else value < low)
        inside = low is None and high is not None and value <= high
    else:
        outside = high is not None and (value >= high if strict else value > high)
        inside = high is None and low is not None and value >= low
    return False if outside else (True if inside else None)


def _read(
    connection: Connection, made: Row, now: datetime, as_known_at: datetime | None
) -> tuple[list[Row], list[PlanRow]]:
    asked = {
        "batch_id": made["batch_id"],
        "batch": made["batch"],
        "process_version_id": made["process_version_id"],
        "as_known_at": as_known_at,
    }
    lines = read_plan(connection, batches=[made["batch"]], now=now, as_known_at=as_known_at, limit=ROW_CAP)
    return rows(connection, queries("api_results")["statements"], asked), lines


def _due(batch: str, lines: Sequence[PlanRow]) -> dict[tuple[str, str | None], datetime]:
    """When a result is due, by attribute and by what its specimen may be called."""
    due: dict[tuple[str, str | None], datetime] = {}
    for line in lines:
        due[line.attribute, line.specimen] = due[line.attribute, f"{batch}-{line.specimen}"] = line.due
        if sum(other.attribute == line.attribute for other in lines) == 1:
            due[line.attribute, None] = line.due
    return due


def _result(found: Row, statement: int, due: datetime | None) -> ResultRow:
    low, high = found["specification_low"], found["specification_high"]
    arrived: datetime | None = found["arrived"]
    return ResultRow(
        **_columns(found, ResultRow),
        statement=statement,
        due=due,
        late=None if due is None or arrived is None else arrived > due,
        within_specification=within_specification(found["value_number"], found["censored"], low=low, high=high),
    )


def _columns(found: Row, model: type[BaseModel]) -> Row:
    return {name: value for name, value in found.items() if name in model.model_fields}


def _why(statement: Row, lines: Sequence[PlanRow]) -> str:
    planned = [line.specimen for line in lines if line.attribute == statement["attribute"]]
    if not planned:
        return "the sampling plan does not ask for this attribute"
    specimens = ", ".join(planned)
    if statement["specimen"] is None:
        return f"it names no specimen, and the sampling plan has {specimens}"
    return f"the sampling plan has {specimens} for it"
