"""Rows of a Parquet file, in the chunks that rows of separated values come in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet

from batchwitness.importing.rows import Chunk, Place
from store.errors import InputInvalid


class ParquetTable:
    """A file of columns. Times finer than a microsecond are cut to it."""

    headings: Sequence[str]

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                self.headings = [str(name) for name in file.schema_arrow.names]
        except (pa.ArrowException, OSError) as error:
            raise InputInvalid(f"{path.name} is no Parquet file: {error}") from error

    def chunks(self, place: Place, *, rows: int) -> Iterator[Chunk]:
        """Chunks of up to so many rows; the place counts rows."""
        before = 0
        with pyarrow.parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=rows):
                first, before = before, before + batch.num_rows
                if before <= place.offset:
                    continue
                taken = list(zip(*(_values(column) for column in batch.columns), strict=True))
                if first < place.offset:
                    taken, first = taken[place.offset - first :], place.offset
                yield Chunk(
                    lines=range(first + 1, first + len(taken) + 1),
                    rows=taken,
                    raw=b"".join(orjson.dumps(row, default=str) + b"\n" for row in taken),
                    broken=(),
                    end=Place(offset=before, line=before),
                )


def _values(column: Any) -> list[object]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    values: list[object] = column.to_pylist()
    return values
