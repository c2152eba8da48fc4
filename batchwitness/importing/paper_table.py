"""A paper record as two people typed it in, each into a file of their own, joined place by place.

A place is a tag of a unit and a position at a time as written down. What stands in one of the files alone comes as a
row of which one half is empty.
"""

from collections.abc import Iterator, Sequence

import orjson

from batchwitness.importing.mapping import FileMapping
from batchwitness.importing.rows import BEGINNING, BrokenRow, Chunk, Place
from batchwitness.importing.table import Table
from batchwitness.importing.times import TimeReader
from store.errors import InputInvalid, PayloadRejected

PLACE = ("time", "unit", "position", "tag")
OF_AN_ENTRY = ("value", "entered_by", "entered_at")
OF_THE_SECOND = ("second_value", "second_by", "second_at")
ROWS_READ_AT_ONCE = 1_000

Row = Sequence[object]


class PaperTable:
    """The first file's rows with the second one's entries beside them. Both are held in memory."""

    def __init__(self, first: Table, second: Table, mapping: FileMapping) -> None:
        """Raises InputInvalid for columns that are missing, or that a second file makes ambiguous."""
        self._mapping = mapping
        self._times = TimeReader(mapping)
        self._first, self._second = first, second
        for field in ("time", "tag", *OF_AN_ENTRY):
            if mapping.heading(field) not in second.headings:
                raise InputInvalid(f"the second file has no column {mapping.heading(field)!r} for {field}")
        self._added = [mapping.heading(field) for field in OF_THE_SECOND]
        if set(self._added) & set(first.headings):
            raise InputInvalid(f"there is a second file, so {', '.join(self._added)} cannot be columns of the first")
        self.headings: Sequence[str] = (*first.headings, *self._added)

    def chunks(self, place: Place, *, rows: int) -> Iterator[Chunk]:
        """Both files as they stand, then chunks of up to so many joined rows; the place counts those."""
        files = []
        for table in (self._first, self._second):
            files.append(chunks := list(table.chunks(BEGINNING, rows=ROWS_READ_AT_ONCE)))
            if place == BEGINNING:
                for chunk in chunks:
                    yield Chunk(lines=(), rows=(), raw=chunk.raw, broken=chunk.broken, end=Place(offset=1, line=0))
        joined, broken = self._join(_rows(files[0]), _rows(files[1]))
        for first in range(max(place.offset - 1, 0), len(joined), rows):
            some = joined[first : first + rows]
            yield Chunk(
                lines=[line for line, _ in some],
                rows=[row for _, row in some],
                raw=b"".join(orjson.dumps(row, default=str) + b"\n" for _, row in some),
                broken=broken if first == 0 else (),
                end=Place(offset=1 + first + len(some), line=first + len(some)),
            )

    def _join(
        self, first: Sequence[tuple[int, Row]], second: Sequence[tuple[int, Row]]
    ) -> tuple[list[tuple[int, Row]], list[BrokenRow]]:
        entries: dict[tuple[object, ...], tuple[int, Row]] = {}
        broken = []
        for line, row in second:
            key = self._key(self._second, row)
            if key in entries:
                text = self._mapping.delimiter.join(map(str, row))
                reason = f"the second file has this place in line {entries[key][0]} already"
                broken.append(BrokenRow(line=line, text=text, code="entered_twice", reason=reason))
            else:
                entries[key] = line, row
        joined: list[tuple[int, Row]] = []
        for line, row in first:
            _, other = entries.pop(self._key(self._first, row), (0, None))
            halves = ("", "", "") if other is None else self._cells(self._second, other, OF_AN_ENTRY)
            joined.append((line, (*row, *halves)))
        for line, row in entries.values():
            said = dict(zip(PLACE, self._cells(self._second, row, PLACE), strict=True))
            fields = {heading: field for field, heading in self._mapping.columns.items()}
            alone = [said.get(fields.get(heading, heading), "") for heading in self._first.headings]
            joined.append((line, (*alone, *self._cells(self._second, row, OF_AN_ENTRY))))
        return joined, broken

    def _key(self, table: Table, row: Row) -> tuple[object, ...]:
        time, *rest = self._cells(table, row, PLACE)
        try:
            return (self._times.read(time), *rest)
        except PayloadRejected:
            return (time, *rest)

    def _cells(self, table: Table, row: Row, fields: Sequence[str]) -> tuple[object, ...]:
        """The cells of these fields, empty where there is no such column."""
        headings = list(table.headings)
        found = []
        for field in fields:
            heading = self._mapping.heading(field)
            cell = row[headings.index(heading)] if heading in headings else ""
            found.append(cell.strip() if isinstance(cell, str) else cell)
        return tuple(found)


def _rows(chunks: Sequence[Chunk]) -> list[tuple[int, Row]]:
    return [found for chunk in chunks for found in zip(chunk.lines, chunk.rows, strict=True)]
