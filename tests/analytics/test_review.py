"""The review packet: every batch in or out, what each does to the limits, and what the reference can see."""

from dataclasses import replace

import numpy as np
import pytest

from analytics.layers import EWMA
from analytics.learning import learn_new_with_evidence
from analytics.learning_old import learn_old
from analytics.limits import in_force, share_budget
from analytics.review import not_learned_from, review_of
from tests.analytics import tank

TEMPLATE = tank.TEMPLATE


def test_every_batch_is_in_it_with_what_it_does_to_limits_it_did_not_set() -> None:
    runs = [tank.run_of(seed) for seed in range(24)]
    model, evidence = learn_new_with_evidence(runs, grid=tank.GRID, tags=tank.ONLINE, template=TEMPLATE)
    assert evidence is not None
    review = review_of(model, evidence, {"TANK-99": "it is running"})
    assert [one.batch for one in review.batches] == sorted([*(run.batch for run in runs), "TANK-99"])
    out = next(one for one in review.batches if one.batch == "TANK-99")
    assert (out.included, out.why, out.largest_ratio) == (False, "it is running", None)
    judged = [one for one in review.batches if one.included]
    assert review.judged == len(judged) == 24
    assert review.beyond == sum((one.largest_ratio or 0.0) >= 1.0 for one in judged)
    # The same by hand for one batch: limits of the others, its own largest score over them.
    row = evidence.batches.index("TANK-7")
    others = {name: replace(one, maxima=np.delete(one.maxima, row, 0)) for name, one in evidence.families.items()}
    limits = in_force(others, share_budget(list(others.values()), model.alpha).limits)
    ratios = [
        float(np.nanmax(one.maxima[row] / limits[name]))
        for name, one in evidence.families.items()
        if np.isfinite(limits[name]).any()
    ]
    mine = next(one for one in judged if one.batch == "TANK-7")
    assert mine.largest_ratio == pytest.approx(max(ratios))
    assert all(0.0 <= (one.effect or 0.0) <= (one.largest_effect or 0.0) for one in judged)
    assert 0.0 < max(one.effect or 0.0 for one in judged) < 0.2
    assert review.low is not None
    assert review.high is not None
    assert review.low <= (review.beyond or 0) / 24 <= review.high


def test_the_offset_that_must_alert_does_and_in_the_time_it_says() -> None:
    runs = [tank.run_of(seed) for seed in range(24)]
    model, evidence = learn_new_with_evidence(runs, grid=tank.GRID, tags=tank.ONLINE)
    review = review_of(model, evidence, {})
    acid = next(one for one in review.tags if one.tag == "acid")
    assert (acid.known, acid.from_h, acid.to_h) == (1.0, 0.0, tank.HOURS)
    assert acid.smallest_offset is not None
    assert acid.found_within_h is not None
    assert model.trajectory is not None
    slot = model.tags.index("acid")
    mean = model.trajectory.mean[:, slot]
    times_h = (np.arange(tank.HOURS * tank.PER_HOUR) + 0.5) / tank.PER_HOUR
    steady = mean[np.minimum(times_h.astype(int), tank.HOURS - 1)]
    run = tank.run_of(700)
    off = np.where(times_h >= 40.0, 1.6 * acid.smallest_offset, 0.0)
    told = tank.alerts_of(model, replace(run, tags={**run.tags, "acid": (times_h, steady + off)}))
    first = next(alert for alert in told if "acid" in alert.tags)
    assert first.detector == EWMA
    assert 40.0 < first.phase_time_h <= 40.0 + acid.found_within_h + 2 * tank.GRID.width_h


def test_with_few_batches_nothing_is_judged_and_the_packet_says_by_which_rule() -> None:
    few = [tank.run_of(seed) for seed in range(8)]
    model, evidence = learn_new_with_evidence(few, grid=tank.GRID, tags=tank.ONLINE)
    review = review_of(model, evidence, {})
    assert (review.rule, review.judged, review.beyond, review.low) == ("prediction_limits", None, None, None)
    old = review_of(learn_old(few, grid=tank.GRID, tags=["pH_sample"]), None, {})
    assert old.tags[0].points > 0


def test_a_completed_batch_is_left_out_for_a_reason_or_not_at_all() -> None:
    started = [("A", "completed"), ("B", "completed"), ("C", "running"), ("D", "terminated")]
    assert not_learned_from(started, ["A"], {"B": "wrong medium"}) == {
        "B": "wrong medium",
        "C": "it is running",
        "D": "it is terminated",
    }
    with pytest.raises(ValueError, match="batch B is completed and left out: say why"):
        not_learned_from(started, ["A"], {})
