"""One value of one tag at one instant."""

from dataclasses import dataclass
from enum import IntEnum

from store.model.ids import TagId


class Quality(IntEnum):
    """How far a value may be trusted; the numbers are OPC's major classes, as stored."""

    BAD = 0
    UNCERTAIN = 64
    GOOD = 192


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one tag at one instant. It carries no batch: that follows from the unit procedure's interval."""

    tag_id: TagId
    source_time_us: int  # when the source says the value was true
    value: float  # in the tag's unit_of_measure; finite
    quality: Quality = Quality.GOOD
