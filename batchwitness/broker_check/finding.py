"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """What a finding means for the record."""

    PASS = "pass"  # noqa: S105 - a grade
    WARN = "warn"  # works, with a limit that somebody must know of
    FAIL = "fail"  # messages would be lost, or nothing works
    NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the report."""

    check: str
    grade: Grade
    seen: str
    meaning: str
