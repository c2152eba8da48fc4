"""What a monitor is told besides its references: approved ranges and signed tag correspondences."""

from dataclasses import dataclass

from store.model.result import LimitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedRange:
    """A range somebody approved for a tag. Readings outside it raise `range`, whatever the references say."""

    tag: str  # name
    low: float | None  # in the tag's unit_of_measure; None: unbounded
    high: float | None
    kind: LimitKind
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCorrespondence:
    """A signed statement that a tag of the new process measures what a tag of the old one did."""

    new_tag: str  # names
    old_tag: str
    phase: str | None = None  # None: in every phase
