"""A table of intervals as events: unit procedures of batches in order of time, then their phases.

A row is an interval. Without a `phase` it is a unit procedure and names the process; with one it is that phase of the
batch. An interval without an end is still running, and its event is a start.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from batchwitness.importing.mapping import FileMapping
from batchwitness.importing.rows import BEGINNING, BrokenRow, Chunk, Place
from batchwitness.importing.table import Table
from batchwitness.importing.times import TimeReader
from store.errors import InputInvalid, PayloadRejected
from store.model.times import from_us

OF_A_UNIT_PROCEDURE = (
    "position",
    "process",
    "product",
    "donor",
    "starting_material",
    "chain_of_identity",
    "required_by",
    "reason",
    "outcome",
)
FIELDS = ("unit", "batch", "phase", "started", "ended", *OF_A_UNIT_PROCEDURE)
ROWS_READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class _Interval:
    line: int
    started_us: int
    ended_us: int | None
    fields: Mapping[str, str]

    @property
    def is_phase(self) -> bool:
        return bool(self.fields.get("phase"))

    def key(self) -> tuple[bool, int, int]:
        return self.is_phase, self.started_us, self.line


class IntervalsTable:
    """The events of a file of intervals as rows under the headings of events. All of it is held in memory."""

    def __init__(self, table: Table, mapping: FileMapping) -> None:
        """Raises InputInvalid for columns that are missing."""
        self._mapping = mapping
        self._times = TimeReader(mapping)
        missing = [name for name in ("batch", "started", "ended") if mapping.heading(name) not in table.headings]
        if missing:
            raise InputInvalid(f"no columns for {', '.join(missing)}; there are {', '.join(map(repr, table.headings))}")
        self._table = table
        self.headings: Sequence[str] = ("unit", "event", "time", "ended", "batch", "phase", *OF_A_UNIT_PROCEDURE)

    def chunks(self, place: Place, *, rows: int) -> Iterator[Chunk]:
        """The file as it stands, then chunks of up to so many events; the place counts those."""
        intervals, broken, raw = self._read()
        intervals.sort(key=_Interval.key)
        if place == BEGINNING:
            yield Chunk(lines=(), rows=(), raw=raw, broken=broken, end=Place(offset=1, line=0))
        for first in range(max(place.offset - 1, 0), len(intervals), rows):
            some = intervals[first : first + rows]
            events = [self._event(interval) for interval in some]
            yield Chunk(
                lines=[interval.line for interval in some],
                rows=events,
                raw=b"".join(orjson.dumps(event) + b"\n" for event in events),
                broken=(),
                end=Place(offset=1 + first + len(some), line=first + len(some)),
            )

    def _read(self) -> tuple[list[_Interval], list[BrokenRow], bytes]:
        intervals: list[_Interval] = []
        broken: list[BrokenRow] = []
        raw: list[bytes] = []
        columns = {self._mapping.heading(field): field for field in FIELDS}
        for chunk in self._table.chunks(BEGINNING, rows=ROWS_READ_AT_ONCE):
            broken += chunk.broken
            raw.append(chunk.raw)
            for line, row in zip(chunk.lines, chunk.rows, strict=True):
                fields = {
                    columns[heading]: str(cell).strip()
                    for heading, cell in zip(self._table.headings, row, strict=True)
                    if heading in columns and cell is not None
                }
                try:
                    started_us = self._instant(fields, "started")
                    ended_us = self._instant(fields, "ended") if fields.get("ended") else None
                    if fields.get("required_by"):
                        fields["required_by"] = from_us(self._instant(fields, "required_by")).isoformat()
                except PayloadRejected as rejection:
                    text = self._mapping.delimiter.join("" if cell is None else str(cell) for cell in row)
                    broken.append(BrokenRow(line=line, text=text, code=rejection.code, reason=rejection.reason))
                else:
                    intervals.append(_Interval(line, started_us, ended_us, fields))
        return intervals, broken, b"".join(raw)

    def _instant(self, fields: Mapping[str, str], field: str) -> int:
        try:
            return self._times.read(fields.get(field))
        except PayloadRejected as rejection:
            raise PayloadRejected(rejection.code, f"{field}: {rejection.reason}") from rejection

    def _event(self, interval: _Interval) -> list[str]:
        """Under the headings, with no more than the event needs, so that the same interval stays the same event."""
        level = "phase" if interval.is_phase else "unit_procedure"
        said = {"time": from_us(interval.started_us).isoformat()}
        if interval.ended_us is None:
            said["event"] = f"{level}_started"
        else:
            said |= {"event": f"{level}_recorded", "ended": from_us(interval.ended_us).isoformat()}
        wanted = ("unit", "batch", "phase") if interval.is_phase else ("unit", "batch", *OF_A_UNIT_PROCEDURE)
        said |= {name: interval.fields.get(name, "") for name in wanted}
        return [said.get(heading, "") for heading in self.headings]
