"""Read the times of a file: with an offset as they stand, without one in the declared time zone and no other."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from batchwitness.importing.mapping import FileMapping
from store.errors import PayloadRejected
from store.fields import EARLIEST_US, LATEST_US, shown
from store.model.times import EPOCH, MICROSECOND

MOST_KEPT = 100_000  # texts whose instant is remembered: in an export many rows share one
EPOCH_US = {"epoch_s": 1_000_000, "epoch_ms": 1_000}


class TimeReader:
    """Texts, numbers and times of one file to microseconds since 1970 in UTC."""

    def __init__(self, mapping: FileMapping) -> None:
        self._mapping = mapping
        self._zone = None if mapping.time_zone is None else ZoneInfo(mapping.time_zone)
        self._known: dict[str, int] = {}

    def read(self, given: object) -> int:
        """The instant. Raises PayloadRejected naming the text and what is wrong with it."""
        if isinstance(given, str):
            known = self._known.get(given)
            if known is None:
                known = self._read_text(given.strip())
                if len(self._known) >= MOST_KEPT:
                    self._known.clear()
                self._known[given] = known
            return known
        if isinstance(given, datetime):
            return self._instant(given, given.isoformat())
        if isinstance(given, int | float) and not isinstance(given, bool):
            return self._since_epoch(str(given))
        if given is None:
            raise PayloadRejected("missing_field", "the time is missing")
        raise PayloadRejected("wrong_type", f"{shown(given)} is no time")

    def _read_text(self, text: str) -> int:
        if not text:
            raise PayloadRejected("missing_field", "the time is missing")
        if self._mapping.time_format in EPOCH_US:
            return self._since_epoch(text)
        try:
            if self._mapping.time_format == "iso":
                parsed = datetime.fromisoformat(text)
            else:
                parsed = datetime.strptime(text, self._mapping.time_format)  # noqa: DTZ007  # the zone is judged below
        except ValueError:
            raise PayloadRejected(
                "bad_time", f"{shown(text)} is no time of the format {self._mapping.time_format}"
            ) from None
        return self._instant(parsed, text)

    def _since_epoch(self, text: str) -> int:
        scale = EPOCH_US.get(self._mapping.time_format)
        if scale is None:
            raise PayloadRejected("bad_time", f"{text} is a number; time_format says {self._mapping.time_format}")
        try:
            us = int((Decimal(text) * scale).to_integral_value())
        except (InvalidOperation, ValueError, OverflowError):
            raise PayloadRejected("bad_time", f"{shown(text)} is no number of {self._mapping.time_format}") from None
        return _in_range(us, text)

    def _instant(self, stated: datetime, text: str) -> int:
        if stated.tzinfo is None:
            stated = self._in_zone(stated, text)
        return _in_range((stated - EPOCH) // MICROSECOND, text)

    def _in_zone(self, local: datetime, text: str) -> datetime:
        if self._zone is None:
            raise PayloadRejected("naive_time", f"{shown(text)} has no offset and the mapping names no time_zone")
        first, second = (local.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        before, after = first.utcoffset(), second.utcoffset()
        assert before is not None
        assert after is not None
        if before == after:
            return first
        if before > after:
            if self._mapping.ambiguous == "put_aside":
                raise PayloadRejected(
                    "ambiguous_time",
                    f"clocks in {self._zone.key} showed {shown(text)} twice; the mapping says not which",
                )
            return first if self._mapping.ambiguous == "first" else second
        if self._mapping.nonexistent == "put_aside":
            raise PayloadRejected("nonexistent_time", f"clocks in {self._zone.key} never showed {shown(text)}")
        return first if self._mapping.nonexistent == "offset_before" else second


def _in_range(us: int, text: str) -> int:
    if not EARLIEST_US <= us <= LATEST_US:
        raise PayloadRejected("bad_time", f"{shown(text)} lies outside the years 1 to 9999")
    return us
