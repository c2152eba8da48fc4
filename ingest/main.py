"""The ingest stage as a process."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import psycopg
import structlog
from prometheus_client import start_http_server

from ingest.keeper import Keeper
from ingest.partitions import partitions
from ingest.reprocess import CHAIN, MessageTaker, Reprocessor, is_asked
from ingest.settings import IngestSettings
from ingest.worker import Worker, open_session

# How long a thread that decodes may keep the one that commits from going on with what the database answered. Python's
# own 5 ms, some twenty times a block, cost a quarter of the rate at ten readings a message.
SWITCH_INTERVAL_S = 0.0002

log = structlog.get_logger()


def run(ready: Callable[[], None]) -> int:
    """Until SIGTERM or SIGINT: 0. 1 when the broker or a bug makes going on pointless.

    `ready` is called at every subscription: from then on the broker keeps for us what we cannot take.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    settings = IngestSettings()
    clock = settings.clock()
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    if settings.ingest_metrics_port is not None:
        start_http_server(settings.ingest_metrics_port, addr="127.0.0.1")
    keeper = Keeper(
        partitions=partitions(
            settings.ingest_partitions, client_id=settings.mqtt_client_id, prefix=settings.topic_prefix
        ),
        holder=settings.holder(),
        connect=lambda name: psycopg.connect(autocommit=True, application_name=name),
        new_worker=lambda partition, tells_time: Worker(
            settings, partition, clock=clock, tells_time=tells_time, on_subscribed=ready
        ),
        stop=stop,
    )
    reprocessor = Reprocessor(
        connect=lambda: psycopg.connect(autocommit=True, application_name="batchwitness ingest"),
        asked=is_asked,
        open_taker=lambda: MessageTaker(open_session(settings, chain=CHAIN, kind="live")),
        chain=CHAIN,
        holder=settings.holder(),
        stop=stop,
    )
    threading.Thread(target=reprocessor.run, name="reprocess", daemon=True).start()
    log.info("ingest started", broker=f"{settings.mqtt_host}:{settings.mqtt_port}", rate=clock.rate)
    keeper.run()
    for why in keeper.failures:
        log.error("ingest stops", reason=why)
    return 1 if keeper.failures else 0
