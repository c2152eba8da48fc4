"""Batches and the intervals in which they occupy equipment."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.model.ids import BatchId, PositionId, ProcessVersionId, UnitId, UnitProcedureId


class BatchStatus(StrEnum):
    """Where the execution of a batch stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class StartingMaterial(StrEnum):
    """What a batch starts from. Cells of patients behave otherwise than those of healthy donors or of a bank."""

    PATIENT = "patient"
    HEALTHY_DONOR = "healthy_donor"
    CELL_BANK = "cell_bank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One execution of a process (ISA-88). Never a group of messages."""

    batch_id: BatchId
    name: str
    process_version_id: ProcessVersionId
    donor: str | None  # pseudonym
    starting_material: StartingMaterial | None  # None: nobody has stated it
    status: BatchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitProcedure:
    """The interval in which a batch occupies a position. Readings belong to the batch through it."""

    unit_procedure_id: UnitProcedureId
    batch_id: BatchId
    unit_id: UnitId
    position_id: PositionId
    started: datetime
    ended: datetime | None
    end_inferred: bool  # closed because another batch started there, not because anybody said so


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A named interval inside a unit procedure; its hours are phase_time."""

    name: str
    started: datetime
    ended: datetime | None
