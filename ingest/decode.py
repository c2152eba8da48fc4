"""Turn deliveries into a draft: wire bytes to validated rows, whatever is wrong to quarantine. No input raises here."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import orjson
import psycopg
import structlog

from ingest.inbox import Delivery
from ingest.topic import TopicKind, is_check, parse_topic
from store.directory import Directory, KnownUnit
from store.draft import Draft
from store.errors import PayloadRejected, StoreUnavailable
from store.events import draft_event
from store.fields import shown
from store.model.journal import Entry, EntryKind
from store.publishers import refused_publisher
from store.readings import draft_readings
from store.results import draft_result
from store.sequences import draft_sequence

MOST_BYTES = 4 * 1024 * 1024  # a payload; a larger one is recorded as refused, with its first bytes
MOST_OBJECTS = 10_000  # in one message
MOST_LEVELS = 100  # of arrays and objects inside each other; what is stored is written as JSON again, which has a limit

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Decoder:
    """What decoding needs besides the bytes."""

    connection: psycopg.Connection
    directory: Directory
    prefix: str
    _places: dict[str, tuple[TopicKind, KnownUnit]] = field(default_factory=dict)  # by topic, of one edition
    _edition: int = 0

    def draft(self, deliveries: Sequence[Delivery]) -> Draft:
        """Decode deliveries in arrival order. Raises StoreUnavailable only."""
        self.directory.refresh(self.connection)
        draft = Draft()
        for delivery in deliveries:
            self._decode(draft, delivery)
        return draft

    def quarantine_whole(self, delivery: Delivery, reason: str, *, refused: bool) -> Draft:
        """A draft that holds nothing but this delivery, put aside because the database refused it, or worse."""
        draft = Draft(entries=[_entry(delivery)])
        draft.reject(0, "", "store_rejected" if refused else "not_committed", reason, _excerpt(delivery.payload))
        return draft

    def _decode(self, draft: Draft, delivery: Delivery) -> None:
        index = len(draft.entries)
        draft.entries.append(_entry(delivery))
        objects: Sequence[object] = ()
        try:
            objects = parse_payload(delivery.payload)
            kind, unit = self._place(delivery.topic)
        except PayloadRejected as rejection:
            if is_check(delivery.topic, self.prefix):
                return
            draft.reject(index, "", rejection.code, rejection.reason, _excerpt(delivery.payload))
            for object_ in objects:  # put aside, they have used their numbers all the same
                if isinstance(object_, dict):
                    with suppress(PayloadRejected):
                        draft_sequence(draft, object_, None, object_.get("time"))
            return
        for number, object_ in enumerate(objects):
            item = f"[{number}]" if len(objects) > 1 else ""
            try:
                self._decode_object(draft, index, item and f"{item}.", kind, unit, object_)
            except PayloadRejected as rejection:
                draft.reject(index, item, rejection.code, rejection.reason, shown(object_))
            except StoreUnavailable:
                raise
            except Exception as error:
                # A bug of ours must not stop ingestion (INGEST-3): the bytes are kept, the bug is loud.
                log.exception("decode failed", topic=delivery.topic)
                draft.reject(index, item, "not_decoded", f"{type(error).__name__}: {error}", shown(object_))

    def _place(self, topic: str) -> tuple[TopicKind, KnownUnit]:
        """What a topic carries, and of which unit; remembered as long as the directory says the same."""
        if self._edition != self.directory.edition:
            self._places.clear()
        place = self._places.get(topic)
        if place is None:
            parsed = parse_topic(topic, self.prefix)
            unit = self.directory.unit(self.connection, parsed.site, parsed.area, parsed.unit)
            if unit is None:
                raise PayloadRejected("unknown_unit", f"there is no unit {parsed.site}/{parsed.area}/{parsed.unit}")
            self._edition = self.directory.edition
            place = self._places[topic] = parsed.kind, unit
        return place

    def _decode_object(
        self, draft: Draft, index: int, item: str, kind: TopicKind, unit: KnownUnit, object_: object
    ) -> None:
        if not isinstance(object_, dict):
            raise PayloadRejected(
                "wrong_type", f"a message must be an object or an array of them, not {shown(object_)}"
            )
        refusal = refused_publisher(object_, unit, self.directory)
        if refusal is None or refusal.code != "unknown_publisher":  # a stranger's numbers are nobody's gaps
            draft_sequence(draft, object_, None if refusal else unit.unit_id, object_.get("time"))
        if refusal is not None:
            raise refusal
        match kind:
            case TopicKind.READINGS:
                draft_readings(
                    draft, index, object_, item=item, unit=unit, directory=self.directory, connection=self.connection
                )
            case TopicKind.EVENTS:
                draft_event(draft, index, object_, item=item, unit=unit)
            case TopicKind.RESULTS:
                draft_result(draft, index, object_)


def parse_payload(payload: bytes) -> Sequence[object]:
    """The objects of a payload. Raises PayloadRejected for what is not JSON, too large or not storable as text.

    NaN and Infinity are not JSON, but they are read, so that the good values beside them can be kept.
    """
    if len(payload) > MOST_BYTES:
        raise PayloadRejected("too_large", f"{len(payload)} bytes; at most {MOST_BYTES} are taken")
    try:
        parsed = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        parsed = _parse_lenient(payload, str(error))
    objects = parsed if isinstance(parsed, list) else [parsed]
    if len(objects) > MOST_OBJECTS:
        raise PayloadRejected("too_large", f"{len(objects)} objects; at most {MOST_OBJECTS} are taken")
    if payload.count(b"[") + payload.count(b"{") > MOST_LEVELS and _levels(objects) > MOST_LEVELS:
        raise PayloadRejected("too_deep", f"arrays and objects are nested more than {MOST_LEVELS} deep")
    if b"\\u" in payload:
        _refuse_unstorable_text(objects)
    return objects


def _parse_lenient(payload: bytes, why: str) -> object:
    try:
        parsed: object = json.loads(payload.decode(), parse_int=_parse_int)
    except (ValueError, RecursionError):
        raise PayloadRejected("not_json", f"the payload is not JSON: {why}") from None
    return parsed


def _parse_int(digits: str) -> int | float:
    """As the strict parser reads it: what does not fit 64 bits becomes a float."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)


def _levels(value: object) -> int:
    """How deep arrays and objects are nested in a JSON value."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        item, level = waiting.pop()
        if isinstance(item, Mapping | list):
            deepest = max(deepest, level)
            inner = item.values() if isinstance(item, Mapping) else item
            waiting += [(one, level + 1) for one in inner]
    return deepest


def _refuse_unstorable_text(objects: Sequence[object]) -> None:
    """NUL and lone surrogates can be written as JSON escapes, but no database text can hold them."""
    for text in _texts(objects):
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise PayloadRejected("bad_text", f"a text holds a character that cannot be stored: {shown(text)}")


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value, keys included; however deep it is nested, nothing here recurses."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            waiting += item.keys()
            waiting += item.values()
        elif isinstance(item, Sequence):
            waiting += item


def _entry(delivery: Delivery) -> Entry:
    return Entry(
        kind=EntryKind.MESSAGE, topic=delivery.topic, payload=delivery.payload, received_us=delivery.received_us
    )


def _excerpt(payload: bytes) -> str:
    return payload[:1000].decode("utf-8", "backslashreplace")
