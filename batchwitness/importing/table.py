"""Read the rows of a file in chunks, each with its place in the file and its original bytes."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from batchwitness.importing.mapping import FileMapping
from batchwitness.importing.parquet import ParquetTable
from batchwitness.importing.rows import BrokenRow, Chunk, Place
from store.errors import InputInvalid

MOST_LINE_BYTES = 1 << 20  # a line without end is cut there, and its pieces are put aside as rows


class Table(Protocol):
    """A file of rows under headings."""

    @property
    def headings(self) -> Sequence[str]:
        """One for each column."""
        ...

    def chunks(self, place: Place, *, rows: int) -> Iterator[Chunk]:
        """Chunks of up to so many rows, from a place on where an earlier chunk ended."""
        ...


def open_table(path: Path, mapping: FileMapping) -> Table:
    """Look at a file's headings. Raises InputInvalid when it has none or the same one twice."""
    table: Table = ParquetTable(path) if path.suffix == ".parquet" else CsvTable(path, mapping)
    if len(set(table.headings)) != len(table.headings):
        twice = sorted({heading for heading in table.headings if table.headings.count(heading) > 1})
        raise InputInvalid(f"{path.name}: the headings {', '.join(map(repr, twice))} stand there more than once")
    return table


class CsvTable:
    """Separated values, one record a row; quoted fields may hold line ends."""

    def __init__(self, path: Path, mapping: FileMapping) -> None:
        self._path = path
        self._mapping = mapping
        with path.open("rb") as file:
            lines = _Lines(file, mapping.encoding, line=0)
            for _ in range(mapping.skip_lines):
                next(lines, None)
            headings = next(self._reader(lines), None)
            self._body = Place(offset=file.tell(), line=lines.line)
        if not headings:
            raise InputInvalid(f"{path.name}: no headings in line {mapping.skip_lines + 1}")
        self.headings = [heading.removeprefix("\ufeff").strip() for heading in headings]

    def chunks(self, place: Place, *, rows: int) -> Iterator[Chunk]:
        """Chunks of up to so many rows; an empty line is no row."""
        begin = place if place.offset else self._body
        with self._path.open("rb") as file:
            file.seek(begin.offset)
            lines = _Lines(file, self._mapping.encoding, line=begin.line)
            reader = self._reader(lines)
            while (chunk := self._chunk(file, lines, reader, rows)) is not None:
                yield chunk

    def _chunk(self, file: BinaryIO, lines: "_Lines", reader: Iterator[list[str]], most: int) -> Chunk | None:
        taken: list[list[str]] = []
        places: list[int] = []
        broken: list[BrokenRow] = []
        width = len(self.headings)
        while len(lines.raw) < most:
            line = lines.line + 1
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                broken.append(
                    BrokenRow(line=line, text="", code="bad_row", reason=f"no row of separated values: {error}")
                )
                continue
            if len(row) == width:
                taken.append(row)
                places.append(line)
            elif row:
                reason = f"{len(row)} fields where the headings have {width}"
                text = self._mapping.delimiter.join(row)
                broken.append(BrokenRow(line=line, text=text, code="bad_row", reason=reason))
        raw = lines.take()
        if not raw:
            return None
        if not _decodes(raw, self._mapping.encoding):
            taken, places = self._without_undecoded(taken, places, broken)
        return Chunk(lines=places, rows=taken, raw=raw, broken=broken, end=Place(offset=file.tell(), line=lines.line))

    def _without_undecoded(
        self, rows: list[list[str]], lines: list[int], broken: list[BrokenRow]
    ) -> tuple[list[list[str]], list[int]]:
        kept = []
        for row, line in zip(rows, lines, strict=True):
            text = self._mapping.delimiter.join(row)
            if any("\udc80" <= character <= "\udcff" for character in text):
                reason = f"bytes that are not {self._mapping.encoding}"
                broken.append(BrokenRow(line=line, text=text, code="bad_text", reason=reason))
            else:
                kept.append((row, line))
        return [row for row, _ in kept], [line for _, line in kept]

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._mapping.delimiter)


class _Lines:
    """Decoded lines of a file, and the bytes of those since the last `take`."""

    def __init__(self, file: BinaryIO, encoding: str, *, line: int) -> None:
        self._file = file
        self._encoding = encoding
        self.line = line  # the number of the last line given
        self.raw: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(MOST_LINE_BYTES)
        if not raw:
            raise StopIteration
        self.raw.append(raw)
        self.line += 1
        return raw.decode(self._encoding, "surrogateescape")

    def take(self) -> bytes:
        taken = b"".join(self.raw)
        self.raw.clear()
        return taken


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
