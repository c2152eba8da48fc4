"""What every detector of the drift family must do, whatever its idea."""

from collections.abc import Callable

import numpy as np
import pytest

from analytics.detectors.balance import Balance
from analytics.detectors.declared import Declared, FittedBalance
from analytics.detectors.drift import DriftChannel
from analytics.detectors.envelope import Envelope
from analytics.detectors.ewma import Ewma
from analytics.detectors.step import Step, StepCourse
from analytics.formula import Formula
from analytics.layers import Layer
from analytics.packing import UnknownFormat, pack
from analytics.segment import Floats
from analytics.template import Statistic

TAGS = 4
CELLS = 80


def envelope() -> Layer:
    return Envelope(mean=np.zeros((CELLS, TAGS)), sd=np.ones((CELLS, TAGS)), clip=6.0)


def ewma() -> Layer:
    return Ewma(tags=TAGS, width_h=0.5, tau_h=2.0)


def balance() -> Layer:
    weights = np.zeros((2, TAGS, TAGS))
    weights[0, 0, 2], weights[1, 3, 0] = 0.3, -0.2
    return Balance(
        mean=np.zeros((CELLS, TAGS)),
        scale=np.ones(TAGS),
        weights=weights,
        residual_sd=np.ones((CELLS, TAGS)),
        window_cells=6,
        width_h=0.5,
        tau_h=2.0,
    )


def page_hinkley() -> Layer:
    return DriftChannel(thresholds=np.full(TAGS, 25.0))


def declared() -> Layer:
    balances = [
        FittedBalance(
            name="sum",
            accuses=f"t{slot}",
            target=Formula.parse(f"integral(t{slot})"),
            explained_by=(Formula.parse("integral(1)"),),
            statistic=Statistic.SLOPE,
            span_h=3.0,
            smoothing_h=1.0,
            check="the pump",
            mean=np.zeros((CELLS, 2)),
            weights=np.zeros(1),
            residual_sd=np.ones(CELLS),
        )
        for slot in range(TAGS)
    ]
    slots = {f"t{slot}": slot for slot in range(TAGS)}
    return Declared(balances, slots=slots, tags=TAGS, width_h=0.5, tau_h=1.0)


class BinByBin(Step):
    """Each cell is a bin of its own, closed just before the cell is judged."""

    def update(self, cell: int, row: Floats) -> Floats:
        for slot in np.flatnonzero(~np.isnan(row)).tolist():
            self.note(slot, cell, float(row[slot]))
        return super().update(cell, row)


def step() -> Layer:
    flat = np.zeros((CELLS, TAGS))
    return BinByBin(StepCourse(width_us=1, low=flat, high=flat, sd=flat + 1.0))


every_detector = pytest.mark.parametrize(
    "make", [envelope, ewma, balance, page_hinkley, declared, step], ids=lambda make: make.__name__
)


def course(seed: int = 1) -> Floats:
    """Rows of z with holes and a shift of the last tag half-way."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(CELLS, TAGS)).clip(-6, 6)
    z[rng.random(z.shape) < 0.1] = np.nan
    z[CELLS // 2 :, -1] += 5.0
    return z


def scores(detector: Layer, z: Floats, first: int = 0) -> Floats:
    return np.array([detector.update(cell, row) for cell, row in enumerate(z, first)])


@every_detector
def test_the_same_course_gives_the_same_scores_bit_for_bit(make: Callable[[], Layer]) -> None:
    assert scores(make(), course()).tobytes() == scores(make(), course()).tobytes()


@every_detector
@pytest.mark.parametrize("stop", [1, 5, 6, 7, 41, 79])
def test_DETECT_1_state_survives_bytes_anywhere(make: Callable[[], Layer], stop: int) -> None:
    z = course()
    unbroken = make()
    expected = scores(unbroken, z)
    before = make()
    first = scores(before, z[:stop])
    after = make().restore(before.to_bytes())
    assert after.to_bytes() == before.to_bytes()
    rest = scores(after, z[stop:], stop)
    assert np.vstack([first, rest]).tobytes() == expected.tobytes()
    assert after.to_bytes() == unbroken.to_bytes()


@every_detector
def test_nothing_is_said_of_a_cell_that_held_nothing(make: Callable[[], Layer]) -> None:
    z = course()
    result = scores(make(), z)
    assert np.isnan(result[np.isnan(z)]).all()
    begun = slice(10, None)  # a comparison over hours knows nothing before it has seen them
    assert np.isfinite(result[begun][~np.isnan(z[begun])]).all()


@every_detector
def test_a_shift_is_scored_higher_than_what_came_before(make: Callable[[], Layer]) -> None:
    result = np.abs(scores(make(), course()))
    half = CELLS // 2
    assert np.nanmax(result[half:, -1]) > 1.5 * np.nanmax(result[:half, -1])


@every_detector
def test_a_tag_sees_no_other_unless_a_relation_was_learned(make: Callable[[], Layer]) -> None:
    z = course()
    other = z.copy()
    other[:, 1] = 6.0
    keep = [0, 2, 3]
    assert scores(make(), z)[:, keep].tobytes() == scores(make(), other)[:, keep].tobytes()


@every_detector
def test_a_score_does_not_depend_on_what_comes_later(make: Callable[[], Layer]) -> None:
    z = course()
    other = z.copy()
    other[50:] = -6.0
    assert scores(make(), z)[:50].tobytes() == scores(make(), other)[:50].tobytes()


@every_detector
def test_foreign_bytes_are_refused(make: Callable[[], Layer]) -> None:
    with pytest.raises(UnknownFormat):
        make().restore(pack("something else", 1, {}, {}))
    with pytest.raises(UnknownFormat):
        make().restore(b"\x00\x01")
