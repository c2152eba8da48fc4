"""What every alert of a batch carries, whoever raises it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every alert of a batch carries."""

    start_us: int
    software: str
    lateness_us: int = 0  # how long after its end a bin waits for readings that come late
