"""Monitors of a benchmark's own batches."""

from collections.abc import Sequence

from analytics.monitor import BatchMonitor
from analytics.reference import ReferenceModel
from store.model.ids import TagId, UnitId
from store.model.plant import ReportingMode, Tag


def tags_named(names: Sequence[str], *, interval_s: float) -> list[Tag]:
    """Tags that speak at an interval, numbered in their order from 0."""
    return [
        Tag(
            tag_id=TagId(number),
            unit_id=UnitId(1),
            position_id=None,
            name=name,
            measurand=name,
            unit_of_measure="1",
            physical_low=None,
            physical_high=None,
            reporting_mode=ReportingMode.PERIODIC,
            interval_s=interval_s,
            mapped=True,
        )
        for number, name in enumerate(names)
    ]


def monitor_of(reference: ReferenceModel, tags: Sequence[Tag]) -> BatchMonitor:
    """Of a batch that starts at 0 µs, against a reference of the new process alone."""
    return BatchMonitor.start(
        batch="bench",
        start_us=0,
        tags=tags,
        reference_new=reference,
        reference_old=None,
        ranges=(),
        correspondences=(),
        software="bench",
    )
