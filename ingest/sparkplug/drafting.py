"""Turn what the sessions made of messages into a draft: values to readings, events, results; the rest to quarantine.

What is wrong with a metric is wrong with each of its values: that is noted once an hour with a count, not a row each.
"""

from collections.abc import Mapping as Naming
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

import psycopg
import structlog
from prometheus_client import Counter

from ingest.sparkplug.effects import (
    DeviceOffline,
    DeviceOnline,
    Effect,
    GapFilled,
    Ignored,
    MetricsStale,
    NodeOffline,
    NodeOnline,
    NodeUnknown,
    NonConformant,
    Reading,
    Readings,
    Refused,
    RequestRebirth,
    SequenceGap,
)
from ingest.sparkplug.leads import Leads
from ingest.sparkplug.mapping import Mapping
from ingest.sparkplug.spool import Arrival
from store.directory import Directory, KnownTag, KnownUnit
from store.draft import Draft
from store.edge_nodes import DeviceName, EdgeMetric, EdgeRows
from store.errors import PayloadRejected, StoreUnavailable
from store.events import draft_event
from store.fields import shown
from store.model.ids import UnitId
from store.model.journal import Entry, EntryKind
from store.model.times import US_PER_H
from store.payload import parse_payload
from store.readings import draft_value
from store.results import draft_result

EVENT, RESULT = "Batchwitness/Event", "Batchwitness/Result"  # String metrics that hold the JSON of the plain topics
MOST_NOTED = 100_000  # faults of metrics that are told apart
NOTED_AN_HOUR = {"metric": 1, "message": 1_000}  # rows of one fault of one metric, of one node

