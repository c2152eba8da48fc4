"""Turn deliveries into a draft: wire bytes to validated rows, whatever is wrong to quarantine. No input raises here."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

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
from store.payload import excerpt, needs_care, parse_payload, too_large
from store.publishers import refused_publisher
from store.readings import draft_readings
from store.results import draft_result
from store.sequences import draft_sequence

SMALL = 320  # bytes of a payload that is looked at together with others: beyond it as many looks are as fast

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
        draft = Draft(entries=list(map(_entry, deliveries)))
        careful = needs_care(delivery.payload for delivery in deliveries if len(delivery.payload) <= SMALL)
        for index, delivery in enumerate(deliveries):
            self._decode(draft, index, delivery, careful=careful or len(delivery.payload) > SMALL)
        return draft

    def quarantine_whole(self, delivery: Delivery, reason: str, *, refused: bool) -> Draft:
        """A draft that holds nothing but this delivery, put aside because the database refused it, or worse."""
        draft = Draft(entries=[_entry(delivery)])
        draft.reject(0, "", "store_rejected" if refused else "not_committed", reason, excerpt(delivery.payload))
        return draft

    def _decode(self, draft: Draft, index: int, delivery: Delivery, *, careful: bool) -> None:
        objects: Sequence[object] = ()
        try:
            if delivery.whole_bytes:
                raise too_large(delivery.whole_bytes)
            objects = parse_payload(delivery.payload, careful=careful)
            kind, unit = self._place(delivery.topic)
        except PayloadRejected as rejection:
            if is_check(delivery.topic, self.prefix):
                return
            draft.reject(index, "", rejection.code, rejection.reason, excerpt(delivery.payload))
            for object_ in objects:  # put aside, they have used their numbers all the same
                if isinstance(object_, dict):
                    with suppress(PayloadRejected):
                        draft_sequence(draft, index, object_, None)
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
            draft_sequence(draft, index, object_, None if refusal else unit.unit_id)
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
                draft_result(draft, index, object_, item=item.removesuffix("."))


def _entry(delivery: Delivery) -> Entry:
    # As Entry itself does it, in half the time.
    return tuple.__new__(Entry, (EntryKind.MESSAGE, delivery[0], delivery[1], delivery[2]))
