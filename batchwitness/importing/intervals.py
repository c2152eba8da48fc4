"""A table of intervals as events in order of time: batches in equipment, and their phases.

A row is an interval. Without a `phase` it is a unit procedure and names the process; with one it is that phase of the
batch. An interval without an end is still running. `outcome` says how a batch came out: completed, where nothing is
said, or terminated; `continues` in it means that the batch goes on elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from batchwitness.importing.mapping import FileMapping
from batchwitness.importing.rows import BEGINNING, BrokenRow, Chunk, Place
from batchwitness.importing.table import Table
from batchwitness.importing.times import TimeReader
from store.errors import InputInvalid, PayloadRejected
from store.fields import shown
from store.model.times import from_us

FIELDS = ("unit", "batch", "position", "phase", "started", "ended", "outcome", "reason", "process", "product", "donor",
          "chain_of_identity", "required_by")  # fmt: skip
OF_A_START = ("process", "product", "donor", "chain_of_identity", "required_by")
OUTCOMES = {
    "": "batch_ended",
    "completed": "batch_ended",
    "terminated": "batch_terminated",
    "continues": "unit_procedure_ended",
}
# At one instant a phase ends before the next begins, and everything ends before anything new starts at its place.
ORDER = ("phase_ended", "unit_procedure_ended", "batch_ended", "batch_terminated", "unit_procedure_started",
         "phase_started")  # fmt: skip
ROWS_READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class _Event:
    time_us: int
    kind: str
    line: int
    fields: Mapping[str, str]

    def key(self) -> tuple[int, int, int]:
        return self.time_us, ORDER.index(self.kind), self.line


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
        self.headings: Sequence[str] = ("unit", "event", "time", "batch", "position", "phase", "reason", *OF_A_START)

    def chunks(self, place: Place, *, rows: int) -> Iterator[Chunk]:
        """The file as it stands, then chunks of up to so many events; the place counts those."""
        events, broken, raw = self._read()
        events.sort(key=_Event.key)
        if place == BEGINNING:
            yield Chunk(lines=(), rows=(), raw=raw, broken=broken, end=Place(offset=1, line=0))
        for first in range(max(place.offset - 1, 0), len(events), rows):
            some = [self._row(event) for event in events[first : first + rows]]
            yield Chunk(
                lines=[event.line for event in events[first : first + rows]],
                rows=some,
                raw=b"".join(orjson.dumps(row) + b"\n" for row in some),
                broken=(),
                end=Place(offset=1 + first + len(some), line=first + len(some)),
            )

    def _read(self) -> tuple[list[_Event], list[BrokenRow], bytes]:
        events: list[_Event] = []
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
                    events += self._events(line, fields)
                except PayloadRejected as rejection:
                    text = self._mapping.delimiter.join("" if cell is None else str(cell) for cell in row)
                    broken.append(BrokenRow(line=line, text=text, code=rejection.code, reason=rejection.reason))
        return events, broken, b"".join(raw)

    def _events(self, line: int, fields: Mapping[str, str]) -> Iterator[_Event]:
        level = "phase" if fields.get("phase") else "unit_procedure"
        started_us = self._instant(fields, "started")
        ended_us = self._instant(fields, "ended") if fields.get("ended") else None
        if ended_us is not None and ended_us <= started_us:
            raise PayloadRejected(
                "end_before_start",
                f"ended {shown(fields['ended'])} does not lie after started {shown(fields['started'])}",
            )
        outcome = fields.get("outcome", "")
        if outcome not in OUTCOMES:
            raise PayloadRejected(
                "unknown_choice", f"outcome must be one of {', '.join(OUTCOMES)}, not {shown(outcome)}"
            )
        yield _Event(started_us, f"{level}_started", line, fields)
        if ended_us is not None:
            ended = "phase_ended" if level == "phase" else OUTCOMES[outcome]
            yield _Event(ended_us, ended, line, fields)

    def _instant(self, fields: Mapping[str, str], field: str) -> int:
        try:
            return self._times.read(fields[field])
        except PayloadRejected as rejection:
            raise PayloadRejected(rejection.code, f"{field}: {rejection.reason}") from rejection

    def _row(self, event: _Event) -> list[str]:
        """Under the headings: what the event needs and no more, so that the same interval stays the same event."""
        wanted = {"unit", "batch"}
        if event.kind == "unit_procedure_started":
            wanted |= {"position", *OF_A_START}
        elif event.kind.startswith("phase_"):
            wanted |= {"phase"}
        else:
            wanted |= {"reason"}
        said = {"event": event.kind, "time": from_us(event.time_us).isoformat()}
        said |= {name: text for name, text in event.fields.items() if name in wanted}
        return [said.get(heading, "") for heading in self.headings]
