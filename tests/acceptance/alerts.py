"""Alerts as the record tells them, and as the journal says they must be."""

from typing import Any, Protocol

import psycopg

from analytics.replaying import Disagreement, recorded_runs, replay_run

Told = tuple[Any, ...]

RAISED = (
    "SELECT batch.name, alert.ordinal, alert.kind, alert.detector, alert.tags, alert.raised_time, alert.onset_time,"
    " alert.phase_time_h, alert.score, alert.limit_value, alert.sentence, alert.contributions, alert.cells,"
    " alert.reference_digest, alert.software"
    " FROM alert LEFT JOIN batch USING (batch_id) ORDER BY batch.name, alert.ordinal"
)
UPDATED = (
    "SELECT batch.name, alert.ordinal, alert_update.version, alert_update.ended_time, alert_update.detector,"
    " alert_update.tags, alert_update.score, alert_update.limit_value, alert_update.sentence,"
    " alert_update.contributions, alert_update.cells"
    " FROM alert_update JOIN alert USING (alert_id) JOIN batch USING (batch_id)"
    " ORDER BY batch.name, alert.ordinal, alert_update.version"
)


class Asked(Protocol):
    """A system whose record can be asked."""

    def ask(self, question: str, *parameters: object) -> list[Told]: ...

    def connect(self) -> "psycopg.Connection[Told]": ...


def told(system: Asked) -> tuple[list[Told], list[Told]]:
    """Every alert with its evidence and everything that became of it. Floats come with every bit they were stored with.

    Where in the journal and when on the host it happened is left out: that differs between any two runs.
    """
    return _exact(system.ask(RAISED)), _exact(system.ask(UPDATED))


def disagreements(system: Asked) -> list[Disagreement]:
    """Where the journal, computed anew in this process in the order that was recorded, says otherwise (DETECT-1)."""
    with system.connect() as connection:
        return [one for run in recorded_runs(connection, None) for one in replay_run(connection, run).disagreements]


def _exact(rows: list[Told]) -> list[Told]:
    """Rows in which equality means the same bits: numbers by float.hex, sequences as tuples."""
    return [tuple(_bits(value) for value in row) for row in rows]


def _bits(value: Any) -> Any:
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, list | tuple):
        return tuple(_bits(item) for item in value)
    if isinstance(value, dict):
        return tuple(sorted((key, _bits(item)) for key, item in value.items()))
    return value
