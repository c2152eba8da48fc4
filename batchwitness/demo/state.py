"""What a demo remembers between two starts: which story it tells and how far it has come."""

from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict


class DemoState(BaseModel):
    """Kept in `demo.json`. The story is a function of seed, end and interval: a second start tells the rest of it."""

    model_config = ConfigDict(frozen=True)

    seed: int
    end: datetime  # no source time is later
    interval_s: float  # between readings of a running batch
    history_messages: int = 0  # in the record
    history_readings: int = 0
    paper_places: int = 0  # values on the pages of the old process
    paper_put_aside: int = (
        0  # of those, what two people typed in differently, or read when clocks showed one hour twice
    )
    live_messages: int = 0  # acknowledged by the broker
    live_readings: int = 0
    plant_us: int | None = None  # plant time of the last acknowledged live message

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """What an earlier start left, if there was one."""
        return cls.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None

    def save(self, path: Path) -> None:
        """Replace the file in one step."""
        written = path.with_suffix(".new")
        written.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        written.replace(path)
