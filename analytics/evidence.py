"""What the limits of a reference were made of, kept for its review packet."""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics.limits import Family
from analytics.reference import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Of every batch that was learned from: its scores by references without it, and those references."""

    batches: tuple[str, ...]
    families: Mapping[str, Family]  # the largest scores, (batches, channels)
    without_each: tuple[Trajectory, ...]  # with the limits that the others set
