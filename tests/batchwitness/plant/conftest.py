"""The demo's story, simulated once for all tests that look at it."""

from datetime import UTC, datetime

import pytest

from batchwitness.plant import scenario
from batchwitness.plant.culture import Course
from batchwitness.plant.scenario import Scenario
from tests.batchwitness.plant import reference_run

END = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def typical() -> Course:
    """Column 0 is the typical healthy batch, the others have the faults of reference_run.TYPICAL."""
    return reference_run.automated(reference_run.TYPICAL)


@pytest.fixture(scope="session")
def history() -> Scenario:
    return scenario.history(1, end=END)


@pytest.fixture(scope="session")
def live() -> Scenario:
    return scenario.live(1, end=END)
