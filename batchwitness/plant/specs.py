"""What a simulated batch is made from."""

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from batchwitness.plant.faults import Fault

ProcessName: TypeAlias = Literal["MAN-1.0", "AUTO-2.0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec:
    """One batch to simulate. The fault, if any, is known here and never in what the batch publishes."""

    name: str
    process: ProcessName
    donor: str  # pseudonym; the same donor has the same cells in every batch
    seed: int
    fault: Fault | None = None
    activator_lot: str = "ACT-01"
    vector_lot: str = "VEC-01"
    clock_h: float = 9.0  # hour of the day at which it starts
    phases_sd_h: float = (
        0.0  # by how much operators begin a phase of the automated process earlier or later; 0: by clock
    )


def randomness(*parts: str | int) -> np.random.Generator:
    """A generator that depends on the parts alone: the same batch draws the same numbers in any company."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
