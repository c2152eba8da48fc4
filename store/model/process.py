"""How a product is made, and the switch from one way to another."""

from dataclasses import dataclass
from enum import StrEnum

from store.model.ids import ProcessVersionId


class ProcessRole(StrEnum):
    """The part a process version plays in a manufacturing change."""

    PRE_CHANGE = "pre_change"  # the old process
    POST_CHANGE = "post_change"  # the new process


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessVersion:
    """One version of the way a product is made: MAN-1.0, AUTO-2.0."""

    process_version_id: ProcessVersionId
    product: str
    name: str
    role: ProcessRole


@dataclass(frozen=True, slots=True, kw_only=True)
class ManufacturingChange:
    """The switch: from which process version to which, in which context of use, under which regulatory route."""

    name: str
    from_process: ProcessVersionId
    to_process: ProcessVersionId
    context_of_use: str
    amt_designation: str | None  # FDA Advanced Manufacturing Technologies designation id, where there is one
    reporting_category: str  # PAS, CBE-30, CBE-0, annual report, or the local equivalent
    regulatory_status: str  # internal, submitted, agreed
