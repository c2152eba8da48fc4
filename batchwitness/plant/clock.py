"""The plant clock: the only place where time may run faster than the host's."""

from dataclasses import dataclass
from datetime import datetime

from store.model.times import US_PER_S, to_us


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantClock:
    """plant time = anchor + rate × (host now − host_anchor). Both anchors are aware; the rate is above 0."""

    anchor: datetime  # plant time at host_anchor
    host_anchor: datetime
    rate: float  # plant seconds per host second

    def plant_us(self, host_now: datetime) -> int:
        """Plant time in microseconds since 1970 at an instant of the host's clock."""
        return to_us(self.anchor) + round(self.rate * (to_us(host_now) - to_us(self.host_anchor)))

    def wait_s(self, plant_us: int, host_now: datetime) -> float:
        """Host seconds until a plant time, 0 when it has come."""
        return max(0.0, (plant_us - self.plant_us(host_now)) / self.rate / US_PER_S)
