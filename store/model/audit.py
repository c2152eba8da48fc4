"""Who changed what, when and why."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One change, import or decision: who, what, old, new, when and why. Chained, never altered."""

    seq: int
    actor: str
    action: str
    subject: str
    old: dict[str, object] | None
    new: dict[str, object] | None
    reason: str
    known_at: datetime
