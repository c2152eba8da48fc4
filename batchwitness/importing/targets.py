"""Which tag a name of a file stands for, and how its values become values of that tag."""

import math
from dataclasses import dataclass

import psycopg

from batchwitness.importing.mapping import FileMapping, Name, OtherNames
from store.directory import Directory, KnownTag, KnownUnit
from store.errors import InputInvalid, PayloadRejected
from store.fields import shown, text
from store.model.ids import PositionId, TagId
from store.sql import queries
from store.unit_of_measure import Conversion, conversion


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """In what a tag is measured."""

    measurand: str
    unit_of_measure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A tag of a unit, and how values come to it."""

    unit: KnownUnit
    tag: KnownTag
    place: str  # site/area/unit, position and tag, for a person
    unit_of_measure: str | None  # None for a tag that nobody has described
    convert: Conversion | None
    value_resolution: float | None  # in the file's unit of measure


class Targets:
    """Looks names up as one file's mapping says, each once."""

    def __init__(
        self, connection: psycopg.Connection, directory: Directory, mapping: FileMapping, *, register: bool
    ) -> None:
        """With `register`, tags that nobody has described are registered as a message would do it."""
        self._connection = connection
        self._directory = directory
        self._mapping = mapping
        self._register = register
        self._measures = read_measures(connection)
        self._known: dict[tuple[object, object, object], Target | PayloadRejected | None] = {}

    def find(self, name: object, *, unit: object = None, position: object = None) -> Target | None:
        """The target of a name, None for one that the mapping skips. Raises PayloadRejected."""
        key = (name, unit, position)
        try:
            found = self._known[key]
        except KeyError:
            try:
                found = self._find(_stated(name), unit=_stated(unit), position=_stated(position))
            except PayloadRejected as rejection:
                found = rejection
            self._known[key] = found
        if isinstance(found, PayloadRejected):
            raise found
        return found

    def unit(self, stated: str | None) -> KnownUnit:
        """The unit of a row that states one, or the file's. Raises PayloadRejected."""
        path = self._path(stated)
        if path is None:
            raise PayloadRejected("missing_field", "neither the row nor the mapping names a unit")
        parts = path.split("/")
        if len(parts) != 3:
            raise PayloadRejected("unknown_unit", f"unit {shown(path)} is not site/area/unit")
        unit = self._directory.unit(self._connection, *parts)
        if unit is None:
            raise PayloadRejected("unknown_unit", f"there is no unit {path}")
        return unit

    def _path(self, stated: str | None) -> str | None:
        return self._mapping.units.get(stated, stated) if stated else self._mapping.unit

    def _find(self, name: str | None, *, unit: str | None, position: str | None) -> Target | None:
        if name is None:
            raise PayloadRejected("missing_field", "the name of the tag is missing")
        said = self._mapping.names.get(name)
        if said is None:
            if self._mapping.other_names is OtherNames.SKIP:
                return None
            if self._mapping.other_names is OtherNames.PUT_ASIDE:
                raise PayloadRejected("unmapped_name", f"the mapping does not say which tag {shown(name)} is")
            said = Name(tag=text({"tag": name}, "tag"))
        path = said.unit or unit
        known = self.unit(path)
        position = said.position or position or self._mapping.position
        position_id = self._position(known, position)
        tag = known.tag(position_id, said.tag)
        if tag is None:
            tag = self._registered(known, position_id, said.tag)
        place = " ".join(filter(None, (self._path(path), position, said.tag)))
        return self._target(known, tag, said, place)

    def _position(self, unit: KnownUnit, name: str | None) -> PositionId | None:
        if name is not None and name not in unit.positions:
            raise PayloadRejected("unknown_position", f"position {shown(name)} is not one of this unit")
        return None if name is None else unit.positions[name]

    def _registered(self, unit: KnownUnit, position_id: PositionId | None, name: str) -> KnownTag:
        if not self._register:
            return KnownTag(tag_id=TagId(0), mapped=False, physical_low=-math.inf, physical_high=math.inf)
        tag = self._directory.register_tag(self._connection, unit, position_id, name)
        if tag is None:
            raise PayloadRejected("too_many_tags", f"{shown(name)}: this unit has too many unmapped tags")
        return tag

    def _target(self, unit: KnownUnit, tag: KnownTag, said: Name, place: str) -> Target:
        measure = self._measures.get(tag.tag_id)
        convert = None
        if said.measurand is not None and (measure is None or said.measurand != measure.measurand):
            stands = "has none" if measure is None else f"has {shown(measure.measurand)}"
            raise PayloadRejected(
                "other_measurand", f"the mapping says measurand {shown(said.measurand)}, the tag {said.tag} {stands}"
            )
        if said.unit_of_measure is not None and (measure is None or said.unit_of_measure != measure.unit_of_measure):
            convert = _conversion(said, measure)
        return Target(
            unit=unit,
            tag=tag,
            place=place,
            unit_of_measure=None if measure is None else measure.unit_of_measure,
            convert=convert,
            value_resolution=said.value_resolution,
        )


def read_measures(connection: psycopg.Connection) -> dict[TagId, Measure]:
    """Measurand and unit of measure of every tag that somebody described."""
    return {
        tag_id: Measure(measurand=measurand, unit_of_measure=unit_of_measure)
        for tag_id, measurand, unit_of_measure in connection.execute(queries("imports")["measures"])
    }


def _conversion(said: Name, measure: Measure | None) -> Conversion:
    assert said.unit_of_measure is not None
    if measure is None:
        raise PayloadRejected("other_unit_of_measure", f"nobody has said in which unit of measure {said.tag} is")
    if said.measurand is None:
        raise PayloadRejected(
            "other_unit_of_measure",
            f"{said.tag} is in {measure.unit_of_measure}, the file in {said.unit_of_measure}: a conversion needs the "
            "mapping to say the measurand too",
        )
    try:
        return conversion(said.unit_of_measure, measure.unit_of_measure)
    except InputInvalid as error:
        raise PayloadRejected("other_unit_of_measure", str(error)) from error


def _stated(cell: object) -> str | None:
    """The text of a cell, None where it is empty."""
    stated = "" if cell is None else str(cell).strip()
    return stated or None
