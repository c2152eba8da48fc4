"""Describe one missing thing so that what was put aside for want of it fits: a unit, a position, a publisher, a tag,
or where a metric of an edge node leads.

Each is a small master data document on top of what the record says of the place, with its audit events and a reason.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import psycopg
from psycopg.rows import dict_row

from records.actors import Actor
from records.masterdata import MasterdataChanges, load_masterdata
from records.masterdata_shape import SECTIONS, Row, values_of
from records.quarantine import check_may_work_off
from store.errors import Conflict, InputInvalid, NotFound
from store.sql import queries

UNIT_TOPIC_PARTS = 5  # at least: a prefix, site, area, unit, kind
METRIC_TOPIC_PARTS = (4, 5)  # namespace, group, verb, edge node, and the device of those that have one


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a unit is, as topics name it."""

    site: str
    area: str
    unit: str

    @classmethod
    def of_topic(cls, topic: str) -> "Place":
        """The place a topic names. Raises InputInvalid where it names none.

        >>> Place.of_topic("batchwitness/v1/basel/hall-1/BR-01/readings").unit
        'BR-01'
        """
        parts = topic.split("/")
        if len(parts) < UNIT_TOPIC_PARTS or parts[-1] not in ("readings", "events", "results"):
            raise InputInvalid(f"topic {topic!r} names no unit that could be described")
        return cls(site=parts[-4], area=parts[-3], unit=parts[-2])

    @classmethod
    def of_path(cls, path: str) -> "Place":
        """The place that a person types as site/area/unit. Raises InputInvalid."""
        match path.strip().split("/"):
            case [site, area, unit] if site and area and unit:
                return cls(site=site, area=area, unit=unit)
        raise InputInvalid(f"unit must be typed as site/area/unit, not {path!r}")


