"""What comes back within a day is one episode from then on, and what comes back after days is another."""

from dataclasses import replace

import numpy as np
import pytest

from analytics.reference import ReferenceModel
from analytics.runs import CompletedRun
from store.model.alert import Alert, AlertKind
from store.model.times import US_PER_H
from tests.analytics import tank


@pytest.fixture(scope="module")
def model() -> ReferenceModel:
    return tank.reference(None)


def acid_high(*, between: list[tuple[float, float]]) -> CompletedRun:
    """A batch that takes three times the acid in each of these hours."""
    run = tank.run_of(601)
    times_h, values = run.tags["acid"]
    high = np.any([(times_h >= first) & (times_h < last) for first, last in between], axis=0)
    return replace(run, tags={**run.tags, "acid": (times_h, values * np.where(high, 3.0, 1.0))})


def drifts(model: ReferenceModel, run: CompletedRun) -> list[Alert]:
    """The drift alerts of a batch as they were at its end, in the order in which they were raised."""
    last = {alert.ordinal: alert for alert in tank.alerts_of(model, run) if alert.kind is AlertKind.DRIFT}
    return [last[ordinal] for ordinal in sorted(last)]


def test_a_rhythm_is_two_alerts_however_often_it_comes_back(model: ReferenceModel) -> None:
    first, rest = drifts(model, acid_high(between=[(10, 14), (28, 32), (46, 50), (64, 68)]))
    assert first.tags == rest.tags == ("acid",)
    assert first.ended_us is not None
    assert 10 <= first.onset_us / US_PER_H <= first.ended_us / US_PER_H < 20
    assert rest.ended_us is not None
    assert 28 <= rest.onset_us / US_PER_H < 32
    assert 64 <= rest.ended_us / US_PER_H < 72, "it ended when it was last beyond, not when nobody waited any longer"


def test_what_comes_back_after_two_days_is_another_alert(model: ReferenceModel) -> None:
    first, second, *_ = drifts(model, acid_high(between=[(10, 14), (64, 68)]))
    assert [alert.raised_us / US_PER_H for alert in (first, second)] == [10.5, 64.5]
    assert [(alert.ended_us or 0) / US_PER_H for alert in (first, second)] == [15.0, 69.0]
