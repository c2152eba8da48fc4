"""What a batch is watched with: the tags of its place, what is approved for its process, the references in use now."""

from dataclasses import dataclass

import psycopg

from analytics.configuration import Configuration
from analytics.plan import ApprovedRange, TagCorrespondence
from analytics.playing import tick_of
from analytics.segment import Tick
from analytics.settings import AnalyticsSettings
from store.model.ids import PositionId, ProcessVersionId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.reference import ReferenceRole
from store.model.result import LimitKind
from store.model.times import to_us
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A configuration, and the references beside it."""

    configuration: Configuration
    reference_new_id: int | None
    reference_old_id: int | None
    model_new: bytes | None
    model_old: bytes | None
    digest_new: bytes | None
    digest_old: bytes | None


def setup(
    connection: psycopg.Connection,
    *,
    unit_id: int,
    position_id: int,
    process_version_id: ProcessVersionId,
    settings: AnalyticsSettings,
    started_us: int = 0,
    first_tick: Tick | None = None,
) -> Setup:
    """As it is at this moment."""
    ids: dict[ReferenceRole, int] = {}
    models: dict[ReferenceRole, bytes] = {}
    digests: dict[ReferenceRole, bytes] = {}
    asked = {"process_version_id": process_version_id, "unit_id": unit_id}
    for role, reference_id, model, digest in connection.execute(queries("analytics")["references_in_use"], asked):
        ids[ReferenceRole(role)] = reference_id
        models[ReferenceRole(role)] = model
        digests[ReferenceRole(role)] = digest
    return Setup(
        configuration=Configuration(
            started_us=started_us,
            process_version_id=process_version_id,
            tags=tuple(monitored_tags(connection, unit_id=unit_id, position_id=position_id)),
            ranges=tuple(approved_ranges(connection, process_version_id)),
            correspondences=tuple(correspondences(connection, process_version_id)),
            cell_lateness_s=settings.cell_lateness_s,
            transport_allowance_s=settings.transport_allowance_s,
            first_tick=first_tick,
        ),
        reference_new_id=ids.get(ReferenceRole.NEW),
        reference_old_id=ids.get(ReferenceRole.OLD),
        model_new=models.get(ReferenceRole.NEW),
        model_old=models.get(ReferenceRole.OLD),
        digest_new=digests.get(ReferenceRole.NEW),
        digest_old=digests.get(ReferenceRole.OLD),
    )


def tick_before(connection: psycopg.Connection, ordinal: int, transport_allowance_s: float) -> Tick | None:
    """The last time that was told before a block."""
    row = connection.execute(queries("analytics")["tick_before"], {"ordinal": ordinal}).fetchone()
    return None if row is None else tick_of(to_us(row[0]), row[1], transport_allowance_s)


def monitored_tags(connection: psycopg.Connection, *, unit_id: int, position_id: int) -> list[Tag]:
    """The mapped tags that speak for a position, by name."""
    rows = connection.execute(queries("analytics")["monitored_tags"], {"unit_id": unit_id, "position_id": position_id})
    return [
        Tag(
            tag_id=tag_id,
            unit_id=UnitId(unit),
            position_id=None if position is None else PositionId(position),
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
