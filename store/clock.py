"""The plant clock: the host's clock, unless a demo says explicitly that plant time runs otherwise."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from store.draft import Tick
from store.errors import SettingsContradict
from store.model.times import to_us


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantClock:
    """plant time = plant_anchor + rate × (host time − host_anchor)."""

    plant_anchor_us: int
    host_anchor_us: int
    rate: float  # plant seconds a host second

    @classmethod
    def from_settings(cls, plant_anchor: str | None, host_anchor: str | None, rate: float | None) -> Self:
        """The clock these three settings describe. Raises SettingsContradict when only some of them are set."""
        if plant_anchor is None or host_anchor is None or rate is None:
            if (plant_anchor, host_anchor, rate) != (None, None, None):
                raise SettingsContradict(
                    "BATCHWITNESS_CLOCK_ANCHOR, BATCHWITNESS_CLOCK_HOST_ANCHOR and BATCHWITNESS_CLOCK_RATE describe "
                    "a demo's clock together: set all three or none"
                )
            return cls(plant_anchor_us=0, host_anchor_us=0, rate=1.0)
        return cls(
            plant_anchor_us=to_us(datetime.fromisoformat(plant_anchor)),
            host_anchor_us=to_us(datetime.fromisoformat(host_anchor)),
            rate=rate,
        )

    def plant_us(self, host_us: int) -> int:
        """Plant time at an instant of host time, both in microseconds since 1970."""
        return self.plant_anchor_us + int((host_us - self.host_anchor_us) * self.rate)

    def read(self) -> Tick:
        """What both clocks say now."""
        host_us = time.time_ns() // 1000
        return Tick(plant_us=self.plant_us(host_us), host_us=host_us, rate=self.rate)
