"""The sparkplug stage as a process."""

import signal
import threading
import uuid
from collections.abc import Callable
from types import FrameType

import psycopg
import structlog
from prometheus_client import start_http_server

from ingest.reprocess import Reprocessor
from ingest.sparkplug.again import chain, is_asked, open_taker
from ingest.sparkplug.host import Host, Patience
from ingest.sparkplug.link import Link
from ingest.sparkplug.settings import SparkplugSettings
from ingest.sparkplug.spool import Spool
from store.errors import SettingsContradict

log = structlog.get_logger()


def run(ready: Callable[[], None], *, patience: Patience | None = None) -> int:
    """Until SIGTERM or SIGINT: 0. Raises SettingsContradict without a host id.

    `ready` is called whenever STATE has become online. A process that stands by is not ready: nothing is wrong with it.
    """
    settings = SparkplugSettings()
    if not settings.sparkplug_host_id:
        raise SettingsContradict("the sparkplug stage was started but BATCHWITNESS_SPARKPLUG_HOST_ID is not set")
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    if settings.sparkplug_metrics_port is not None:
        start_http_server(settings.sparkplug_metrics_port, addr="127.0.0.1")
    host, link = assembled(settings, stop, ready=ready, patience=patience)
    reprocessor = Reprocessor(
        connect=lambda: psycopg.connect(autocommit=True, application_name="batchwitness sparkplug"),
        asked=is_asked,
        open_taker=lambda: open_taker(settings, holder=host.holder),
        chain=chain(settings),
        holder=host.holder,
        stop=stop,
    )
    threading.Thread(target=reprocessor.run, name="reprocess", daemon=True).start()
    link.start()
    log.info("sparkplug started", host=settings.sparkplug_host_id, server=settings.server)
    try:
        host.run()
    finally:
        link.leave()
        host.finish()
    return 0


def assembled(
    settings: SparkplugSettings,
    stop: threading.Event,
    *,
    ready: Callable[[], None],
    conninfo: str = "",
    patience: Patience | None = None,
) -> tuple[Host, Link]:
    """The host and its link, connected to each other and not started."""
    spool = Spool(most=settings.sparkplug_spool, most_bytes=settings.sparkplug_spool_bytes)

    def command(topic: str, payload: bytes) -> bool:
        return link.command(topic, payload)

    host = Host(
        settings=settings,
        holder=f"{settings.holder()}:{uuid.uuid4().hex[:8]}",
        spool=spool,
        command=command,
        stop=stop,
        conninfo=conninfo,
        patience=patience or Patience(),
    )
    link = Link(settings, spool, wish=host.wish, may_connect=host.may_connect, on_online=ready)
    return host, link
