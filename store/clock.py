"""The plant clock: the host's clock, unless a demo says explicitly that plant time runs otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from store.draft import Tick
from store.errors import SettingsContradict
from store.model.times import EPOCH, US_PER_S, to_us


def _host_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantClock:
    """plant time = anchor + rate × (host now − host_anchor). Both anchors are aware; the rate is above 0."""

    anchor: datetime  # plant time at host_anchor
    host_anchor: datetime
    rate: float  # plant seconds a host second
    host_now: Callable[[], datetime] = _host_now

    @classmethod
    def from_settings(cls, anchor: str | None, host_anchor: str | None, rate: float | None) -> Self:
        """The clock these three settings describe. Raises SettingsContradict when only some of them are set."""
        if anchor is None or host_anchor is None or rate is None:
            if (anchor, host_anchor, rate) != (None, None, None):
                raise SettingsContradict(
                    "BATCHWITNESS_CLOCK_ANCHOR, BATCHWITNESS_CLOCK_HOST_ANCHOR and BATCHWITNESS_CLOCK_RATE describe "
                    "a demo's clock together: set all three or none"
                )
            return cls(anchor=EPOCH, host_anchor=EPOCH, rate=1.0)
        return cls(anchor=datetime.fromisoformat(anchor), host_anchor=datetime.fromisoformat(host_anchor), rate=rate)

    def plant_us(self, host_now: datetime) -> int:
        """Plant time in microseconds since 1970 at an instant of the host's clock."""
        return to_us(self.anchor) + round(self.rate * (to_us(host_now) - to_us(self.host_anchor)))

    def wait_s(self, plant_us: int, host_now: datetime) -> float:
        """Host seconds until a plant time, 0 when it has come."""
        return max(0.0, (plant_us - self.plant_us(host_now)) / self.rate / US_PER_S)

    def host_us(self) -> int:
        """What the host's clock says now, in microseconds since 1970. It may go back."""
        return to_us(self.host_now())

    def read(self) -> Tick:
        """What both clocks say now."""
        host_now = self.host_now()
        return Tick(plant_us=self.plant_us(host_now), host_us=to_us(host_now), rate=self.rate)
