"""Which batches may enter the reference of a new process, and which of them only for a stated reason."""

import pytest

from analytics.gates import Candidate, check_pool, choose, materials_of
from analytics.outcomes import outcomes_of
from store.model.batch import BatchStatus, StartingMaterial

GOOD = Candidate(batch="A", status=BatchStatus.COMPLETED, complete=0.999, worst_tag="pH")


def failing(**speaks_against: object) -> Candidate:
    return Candidate(batch="B", status=BatchStatus.COMPLETED, **speaks_against)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (failing(complete=0.949, worst_tag="pH"), "pH holds 94.9 % of what it owed, less than 95.0 %"),
        (failing(complete=0.0, worst_tag="pH", uncounted=3), "less than 95.0 %, with 3 blocks not counted yet"),
        (failing(open_alerts=(4, 7)), "nobody has assessed alerts 4, 7"),
        (failing(impacts=(9,)), "alert 9 may have had an impact"),
        (failing(adverse=("viability 61 %",)), "viability 61 % is out of specification"),
        (failing(unstated_ends=("BR-01",)), "nobody said when it ended in BR-01"),
    ],
)
def test_a_batch_that_fails_a_gate_is_left_out_with_what_it_fails_or_let_in_with_a_reason(
    candidate: Candidate, why: str
) -> None:
    out = choose([GOOD, candidate], gated=True, exclude={}, include={})
    assert (out.chosen, list(out.left_out)) == (("A",), ["B"])
    assert why in out.left_out["B"]
    let_in = choose([GOOD, candidate], gated=True, exclude={}, include={"B": "looked into"})
    assert (let_in.chosen, let_in.left_out, let_in.let_in) == (("A", "B"), {}, {"B": "looked into"})
    of_old = choose([GOOD, candidate], gated=False, exclude={}, include={})
    assert (of_old.chosen, of_old.let_in) == (("A", "B"), {}), "an old process is what it was"


def test_a_batch_that_is_not_completed_is_never_learned_from() -> None:
    gone = Candidate(batch="C", status=BatchStatus.TERMINATED)
    assert choose([GOOD, gone], gated=True, exclude={}, include={}).left_out == {"C": "it is terminated"}
    assert choose([GOOD, gone], gated=True, exclude={"C": "wrong medium"}, include={}).left_out == {"C": "wrong medium"}
    with pytest.raises(ValueError, match="C is terminated: only a completed batch"):
        choose([GOOD, gone], gated=True, exclude={}, include={"C": "all the same"})


@pytest.mark.parametrize(
    ("exclude", "include", "why"),
    [
        ({"Z": "x"}, {}, "Z: no batch of the process has that name"),
        ({}, {"Z": "x"}, "Z: no batch of the process has that name"),
        ({"A": "x"}, {"A": "x"}, "A: included and excluded at once"),
        ({}, {"A": "x"}, "A passes every gate"),
    ],
)
def test_what_makes_no_sense_is_refused(exclude: dict[str, str], include: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        choose([GOOD], gated=True, exclude=exclude, include=include)


def test_kinds_of_starting_material_are_never_pooled_without_a_reason() -> None:
    patient, donor = StartingMaterial.PATIENT, StartingMaterial.HEALTHY_DONOR
    batches = [
        Candidate(batch=name, status=BatchStatus.COMPLETED, material=material)
        for name, material in (("A", patient), ("B", patient), ("C", donor), ("D", None))
    ]
    check_pool(materials_of(batches, ["A", "B"]), "")
    with pytest.raises(ValueError, match="2 of patient and 1 of healthy_donor would be pooled"):
        check_pool(materials_of(batches, ["A", "B", "C"]), "")
    with pytest.raises(ValueError, match="1 of not stated would be pooled"):
        check_pool(materials_of(batches, ["D"]), "")
    check_pool(materials_of(batches, ["A", "B", "C"]), "split apheresis: no difference was seen")
    with pytest.raises(ValueError, match="all batches start from one kind, 2 of patient"):
        check_pool(materials_of(batches, ["A", "B"]), "just in case")


def test_every_started_batch_counts_in_how_a_process_came_out() -> None:
    statuses = {
        "AUTO-2.0": {"A": BatchStatus.COMPLETED, "B": BatchStatus.TERMINATED, "C": BatchStatus.RUNNING},
        "MAN-1.0": {},
    }
    auto, manual = outcomes_of(statuses, judged={"A", "C"}, adverse={"A", "C"})
    assert (auto.process, auto.started, auto.running) == ("AUTO-2.0", 3, 1)
    assert (auto.terminated.events, auto.terminated.trials) == (1, 2)
    assert auto.terminated.interval == pytest.approx((0.0126, 0.9874), abs=1e-4), "Clopper and Pearson for 1 of 2"
    assert (auto.out_of_specification.events, auto.out_of_specification.trials) == (1, 1)
    assert (manual.started, manual.terminated.trials) == (0, 0)