log = structlog.get_logger()
not_stored_total = Counter("batchwitness_sparkplug_metrics_not_stored", "metrics that are no readings", ["because"])
time_from_total = Counter("batchwitness_sparkplug_readings_time_from", "readings by whose time they have", ["source"])


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of the host: a message that arrived, or something else that happened, and what follows."""

    number: int
    arrival: Arrival | None
    effects: tuple[Effect, ...]
    rows: EdgeRows
    rejection: PayloadRejected | None = None  # the message as a whole cannot be read
    held: Naming[int, Arrival] = field(default_factory=dict)  # earlier messages whose effects came only now


@dataclass(slots=True)
class _Note:
    """One fault in its newest hour."""

    hour: int
    numbers: set[int]  # of the messages whose row was written
    more: int = 0  # values that got no row since


@dataclass(slots=True)
class Drafter:
    """What drafting needs besides the effects."""

    connection: psycopg.Connection
    directory: Directory
    mapping: Mapping
    notes: dict[tuple[str, ...], _Note] = field(default_factory=dict)
    told: dict[tuple[DeviceName, UnitId], int] = field(default_factory=dict)  # the message that wrote the row
    leads: Leads = field(default_factory=Leads)

    def draft(self, taken: Sequence[Taken]) -> Draft:
        """Everything these steps bring into the record, in their order. Raises StoreUnavailable only."""
        self.directory.refresh(self.connection)
        self.mapping.refresh(self.connection)
        draft = Draft()
        entries: dict[int, int] = {}
        for step in taken:
            if step.arrival is not None:
                entries[step.number] = _add_entry(draft, step.arrival)
            draft.edge.add(step.rows)
            if step.rejection is not None:
                assert step.arrival is not None
                self._reject(draft, entries[step.number], step, step.rejection)
            for effect in step.effects:
                self._take(draft, entries, step, effect)
        return draft

    def draft_again(self, draft: Draft, entries: dict[int, int], step: Taken) -> None:
        """Take a step of long ago once more into a draft, as if nothing had been noted; `entries` are by message."""
        self.notes.clear()
        for effect in step.effects:
            self._take(draft, entries, step, effect)

    def quarantine_whole(self, step: Taken, reason: str, *, refused: bool) -> Draft:
        """A draft that holds nothing but this message, put aside because the database refused it, or worse."""
        draft = Draft()
        if step.arrival is not None:
            entry = _add_entry(draft, step.arrival)
            excerpt = step.arrival.payload[:200].hex(" ")
            draft.reject(entry, "", "store_rejected" if refused else "not_committed", reason, excerpt)
        return draft

    def _take(self, draft: Draft, entries: dict[int, int], step: Taken, effect: Effect) -> None:
        match effect:
            case Readings():
                entry = _entry(draft, entries, step, effect.message)
                for reading in effect.readings:
                    self._take_reading(draft, entry, effect, reading)
            case Refused():
                entry = _entry(draft, entries, step, effect.message)
                self._refuse(draft, entry, effect)
            case Ignored():
                not_stored_total.labels(effect.because).inc()
            case (
                NodeOnline()
                | NodeOffline()
                | NodeUnknown()
                | DeviceOnline()
                | DeviceOffline()
                | MetricsStale()
                | SequenceGap()
                | GapFilled()
                | RequestRebirth()
                | NonConformant()
            ):
                pass  # in the rows of the step, or a matter of the host
            case _:
                assert_never(effect)

    def _take_reading(self, draft: Draft, entry: int, effect: Readings, reading: Reading) -> None:
        if reading.is_transient:
            not_stored_total.labels("transient").inc()
            return
        node, device = effect.edge_node, effect.device or ""
        try:
            if reading.name in (EVENT, RESULT):
                self._take_object(draft, entry, effect, reading)
                return
            if reading.value is None:
                note = f" ({'; '.join(reading.notes)})" if reading.notes else ""
                raise PayloadRejected("null_value", f"{reading.name} is null{note}")
            unit, tag = self._lead(draft, entry, effect, reading.name)
            draft_value(
                draft,
                entry,
                unit=unit,
                tag=tag,
                value=reading.value,
                quality=reading.quality,
                source_us=reading.source_time_us,
                item=reading.name,
            )
            time_from_total.labels(reading.time_from).inc()
            self._tell_unit(draft, effect, unit)
        except PayloadRejected as rejection:
            key = (node.group, node.node, device, reading.name, rejection.code)
            self._note(draft, entry, key, effect.message, reading.name, rejection, shown(reading.value), "metric")
        except StoreUnavailable:
            raise
        except Exception as error:
            # A bug of ours must not stop ingestion (INGEST-3): the bytes are kept, the bug is loud.
            log.exception("a metric could not be drafted", metric=reading.name)
            draft.reject(entry, reading.name, "not_decoded", f"{type(error).__name__}: {error}", shown(reading.value))

    def _lead(self, draft: Draft, entry: int, effect: Readings, name: str) -> tuple[KnownUnit, KnownTag]:
        """The tag a metric leads to, with its unit; where that is new, it is written down. Raises PayloadRejected."""
        node, device = effect.edge_node, effect.device or ""
        place = self.mapping.target(node.group, node.node, device, name)
        unit = None if place is None else self.directory.unit(self.connection, place.site, place.area, place.unit)
        tag, missing = None, "unit"
        if place is not None and unit is not None:
            missing = f"position of {place.unit}"
            if place.position is None or place.position in unit.positions:
                missing = f"tag of {place.unit}"
                tag = unit.tag(None if place.position is None else unit.positions[place.position], place.tag)
        why = None if tag is not None else f"{name} of {_whose(effect)} leads to no known {missing}"
        by = None if place is None or tag is None else place.by
        self.leads.tell(
            draft.edge,
            (node.group, node.node, device),
            name,
            EdgeMetric(tag_id=None if tag is None else tag.tag_id, led_by=by, why=why),
            message=effect.message,
            since_us=draft.entries[entry].received_us,
        )
        if why is not None:
            raise PayloadRejected("unmapped_metric", why)
        assert unit is not None
        assert tag is not None
        return unit, tag

    def _take_object(self, draft: Draft, entry: int, effect: Readings, reading: Reading) -> None:
        """An event or a result of the plain contract that travels as the text of a metric."""
        if reading.value is None:
            return  # nothing to say since the birth
        if not isinstance(reading.value, str):
            raise PayloadRejected("wrong_type", f"{reading.name} must be a String, not {shown(reading.value)}")
        place = self.mapping.target(effect.edge_node.group, effect.edge_node.node, effect.device or "", reading.name)
        unit = None if place is None else self.directory.unit(self.connection, place.site, place.area, place.unit)
        if unit is None:
            raise PayloadRejected("unmapped_metric", f"{reading.name} of {_whose(effect)} leads to no known unit")
        objects = parse_payload(reading.value.encode())
        for number, object_ in enumerate(objects):
            item = f"{reading.name}[{number}]" if len(objects) > 1 else reading.name
            try:
                if not isinstance(object_, dict):
                    raise PayloadRejected("wrong_type", f"{item} must be an object, not {shown(object_)}")
                if reading.name == EVENT:
                    draft_event(draft, entry, object_, item=f"{item}.", unit=unit)
                else:
                    draft_result(draft, entry, object_)
            except PayloadRejected as rejection:
                draft.reject(entry, item, rejection.code, rejection.reason, shown(object_))
        self._tell_unit(draft, effect, unit)

    def _tell_unit(self, draft: Draft, effect: Readings, unit: KnownUnit) -> None:
        device = (effect.edge_node.group, effect.edge_node.node, effect.device or "")
        if self.told.setdefault((device, unit.unit_id), effect.message) == effect.message:
            draft.edge.units.add((device, unit.unit_id))

    def _refuse(self, draft: Draft, entry: int, effect: Refused) -> None:
        node = effect.edge_node
        item = effect.name or ("" if effect.index is None else f"[{effect.index}]")
        rejection = PayloadRejected(effect.code, effect.reason)
        kind = "message" if effect.index is None else "metric"
        key = (node.group, node.node, effect.device or "", item, effect.code)
        self._note(draft, entry, key, effect.message, item, rejection, "", kind)

    def _reject(self, draft: Draft, entry: int, step: Taken, rejection: PayloadRejected) -> None:
        assert step.arrival is not None
        key = ("", "", "", "", rejection.code)
        excerpt = step.arrival.payload[:200].hex(" ")
        self._note(draft, entry, key, step.number, "", rejection, excerpt, "message")

    def _note(
        self,
        draft: Draft,
        entry: int,
        key: tuple[str, ...],
        number: int,
        item: str,
        rejection: PayloadRejected,
        excerpt: str,
        kind: str,
    ) -> None:
        """Write a row of quarantine unless this fault has had its rows in this hour; the next counts the others."""
        hour = draft.entries[entry].received_us // US_PER_H
        if len(self.notes) >= MOST_NOTED and key not in self.notes:
            self.notes.clear()
        note = self.notes.setdefault(key, _Note(hour, set()))
        reason = rejection.reason
        if note.hour != hour:
            if note.more:
                reason += f"; {note.more} more like it were put aside without a row since the last one"
            note.hour, note.numbers, note.more = hour, set(), 0
        if number not in note.numbers:
            if len(note.numbers) >= NOTED_AN_HOUR[kind]:
                note.more += 1
                not_stored_total.labels(rejection.code).inc()
                return
            note.numbers.add(number)
        draft.reject(entry, item, rejection.code, reason, excerpt)


def _entry(draft: Draft, entries: dict[int, int], step: Taken, number: int) -> int:
    """The entry of a message; one that had been held for its turn is entered again where it had its effect."""
    if number not in entries:
        entries[number] = _add_entry(draft, step.held[number])
    return entries[number]


def _add_entry(draft: Draft, arrival: Arrival) -> int:
    draft.entries.append(
        Entry(kind=EntryKind.MESSAGE, topic=arrival.topic, payload=arrival.payload, received_us=arrival.received_us)
    )
    return len(draft.entries) - 1


def _whose(effect: Readings) -> str:
    return f"{effect.edge_node}" if effect.device is None else f"{effect.edge_node}/{effect.device}"
