from datetime import UTC, datetime, timedelta

import pytest

from store.clock import PlantClock
from store.model.times import to_us

ANCHOR = datetime(2026, 10, 1, 8, tzinfo=UTC)
HOST = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_plant_time_runs_at_its_rate_from_its_anchor() -> None:
    clock = PlantClock(anchor=ANCHOR, host_anchor=HOST, rate=3600.0)
    assert clock.plant_us(HOST) == to_us(ANCHOR)
    assert clock.plant_us(HOST + timedelta(seconds=2.5)) == to_us(ANCHOR + timedelta(hours=2.5))


def test_the_wait_is_host_seconds_and_never_negative() -> None:
    clock = PlantClock(anchor=ANCHOR, host_anchor=HOST, rate=3600.0)
    assert clock.wait_s(to_us(ANCHOR + timedelta(hours=5)), HOST) == pytest.approx(5.0)
    assert clock.wait_s(to_us(ANCHOR - timedelta(hours=5)), HOST) == 0.0


def test_a_time_without_an_offset_is_refused() -> None:
    clock = PlantClock(anchor=ANCHOR, host_anchor=HOST, rate=1.0)
    with pytest.raises(ValueError, match="offset"):
        clock.plant_us(HOST.replace(tzinfo=None))
