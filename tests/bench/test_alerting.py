"""What the plant of the alerting benchmark says is drawn by seed, and the message that closes a cell is known."""

import json

import numpy as np

from store.model.times import US_PER_H
from tests.bench.alert_plant import (
    APPROVED,
    EXCURSION_READINGS,
    EXCURSIONS_H,
    INTERVAL_US,
    JUMPS_H,
    READINGS,
    TAGS,
    stream,
    values_of,
    watched_batches,
)

BEGIN_US = 1_795_000_000_000_000


def test_the_same_batches_say_the_same_whenever_they_are_drawn() -> None:
    batches = watched_batches(3, BEGIN_US)
    assert stream(batches, faulty=True) == stream(watched_batches(3, BEGIN_US), faulty=True)
    assert len({batch.start_us for batch in batches}) == 3
    assert not np.array_equal(values_of(batches[0].name, faulty=True), values_of(batches[1].name, faulty=True))


def test_a_batch_leaves_its_range_and_jumps_as_often_as_is_meant() -> None:
    faulty, unchanged = values_of("CT", faulty=True), values_of("CT", faulty=False)
    outside = (faulty < APPROVED[0]) | (faulty > APPROVED[1])
    assert outside[:, 0].sum() == EXCURSION_READINGS * len(EXCURSIONS_H)
    assert not outside[:, 1:].any()
    jumps = np.count_nonzero(np.abs(np.diff(faulty - unchanged, axis=0))[:, 1:] > 1.0)
    assert jumps == sum(len(wave_h) for wave_h in JUMPS_H)


def test_the_first_readings_from_an_instant_on_are_those_that_are_said() -> None:
    (batch,) = watched_batches(1, BEGIN_US)
    said = [
        json.loads(message.payload)["time"] * 1000
        for message in stream([batch], faulty=True)
        if message.readings == len(TAGS)
    ]
    assert len(said) == READINGS
    for at_us in (batch.start_us, batch.start_us + 1, batch.start_us + US_PER_H, said[-1]):
        assert batch.says_at_or_after(at_us) == min(one for one in said if one >= at_us)
    assert batch.says_at_or_after(said[-1] + 1) is None
    assert said[1] - said[0] == INTERVAL_US
