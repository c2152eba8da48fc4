"""Canonical bytes for models and states: a sorted JSON header followed by little-endian arrays.

The same content gives the same bytes on every machine, so bytes can be hashed and compared.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_TYPES = {"<f8", "<i8", "<i4", "|u1", "|b1"}


class UnknownFormat(ValueError):
    """These bytes were not written by this version of this kind of object."""


def pack(kind: str, version: int, fields: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Header and arrays as one string of bytes. Fields must be JSON; floats keep every bit."""
    shapes = {}
    body = []
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        dtype = array.dtype.newbyteorder("<").str
        if dtype not in _TYPES:
            raise TypeError(f"{name} has a type that is not stored: {dtype}")
        shapes[name] = [dtype, list(array.shape)]
        body.append(array.astype(dtype, copy=False).tobytes())
    header = json.dumps(
        {"kind": kind, "version": version, "fields": dict(fields), "arrays": shapes},
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    ).encode()
    return struct.pack("<I", len(header)) + header + b"".join(body)


def unpack(kind: str, version: int, data: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """What was packed. Raises UnknownFormat for another kind, another version or damaged bytes."""
    try:
        (length,) = struct.unpack_from("<I", data)
        header = json.loads(data[4 : 4 + length])
        written = header["kind"], header["version"]
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise UnknownFormat(f"not the bytes of a {kind}") from error
    if written != (kind, version):
        raise UnknownFormat(f"expected {kind} version {version}, found {written[0]} version {written[1]}")
    at = 4 + length
    arrays = {}
    for name in sorted(header["arrays"]):
        dtype, shape = header["arrays"][name]
        count = int(np.prod(shape, dtype=np.int64))
        size = count * np.dtype(dtype).itemsize
        if at + size > len(data):
            raise UnknownFormat(f"the bytes of this {kind} end inside {name}")
        arrays[name] = np.frombuffer(data, dtype, count, at).reshape(shape).copy()
        at += size
    if at != len(data):
        raise UnknownFormat(f"{len(data) - at} bytes follow this {kind}")
    return header["fields"], arrays
