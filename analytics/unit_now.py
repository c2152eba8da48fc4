"""What a board shows of a running batch."""

from dataclasses import dataclass

from analytics.alignment import PassedOver


@dataclass(frozen=True, slots=True, kw_only=True)
class TagNow:
    """What is known of one tag at the last closed cell."""

    tag: str
    cell: int | None  # index of the last closed cell that held a reading
    value: float | None  # its median
    z: float | None  # distance from the new reference in SD, clipped at ±6
    in_envelope: bool | None  # None: nothing to compare with
    worst_ratio: float | None  # largest score over limit among the layers that judge this tag
    late_readings: int
    silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitNow:
    """The batch at a glance."""

    batch: str
    process_hour: float | None  # of the watermark
    data_until_us: int | None  # the watermark
    in_envelope: bool | None
    worst_ratio: float | None
    tags: tuple[TagNow, ...]
    open_alerts: tuple[int, ...]  # ordinals
    path: tuple[tuple[int, int, int | None], ...]  # stretches of closed cells: from, until, position on the course
    passed_over: tuple[PassedOver, ...]  # starts of phases that moved the batch nowhere on its course
