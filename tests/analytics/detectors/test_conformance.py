"""What every detector of the drift family must do, whatever its idea."""

from collections.abc import Callable

import numpy as np
import pytest

from analytics.detectors.assay import AssayDifference
from analytics.detectors.balance import Balance
from analytics.detectors.components import Components, Distance, FittedComponents
from analytics.detectors.declared import Declared, FittedBalance
from analytics.detectors.drift import DriftChannel
from analytics.detectors.envelope import Envelope
from analytics.detectors.ewma import Ewma
from analytics.detectors.level import Level, LevelCourse
from analytics.detectors.loop import LAGS, FittedLoops, Loop
from analytics.detectors.maturity import FittedMaturity, Pace
from analytics.detectors.own_past import FittedPast, OwnPast
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


BALANCE_CELLS = 6


def balance() -> Layer:
    weights = np.zeros((2, TAGS, TAGS))
    weights[0, 0, 2], weights[1, 3, 0] = 0.3, -0.2
    return Balance(
        mean=np.zeros((CELLS, TAGS)),
        scale=np.ones(TAGS),
        weights=weights,
        residual_sd=np.ones((CELLS, TAGS)),
        window_cells=BALANCE_CELLS,
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
        self.note(cell, row)
        return super().update(cell, row)


def step_course(*, alone: float) -> StepCourse:
    flat = np.zeros((CELLS, TAGS))
    return StepCourse(
        width_us=1,
        low=flat,
        high=flat,
        sd=flat + 1.0,
        unrest=flat + 5.0,
        alone=np.full((1, TAGS), alone),
        asked=TAGS,
        fewest=np.ones((1, TAGS)),
    )


def step() -> Layer:
    return BinByBin(step_course(alone=0.0))


def step_alone() -> Layer:
    return BinByBin(step_course(alone=1.0))


class LevelsBinByBin(Level):
    """Each cell is a bin of its own."""

    def update(self, cell: int, row: Floats) -> Floats:
        self.note(cell, row)
        return super().update(cell, row)


def level() -> Layer:
    flat = np.zeros((CELLS, TAGS))
    return LevelsBinByBin(LevelCourse(width_us=1, low=flat, high=flat, sd=flat + 1.0))


class LoopsBinByBin(Loop):
    """Each cell is a bin of its own, in which nobody else changed."""

    def update(self, cell: int, row: Floats) -> Floats:
        self.note(cell, row, np.zeros(len(row), np.bool_))
        return super().update(cell, row)


def loop() -> Layer:
    """Every tag is held by its neighbour."""
    weights = np.zeros((TAGS, 1 + 2 * LAGS, 2))
    weights[:, [1, 1 + LAGS], [0, 1]] = 0.1
    return LoopsBinByBin(
        FittedLoops(
            measured=NAMES,
            answers=(*NAMES[1:], NAMES[0]),
            checks=("the probe",) * TAGS,
            width_us=1,
            weights=weights,
            mean=np.zeros((TAGS, CELLS, 2)),
            sd=np.ones((TAGS, CELLS, 2)),
        ),
        slots=SLOTS,
        width_h=0.5,
    )


class Sampled(AssayDifference):
    """The level of assays of which one is drawn in every cell that holds a value."""

    def update(self, cell: int, row: Floats) -> Floats:
        for slot, value in enumerate(row.tolist()):
            if not np.isnan(value):
                self.note(slot, (cell + 1) * 0.5, value)
        return super().update(cell, row)


def assay() -> Layer:
    return Sampled(tags=TAGS, tau_h=0.0)


def assays() -> Layer:
    return Sampled(tags=TAGS, tau_h=2.0)


def own_past() -> Layer:
    rng = np.random.default_rng(5)
    fitted = FittedPast(
        tags=NAMES,
        vectors=np.cumsum(rng.normal(0.0, 0.01, (3, CELLS, TAGS)), axis=1),
        variances=np.full((3, TAGS), 5.0),
        noise=np.ones(TAGS),
        residual_sd=np.ones((CELLS, TAGS)),
    )
    return OwnPast(fitted, slots=SLOTS, width_h=0.5, delay_h=3.0, tau_h=2.0)


def components(distance: Distance) -> Layer:
    rows = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5]])
    fitted = FittedComponents(tags=NAMES, loadings=rows, variances=np.array([2.0, 1.0]), rest=0.4)
    return Components(fitted, distance, slots=SLOTS, width_h=0.5, tau_h=2.0, limit=5.0)


