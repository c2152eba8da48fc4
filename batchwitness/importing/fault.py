"""Something in a file that could not enter the record: where it stands and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One refused cell or row."""

    line: int
    column: str  # empty: the whole row
    value: str
    code: str  # as in quarantine
    reason: str

    @property
    def item(self) -> str:
        """Where it stands, as quarantine says it."""
        return f"line {self.line}, column {self.column}" if self.column else f"line {self.line}"
