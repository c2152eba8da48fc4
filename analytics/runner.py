"""Follow the journal: record the order of its blocks, then let every consumer of that order catch up.

DETECT-1: what a monitor does depends on the recorded order and its own state alone, so a killed runner's successor
raises the same alerts, bit for bit. One transaction a round holds the overviews, what is missing and how the rest
arrived, the monitors' states and positions and their alerts, and no monitor passes the overviews: whoever sees an alert
sees the summaries of what it rests on. None passes the follower of batches either, so that a run goes exactly as far as
the correction that ends it. Nothing is done twice and nothing is left out. Several runners may share the work:
positions are locked while they move.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import structlog
from prometheus_client import Counter, Gauge

from analytics.arrivals import count_arrivals
from analytics.batches import follow_batches
from analytics.charts import follow_charts
from analytics.fresh import read_fresh
from analytics.gaps import derive_gaps
from analytics.intake import consumed, position_of, take_blocks
from analytics.overviews import derive_overviews
from analytics.reruns import note_late, score_late_again
from analytics.settings import AnalyticsSettings
from analytics.watching import MonitorCache, advance_monitor
from store.errors import StoreUnavailable, translated

MOST_BLOCKS = 200
OVERVIEW_READINGS = 100_000  # a stretch is one transaction, and alerts wait for it
ROUND_S = 0.15  # so long may monitors that are far behind keep a round, and its alerts, open
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0

log = structlog.get_logger()
head_gauge = Gauge("batchwitness_analytics_head", "last ordinal of the intake")
advances_total = Counter("batchwitness_analytics_monitor_advances", "times a monitor moved on")
unavailable_total = Counter("batchwitness_analytics_store_unavailable", "times the store could not be reached")


@dataclass(slots=True)
class Runner:
    """One worker."""

    connect: Callable[[], psycopg.Connection]
    settings: AnalyticsSettings
    stopping: Callable[[], bool]
    wait: Callable[[float], object]  # seconds; returns early when stopping
    cache: MonitorCache = field(default_factory=MonitorCache)

    def run(self) -> None:
        """Until stopping. While the store is unavailable, wait and try again."""
        wait_s = FIRST_WAIT_S
        while not self.stopping():
            try:
                with translated(), self.connect() as connection:
                    while not self.stopping():
                        if not self.step(connection):
                            self.wait(self.settings.analytics_poll_s)
                        wait_s = FIRST_WAIT_S
            except StoreUnavailable as error:
                unavailable_total.inc()
                log.warning("store unavailable", wait_s=wait_s, error=str(error))
                self.cache = MonitorCache()  # an unfinished transaction may have moved them in memory only
                self.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def step(self, connection: psycopg.Connection) -> bool:
        """One round; False when there was nothing to do."""
        head = take_blocks(connection, most=MOST_BLOCKS)
        head_gauge.set(head)
        worked = False
        with consumed(connection, "batches", head, most=MOST_BLOCKS) as stretch:
            if stretch is not None:
                follow_batches(connection, stretch, self.settings)
                worked = True
        with consumed(connection, "charts", head, most=MOST_BLOCKS) as stretch:
            if stretch is not None:
                follow_charts(connection, stretch)
                worked = True
        with connection.transaction():
            with consumed(connection, "overviews", head, most=MOST_BLOCKS, most_readings=OVERVIEW_READINGS) as stretch:
                if stretch is not None:
                    fresh = read_fresh(connection, stretch)
                    count_arrivals(connection, fresh)
                    derive_overviews(connection, fresh)
                    derive_gaps(connection, fresh, self.settings)
                    note_late(connection, fresh)
                    worked = True
            reach = min(position_of(connection, name) for name in ("overviews", "batches"))
            round_ends = time.monotonic() + ROUND_S
            while time.monotonic() < round_ends and advance_monitor(connection, reach, self.settings, self.cache):
                advances_total.inc()
                worked = True
        # Only when all is quiet: a backlog that comes in many blocks makes one run.
        return worked or score_late_again(connection, reach, self.settings)
