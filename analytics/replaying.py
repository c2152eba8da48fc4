"""Whether the journal says today what the record says was told: alerts computed anew and compared, bit for bit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from analytics.pinned import replay
from analytics.playing import read_run
from store.model.alert import Alert
from store.model.times import from_us
from store.sql import queries

RAISED = (
    "kind", "severity", "detector", "tags", "raised_time", "onset_time", "phase_time_h", "score", "limit", "sentence",
    "contributions", "cells", "reference_digest", "software",
)  # fmt: skip
UPDATED = ("ended_time", "severity", "detector", "tags", "score", "limit", "sentence", "contributions", "cells")


class RecordedRun(NamedTuple):
    """A run of a monitor as the record names it."""

    monitor_id: int
    batch: str
    run: int
    software: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One thing that the record and the journal say otherwise."""

    alert: int  # ordinal in its run
    version: int  # 0: as it was raised
    what: str  # the field, "the alert" where only one of them knows it, or "the reference" where its bytes are others
    recorded: str
    computed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A run computed anew."""

    run: RecordedRun
    alerts: int
    steps: int  # alerts raised, and changes of them, that were compared
    disagreements: tuple[Disagreement, ...]


def recorded_runs(connection: psycopg.Connection, batch: str | None) -> list[RecordedRun]:
    """The runs of one batch, or all of them."""
    return [RecordedRun(*row) for row in connection.execute(queries("replay")["runs"], {"batch": batch})]


def replay_run(connection: psycopg.Connection, run: RecordedRun, *, alert: int | None = None) -> Replayed:
    """Compute a run anew, as far as it had come, with all it was pinned to, and compare. Reads only.

    `alert` is the ordinal of the one that is compared; all of them unless given.
    """
    try:
        read_run(connection, run.monitor_id).verify()
    except ValueError as error:
        other = Disagreement(
            alert=alert or 0, version=0, what="the reference", recorded="approved", computed=str(error)
        )
        return Replayed(run=run, alerts=0, steps=0, disagreements=(other,))
    asked = {"monitor_id": run.monitor_id}
    recorded: dict[tuple[int, int], dict[str, Any]] = {}
    for ordinal, *fields in connection.execute(queries("replay")["raised"], asked):
        recorded[ordinal, 0] = dict(zip(RAISED, fields, strict=True))
    for ordinal, version, *fields in connection.execute(queries("replay")["updated"], asked):
        recorded[ordinal, version] = dict(zip(UPDATED, fields, strict=True))
    computed = dict(_computed(connection, run))
    steps = sorted(step for step in recorded.keys() | computed.keys() if alert in {None, step[0]})
    return Replayed(
        run=run,
        alerts=sum(version == 0 for _, version in steps),
        steps=len(steps),
        disagreements=tuple(
            disagreement for step in steps for disagreement in _compared(step, recorded.get(step), computed.get(step))
        ),
    )


def _computed(connection: psycopg.Connection, run: RecordedRun) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    versions: dict[int, int] = {}
    for _, alerts, _ in replay(connection, read_run(connection, run.monitor_id)._replace(position=run.position)):
        for alert in alerts:
            if alert.ordinal not in versions:
                versions[alert.ordinal] = 0
                yield (alert.ordinal, 0), {field: _told(alert, field) for field in RAISED}
                if alert.ended_us is None:
                    continue
            versions[alert.ordinal] += 1
            yield (alert.ordinal, versions[alert.ordinal]), {field: _told(alert, field) for field in UPDATED}


def _told(alert: Alert, field: str) -> Any:
    match field:
        case "kind" | "severity":
            return str(getattr(alert, field))
        case "raised_time":
            return from_us(alert.raised_us)
        case "onset_time":
            return from_us(alert.onset_us)
        case "ended_time":
            return None if alert.ended_us is None else from_us(alert.ended_us)
        case _:
            return getattr(alert, field)


def _compared(
    step: tuple[int, int], recorded: dict[str, Any] | None, computed: dict[str, Any] | None
) -> Iterator[Disagreement]:
    ordinal, version = step
    if recorded is None or computed is None:
        yield Disagreement(
            alert=ordinal,
            version=version,
            what="the alert",
            recorded="not told" if recorded is None else str(recorded["sentence"]),
            computed="not told" if computed is None else str(computed["sentence"]),
        )
        return
    for field, was in recorded.items():
        if bits(was) != bits(computed[field]):
            yield Disagreement(
                alert=ordinal, version=version, what=field, recorded=repr(was), computed=repr(computed[field])
            )


def bits(value: Any) -> Any:
    """What is equal exactly where all bits are: numbers by float.hex, sequences as tuples."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        # JSON of the database knows neither −0.0 nor that 3e38 was a float.
        return (float(value) + 0.0).hex()
    if isinstance(value, list | tuple):
        return tuple(bits(item) for item in value)
    if isinstance(value, dict):
        return tuple(sorted((key, bits(item)) for key, item in value.items()))
    return value
