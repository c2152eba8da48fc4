"""The review packet: every batch in or out, what each does to the limits, and what the reference can see."""

from dataclasses import replace

import numpy as np
import pytest

from analytics.gates import Candidate, Choice
from analytics.layers import EWMA
from analytics.learning import learn_new_with_evidence
from analytics.learning_old import learn_old
from analytics.limits import in_force, share_budget
from analytics.review import Brief, review_of
from store.model.batch import BatchStatus, StartingMaterial
from tests.analytics import tank

TEMPLATE = tank.TEMPLATE


def test_every_batch_is_in_it_with_what_it_does_to_limits_it_did_not_set() -> None:
    runs = [tank.run_of(seed) for seed in range(24)]
    model, evidence = learn_new_with_evidence(runs, grid=tank.GRID, tags=tank.ONLINE, template=TEMPLATE)
    assert evidence is not None
    brief = Brief(choice=Choice(left_out={"TANK-99": "it is running"}))
    review = review_of(model, evidence, runs, brief)
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
    review = review_of(model, evidence, runs, Brief())
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
    review = review_of(model, evidence, few, Brief())
    assert (review.rule, review.judged, review.beyond, review.low) == ("prediction_limits", None, None, None)
    old = review_of(learn_old(few, grid=tank.GRID, tags=["pH_sample"]), None, few, Brief())
    assert old.tags[0].points > 0
    assert (old.phases, old.power) == ((), None)


def test_a_batch_that_was_let_in_shows_its_reason_beside_the_gates_it_fails() -> None:
    runs = [tank.run_of(seed) for seed in range(8)]
    model, evidence = learn_new_with_evidence(runs, grid=tank.GRID, tags=tank.ONLINE, template=TEMPLATE)
    completed = BatchStatus.COMPLETED
    known = [Candidate(batch=run.batch, status=completed, material=StartingMaterial.PATIENT) for run in runs]
    known[3] = replace(known[3], adverse=("viability 61 %",), complete=0.5, worst_tag="pH")
    gone = Candidate(batch="TANK-98", status=BatchStatus.TERMINATED, material=StartingMaterial.CELL_BANK)
    choice = Choice(left_out={"TANK-98": "it is terminated"}, let_in={"TANK-3": "the assay failed, not the batch"})
    review = review_of(model, evidence, runs, Brief(candidates=[*known, gone], choice=choice))
    one = next(one for one in review.batches if one.batch == "TANK-3")
    assert (one.included, one.why, one.material, one.complete) == (
        True,
        "the assay failed, not the batch",
        "patient",
        0.5,
    )
    assert one.failures == (
        "pH holds 50.0 % of what it owed, less than 95.0 %",
        "viability 61 % is out of specification",
    )
    assert review.materials == {"patient": 8}, "of what was learned from"
    assert review.template == TEMPLATE.text or review.rule == "prediction_limits"
