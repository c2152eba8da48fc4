"""What a run of a monitor is pinned to besides its references: written down when it begins, to be played again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from analytics.monitor import BatchMonitor
from analytics.plan import ApprovedRange, TagCorrespondence
from analytics.reference import ReferenceModel
from analytics.segment import Tick
from analytics.start import plan_from
from store.model.ids import ProcessVersionId
from store.model.plant import Tag
from store.model.times import US_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Tags, approved ranges and correspondences as they were when the batch was first watched, and when it began."""

    started_us: int
    process_version_id: ProcessVersionId
    tags: tuple[Tag, ...]
    ranges: tuple[ApprovedRange, ...]
    correspondences: tuple[TagCorrespondence, ...]
    cell_lateness_s: float
    transport_allowance_s: float  # host seconds
    first_tick: Tick | None  # the last one before the run's first block

    def begin(
        self, *, batch: str, new: ReferenceModel | None, old: ReferenceModel | None, software: str
    ) -> BatchMonitor:
        """A monitor at its very beginning."""
        monitor = BatchMonitor.start(
            batch=batch,
            start_us=self.started_us,
            tags=self.tags,
            reference_new=new,
            reference_old=old,
            ranges=self.ranges,
            correspondences=self.correspondences,
            software=software,
            lateness_us=int(self.cell_lateness_s * US_PER_S),
        )
        if self.first_tick is not None:  # so that a clock that is ahead is held back from the first reading on
            monitor.hold_back(self.first_tick)
        return monitor

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The configuration those fields describe."""
        return cls(
            started_us=fields["started_us"],
            process_version_id=ProcessVersionId(fields["process_version_id"]),
            **plan_from(fields),
            cell_lateness_s=fields["cell_lateness_s"],
            transport_allowance_s=fields["transport_allowance_s"],
            first_tick=None if fields["first_tick"] is None else Tick(**fields["first_tick"]),
        )
