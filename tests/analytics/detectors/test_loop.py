"""A sensor that jumps inside its own control loop: told by its controller's answer, within minutes."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.detectors.loop import LAGS, FittedLoops, Loop
from analytics.grid import Grid
from analytics.layers import LOOP
from analytics.learning import learn_new
from analytics.monitor import BatchMonitor
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from analytics.segment import Floats
from analytics.template import Template, TemplateInvalid
from store.model.alert import Alert
from store.model.times import US_PER_H
from tests.analytics.plant import START_US, drifts, pieces, stream_of, watching

HOURS = 40
PER_HOUR = 12
GRID = Grid(width_us=US_PER_H // 2, cells=2 * HOURS)
TAGS = ("agitation", "base", "pH")
JUMP_H = 25.02
TEMPLATE = """
name = "kept at 7"
[units]
pH = "pH"
base = "mL/h"
[[loop]]
measured = "pH"
answer = "-base"
check = "the electrode"
"""


def run_of(seed: int, *, jump: float = 0.0, wild: float = 0.0, stirred: float = 0.0) -> CompletedRun:
    """Acid is made, base is fed by what the sensor says; from one reading on the sensor says `jump` more.

    Or once `wild` more, which the controller does not see; or agitation changes by `stirred` at the same time.
    """
    rng = np.random.default_rng(seed)
    count = HOURS * PER_HOUR
    times_h = np.arange(count) / PER_HOUR + 0.01
    jumped = times_h >= JUMP_H
    true, base, held = 7.0, 20.0, 20.0
    said, fed = np.empty(count), np.empty(count)
    for at in range(count):
        true += 0.002 * (base - 20.0) + rng.normal(0, 0.003)
        seen = true + jump * jumped[at]
        held += 10.0 * (7.0 - seen)
        base = max(0.0, held + 100.0 * (7.0 - seen))
        said[at], fed[at] = seen + rng.normal(0, 0.005), base + rng.normal(0, 0.2)
    said[np.flatnonzero(jumped)[0]] += wild
    agitation = 80.0 + rng.normal(0, 0.5, count) + stirred * (times_h >= JUMP_H - 0.1)
    tags = {"agitation": (times_h, agitation), "base": (times_h, fed), "pH": (times_h, said)}
    return CompletedRun(batch=f"B-{seed}", tags=tags)


@pytest.fixture(scope="module")
def reference() -> ReferenceModel:
    runs = [run_of(seed) for seed in range(22)]
    template = Template.parse(TEMPLATE)
    return learn_new(runs, grid=GRID, tags=TAGS, blind=[Blind(phase=None, hours=1.0)], template=template)


def by_loop(reference: ReferenceModel, run: CompletedRun) -> list[Alert]:
    return [alert for alert in drifts(watching(reference, TAGS).feed(stream_of(run, TAGS))) if alert.detector == LOOP]


def test_a_jump_that_its_controller_answers_is_told_within_minutes(reference: ReferenceModel) -> None:
    first = drifts(watching(reference, TAGS).feed(stream_of(run_of(99, jump=0.1), TAGS)))[0]
    assert first.detector == LOOP
    assert first.tags == ("pH",)
    assert JUMP_H < first.phase_time_h <= JUMP_H + 0.2
    assert (first.onset_us - START_US) / US_PER_H == pytest.approx(25.0, abs=0.51)
    assert re.match(r"pH jumped up by 0\.1\d? at hour 25\.\d ", first.sentence), "in two digits"
    assert "its controller answered with base" in first.sentence.lower()
    assert first.sentence.endswith("check the electrode.")


def test_DETECT_3_an_alert_of_a_jump_carries_the_bin_from_which_its_score_follows(reference: ReferenceModel) -> None:
    run = run_of(99, jump=0.1)
    first = by_loop(reference, run)[0]
    row = first.cells[0]
    assert (row["tag"], row["layer"]) == ("pH", LOOP)
    assert float(row["bin_began_h"]) < float(row["bin_end_h"]) <= first.phase_time_h
    assert row["answered_by"] == "base"
    times_h, values = run.tags["pH"]
    assert float(row["value"]) in values[(times_h >= JUMP_H) & (times_h < float(row["bin_end_h"]))]
    assert float(row["jump"]) == pytest.approx(0.1, abs=0.03)
    assert row["score"] == min(float(row["jump_sd"]), float(row["answer_sd"]))
    assert (row["score"], row["limit"]) == (first.score, first.limit)


def test_a_wild_reading_that_the_controller_does_not_answer_raises_nothing(reference: ReferenceModel) -> None:
    assert by_loop(reference, run_of(99, wild=0.3)) == []


def test_nothing_is_told_while_another_tag_changes(reference: ReferenceModel) -> None:
    assert by_loop(reference, run_of(99, jump=0.1, stirred=20.0)) == []


def test_unchanged_batches_raise_nothing(reference: ReferenceModel) -> None:
    assert [by_loop(reference, run_of(seed)) for seed in range(200, 206)] == [[]] * 6


def test_a_reference_with_loops_survives_its_bytes(reference: ReferenceModel) -> None:
    again = ReferenceModel.from_bytes(reference.to_bytes())
    assert again.to_bytes() == reference.to_bytes()
    assert again.trajectory is not None
    assert again.trajectory.loops is not None
    assert again.trajectory.loops.measured == ("pH",)


def test_a_batch_without_the_tags_of_a_loop_is_watched_without_it(reference: ReferenceModel) -> None:
    run = run_of(99, jump=0.1)
    told = watching(reference, ("agitation", "pH")).feed(stream_of(run, ("agitation", "pH")))
    assert [alert for alert in told if alert.detector == LOOP] == []


@given(cuts=st.lists(st.integers(0, 3 * HOURS * PER_HOUR), max_size=8))
@settings(max_examples=10, deadline=None)
def test_DETECT_1_cutting_the_stream_and_storing_the_state_change_nothing(
    reference: ReferenceModel, cuts: list[int]
) -> None:
    whole = stream_of(run_of(99, jump=0.1, wild=0.2), TAGS)
    one = watching(reference, TAGS)
    expected = one.feed(whole)
    many, told = watching(reference, TAGS), []
    for piece in pieces(whole, cuts):
        told += many.feed(piece)
        many = BatchMonitor.from_bytes(many.to_bytes(), reference_new=reference, reference_old=None)
    assert told == expected
    assert many.to_bytes() == one.to_bytes()


def fitted() -> FittedLoops:
    """Both are foretold to stay as they are."""
    weights = np.zeros((1, 1 + 2 * LAGS, 2))
    weights[0, 1, 0] = weights[0, 1 + LAGS, 1] = 1.0
    return FittedLoops(
        measured=("pH",),
        answers=("-base",),
        checks=("the electrode",),
        width_us=1,
        weights=weights,
        mean=np.zeros((1, 40, 2)),
        sd=np.full((1, 40, 2), 0.01),
    )


def noted(rows: Sequence[tuple[float, float]]) -> Floats:
    loop = Loop(fitted(), slots={"pH": 0, "base": 1}, width_h=0.1)
    return np.array([loop.note(at, np.array(row), np.zeros(2, np.bool_))[0] for at, row in enumerate(rows)])


def test_a_wild_reading_does_not_make_the_next_one_wild() -> None:
    scores = noted([(7.0, 1.0)] * 5 + [(7.5, 1.0), (7.0, 0.9)] + [(7.0, 0.9)] * 3)
    assert np.nanmax(np.abs(scores)) == 0.0


def test_an_answer_on_the_wrong_side_is_none() -> None:
    assert noted([(7.0, 1.0)] * 5 + [(7.1, 1.1)])[-1] == 0.0
    assert noted([(7.0, 1.0)] * 5 + [(7.1, 0.95)])[-1] == pytest.approx(5.0)


def test_after_a_missing_bin_four_are_needed_again() -> None:
    scores = noted([(7.0, 1.0)] * 6 + [(np.nan, 1.0)] + [(7.0, 1.0)] * 6)
    assert np.isfinite(scores).tolist() == [False] * 4 + [True] * 2 + [False] * 5 + [True] * 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('measured = "acid"', "acid is not among"),
        ('answer = "3"', "names no tag"),
        ('answer = "-"', "invalid syntax"),
        ('checks = "pH"', "checks"),
    ],
)
def test_a_loop_that_cannot_be_used_is_refused_with_what_is_wrong(line: str, said: str) -> None:
    field = line.partition(" ")[0]
    lines = [line if old.startswith(f"{field} ") else old for old in TEMPLATE.splitlines()]
    text = "\n".join(lines if line in lines else [*lines, line])
    with pytest.raises(TemplateInvalid, match=said):
        Template.parse(text)


def test_another_loop_than_that_of_its_reference_is_not_watched(reference: ReferenceModel) -> None:
    assert reference.trajectory is not None
    without = replace(reference, trajectory=replace(reference.trajectory, loops=None))
    assert LOOP not in {alert.detector for alert in watching(without, TAGS).feed(stream_of(run_of(99, jump=0.1), TAGS))}
