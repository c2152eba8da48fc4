"""The pure state machine that watches one batch: segments in, alerts out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from analytics.plan import ApprovedRange, TagCorrespondence
from analytics.reference import ReferenceModel
from analytics.segment import Segment
from store.model.alert import Alert
from store.model.plant import Tag


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


class BatchMonitor:
    """Watches one batch. Deterministic: the same segments, phases and close give the same alerts."""

    @classmethod
    def start(
        cls,
        *,
        batch: str,
        start_us: int,
        tags: Sequence[Tag],
        reference_new: ReferenceModel | None,
        reference_old: ReferenceModel | None,
        ranges: Sequence[ApprovedRange],
        correspondences: Sequence[TagCorrespondence],
        software: str,
        lateness_us: int = 0,
    ) -> Self:
        """A monitor for a batch that starts. `tags` are those of its unit and position."""
        raise NotImplementedError

    def feed(self, segment: Segment) -> list[Alert]:
        """Alerts newly raised or changed by this segment; the same ordinal again is an update or an end."""
        raise NotImplementedError

    def phase(self, name: str, started_us: int) -> None:
        """A phase started; declared blind times count from it."""
        raise NotImplementedError

    def close(self, ended_us: int) -> list[Alert]:
        """The batch ended: judge the cells that are complete and end what is open."""
        raise NotImplementedError

    def units_now(self) -> UnitNow:
        """What a board shows of this batch."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """Canonical state, without the references."""
        raise NotImplementedError

    @classmethod
    def from_bytes(
        cls, data: bytes, *, reference_new: ReferenceModel | None, reference_old: ReferenceModel | None
    ) -> Self:
        """The monitor whose state this is. Raises ValueError when the references are not those it started with."""
        raise NotImplementedError
