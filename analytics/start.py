"""What a monitor is started with, and how that is written down and read again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from analytics.plan import ApprovedRange, TagCorrespondence
from store.model.ids import PositionId, TagId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.result import LimitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a monitor was started with; it never changes."""

    batch: str
    start_us: int
    tags: tuple[Tag, ...]
    ranges: tuple[ApprovedRange, ...]
    correspondences: tuple[TagCorrespondence, ...]
    software: str
    lateness_us: int
    digest_new: str | None
    digest_old: str | None

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The start those fields describe."""
        return cls(**{**fields, **plan_from(fields)})


def plan_from(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The tags, approved ranges and correspondences that `asdict` wrote, by the names it gave them."""
    return {
        "tags": _tags(fields["tags"]),
        "ranges": tuple(ApprovedRange(**{**item, "kind": LimitKind(item["kind"])}) for item in fields["ranges"]),
        "correspondences": tuple(TagCorrespondence(**item) for item in fields["correspondences"]),
    }


def _tags(items: Iterable[Mapping[str, Any]]) -> tuple[Tag, ...]:
    return tuple(
        Tag(
            **{
                **item,
                "tag_id": TagId(item["tag_id"]),
                "unit_id": UnitId(item["unit_id"]),
                "position_id": None if item["position_id"] is None else PositionId(item["position_id"]),
                "reporting_mode": ReportingMode(item["reporting_mode"]),
            }
        )
        for item in items
    )
