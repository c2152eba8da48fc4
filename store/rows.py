"""The readings a block newly stored of one unit, as bytes in the journal: what analytics reads and a replay re-reads.

Layout, version 1: the byte 1, then zlib of the columns one after another, little-endian, each as long as the block has
readings: entry u4, tag_id i4, source_time_us i8, value f8, quality u1. Order: as taken.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VERSION = 1
COLUMNS = (("entry", "<u4"), ("tag_id", "<i4"), ("time_us", "<i8"), ("value", "<f8"), ("quality", "<u1"))
BYTES_A_READING = sum(np.dtype(kind).itemsize for _, kind in COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRows:
    """Readings of one unit in one block: five arrays of equal length, in the order taken."""

    entry: npt.NDArray[np.uint32]
    tag_id: npt.NDArray[np.int32]
    time_us: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]


def encode_rows(rows: UnitRows) -> bytes:
    """The bytes of these rows."""
    columns = b"".join(getattr(rows, name).astype(kind).tobytes() for name, kind in COLUMNS)
    return bytes([VERSION]) + zlib.compress(columns, level=1)


def decode_rows(data: bytes) -> UnitRows:
    """The rows of these bytes. Raises ValueError for another version.

    >>> import numpy
    >>> one = UnitRows(
    ...     entry=numpy.array([7], dtype="u4"), tag_id=numpy.array([3], dtype="i4"),
    ...     time_us=numpy.array([5], dtype="i8"), value=numpy.array([0.1]), quality=numpy.array([192], dtype="u1"),
    ... )
    >>> decode_rows(encode_rows(one)) == one
    True
    """
    if data[0] != VERSION:
        raise ValueError(f"journal rows of version {data[0]}; this software reads version {VERSION}")
    columns = zlib.decompress(data[1:])
    count = len(columns) // BYTES_A_READING
    arrays = {}
    offset = 0
    for name, kind in COLUMNS:
        arrays[name] = np.frombuffer(columns, dtype=kind, count=count, offset=offset)
        offset += count * np.dtype(kind).itemsize
    return UnitRows(**arrays)
