"""When a tag was out of service or being calibrated, from what people reported: in that time it owes nothing.

`out_of_service` and `calibration` begin such a time for one tag or for the whole unit, the next `in_service` of the tag
or the unit ends it. A calibration nobody ends is over after an hour.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from store.model.completeness import GapCause
from store.model.times import US_PER_H

CALIBRATION_LASTS_US = US_PER_H  # unless somebody says that the tag is in service again
FOR_EVER_US = 1 << 62
EVENT_KINDS = ("out_of_service", "in_service", "calibration")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvent:
    """One of EVENT_KINDS as it was reported."""

    event_id: int
    kind: str
    time_us: int
    tag: str | None  # None: the whole unit


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOwed:
    """A time in which a tag owes nothing."""

    from_us: int
    to_us: int  # FOR_EVER_US: it lasts
    cause: GapCause
    event_id: int  # that began it


def not_owed(events: Iterable[ServiceEvent], tag: str) -> list[NotOwed]:
    """The times in which a tag owes nothing, in order and without overlap; out of service goes before calibration.

    `events` are those of its unit.
    """
    mine = sorted((event for event in events if event.tag in {None, tag}), key=lambda event: event.time_us)
    found: list[NotOwed] = []
    begun: ServiceEvent | None = None
    for event in mine:
        if begun is not None and begun.kind == "out_of_service" and event.kind != "in_service":
            continue  # it is out of service already, and stays so
        if begun is not None:
            _close(found, begun, event.time_us)
        begun = None if event.kind == "in_service" else event
    if begun is not None:
        _close(found, begun, FOR_EVER_US)
    return found


def _close(found: list[NotOwed], begun: ServiceEvent, to_us: int) -> None:
    cause = GapCause(begun.kind)
    if cause is GapCause.CALIBRATION:
        to_us = min(to_us, begun.time_us + CALIBRATION_LASTS_US)
    if to_us > begun.time_us:
        found.append(NotOwed(from_us=begun.time_us, to_us=to_us, cause=cause, event_id=begun.event_id))
