import numpy as np
import pytest

from batchwitness.plant.messages import stream
from batchwitness.plant.scenario import Scenario
from batchwitness.plant.sensors import remembering


@pytest.mark.parametrize("memory", [0.7, 0.168])
def test_noise_remembers_its_neighbour_and_keeps_its_variance(memory: float) -> None:
    noise = remembering(np.random.default_rng(1).standard_normal((100_000, 2)), memory)
    assert np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1] == pytest.approx(memory, abs=0.01)
    assert noise.std() == pytest.approx(1.0, abs=0.02)
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.01


def test_minute_noise_of_the_probes_is_what_their_data_sheets_say(live: Scenario) -> None:
    healthy = next(one.batch for one in live.placed if one.batch.spec.fault is None)
    for tag, noise in (("temperature", 0.03), ("dissolved_oxygen", 0.7), ("agitation", 0.1)):
        times_h, values = healthy.readings[tag]
        settled = values[(times_h > 200.0) & (times_h < 212.0)]
        assert settled.std() == pytest.approx(noise, rel=0.3), tag


def test_a_few_readings_are_lost_and_most_arrive(live: Scenario) -> None:
    expected = sum(len(one.batch.times_h) * len(one.batch.tags) for one in live.placed)
    arrived = sum(message.readings for message in stream(live.placed, boot=1))
    assert 0.0001 < 1.0 - arrived / expected < 0.005


def test_a_sample_lets_air_in_for_two_minutes(live: Scenario) -> None:
    batch = next(one.batch for one in live.placed if one.batch.spec.fault is None)
    taken = [event.at_h for event in batch.events if event.fields.get("comment") == "sample taken"]
    times_h, values = batch.readings["dissolved_oxygen"]
    assert len(taken) == 6
    for at_h in taken:
        during = values[(times_h >= at_h) & (times_h < at_h + 2.0 / 60.0)]
        around = values[(times_h > at_h - 0.5) & (times_h < at_h)]
        assert np.median(during) > np.median(around) + 8.0
