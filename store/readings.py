"""Validate readings: what can be taken goes into the draft, value by value, the rest aside with a reason."""

from collections.abc import Mapping
from operator import le

import psycopg

from store.directory import Directory, KnownTag, KnownUnit
from store.draft import Draft, Place
from store.errors import PayloadRejected
from store.fields import finite, shown, text, time_us, within_window
from store.model.ids import PositionId, TagId
from store.model.reading import Quality

QUALITIES = {"good": Quality.GOOD, "uncertain": Quality.UNCERTAIN, "bad": Quality.BAD}
NUMBERS = frozenset({float, int})  # as JSON has them; true and false are numbers too, but need a closer look
MOST_VALUES = 10_000  # a message; more is not a message but an export


def draft_readings(
    draft: Draft,
    entry: int,
    object_: Mapping[str, object],
    *,
    item: str,
    unit: KnownUnit,
    directory: Directory,
    connection: psycopg.Connection,
) -> None:
    """Take the values of one readings object into the draft; put aside what cannot be taken, value by value.

    Raises PayloadRejected when nothing of the object can be taken (no time, no values).
    """
    source_us = within_window(
        time_us(object_.get("time"), "time"), "time", unit.commissioned_us, draft.entries[entry].received_us
    )
    values = object_.get("values")
    if not isinstance(values, dict) or len(values) > MOST_VALUES:
        raise PayloadRejected(
            "wrong_type", f"values must be an object of up to {MOST_VALUES} tags, not {shown(values)}"
        )
    position_id = None if object_.get("position") is None else _position(object_, unit)
    names, numbers = tuple(values), values.values()
    shape = unit.shapes.get((position_id, names)) or unit.shape(position_id, names)
    if (
        shape is not None
        and NUMBERS.issuperset(map(type, numbers))
        and all(map(le, shape.lows, numbers))
        and all(map(le, numbers, shape.highs))
    ):
        draft.readings.add(entry, unit.unit_id, source_us, shape.tag_ids, numbers, shape.good)
        return
    tag_ids: list[TagId] = []
    taken: list[float] = []
    qualities: list[Quality] = []
    for name, given in values.items():
        try:
            quality = Quality.GOOD
            value = given
            if isinstance(given, dict):
                value = given.get("value")
                quality = _quality(given, name)
            number = finite(value, f"values.{name}")
            tag = unit.tag(position_id, name)
            if tag is None:
                text({"tag": name}, "tag")
                tag = directory.register_tag(connection, unit, position_id, name)
                if tag is None:
                    raise PayloadRejected("too_many_tags", f"values.{name}: this unit has too many unmapped tags")
            if not tag.physical_low <= number <= tag.physical_high:
                quality = Quality.BAD
        except PayloadRejected as rejection:
            place = Place(unit_id=unit.unit_id, source_us=source_us, tag=name)
            draft.reject(entry, f"{item}values.{name}", rejection.code, rejection.reason, shown(given), place=place)
            continue
        tag_ids.append(tag.tag_id)
        taken.append(number)
        qualities.append(quality)
    draft.readings.add(entry, unit.unit_id, source_us, tag_ids, taken, qualities)


def draft_value(
    draft: Draft,
    entry: int,
    *,
    unit: KnownUnit,
    tag: KnownTag,
    value: object,
    quality: Quality,
    source_us: int,
    item: str,
) -> None:
    """Take one value of one tag into the draft. Raises PayloadRejected naming `item` and the value.

    A value outside the tag's physical range is stored with quality bad.
    """
    received_us = draft.entries[entry].received_us
    within_window(source_us, item, earliest_us=unit.commissioned_us, received_us=received_us)
    number = finite(value, item)
    in_range = tag.physical_low <= number <= tag.physical_high
    draft.readings.add(entry, unit.unit_id, source_us, [tag.tag_id], [number], [quality if in_range else Quality.BAD])


def _position(object_: Mapping[str, object], unit: KnownUnit) -> PositionId:
    name = text(object_, "position")
    if name not in unit.positions:
        raise PayloadRejected("unknown_position", f"position {shown(name)} is not one of this unit")
    return unit.positions[name]


def _quality(given: Mapping[str, object], name: str) -> Quality:
    stated = given.get("quality", "good")
    if not isinstance(stated, str) or stated not in QUALITIES:
        raise PayloadRejected(
            "unknown_choice", f"values.{name}.quality must be good, uncertain or bad, not {shown(stated)}"
        )
    return QUALITIES[stated]
