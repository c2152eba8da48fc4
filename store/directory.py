"""What the plant calls things, held in memory so that a message costs one look-up a tag.

Refreshed when it is older than `MAX_AGE_S`, and at most once in `MIN_AGE_S` when something is not found, so that
rubbish topics cannot turn into a load on the database. An unknown tag of a known unit is registered, unmapped.
"""

import time
from array import array
from dataclasses import dataclass, field

import psycopg

from store.errors import translated
from store.fields import EXACT_UP_TO
from store.model.ids import PositionId, TagId, UnitId
from store.model.reading import Quality
from store.model.times import to_us
from store.sql import queries

MAX_AGE_S = 5.0
MIN_AGE_S = 0.5
MOST_SHAPES = 200  # remembered per unit
MOST_UNMAPPED = 1_000  # tags nobody asked for, per unit; more are quarantined instead of registered


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTag:
    """What ingestion needs of a tag."""

    tag_id: TagId
    mapped: bool
    physical_low: float
    physical_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The tags that a list of names stands for, as columns: messages of one publisher nearly always look alike."""

    tag_ids: "array[int]"
    lows: tuple[float, ...]  # physical ranges, as far as whole numbers are exact
    highs: tuple[float, ...]
    good: bytes  # the qualities of a message in which nothing is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownUnit:
    """What ingestion needs of a unit."""

    unit_id: UnitId
    commissioned_us: int
    positions: dict[str, PositionId]
    tags: dict[tuple[PositionId | None, str], KnownTag]
    publishers: dict[str, bool] = field(default_factory=dict)  # allowed to speak for it or not; empty: anybody is
    shapes: dict[tuple[PositionId | None, tuple[str, ...]], Shape] = field(default_factory=dict)

    def tag(self, position_id: PositionId | None, name: str) -> KnownTag | None:
        """The tag of that name at a position, else that of the unit as a whole."""
        return self.tags.get((position_id, name)) or self.tags.get((None, name))

    def shape(self, position_id: PositionId | None, names: tuple[str, ...]) -> Shape | None:
        """The tags of these names; None where one of them is not known yet."""
        found = self.shapes.get((position_id, names))
        if found is None:
            tags = [self.tag(position_id, name) for name in names]
            known = [tag for tag in tags if tag is not None]
            if len(known) < len(tags):
                return None
            if len(self.shapes) >= MOST_SHAPES:
                self.shapes.clear()
            found = self.shapes[position_id, names] = Shape(
                tag_ids=array("i", [tag.tag_id for tag in known]),
                lows=tuple(max(tag.physical_low, -EXACT_UP_TO) for tag in known),
                highs=tuple(min(tag.physical_high, EXACT_UP_TO) for tag in known),
                good=bytes([Quality.GOOD]) * len(known),
            )
        return found


class Directory:
    """Units by (site, area, name), with their positions and tags."""

    def __init__(self) -> None:
        self._units: dict[tuple[str, str, str], KnownUnit] = {}
        self._publishers: set[str] = set()
        self._read_at = float("-inf")
        self.edition = 0  # changes whenever units known before may no longer be what the plant calls so

    def read(self, connection: psycopg.Connection) -> None:
        """Read everything anew. Raises StoreUnavailable."""
        sql = queries("directory")
        with translated(), connection.transaction():
            positions: dict[UnitId, dict[str, PositionId]] = {}
            for unit_id, position_id, name in connection.execute(sql["positions"]):
                positions.setdefault(unit_id, {})[name] = position_id
            publishers: dict[UnitId, dict[str, bool]] = {}
            for unit_id, name, allowed in connection.execute(sql["publishers"]):
                publishers.setdefault(unit_id, {})[name] = allowed
            tags: dict[UnitId, dict[tuple[PositionId | None, str], KnownTag]] = {}
            for unit_id, position_id, name, tag_id, mapped, low, high in connection.execute(sql["tags"]):
                tags.setdefault(unit_id, {})[position_id, name] = KnownTag(
                    tag_id=tag_id, mapped=mapped, physical_low=low, physical_high=high
                )
            self._publishers = {name for names in publishers.values() for name in names}
            self._units = {
                (site, area, name): KnownUnit(
                    unit_id=unit_id,
                    commissioned_us=to_us(commissioned),
                    positions=positions.get(unit_id, {}),
                    tags=tags.get(unit_id, {}),
                    publishers=publishers.get(unit_id, {}),
                )
                for site, area, name, unit_id, commissioned in connection.execute(sql["units"])
            }
        self._read_at = time.monotonic()
        self.edition += 1

    def refresh(self, connection: psycopg.Connection) -> None:
        """Read anew what may have become old."""
        if time.monotonic() - self._read_at > MAX_AGE_S:
            self.read(connection)

    def unit(self, connection: psycopg.Connection, site: str, area: str, name: str) -> KnownUnit | None:
        """The unit of that name, or None."""
        found = self._units.get((site, area, name))
        if found is None and time.monotonic() - self._read_at > MIN_AGE_S:
            self.read(connection)
            found = self._units.get((site, area, name))
        return found

    def knows_publisher(self, name: str) -> bool:
        """Whether a publisher of that name is registered for any unit."""
        return name in self._publishers

    def register_tag(
        self, connection: psycopg.Connection, unit: KnownUnit, position_id: PositionId | None, name: str
    ) -> KnownTag | None:
        """Register a tag nobody has described; None when this unit already has too many of them."""
        if sum(not tag.mapped for tag in unit.tags.values()) >= MOST_UNMAPPED:
            return None
        parameters = {"unit_id": unit.unit_id, "position_id": position_id, "name": name}
        with translated(), connection.transaction():
            connection.execute(queries("directory")["register_tag"], parameters)
            row = connection.execute(queries("directory")["tag"], parameters).fetchone()
        assert row is not None
        tag = KnownTag(tag_id=row[0], mapped=row[1], physical_low=row[2], physical_high=row[3])
        unit.tags[position_id, name] = tag
        return tag
