"""Analytics as a test runs it: one worker, in the test's own thread, until nothing is left to do."""

from typing import Any

import psycopg

from analytics.runner import Runner
from analytics.settings import AnalyticsSettings


def work_off(dsn: str, **settings: Any) -> None:
    """Run a fresh worker with that connection string until it has nothing to do, as after a restart."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        runner = Runner(
            connect=lambda: connection,
            settings=AnalyticsSettings(**settings),
            stopping=lambda: False,
            wait=lambda _within_s: None,
        )
        while runner.step(connection):
            pass
