"""What is missing of a record, and why."""

from dataclasses import dataclass
from enum import StrEnum

from store.model.ids import TagId, UnitProcedureId


class GapCause(StrEnum):
    """Why readings are missing; where several would explain it, the first in this order is the one."""

    OUT_OF_SERVICE = "out_of_service"  # somebody took the tag or its unit out of service: nothing was owed
    CALIBRATION = "calibration"  # it was being calibrated: nothing was owed
    QUARANTINED = "quarantined"  # the values came and were put aside
    BROKER_LOSS = "broker_loss"  # the publisher numbered messages that never came
    HOST_OFFLINE = "host_offline"  # we could not listen, or could not store
    EDGE_OFFLINE = "edge_offline"  # everything the same publisher speaks for was silent
    TAG_SILENT = "tag_silent"  # nothing else explains it

    @property
    def owed(self) -> bool:
        """Whether readings were owed in such a gap."""
        return self not in {GapCause.OUT_OF_SERVICE, GapCause.CALIBRATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagGap:
    """A part of a hole in the readings of one tag that has one cause."""

    unit_procedure_id: UnitProcedureId
    tag_id: TagId
    after_us: int | None  # the last reading before the hole; None: there was none
    before_us: int | None  # the first reading after it; None: there is none
    from_us: int
    to_us: int | None  # None: it lasts
    missing: int | None  # readings; None while it lasts
    interval_s: float  # by which they were owed
    cause: GapCause
    evidence: str  # JSON: the rows the cause rests on, by table
