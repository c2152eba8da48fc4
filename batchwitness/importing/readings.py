"""Take readings of a long or a wide table into a draft; what cannot be taken becomes a fault, cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from batchwitness.importing.fault import Fault
from batchwitness.importing.mapping import FileMapping, Layout, OtherNames
from batchwitness.importing.rows import Chunk
from batchwitness.importing.targets import Target, Targets
from batchwitness.importing.times import TimeReader
from batchwitness.importing.understood import FirstRows, reading_meaning
from batchwitness.importing.values import ValueReader
from store.draft import Draft
from store.errors import InputInvalid, PayloadRejected
from store.fields import within_window
from store.model.manual import EntryDisagreement, ManualEntry
from store.model.reading import Quality


@dataclass(slots=True)
class Taken:
    """What became of the cells of a chunk that hold values."""

    rows: int = 0
    readings: int = 0
    empty: int = 0  # cells in which nothing was recorded
    skipped: int = 0  # values under names that the mapping skips
    faults: list[Fault] = field(default_factory=list)
    entries: list[tuple[int, ManualEntry]] = field(default_factory=list)  # of paper, by journal entry
    disagreements: list[tuple[int, EntryDisagreement]] = field(default_factory=list)


class ReadingsReader:
    """Readings of one file."""

    def __init__(self, headings: Sequence[str], mapping: FileMapping, targets: Targets) -> None:
        """Raises InputInvalid for missing columns."""
        self._headings = headings
        self._mapping = mapping
        self._targets = targets
        self._times = TimeReader(mapping)
        self._values = ValueReader(mapping)
        self.first = FirstRows()
        self._time = column_of(headings, mapping, "time")
        self._unit, self._position, self._quality = (
            optional_column(headings, mapping, field) for field in ("unit", "position", "quality")
        )
        if mapping.layout is Layout.LONG:
            self._tag, self._value = column_of(headings, mapping, "tag"), column_of(headings, mapping, "value")
        else:
            self._tags = _tag_columns(headings, mapping)

    def take(self, draft: Draft, entry: int, chunk: Chunk) -> Taken:
        """Take a chunk whose bytes are an entry of the draft. Raises StoreUnavailable only."""
        taken = Taken(rows=len(chunk.rows) + len(chunk.broken))
        taken.faults += [broken.fault() for broken in chunk.broken]
        row_of = self._take_long if self._mapping.layout is Layout.LONG else self._take_wide
        received_us = draft.entries[entry].received_us
        for line, row in zip(chunk.lines, chunk.rows, strict=True):
            row_of(draft, entry, line, row, received_us, taken)
        return taken

    def _take_long(
        self, draft: Draft, entry: int, line: int, row: Sequence[object], received_us: int, taken: Taken
    ) -> None:
        column = self._tag
        try:
            target = self._target(row, row[column])
            if target is None:
                taken.skipped += 1
                return
            column = self._time
            source_us = within_window(
                self._times.read(row[column]), "time", earliest_us=target.unit.commissioned_us, received_us=received_us
            )
            column = self._value
            value = self._values.read(row[column])
            if value is None:
                if row[column] in ("", None) and "" not in self._mapping.missing:
                    raise PayloadRejected("null_value", "the value is missing")
                taken.empty += 1
                return
            if self._quality is not None:
                column = self._quality
            self._append(draft, entry, line, row, target, source_us, value, self._value, taken)
        except PayloadRejected as rejection:
            taken.faults.append(self._fault(line, column, row, rejection))

    def _take_wide(
        self, draft: Draft, entry: int, line: int, row: Sequence[object], received_us: int, taken: Taken
    ) -> None:
        column = self._time
        try:
            source_us = self._times.read(row[column])
        except PayloadRejected as rejection:
            taken.faults.append(self._fault(line, column, row, rejection))
            return
        for column, name in self._tags:
            try:
                value = self._values.read(row[column])
                if value is None:
                    taken.empty += 1
                    continue
                target = self._target(row, name)
                assert target is not None
                within_window(source_us, "time", earliest_us=target.unit.commissioned_us, received_us=received_us)
                self._append(draft, entry, line, row, target, source_us, value, column, taken)
            except PayloadRejected as rejection:
                taken.faults.append(self._fault(line, column, row, rejection))

    def _target(self, row: Sequence[object], name: object) -> Target | None:
        return self._targets.find(
            name,
            unit=None if self._unit is None else row[self._unit],
            position=None if self._position is None else row[self._position],
        )

    def _append(
        self,
        draft: Draft,
        entry: int,
        line: int,
        row: Sequence[object],
        target: Target,
        source_us: int,
        value: float,
        column: int,
        taken: Taken,
    ) -> None:
        quality = Quality.GOOD if self._quality is None else self._values.quality(row[self._quality])
        value, quality = put(draft, entry, target, source_us, value, quality)
        taken.readings += 1
        if self.first.wanted:
            long = self._mapping.layout is Layout.LONG
            name = str(row[self._tag]) if long else self._headings[column]
            self.first.add(
                line,
                f"{row[self._time]} | {name} | {row[column]}",
                reading_meaning(target.place, source_us, value, target.unit_of_measure, quality),
            )

    def _fault(self, line: int, column: int, row: Sequence[object], rejection: PayloadRejected) -> Fault:
        return Fault(
            line=line,
            column=self._headings[column],
            value=str(row[column]),
            code=rejection.code,
            reason=rejection.reason,
        )


def put(
    draft: Draft, entry: int, target: Target, source_us: int, value: float, quality: Quality
) -> tuple[float, Quality]:
    """Take one reading into a draft; returns it as stored: converted, and bad outside the physical range."""
    if target.convert is not None:
        value = target.convert(value)
    if not target.tag.physical_low <= value <= target.tag.physical_high:
        quality = Quality.BAD
    draft.readings.add(entry, target.unit.unit_id, source_us, (target.tag.tag_id,), (value,), (quality,))
    return value, quality


def column_of(headings: Sequence[str], mapping: FileMapping, field: str) -> int:
    """Where a field stands. Raises InputInvalid when it stands nowhere."""
    heading = mapping.heading(field)
    if heading not in headings:
        raise InputInvalid(f"no column {heading!r} for {field}; there are {', '.join(map(repr, headings))}")
    return headings.index(heading)


def optional_column(headings: Sequence[str], mapping: FileMapping, field: str) -> int | None:
    """The same, None where it stands nowhere and the mapping does not say that it does."""
    stands = mapping.heading(field) in headings or field in mapping.columns
    return column_of(headings, mapping, field) if stands else None


def _tag_columns(headings: Sequence[str], mapping: FileMapping) -> list[tuple[int, str]]:
    """Columns that hold values, with their headings."""
    missing = [name for name in mapping.names if name not in headings]
    if missing:
        raise InputInvalid(f"no columns {', '.join(map(repr, missing))}; there are {', '.join(map(repr, headings))}")
    meant = {mapping.heading(field) for field in ("time", "unit", "position", "quality")}
    others = [heading for heading in headings if heading not in mapping.names and heading not in meant]
    if others and mapping.other_names is OtherNames.PUT_ASIDE:
        raise InputInvalid(
            f"the mapping does not say which tags {', '.join(map(repr, others))} are: list them under names, or say "
            "what becomes of others by other_names"
        )
    taken = [*mapping.names, *(others if mapping.other_names is OtherNames.TAKE else ())]
    return [(headings.index(name), name) for name in taken]
