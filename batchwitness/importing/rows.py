"""Rows of a file and where they stand in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from batchwitness.importing.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a file has been read: bytes or, in Parquet, rows; and the last line. Both 0: not at all."""

    offset: int
    line: int


BEGINNING = Place(offset=0, line=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRow:
    """Something in the place of a row that is none."""

    line: int
    text: str
    code: str
    reason: str

    def fault(self) -> Fault:
        """As what could not enter the record."""
        return Fault(line=self.line, column="", value=self.text, code=self.code, reason=self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows that follow each other."""

    lines: Sequence[int]  # the line of each row; in Parquet the number of the row, from 1
    rows: Sequence[Sequence[object]]  # under the table's headings
    raw: bytes  # as they stand in the file; of Parquet as JSON, a row a line
    broken: Sequence[BrokenRow]
    end: Place  # after the last of them
