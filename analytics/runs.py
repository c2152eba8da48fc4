"""Completed batches as references are learned from them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.segment import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedRun:
    """What was measured in one batch: per tag name the hours since its start and the values, of equal length.

    Only good and uncertain readings belong here. Order does not matter.
    """

    batch: str
    tags: Mapping[str, tuple[Floats, Floats]]

    def digest(self) -> bytes:
        """SHA-256 over the batch's name, its tags in order of name and their readings in order of time."""
        sha = hashlib.sha256(self.batch.encode())
        for name in sorted(self.tags):
            times_h, values = self.tags[name]
            order = np.lexsort((values, times_h))
            sha.update(f"\0{name}\0{len(times_h)}\0".encode())
            sha.update(np.ascontiguousarray(times_h[order], "<f8").tobytes())
            sha.update(np.ascontiguousarray(values[order], "<f8").tobytes())
        return sha.digest()
