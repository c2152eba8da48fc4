"""Kill -9 of ingest, of PostgreSQL and of analytics while the plant speaks."""

from functools import partial

import pytest

from tests.acceptance.alerts import Told, disagreements, told
from tests.acceptance.record import assert_stored_exactly_once
from tests.acceptance.story import DRIFTING, LIVE_BATCHES, Story
from tests.acceptance.system import Prepared, Publishing, System, started
from tests.support import eventually

KILLS = 4
Alerts = tuple[list[Told], list[Told]]


@pytest.fixture(scope="session")
def undisturbed_alerts(prepared: Prepared, story: Story) -> Alerts:
    """What the same messages lead to when nothing dies."""
    with started(prepared) as system:
        with system.publishing(story.live):
            pass
        system.settle(readings=story.readings, batches=LIVE_BATCHES)
        assert all(system.alive().values())
        return told(system)


def test_an_undisturbed_run_warns_of_the_batch_that_drifts(undisturbed_alerts: Alerts) -> None:
    raised, _ = undisturbed_alerts
    assert {(alert[0], alert[2]) for alert in raised} >= {(DRIFTING, "drift")}


def test_INGEST_1_and_INGEST_2_killed_again_and_again_ingest_loses_nothing_and_stores_nothing_twice(
    system: System, story: Story, undisturbed_alerts: Alerts
) -> None:
    with system.publishing(story.live) as plant:
        for number in range(KILLS):
            _until_more_is_stored(system, plant, share=(number + 0.5) / KILLS)
            killed = system.kill("ingest")
            system.wait_until_back("ingest", killed)
    system.settle(readings=story.readings, batches=LIVE_BATCHES)
    assert system.status("ingest").restarts == KILLS
    assert_stored_exactly_once(system, (*story.history, *story.live))
    assert told(system) == undisturbed_alerts


def test_INGEST_2_killed_with_all_its_processes_PostgreSQL_keeps_what_was_committed_and_gets_the_rest(
    system: System, story: Story, undisturbed_alerts: Alerts
) -> None:
    with system.publishing(story.live) as plant:
        for share in (0.2, 0.6):
            _until_more_is_stored(system, plant, share=share)
            killed = system.kill("postgres")
            system.wait_until_back("postgres", killed)
    system.settle(readings=story.readings, batches=LIVE_BATCHES)
    assert system.status("postgres").restarts == 2
    assert_stored_exactly_once(system, (*story.history, *story.live))
    assert told(system) == undisturbed_alerts


def test_DETECT_1_killed_again_and_again_analytics_raises_the_same_alerts_bit_for_bit(
    system: System, story: Story, undisturbed_alerts: Alerts
) -> None:
    size = len(story.live) // (KILLS + 1)
    parts = [story.live[number * size : (number + 1) * size] for number in range(KILLS)]
    rest = story.live[KILLS * size :]
    for part in parts:
        seen = _watched_until(system)
        with system.publishing(part):
            eventually(partial(_moved_on, system, seen), within_s=60, what="a monitor has moved on")
            killed = system.kill("analytics")
        system.wait_until_back("analytics", killed)
    with system.publishing(rest):
        pass
    system.settle(readings=story.readings, batches=LIVE_BATCHES)
    assert system.status("analytics").restarts == KILLS
    alerts = told(system)
    assert disagreements(system) == []
    assert alerts == undisturbed_alerts


def _watched_until(system: System) -> int:
    return system.number("SELECT coalesce(max(position), 0) FROM monitor")


def _moved_on(system: System, seen: int) -> bool:
    return _watched_until(system) > seen


def _until_more_is_stored(system: System, plant: Publishing, *, share: float) -> None:
    """Wait until the plant has said that share and the record has grown since."""
    eventually(
        lambda: plant.acknowledged.messages >= share * len(plant.messages),
        within_s=60,
        what=f"the plant has said {share:.0%}",
    )
    seen = system.number("SELECT count(*) FROM block")
    eventually(lambda: system.number("SELECT count(*) FROM block") > seen >= 0, within_s=60, what="another block")
