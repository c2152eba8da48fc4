"""Follow batches through the journal: begin to watch one when it starts, say so when its end went missing.

Imported history is not watched: what it says was over before anybody could have been told.
"""

from dataclasses import asdict
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics.intake import Stretch
from analytics.monitor import BatchMonitor
from analytics.plan import ApprovedRange, TagCorrespondence
from analytics.reference import ReferenceModel
from analytics.segment import Segment
from analytics.settings import AnalyticsSettings
from analytics.software import software
from analytics.watching import tick_of
from store.model.ids import PositionId, ProcessVersionId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.reference import ReferenceRole
from store.model.result import LimitKind
from store.model.times import US_PER_S, to_us
from store.sql import queries


def follow_batches(connection: psycopg.Connection, stretch: Stretch, settings: AnalyticsSettings) -> None:
    """Act on the batch events of a stretch, in the caller's transaction."""
    sql = queries("analytics")
    rows = connection.execute(sql["batch_events"], {"after": stretch.after, "until": stretch.until}).fetchall()
    for ordinal, chain_kind, event_id, kind, time, batch_id, unit_id, note in rows:
        if kind != "unit_procedure_started":
            continue
        event: dict[str, Any] = {"batch_id": batch_id, "unit_id": unit_id, "started": time}
        procedure = connection.execute(sql["started_procedure"], event).fetchone()
        if procedure is None:
            continue  # its interval was corrected since
        event |= dict(zip(("unit_procedure_id", "position_id", "batch", "process_version_id"), procedure, strict=True))
        if note is not None:
            _raise_missing_end(connection, event, event_id=event_id, ordinal=ordinal)
        if chain_kind == "live":
            _watch(connection, event, event_id=event_id, ordinal=ordinal, settings=settings)


def _watch(
    connection: psycopg.Connection, event: dict[str, Any], *, event_id: int, ordinal: int, settings: AnalyticsSettings
) -> None:
    """Begin to watch a batch, from the first block that holds readings of it: a start is often told late."""
    sql = queries("analytics")
    process_version_id = event["process_version_id"]
    tags = monitored_tags(connection, unit_id=event["unit_id"], position_id=event["position_id"])
    ranges = approved_ranges(connection, process_version_id)
    matched = correspondences(connection, process_version_id)
    first = connection.execute(sql["first_ordinal"], event | {"ordinal": ordinal}).fetchone()
    assert first is not None
    ids: dict[ReferenceRole, int] = {}
    models: dict[ReferenceRole, ReferenceModel] = {}
    for role, reference_id, model in connection.execute(
        sql["references_in_use"], {"process_version_id": process_version_id}
    ):
        ids[ReferenceRole(role)] = reference_id
        models[ReferenceRole(role)] = ReferenceModel.from_bytes(model)
    monitor = BatchMonitor.start(
        batch=event["batch"],
        start_us=to_us(event["started"]),
        tags=tags,
        reference_new=models.get(ReferenceRole.NEW),
        reference_old=models.get(ReferenceRole.OLD),
        ranges=ranges,
        correspondences=matched,
        software=software(),
        lateness_us=int(settings.cell_lateness_s * US_PER_S),
    )
    row = connection.execute(sql["tick_before"], {"ordinal": first[0]}).fetchone()
    tick = None
    if row is not None:  # so that a clock that is ahead is held back from the first reading on
        tick = tick_of(to_us(row[0]), row[1], settings.transport_allowance_s)
        monitor.feed(Segment.of_tick(tick))
    connection.execute(
        sql["insert_monitor"],
        {
            "batch_id": event["batch_id"],
            "unit_procedure_id": event["unit_procedure_id"],
            "reference_new_id": ids.get(ReferenceRole.NEW),
            "reference_old_id": ids.get(ReferenceRole.OLD),
            "software": software(),
            "configuration": Jsonb(
                {
                    "tags": [asdict(tag) for tag in tags],
                    "ranges": [asdict(range_) for range_ in ranges],
                    "correspondences": [asdict(match) for match in matched],
                    "cell_lateness_s": settings.cell_lateness_s,
                    "transport_allowance_s": settings.transport_allowance_s,
                    "started_event_id": event_id,
                    "first_tick": None if tick is None else asdict(tick),
                }
            ),
            "ordinal": first[0],
            "position": first[0] - 1,
            "state": monitor.to_bytes(),
        },
    )


def monitored_tags(connection: psycopg.Connection, *, unit_id: object, position_id: PositionId) -> list[Tag]:
    """The mapped tags that speak for a position, by name."""
    rows = connection.execute(queries("analytics")["monitored_tags"], {"unit_id": unit_id, "position_id": position_id})
    return [
        Tag(
            tag_id=tag_id,
            unit_id=UnitId(unit),
            position_id=position,
            name=name,
            measurand=measurand,
            unit_of_measure=unit_of_measure,
            physical_low=low,
            physical_high=high,
            reporting_mode=ReportingMode(mode),
            interval_s=interval_s,
            mapped=True,
        )
        for tag_id, unit, position, name, measurand, unit_of_measure, low, high, mode, interval_s in rows
    ]


def approved_ranges(connection: psycopg.Connection, process_version_id: ProcessVersionId) -> list[ApprovedRange]:
    """The approved ranges in force for a process version."""
    rows = connection.execute(queries("analytics")["approved_ranges"], {"process_version_id": process_version_id})
    return [
        ApprovedRange(tag=tag, low=low, high=high, kind=LimitKind(kind), version=version)
        for tag, low, high, kind, version in rows
    ]


def correspondences(connection: psycopg.Connection, process_version_id: ProcessVersionId) -> list[TagCorrespondence]:
    """Which old tags stand for which new ones."""
    rows = connection.execute(queries("analytics")["correspondences"], {"process_version_id": process_version_id})
    return [TagCorrespondence(new_tag=new, old_tag=old, phase=phase) for new, old, phase in rows]


def _raise_missing_end(connection: psycopg.Connection, event: dict[str, Any], *, event_id: int, ordinal: int) -> None:
    """A start at an occupied position: the batch that was there never said that it ended."""
    sql = queries("analytics")
    parameters = {"position_id": event["position_id"], "ended": event["started"]}
    for batch_id, name, started, ended in connection.execute(sql["missing_end"], parameters).fetchall():
        connection.execute(
            sql["insert_alert"],
            {
                "monitor_id": None,
                "batch_id": batch_id,
                "unit_id": event["unit_id"],
                "ordinal": event_id,
                "kind": "silence",
                "detector": "missing_end",
                "tags": [],
                "raised_time": ended,
                "onset_time": ended,
                "phase_time_h": (ended - started).total_seconds() / 3600,
                "score": 1.0,
                "limit_value": 0.0,
                "sentence": f"Nobody said that {name} ended; another batch was started in its place at "
                f"{ended:%Y-%m-%d %H:%M} UTC, so its end is inferred from that start. Confirm or correct it.",
                "contributions": Jsonb([]),
                "cells": Jsonb([]),
                "reference_digest": None,
                "software": software(),
                "intake_ordinal": ordinal,
            },
        )