def known_places(connection: psycopg.Connection) -> list[str]:
    """All units as site/area/unit, in order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(queries("masterdata")["units"]).fetchall()
    return sorted(f"{row['site']}/{row['area']}/{row['name']}" for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """A line of the table that says where metrics lead, on its left: each name may hold `*` for any text."""

    group: str
    node: str
    device: str  # "": of the node itself
    metric: str

    @classmethod
    def of_item(cls, topic: str, item: str) -> "Metrics":
        """The one metric of a quarantined item. Raises InputInvalid where it is none.

        >>> Metrics.of_item("spBv1.0/Suite3/DDATA/EN-1/PLC", "Line 2/PV").device
        'PLC'
        """
        parts = topic.split("/")
        if parts[0] != "spBv1.0" or len(parts) not in METRIC_TOPIC_PARTS or not item:
            raise InputInvalid(f"{item or 'the message'} of {topic!r} is no metric of an edge node")
        return cls(group=parts[1], node=parts[3], device=parts[4] if len(parts) > 4 else "", metric=item)


def describe_unit(
    connection: psycopg.Connection,
    place: Place,
    *,
    kind: str,
    commissioned: datetime,
    positions: list[str],
    timezone: str,
    actor: Actor,
    reason: str,
) -> MasterdataChanges:
    """Say that there is a unit; its site and area come to be where they are new. `timezone`: of a new site.

    Raises NotAllowed, InputInvalid (with every problem), and Conflict when there is such a unit.
    """
    check_may_work_off(actor, reason)
    known = _known(connection, place)
    if known["units"]:
        raise Conflict(f"there is a unit {place.site}/{place.area}/{place.unit} already")
    row = {"site": place.site, "area": place.area, "name": place.unit, "kind": kind, "positions": positions}
    document = _document(place, known, timezone) | {"units": [row | {"commissioned": commissioned.isoformat()}]}
    return _load(connection, document, actor=actor, reason=reason, effective_from=commissioned)


def add_position(
    connection: psycopg.Connection, place: Place, *, position: str, actor: Actor, reason: str
) -> MasterdataChanges:
    """Say that a unit has a position. Raises NotAllowed, InputInvalid, NotFound, and Conflict when it has it."""
    check_may_work_off(actor, reason)
    unit = _unit(connection, place)
    if position in unit.positions:
        raise Conflict(f"{place.unit} has a position {position} already")
    units = [{**unit.row, "positions": [*unit.positions, position]}]
    document = unit.document | {"units": units}
    return _load(connection, document, actor=actor, reason=reason, effective_from=unit.commissioned)


def allow_publisher(
    connection: psycopg.Connection, place: Place, *, publisher: str, actor: Actor, reason: str
) -> MasterdataChanges:
    """Say that a publisher may speak for a unit. Raises NotAllowed, InputInvalid and NotFound."""
    check_may_work_off(actor, reason)
    unit = _unit(connection, place)
    row: Row = {"name": publisher, "site": place.site, "area": place.area, "unit": place.unit, "allowed": True}
    document = unit.document | {"publishers": [row]}
    return _load(connection, document, actor=actor, reason=reason, effective_from=unit.commissioned)


def describe_tag(
    connection: psycopg.Connection, place: Place, tag: Mapping[str, object], *, actor: Actor, reason: str
) -> MasterdataChanges:
    """Say what a tag of a unit is; `tag` has the fields of master data but the place. Raises as `add_position`."""
    check_may_work_off(actor, reason)
    unit = _unit(connection, place)
    row: Row = {**tag, "site": place.site, "area": place.area, "unit": place.unit}
    document = unit.document | {"tags": [row]}
    return _load(connection, document, actor=actor, reason=reason, effective_from=unit.commissioned)


def map_metrics(
    connection: psycopg.Connection,
    metrics: Metrics,
    place: Place,
    *,
    position: str | None,
    tag: str | None,
    actor: Actor,
    reason: str,
) -> MasterdataChanges:
    """Say to which tag of a unit metrics lead; without one to the last part of each metric's name.

    Raises as `add_position`, and NotFound where the unit has no such position or tag.
    """
    check_may_work_off(actor, reason)
    unit = _unit(connection, place)
    if position is not None and position not in unit.positions:
        raise NotFound(f"{place.unit} has no position {position}")
    now = datetime.now(UTC)
    tags = [] if tag is None else _tags(connection, place, position, tag, now)
    if tag is not None and not tags:
        raise NotFound(f"{place.unit} has no tag {tag}{'' if position is None else f' at {position}'}: describe it")
    row: Row = {**asdict(metrics), "site": place.site, "area": place.area, "unit": place.unit, "in_force": True}
    document = unit.document | {"tags": tags, "sparkplug": [row | {"position": position, "tag": tag}]}
    return _load(connection, document, actor=actor, reason=reason, effective_from=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """A unit in the record, and the document that says no more of its place than the record does."""

    row: Row
    commissioned: datetime
    positions: list[str]
    document: dict[str, list[Row]]


def _load(
    connection: psycopg.Connection,
    document: Mapping[str, object],
    *,
    actor: Actor,
    reason: str,
    effective_from: datetime,
) -> MasterdataChanges:
    with connection.transaction():
        return load_masterdata(connection, document, by=actor.name, reason=reason, effective_from=effective_from)


def _unit(connection: psycopg.Connection, place: Place) -> _Unit:
    known = _known(connection, place)
    if not known["units"]:
        raise NotFound(f"there is no unit {place.site}/{place.area}/{place.unit}")
    (found,) = known["units"]
    commissioned, positions = found["commissioned"], found["positions"]
    assert isinstance(commissioned, datetime)
    names = [str(name) for name in positions] if isinstance(positions, list) else []
    row: Row = {**found, "commissioned": commissioned.isoformat(), "positions": names}
    document = _document(place, known, "") | {"units": [row]}
    return _Unit(row=row, commissioned=commissioned, positions=names, document=document)


def _tags(connection: psycopg.Connection, place: Place, position: str | None, tag: str, now: datetime) -> list[Row]:
    """The one tag of that name, as it is described now; none where nobody has described it."""
    wanted = (place.site, place.area, place.unit, position, tag)
    with connection.cursor(row_factory=dict_row) as cursor:
        described = cursor.execute(queries("masterdata")["tags"], {"effective_from": now})
        return [row for row in described if wanted == values_of(row, ("site", "area", "unit", "position", "name"))]


def _known(connection: psycopg.Connection, place: Place) -> dict[str, list[Row]]:
    """What the record says of the place."""
    sql = queries("masterdata")
    with connection.cursor(row_factory=dict_row) as cursor:
        sites = [row for row in cursor.execute(sql["sites"]) if row["name"] == place.site]
        areas = [row for row in cursor.execute(sql["areas"]) if (row["site"], row["name"]) == (place.site, place.area)]
        units = [
            row
            for row in cursor.execute(sql["units"])
            if (row["site"], row["area"], row["name"]) == (place.site, place.area, place.unit)
        ]
    return {"sites": sites, "areas": areas, "units": units}


def _document(place: Place, known: Mapping[str, list[Row]], timezone: str) -> dict[str, list[Row]]:
    document: dict[str, list[Row]] = {name: [] for name in SECTIONS}
    document["sites"] = known["sites"] or [{"name": place.site, "timezone": timezone}]
    document["areas"] = [{"site": place.site, "name": place.area}]
    return document
