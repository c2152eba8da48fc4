"""Whatever the order in which results come, are corrected and withdrawn: what is told of a chart holds together."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics.chart_episodes import LimitsInUse
from analytics.chart_state import Changes, ChartState
from analytics.methods.chart_rules import EVERY_RULE
from analytics.methods.control import ControlLimits
from store.model.chart import Chart, ChartPoint, WithoutNumber
from store.model.result import Scale

START = datetime(2026, 1, 1, tzinfo=UTC)
CHART = Chart(
    control_chart_id=1,
    process_version_id=1,
    attribute="viability",
    tag=None,
    phase=None,
    summary=None,
    scale=Scale.LINEAR,
    unit_of_measure="%",
)
LIMITS = LimitsInUse(
    control_limit_id=1,
    version=1,
    kind="initial",
    limits=ControlLimits(centre=90.0, sigma=1.0, n=8),
    rules=EVERY_RULE,
    batches=frozenset(range(8)),
    ordinal=1,
    until=None,
)


def point(number: int, value: float | None) -> ChartPoint:
    without = None if value is not None else WithoutNumber.NO_NUMBER
    return ChartPoint(
        batch_id=number,
        batch=f"CT-{number}",
        started=START + timedelta(days=14 * number),
        value=value,
        value_text="not done" if value is None else f"{value:g}",
        without=without,
    )


def checked(state: ChartState, changes: Changes) -> None:
    """What must hold after every entry."""
    holding = {key.batch_id for key, signal in state.signals.items() if signal.holds}
    told = Counter(
        batch
        for version in state.alerts.values()
        for batch in {str(one["batch"]) for one in version.alert.evidence}
        if version.alert.control_limit_id == 1
    )
    assert told == Counter(f"CT-{batch_id}" for batch_id in holding), "each in exactly one alert"
    for version in state.alerts.values():
        alert = version.alert
        assert {str(one["batch"]) for one in alert.evidence} <= {f"CT-{batch}" for batch in alert.batches}
        assert alert.evidence or alert.sentence.startswith("Withdrawn: ")
        assert alert.evidence or alert.ended is not None
    ordinals = sorted(ordinal for of, ordinal in state.alerts if of == 1)
    assert ordinals == list(range(1, len(ordinals) + 1))
    for changed in changes.alerts:
        assert not changed.version or changed.alert.batches >= changed.joined


@pytest.mark.parametrize("seed", range(30))
def test_every_signal_is_in_one_alert_and_saying_the_same_again_changes_nothing(seed: int) -> None:
    draw = random.Random(seed)
    state, known = ChartState(), {number: point(number, 90.0 + draw.gauss(0, 1)) for number in range(8)}
    for ordinal in range(2, 60):
        number = draw.randrange(8, 40)
        shift = 3.0 if 15 <= number < 25 else 0.0
        known[number] = point(number, None if draw.random() < 0.1 else round(90.0 + shift + draw.gauss(0, 1.2), 1))
        if draw.random() < 0.1:
            known.pop(draw.choice([one for one in known if one >= 8]))
        at = START + timedelta(days=ordinal)
        limits = LIMITS if ordinal < 50 else replace(LIMITS, until=50)
        before = {key: version.alert for key, version in state.alerts.items()}
        changes = state.advance(CHART, known.values(), [limits], ordinal=ordinal, at=at)
        checked(state, changes)
        for key, alert in before.items():
            now = state.alerts[key].alert
            assert now.batches >= alert.batches
            assert (now.raised, now.onset) == (alert.raised, alert.onset)
            assert alert.evidence or now == alert, "what was withdrawn stays as it was"
        again = state.advance(CHART, known.values(), [limits], ordinal=ordinal, at=at + timedelta(days=1))
        assert again == Changes(points=[], signals=[], alerts=[])
    assert state.alerts
