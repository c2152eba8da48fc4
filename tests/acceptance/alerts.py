"""Alerts as the record tells them, and as the journal says they must be."""

from typing import Any, Protocol

import psycopg

from analytics.playing import read_run, replay
from store.model.alert import Alert
from store.model.times import from_us

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


def replayed(system: Asked) -> tuple[list[Told], list[Told]]:
    """The same, computed anew in this process from the journal in the order that was recorded (DETECT-1)."""
    raised: list[Told] = []
    updated: list[Told] = []
    with system.connect() as connection:
        for (monitor_id,) in system.ask("SELECT monitor_id FROM monitor ORDER BY monitor_id"):
            run = read_run(connection, monitor_id)
            versions: dict[int, int] = {}
            for _, alerts, _ in replay(connection, run):
                for alert in alerts:
                    if alert.ordinal not in versions:
                        raised.append(_raised(run.batch, alert))
                        versions[alert.ordinal] = 0
                        if alert.ended_us is None:
                            continue
                    versions[alert.ordinal] += 1
                    updated.append(_updated(run.batch, alert, versions[alert.ordinal]))
    return _exact(sorted(raised, key=lambda one: one[:2])), _exact(sorted(updated, key=lambda one: one[:3]))


def _raised(batch: str, alert: Alert) -> Told:
    return (
        batch,
        alert.ordinal,
        str(alert.kind),
        alert.detector,
        list(alert.tags),
        from_us(alert.raised_us),
        from_us(alert.onset_us),
        alert.phase_time_h,
        alert.score,
        alert.limit,
        alert.sentence,
        alert.contributions,
        alert.cells,
        alert.reference_digest,
        alert.software,
    )


def _updated(batch: str, alert: Alert, version: int) -> Told:
    return (
        batch,
        alert.ordinal,
        version,
        None if alert.ended_us is None else from_us(alert.ended_us),
        alert.detector,
        list(alert.tags),
        alert.score,
        alert.limit,
        alert.sentence,
        alert.contributions,
        alert.cells,
    )


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
