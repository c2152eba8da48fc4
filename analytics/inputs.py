"""Completed batches as references learn from them, and whether what a reference learned from was corrected since."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg

from analytics.runs import CompletedRun, PhaseOfRun
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedBatch:
    """A completed batch with where and when it ran."""

    batch_id: int
    name: str
    unit_procedure_id: int
    unit_id: int
    position_id: int
    started: datetime
    ended: datetime

    @property
    def hours(self) -> float:
        """How long it took."""
        return (self.ended - self.started).total_seconds() / 3600


def completed_batches(
    connection: psycopg.Connection, process: str, *, unit_kind: str | None = None
) -> list[CompletedBatch]:
    """The completed batches of a process version, oldest first; of each its unit procedures in that kind of unit."""
    return _completed(connection, process=process, unit_kind=unit_kind)


def completed_run(connection: psycopg.Connection, batch: CompletedBatch) -> CompletedRun:
    """The usable readings of a batch by tag and hour, as they hold now."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    parameters = {
        "unit_id": batch.unit_id,
        "position_id": batch.position_id,
        "started": batch.started,
        "ended": batch.ended,
    }
    sql = queries("reference")
    for tag, hour, value in connection.execute(sql["batch_readings"], parameters):
        hours, values = series.setdefault(tag, ([], []))
        hours.append(hour)
        values.append(value)
    return CompletedRun(
        batch=batch.name,
        tags={tag: (np.array(hours), np.array(values)) for tag, (hours, values) in series.items()},
        phases=tuple(
            PhaseOfRun(name=name, from_h=from_h, to_h=to_h)
            for name, from_h, to_h in connection.execute(
                sql["batch_phases"], {"unit_procedure_id": batch.unit_procedure_id}
            )
        ),
    )


def note_changed_inputs(connection: psycopg.Connection, correction_id: int) -> None:
    """Write down what a correction made of the inputs of references, in the caller's transaction. Nothing is learned.

    A batch that is no longer completed, or has no readings left, is one without readings.
    """
    sql = queries("rerun")
    digests: dict[tuple[int, int | None], bytes] = {}
    inputs = connection.execute(sql["inputs"], {"correction_id": correction_id}).fetchall()
    for reference_id, batch_id, name, unit_procedure_id in inputs:
        if (batch_id, unit_procedure_id) not in digests:
            found = _completed(connection, batch_id=batch_id, unit_procedure_id=unit_procedure_id)
            run = completed_run(connection, found[0]) if found else CompletedRun(batch=name, tags={})
            digests[batch_id, unit_procedure_id] = run.digest()
        connection.execute(
            sql["insert_input"],
            {
                "reference_id": reference_id,
                "batch_id": batch_id,
                "correction_id": correction_id,
                "input_digest": digests[batch_id, unit_procedure_id],
            },
        )


def _completed(
    connection: psycopg.Connection,
    *,
    process: str | None = None,
    unit_kind: str | None = None,
    batch_id: int | None = None,
    unit_procedure_id: int | None = None,
) -> list[CompletedBatch]:
    asked = {
        "process": process,
        "unit_kind": unit_kind,
        "batch_id": batch_id,
        "unit_procedure_id": unit_procedure_id,
    }
    rows = connection.execute(queries("reference")["completed_batches"], asked)
    return [
        CompletedBatch(
            batch_id=found,
            name=name,
            unit_procedure_id=unit_procedure_id,
            unit_id=unit_id,
            position_id=position_id,
            started=started,
            ended=ended,
        )
        for found, name, unit_procedure_id, unit_id, position_id, started, ended in rows
    ]
