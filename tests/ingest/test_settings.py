from datetime import UTC, datetime

import pytest

from ingest.settings import IngestSettings
from store.errors import SettingsContradict
from store.model.times import to_us


def test_a_broker_user_without_a_password_is_refused_with_both_names() -> None:
    with pytest.raises(SettingsContradict, match=r"MQTT_USER.*MQTT_PASSWORD_FILE"):
        IngestSettings(mqtt_user="ingest").mqtt_password()


def test_half_a_demo_clock_is_refused_with_all_names() -> None:
    with pytest.raises(SettingsContradict, match=r"CLOCK_ANCHOR.*CLOCK_HOST_ANCHOR.*CLOCK_RATE"):
        IngestSettings(clock_rate=60.0).clock()


def test_without_a_demo_clock_plant_time_is_host_time() -> None:
    clock = IngestSettings().clock()
    assert clock.rate == 1.0
    now = datetime.now(UTC)
    assert clock.plant_us(now) == to_us(now)
