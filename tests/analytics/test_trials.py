from analytics.reference import Blind
from analytics.trials import FaultyRun, PlantTrial, alert_rates
from tests.analytics.plant import GRID, run_of, tags_of_unit


def test_rates_count_plants_false_alerts_and_faults_found_by_kind() -> None:
    plants = [
        PlantTrial(
            reference=tuple(run_of(1000 * plant + seed) for seed in range(20)),
            unchanged=tuple(run_of(1000 * plant + 100 + seed) for seed in range(4)),
            faulty=(
                FaultyRun(run=run_of(1000 * plant + 200, fault_from_h=30.0, step=-8.0), kind="large", start_h=30.0),
                FaultyRun(run=run_of(1000 * plant + 201, fault_from_h=30.0, step=-0.01), kind="tiny", start_h=30.0),
            ),
        )
        for plant in range(3)
    ]
    rates = alert_rates(plants, grid=GRID, tags=tags_of_unit(), blind=[Blind(phase=None, hours=2.0)])
    assert rates.plants == 3
    assert rates.false_alerts.trials == 12
    assert rates.false_alerts.events <= 2
    assert rates.detected["large"].events == 3
    assert rates.detected["tiny"].events <= 1
    delay_h = rates.delay_median_h["large"]
    assert delay_h is not None
    assert 0 < delay_h < 4
