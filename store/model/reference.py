"""References and what is derived from them while a batch runs."""

from dataclasses import dataclass
from enum import StrEnum

from store.model.ids import ReferenceId


class ReferenceRole(StrEnum):
    """Which question a reference answers."""

    OLD = "old"  # where does this run depart from what the old process did? raises departure
    NEW = "new"  # has the new process drifted? raises drift


class ReferenceState(StrEnum):
    """The life of a reference. Only one in use raises alerts."""

    DRAFT = "draft"
    APPROVED = "approved"
    IN_USE = "in_use"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A frozen, hashed model learned from named batches, on a declared grid."""

    reference_id: ReferenceId
    role: ReferenceRole
    state: ReferenceState
    model: bytes
    digest: bytes  # SHA-256 over the model and the digests of its inputs
