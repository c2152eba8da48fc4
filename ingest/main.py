"""The ingest stage as a process."""

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType

import psycopg
import structlog
from prometheus_client import start_http_server

from ingest.ahead import DecodeAhead
from ingest.decode import Decoder
from ingest.inbox import Inbox
from ingest.pipeline import Pipeline, StoreSession
from ingest.settings import IngestSettings
from ingest.subscriber import Subscriber
from store.directory import Directory
from store.errors import translated
from store.journal import claim_chain

log = structlog.get_logger()


def open_decoder(settings: IngestSettings, *, conninfo: str = "") -> Decoder:
    """Connect and read the directory. Raises StoreUnavailable."""
    with translated():
        connection = psycopg.connect(conninfo, autocommit=True, application_name="batchwitness ingest")
    directory = Directory()
    directory.read(connection)
    return Decoder(connection=connection, directory=directory, prefix=settings.topic_prefix)


def open_session(settings: IngestSettings, *, chain: str, kind: str, conninfo: str = "") -> StoreSession:
    """The same, and claim the chain. Raises StoreUnavailable."""
    decoder = open_decoder(settings, conninfo=conninfo)
    lease = claim_chain(decoder.connection, name=chain, kind=kind, holder=settings.holder())
    return StoreSession(lease=lease, decoder=decoder)


def run(ready: Callable[[], None]) -> int:
    """Until SIGTERM or SIGINT: 0. 1 when the broker or a bug makes going on pointless.

    `ready` is called at every subscription: from then on the broker keeps for us what we cannot take.
    """
    settings = IngestSettings()
    stop = threading.Event()
    failures: list[str] = []

    def on_failure(why: str) -> None:
        failures.append(why)
        stop.set()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    if settings.ingest_metrics_port is not None:
        start_http_server(settings.ingest_metrics_port, addr="127.0.0.1")
    inbox = Inbox(most=3 * settings.ingest_batch, most_bytes=settings.ingest_inbox_bytes)
    subscriber = Subscriber(settings, inbox, on_subscribed=ready, on_failure=on_failure)
    clock = settings.clock()
    pipeline = Pipeline(
        ahead=DecodeAhead(inbox, open_decoder=lambda: open_decoder(settings), most_messages=settings.ingest_batch),
        open_session=lambda: open_session(settings, chain=settings.mqtt_client_id, kind="live"),
        acknowledge=subscriber.acknowledge,
        read_clock=clock.read,
        listening=subscriber.listening,
        stop=stop,
    )
    subscriber.start()
    log.info("ingest started", broker=f"{settings.mqtt_host}:{settings.mqtt_port}", rate=clock.rate)
    try:
        pipeline.run()
    finally:
        inbox.close()
        with contextlib.suppress(Exception):
            subscriber.stop()
    for why in failures:
        log.error("ingest stops", reason=why)
    return 1 if failures else 0
