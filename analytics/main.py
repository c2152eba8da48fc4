"""The analytics stage as a process."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import psycopg
import structlog
from prometheus_client import start_http_server

from analytics.runner import Runner
from analytics.self_check import SelfCheck
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

    def connect(name: str = "batchwitness analytics") -> psycopg.Connection:
        return psycopg.connect(autocommit=True, application_name=name)

    check = SelfCheck(
        connect=lambda: connect("batchwitness self-check"), settings=settings, stopping=stop.is_set, wait=stop.wait
    )
    log.info("analytics started")
    ready()
    # Only ever reads before it writes one row: where the process ends meanwhile, nothing is lost.
    threading.Thread(target=check.run, name="self-check", daemon=True).start()
    Runner(connect=connect, settings=settings, stopping=stop.is_set, wait=stop.wait).run()
    return 0
