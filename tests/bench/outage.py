"""The database away under load: the memory of ingest and broker meanwhile, the time to catch up, and what was lost."""

import os
import sys
import time

from tests.bench.campaign.machine import Machine, machine
from tests.bench.feed import PUBLISHER, READINGS, feed
from tests.bench.process import machine_described, peak_mib, resident_mib
from tests.bench.report import report
from tests.support import eventually

READINGS_PER_S = 2_000
OUTAGE_S = 60.0  # unless the environment says BENCH_OUTAGE_S
BEFORE_S, AFTER_S = 10.0, 10.0
CURRENT_S = 1.0  # so old may the newest reading in the record be once ingest has caught up
CAUGHT_UP_WITHIN_S = 1_200.0


def bench_outage() -> None:
    """PostgreSQL stopped, at a steady rate."""
    outage_s = float(os.environ.get("BENCH_OUTAGE_S", OUTAGE_S))
    with machine() as one, feed(one, readings_per_s=READINGS_PER_S) as stream:
        eventually(lambda: stream.messages > 0, within_s=60, what="the stream runs")
        _wait(BEFORE_S, "the stream runs")
        before_mib = _memory(one, peak=False)
        one.stack.database.stop()
        stopped_s = time.monotonic()
        _wait(outage_s, "the database is away")
        backlog = stream.messages
        one.stack.database.start()
        back_s = time.monotonic()
        eventually(lambda: _current(one), within_s=CAUGHT_UP_WITHIN_S, what="ingest has caught up")
        caught_up_s = time.monotonic()
        _wait(AFTER_S, "the stream goes on")
        messages = stream.stop()
        eventually(
            lambda: one.ask("SELECT last_seq FROM publisher WHERE publisher = %s", PUBLISHER) == [(messages - 1,)],
            within_s=CAUGHT_UP_WITHIN_S,
            what="everything published is in the record",
        )
        ((stored, gaps, aside),) = one.ask(
            "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM sequence_gap WHERE filled_time IS NULL),"
            " (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM reading_conflict)"
        )
        peak = _memory(one, peak=True)
        report(
            "outage",
            readings_per_s=READINGS_PER_S,
            readings_per_message=READINGS,
            outage_s=round(back_s - stopped_s, 1),
            messages_published_until_its_end=backlog,
            catch_up_s=round(caught_up_s - back_s, 1),
            ingest_before_MiB=round(before_mib[0]),
            ingest_peak_MiB=round(peak[0]),
            broker_before_MiB=round(before_mib[1]),
            broker_peak_MiB=round(peak[1]),
            published=messages * READINGS,
            lost=messages * READINGS - stored,
            open_gaps=gaps,
            put_aside_or_in_conflict=aside,
            machine=machine_described(),
        )


def _memory(one: Machine, *, peak: bool) -> tuple[float, float]:
    """Of ingest and of the broker, in MiB."""
    ingest, broker = one.ingests[0].pid, one.stack.broker.pid
    assert ingest is not None
    assert broker is not None
    measure = peak_mib if peak else resident_mib
    return measure(ingest), measure(broker)


def _current(one: Machine) -> bool:
    rows = one.ask("SELECT max(source_time) > now() - make_interval(secs => %s) FROM reading", CURRENT_S)
    return rows == [(True,)]


def _wait(seconds: float, what: str) -> None:
    sys.stderr.write(f"{what} for {seconds:g} s\n")
    time.sleep(seconds)
