"""What time it is in the plant: the newest tick of the journal, carried on by its own rate.

In a plant the rate is 1. A demo runs faster, and an age must be counted in its time; when ticks stop coming the plant's
time goes on, so that what is shown grows old instead of standing still.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from api.database import row
from store.owing import OVERDUE_INTERVALS, TRANSPORT_ALLOWANCE_S
from store.sql import queries

# How far a source's clock may be ahead, in plant seconds, before what it sends says nothing about now.
AHEAD_ALLOWANCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The plant's time at the moment of a request."""

    now: datetime
    rate: float  # plant seconds a host second
    tick_age_s: float | None  # host seconds since the newest tick; None: there never was one

    @property
    def latest(self) -> datetime:
        """The latest time at which a reading can be of now; a later one comes from a clock that is ahead."""
        return self.now + timedelta(seconds=AHEAD_ALLOWANCE_S + TRANSPORT_ALLOWANCE_S * self.rate)

    def age_s(self, until: datetime) -> float:
        """Plant seconds since `until`, at least 0."""
        return max(0.0, (self.now - until).total_seconds())

    def too_old(self, until: datetime, *, interval_s: float) -> bool:
        """Whether two intervals have passed since `until` without a reading, transport allowed for."""
        return self.age_s(until) > OVERDUE_INTERVALS * interval_s + TRANSPORT_ALLOWANCE_S * self.rate


def read_clock(connection: Connection) -> Clock:
    """The plant's time now; the host's where nothing has ever ticked."""
    found = row(connection, queries("api_units")["clock"])
    assert found is not None
    return Clock(now=found["plant_now"], rate=found["rate"], tick_age_s=found["tick_age_s"])
