"""What limits would find is what the live monitor finds: offsets in batches it does not know."""

from dataclasses import replace

import numpy as np
import pytest

from analytics.layers import families_of
from analytics.learning import learn_new_with_evidence
from analytics.power import BEGINS_AT, SIZES_SD, power_of
from tests.analytics import tank

RUNS = [tank.run_of(seed) for seed in range(24)]


def test_offsets_are_found_as_the_live_monitor_of_the_others_finds_them() -> None:
    model, evidence = learn_new_with_evidence(RUNS, grid=tank.GRID, tags=tank.ONLINE, template=tank.WHOLE_COURSES)
    assert evidence is not None
    assert model.trajectory is not None
    assert families_of(evidence.without_each[0]) == families_of(model.trajectory), "every family watches there too"
    told: list[tuple[int, int]] = []
    power = power_of(model, evidence, RUNS, most=1, progress=lambda done, of: told.append((done, of)))
    assert told == [(0, 1), (1, 1)]
    assert [(one.tag, one.size_sd) for one in power.offsets] == [
        (tag, size) for tag in ("acid", "feed", "level", "pH") for size in SIZES_SD
    ]
    assert {one.found.trials for one in power.offsets} == {1}
    # The same by hand for one of them: the whole batch, its offset, what was learned without it.
    begins_h = float(int(BEGINS_AT[0] * tank.HOURS))
    assert power.begins_at_h == (begins_h,)
    reference = replace(model, trajectory=evidence.without_each[0])
    for tag in ("acid", "level"):
        sd = model.trajectory.sd[:, model.tags.index(tag)]
        times_h, values = RUNS[0].tags[tag]
        cells = np.minimum(times_h.astype(int), tank.HOURS - 1)
        added = np.where(times_h >= begins_h, 3.0 * sd[cells], 0.0)
        off = replace(RUNS[0], tags={**RUNS[0].tags, tag: (times_h, values + added)})
        drifts = [alert for alert in tank.alerts_of(reference, off) if alert.kind == "drift"]
        tried = next(one for one in power.offsets if (one.tag, one.size_sd) == (tag, 3.0))
        by_hand = drifts[0].phase_time_h - begins_h if drifts else None
        assert tried.delay_median_h == (by_hand if by_hand is not None and by_hand <= power.watched_h else None)
        assert tried.size == pytest.approx(3.0 * float(np.median(sd)))


def test_larger_offsets_are_found_at_least_as_often_and_batches_take_their_turns_at_the_hours() -> None:
    model, evidence = learn_new_with_evidence(RUNS, grid=tank.GRID, tags=tank.ONLINE)
    assert evidence is not None
    power = power_of(model, evidence, RUNS, most=3)
    assert power.begins_at_h == tuple(float(int(share * tank.HOURS)) for share in BEGINS_AT)
    assert power.without_offset.trials == 3
    for tag in tank.ONLINE:
        found = [one.found.events for one in power.offsets if one.tag == tag]
        assert found == sorted(found), tag
    acid = next(one for one in power.offsets if (one.tag, one.size_sd) == ("acid", 3.0))
    assert acid.found.interval[0] <= acid.found.events / acid.found.trials <= acid.found.interval[1]


def test_what_a_batch_raises_with_nothing_added_finds_no_offset() -> None:
    model, evidence = learn_new_with_evidence(RUNS, grid=tank.GRID, tags=tank.ONLINE)
    assert evidence is not None
    times_h, acid = RUNS[0].tags["acid"]
    begins_h = int(BEGINS_AT[0] * tank.HOURS)
    shifted = replace(RUNS[0], tags={**RUNS[0].tags, "acid": (times_h, acid + np.where(times_h > begins_h, 2.0, 0.0))})
    power = power_of(model, evidence, [shifted, *RUNS[1:]], most=1)
    assert power.without_offset.events == 1
    of_others = [one.found.events for one in power.offsets if one.tag in {"feed", "pH"} and one.size_sd == 1.0]
    assert of_others == [0, 0], "it would have alerted all the same"
