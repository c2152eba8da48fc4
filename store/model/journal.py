"""The append-only record of everything the system reacted to, in the order it was taken."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class EntryKind(StrEnum):
    """What a journal entry carries."""

    MESSAGE = "message"  # bytes that arrived from a broker or an import, with their topic
    MANUAL = "manual"  # something a person entered
    CONTROL = "control"  # reference activated, interval corrected, limit changed
    TICK = "tick"  # time passed: plant time, host time and their rate


class Entry(NamedTuple):
    """One thing the system reacted to, exactly as it came. A tuple, because there is one for every message."""

    kind: EntryKind
    topic: str
    payload: bytes
    received_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One writer's line of blocks. Whoever holds the newest epoch may append, nobody else."""

    chain_id: int
    name: str
    epoch: int
    seq: int  # of the last block, 0 before the first
    digest: bytes  # of the last block


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Entries committed together. digest = H(previous ‖ header ‖ Merkle root of the entries)."""

    chain_id: int
    seq: int
    entries: int
    merkle_root: bytes
    digest: bytes