def hotelling_t2() -> Layer:
    return components(Distance.HOTELLING_T2)


def spe() -> Layer:
    return components(Distance.SPE)


def pace() -> Layer:
    fitted = FittedMaturity(
        tags=NAMES,
        mean=np.arange(CELLS)[:, None] / 3.0 + np.arange(TAGS),
        sd=np.ones((CELLS, TAGS)),
        tells=np.ones((CELLS, TAGS)),
        lag_sd=4.0,
        pace_mean=np.ones(CELLS),
        pace_sd=np.full(CELLS, 0.1),
    )
    return Climbing(fitted, slots=SLOTS, width_h=0.5, tau_h=2.0, window_h=6.0)


class Climbing(Pace):
    """Sees the climb of the reference with a row of z on top of it, and is told of it with the sign of z."""

    def update(self, cell: int, values: Floats) -> Floats:
        return super().update(cell, values + cell / 3.0 + np.arange(TAGS))


NAMES = tuple(f"t{slot}" for slot in range(TAGS))
SLOTS = {name: slot for slot, name in enumerate(NAMES)}
OF_TAGS = (envelope, ewma, balance, page_hinkley, declared, own_past, step, level)
OF_TAGS_AT_TIMES = (step_alone, loop)  # they say nothing while others change or are missing
OF_ASSAYS = (assay, assays)  # whose level holds until the next one
OF_THE_BATCH = (hotelling_t2, spe, pace)  # one number, which its tags share


def each_of(*makes: Callable[[], Layer]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("make", makes, ids=lambda make: make.__name__)


every_detector = each_of(*OF_TAGS, *OF_TAGS_AT_TIMES, *OF_ASSAYS, *OF_THE_BATCH)


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


@each_of(*OF_TAGS, *OF_THE_BATCH)
def test_nothing_is_said_of_a_cell_that_held_nothing(make: Callable[[], Layer]) -> None:
    z = course()
    result = scores(make(), z)
    assert np.isnan(result[np.isnan(z)]).all()
    known = ~np.isnan(z)
    known[:10] = False  # a comparison over hours knows nothing before it has seen them
    known[known.sum(axis=1) < TAGS / 2] = False  # nor is anything said of a batch of which less than half is known
    if make is balance:  # nor of a change from a cell that held nothing
        known[BALANCE_CELLS:] &= ~np.isnan(z[:-BALANCE_CELLS])
    assert np.isfinite(result[known]).all()


@every_detector
def test_a_shift_is_scored_higher_than_what_came_before(make: Callable[[], Layer]) -> None:
    result = np.abs(scores(make(), course()))
    half = CELLS // 2
    assert np.nanmax(result[half:, -1]) > 1.5 * np.nanmax(result[:half, -1])


@each_of(*OF_TAGS, *OF_ASSAYS)
def test_a_tag_sees_no_other_unless_a_relation_was_learned(make: Callable[[], Layer]) -> None:
    z = course()
    other = z.copy()
    other[:, 1] = 6.0
    keep = [0, 2, 3]
    assert scores(make(), z)[:, keep].tobytes() == scores(make(), other)[:, keep].tobytes()


@each_of(*OF_ASSAYS)
def test_the_level_of_assays_holds_until_the_next_one(make: Callable[[], Layer]) -> None:
    detector = make()
    level = detector.update(0, np.array([1.0, 2.0, np.nan, -1.0]))
    assert np.isnan(level[2])
    assert detector.update(1, np.full(TAGS, np.nan)).tobytes() == level.tobytes()


@each_of(*OF_THE_BATCH)
def test_a_number_of_the_batch_is_carried_whole_by_the_tag_that_drives_it_most(make: Callable[[], Layer]) -> None:
    detector = make()
    assert isinstance(detector, Components | Pace)
    for cell, row in enumerate(course()):
        carried = np.abs(detector.update(cell, row))
        if np.nanmax(carried, initial=0.0) > 0.0:
            assert np.nanargmax(carried) == np.argmax(detector.shares())
            assert detector.shares().sum() == pytest.approx(1.0)


@each_of(ewma, balance, declared, own_past, *OF_THE_BATCH)
def test_the_state_does_not_grow_with_the_batch(make: Callable[[], Layer]) -> None:
    detector, sizes = make(), []
    for cell, row in enumerate(np.nan_to_num(course())):
        detector.update(cell, row)
        sizes.append(len(detector.to_bytes()))
    assert max(sizes[CELLS // 2 :]) <= max(sizes[: CELLS // 2])


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
