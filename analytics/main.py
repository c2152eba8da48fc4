"""The analytics stage as a process."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import psycopg
import structlog
from prometheus_client import start_http_server

from analytics.runner import Runner
from analytics.settings import AnalyticsSettings

log = structlog.get_logger()


def run(ready: Callable[[], None]) -> int:
    """Until SIGTERM or SIGINT: 0. `ready` is called once the loop begins."""
    settings = AnalyticsSettings()
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    if settings.analytics_metrics_port is not None:
        start_http_server(settings.analytics_metrics_port, addr="127.0.0.1")
    log.info("analytics started")
    ready()
    Runner(
        connect=lambda: psycopg.connect(autocommit=True, application_name="batchwitness analytics"),
        settings=settings,
        stopping=stop.is_set,
        wait=stop.wait,
    ).run()
    return 0
