"""The model against the published ranges, against a smaller step and against an independent integrator."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from batchwitness.plant.culture import Course
from batchwitness.plant.kinetics import CO2_SOLUBILITY, Feed, Row, acidity, rates
from batchwitness.plant.parameters import Effect, Matrix, nominal
from tests.batchwitness.plant import reference_run

# day: live 10⁶/mL, viability %, glucose, lactate mmol/L, gas CO2 mmHg, gas O2 %, glucose use fmol/cell/h, OUR mmol/L/h
EXPECTED = {
    2: (1.2, 83, 18.2, 3.8, 71, 13, 80, 0.07),
    4: (2.7, 94, 14.4, 9.9, 55, 15, 85, 0.16),
    6: (7.2, 95, 8.3, 20, 28, 20, 58, 0.33),
    8: (13, 93, 4.8, 25, 10, 25, 38, 0.48),
    12: (24, 89, 5.3, 25, 9, 32, 26, 0.72),
}
TOLERANCE = (0.03, 0.01, 0.03, 0.05, 0.1, 0.05, 0.02, 0.03)


@pytest.mark.parametrize("day", EXPECTED)
def test_the_typical_automated_batch_follows_the_documented_course(typical: Course, day: int) -> None:
    at = int(np.searchsorted(typical.times_h, 24.0 * day))
    state, outputs = typical.state, typical.outputs
    live = state[Row.LIVE][at, 0]
    found = (
        live,
        100.0 * live / (live + state[Row.DEAD][at, 0]),
        state[Row.GLUCOSE][at, 0],
        state[Row.LACTATE][at, 0],
        outputs["gas_co2_mmHg"][at, 0],
        outputs["gas_o2_percent"][at, 0],
        outputs["glucose_use_fmol_per_h"][at, 0],
        outputs["oxygen_use_mM_per_h"][at, 0],
    )
    for value, expected, tolerance in zip(found, EXPECTED[day], TOLERANCE, strict=True):
        assert value == pytest.approx(expected, rel=tolerance, abs=0.005 if expected < 1 else 0.0), (found, expected)


def test_cells_expand_47_fold_in_ten_days_and_59_fold_in_twelve(typical: Course) -> None:
    assert reference_run.fold(typical, 240.0)[0] == pytest.approx(47, rel=0.02)
    assert reference_run.fold(typical, 288.0)[0] == pytest.approx(59, rel=0.02)


def test_ph_and_oxygen_stay_flat_while_the_gases_carry_the_biology(typical: Course) -> None:
    settled = typical.times_h > 96.0
    assert np.ptp(typical.outputs["ph"][settled, 0]) < 0.07
    assert np.ptp(typical.state[Row.OXYGEN][settled, 0]) < 3.0
    assert np.ptp(typical.outputs["gas_o2_percent"][settled, 0]) > 15.0


def test_the_typical_manual_batch_expands_35_fold_below_2_million_cells_per_ml() -> None:
    course = reference_run.manual()
    assert reference_run.fold(course)[0] == pytest.approx(35, rel=0.03)
    assert course.state[Row.LIVE].max() < 1.85
    assert 13.0 < course.state[Row.GLUCOSE][-1, 0] < 14.0
    assert course.state[Row.GLUCOSE].max() <= 20.0


def test_cells_double_in_15_to_24_hours_between_days_2_and_5(typical: Course) -> None:
    cells = (typical.state[Row.LIVE] * typical.state[Row.VOLUME])[:, 0]
    days = np.searchsorted(typical.times_h, [48.0, 120.0])
    doubling_h = 72.0 * np.log(2.0) / np.log(cells[days[1]] / cells[days[0]])
    assert 15.0 < doubling_h < 24.0


def test_half_the_step_changes_six_days_of_expansion_by_less_than_a_thousandth(typical: Course) -> None:
    finer = reference_run.automated(step_min=0.5, until_h=144.0)
    assert reference_run.fold(finer, 144.0)[0] == pytest.approx(reference_run.fold(typical, 144.0)[0], rel=0.001)
    for row in (Row.GLUCOSE, Row.LACTATE, Row.OXYGEN, Row.TEMPERATURE):
        assert np.max(np.abs(finer.state[row][:, 0] - typical.state[row][: len(finer.times_h), 0])) < 0.25, row


def test_an_independent_integrator_agrees_on_a_day_of_perfusion(typical: Course) -> None:
    """On day 6 nothing is added and the feed stays as it is: the equations alone act."""
    begin, end = np.searchsorted(typical.times_h, [121.0, 145.0])
    commanded = typical.outputs["feed_mL_per_h"][begin : end + 1, 0]
    assert np.ptp(commanded) == 0.0
    feed = Feed(rate_mL_per_h=commanded[:1], target_mL=np.array([250.0]))
    parameters, healthy = nominal(1, controlled=True), np.zeros((len(Effect), 1))

    def change(t_h: float, state: Matrix) -> Matrix:
        return rates(t_h, state[:, None], parameters, feed, healthy).change[:, 0]

    start = np.array([typical.state[row][begin, 0] for row in Row])
    solved = solve_ivp(change, (121.0, 145.0), start, method="LSODA", rtol=1e-8, atol=1e-8)
    assert solved.success
    ours = np.array([typical.state[row][end, 0] for row in Row])
    assert ours == pytest.approx(solved.y[:, -1], rel=0.002, abs=0.03)


def test_the_ph_balances_the_charges() -> None:
    pco2, ions = np.array([75.0, 20.0, 5.0, 1.0]), np.array([30.0, 10.0, 2.0, 25.0])
    ph = acidity(pco2, ions)
    assert CO2_SOLUBILITY * pco2 * 10.0 ** (ph - 6.1) + 12.0 * (ph - 7.2) == pytest.approx(ions, abs=1e-4)


def test_glucose_that_cells_use_reappears_as_lactate_while_nothing_is_fed(typical: Course) -> None:
    before, after = np.searchsorted(typical.times_h, [30.0, 70.0])
    used = typical.state[Row.GLUCOSE][before, 0] - typical.state[Row.GLUCOSE][after, 0]
    made = typical.state[Row.LACTATE][after, 0] - typical.state[Row.LACTATE][before, 0]
    assert made / used == pytest.approx(1.6, rel=1e-6)
