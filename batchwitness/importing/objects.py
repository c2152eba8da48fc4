"""Take rows that are events or results: each becomes the JSON object of its topic and goes the way of a message."""

from collections.abc import Mapping, Sequence

from batchwitness.importing.fault import Fault
from batchwitness.importing.mapping import FileMapping, Kind
from batchwitness.importing.readings import Taken
from batchwitness.importing.results import result_object
from batchwitness.importing.rows import Chunk
from batchwitness.importing.targets import Targets
from batchwitness.importing.times import TimeReader
from batchwitness.importing.understood import FirstRows
from store.draft import Draft
from store.errors import PayloadRejected
from store.events import draft_event
from store.model.times import from_us
from store.results import draft_result

EVENT_TIMES = ("time", "required_by")


class ObjectsReader:
    """Events or results of one file. An empty cell is an absent field."""

    def __init__(self, headings: Sequence[str], mapping: FileMapping, targets: Targets) -> None:
        fields = {heading: field for field, heading in mapping.columns.items()}
        self._fields = [fields.get(heading, heading) for heading in headings]
        self._mapping = mapping
        self._targets = targets
        self._times = TimeReader(mapping)
        self.first = FirstRows()

    def take(self, draft: Draft, entry: int, chunk: Chunk) -> Taken:
        """Take a chunk whose bytes are an entry of the draft. Raises StoreUnavailable only."""
        taken = Taken(rows=len(chunk.rows) + len(chunk.broken))
        taken.faults += [broken.fault() for broken in chunk.broken]
        take_row = self._take_result if self._mapping.kind is Kind.RESULTS else self._take_event
        for line, row in zip(chunk.lines, chunk.rows, strict=True):
            fields = {name: str(cell).strip() for name, cell in zip(self._fields, row, strict=True) if cell is not None}
            fields = {name: text for name, text in fields.items() if text}
            try:
                take_row(draft, entry, line, fields)
            except PayloadRejected as rejection:
                taken.faults.append(
                    Fault(line=line, column="", value=str(fields), code=rejection.code, reason=rejection.reason)
                )
        return taken

    def _take_event(self, draft: Draft, entry: int, line: int, fields: Mapping[str, str]) -> None:
        unit = self._targets.unit(fields.get("unit"))
        body = with_instants({name: text for name, text in fields.items() if name != "unit"}, EVENT_TIMES, self._times)
        draft_event(draft, entry, body, item=f"line {line}, ", unit=unit)
        self._keep(line, fields, body)

    def _take_result(self, draft: Draft, entry: int, line: int, fields: Mapping[str, str]) -> None:
        body = result_object(fields, lambda text: from_us(self._times.read(text)).isoformat())
        draft_result(draft, entry, body, item=f"line {line}")
        self._keep(line, fields, body)

    def _keep(self, line: int, fields: Mapping[str, str], body: Mapping[str, object]) -> None:
        if self.first.wanted:
            self.first.add(
                line, " | ".join(fields.values()), ", ".join(f"{name} {said}" for name, said in body.items())
            )


def with_instants(fields: Mapping[str, str], times: Sequence[str], reader: TimeReader) -> dict[str, object]:
    """The fields with those that are times read. Raises PayloadRejected naming the field."""
    body: dict[str, object] = dict(fields)
    for name in times:
        if name in body:
            try:
                body[name] = from_us(reader.read(fields[name])).isoformat()
            except PayloadRejected as rejection:
                raise PayloadRejected(rejection.code, f"{name}: {rejection.reason}") from rejection
    return body
