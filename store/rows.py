"""The readings a block newly stored of one unit, as bytes in the journal: what analytics reads and a replay re-reads.

Layout, version 3: the byte 3, then Zstandard (RFC 8878) of, little-endian, the number of tags u4, `places` u1, tags'
ids i4 and how many readings each has u4, and then columns over the readings ordered by (tag, time): source_time_us,
entry, value and quality. Times, entries and values are differences from the reading before (of a tag's first: from the
first of the tag before), zigzag coded as u8 and laid out byte by byte of equal weight: what changes little then
compresses to nearly nothing. Values are whole numbers after multiplication by 10^places, where that gives back each of
them bit for bit; otherwise `places` is 255 and they are f8. 21 tags with three decimals take 0.6 bytes a reading in
blocks of a thousand messages, 2.2 in blocks of ten, 12.4 in blocks of one (`make bench ARGS=storage`, with indexes).
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from store.packing import packed, unpacked

VERSION = 3
HEAD = struct.Struct("<IB")
MOST_PLACES = 6
AS_FLOATS = 255
EXACT = 2.0**53  # whole numbers of a float up to here are exact

Longs = npt.NDArray[np.int64]
Bytes8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRows:
    """Readings of one unit in one block: five arrays of equal length, ordered by entry, source time and tag."""

    entry: npt.NDArray[np.uint32]
    tag_id: npt.NDArray[np.int32]
    time_us: Longs
    value: npt.NDArray[np.float64]
    quality: Bytes8

    def between(self, first: int, last: int) -> "UnitRows":
        """Those from a position up to, and without, another."""
        return self.where(slice(first, last))

    def joined(self, other: "UnitRows") -> "UnitRows":
        """Both, in order."""
        entry = np.concatenate([self.entry, other.entry])
        time_us = np.concatenate([self.time_us, other.time_us])
        tag_id = np.concatenate([self.tag_id, other.tag_id])
        order = np.lexsort((tag_id, time_us, entry))
        return UnitRows(
            entry=entry[order],
            tag_id=tag_id[order],
            time_us=time_us[order],
            value=np.concatenate([self.value, other.value])[order],
            quality=np.concatenate([self.quality, other.quality])[order],
        )

    def where(self, chosen: npt.NDArray[np.bool_] | slice) -> "UnitRows":
        """The chosen ones, in their order."""
        return UnitRows(
            entry=self.entry[chosen],
            tag_id=self.tag_id[chosen],
            time_us=self.time_us[chosen],
            value=self.value[chosen],
            quality=self.quality[chosen],
        )


def encode_rows(rows: UnitRows) -> bytes:
    """The bytes of these rows, in whatever order they are; no tag may have two of one time."""
    order = np.lexsort((rows.time_us, rows.tag_id))
    tag_id = rows.tag_id[order]
    first = np.flatnonzero(np.append(True, tag_id[1:] != tag_id[:-1])) if len(tag_id) else np.empty(0, np.int64)
    value = rows.value[order]
    places, numbers = _whole(value)
    data = b"".join(
        (
            HEAD.pack(len(first), places),
            tag_id[first].astype("<i4").tobytes(),
            np.diff(np.append(first, len(tag_id))).astype("<u4").tobytes(),
            _by_weight(_differences(rows.time_us[order], first)),
            _by_weight(_differences(rows.entry[order].astype(np.int64), first)),
            _by_weight(value.astype("<f8")) if numbers is None else _by_weight(_differences(numbers, first)),
            rows.quality[order].tobytes(),
        )
    )
    return bytes([VERSION]) + packed(data)


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
    body = unpacked(data[1:])
    tags, places = HEAD.unpack_from(body)
    ids = np.frombuffer(body, "<i4", tags, HEAD.size)
    lengths = np.frombuffer(body, "<u4", tags, HEAD.size + 4 * tags).astype(np.int64)
    count = int(lengths.sum())
    first = np.cumsum(lengths) - lengths
    at = HEAD.size + 8 * tags
    columns = [_from_weight(body, count, at + 8 * count * number) for number in range(3)]
    time_us = _sums(columns[0], first)
    entry = _sums(columns[1], first)
    value = columns[2].view("<f8") if places == AS_FLOATS else _sums(columns[2], first) / 10.0**places
    tag_id = np.repeat(ids, lengths)
    order = np.lexsort((tag_id, time_us, entry))
    return UnitRows(
        entry=entry[order].astype(np.uint32),
        tag_id=tag_id[order].astype(np.int32),
        time_us=time_us[order],
        value=value[order].astype(np.float64),
        quality=np.frombuffer(body, np.uint8, count, at + 24 * count)[order],
    )


def _whole(value: npt.NDArray[np.float64]) -> tuple[int, Longs | None]:
    """The values as whole numbers of the smallest power of ten that gives them all back, if one does."""
    for places in range(MOST_PLACES + 1):
        scaled = np.rint(value * 10.0**places)
        if not (np.abs(scaled) < EXACT).all():
            break
        numbers = scaled.astype(np.int64)
        # Compared as bits: −0.0 is not 0.0.
        if np.array_equal((numbers / 10.0**places).view(np.int64), value.view(np.int64)):
            return places, numbers
    return AS_FLOATS, None


def _differences(column: Longs, first: Longs) -> npt.NDArray[np.uint64]:
    """Zigzag-coded differences within each tag; `first` are the positions at which the tags begin."""
    difference = np.diff(column, prepend=np.int64(0))
    difference[first] = np.diff(column[first], prepend=np.int64(0))
    return ((difference << 1) ^ (difference >> 63)).view(np.uint64)


def _sums(coded: npt.NDArray[np.uint64], first: Longs) -> Longs:
    """What `_differences` was given. Sums wrap around as the differences did, so every 64-bit number comes back."""
    difference = (coded >> np.uint64(1)).view(np.int64) ^ -(coded & np.uint64(1)).view(np.int64)
    column = np.cumsum(difference)
    if len(first):
        starts = np.cumsum(difference[first])
        column += np.repeat(starts - column[first], np.diff(np.append(first, len(column))))
    return column


def _by_weight(column: npt.NDArray[np.uint64] | npt.NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(column.view(np.uint8).reshape(len(column), 8).T).tobytes()


def _from_weight(body: bytes, count: int, at: int) -> npt.NDArray[np.uint64]:
    planes = np.frombuffer(body, np.uint8, 8 * count, at).reshape(8, count)
    return np.ascontiguousarray(planes.T).view("<u8").reshape(count)
