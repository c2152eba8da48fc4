"""One worker: a session at the broker, an inbox, the decoding ahead and the pipeline, for one partition."""

import contextlib
import threading
from collections.abc import Callable, Sequence

import psycopg
import structlog
from psycopg.conninfo import make_conninfo

from ingest.ahead import DecodeAhead
from ingest.decode import Decoder
from ingest.inbox import Inbox
from ingest.partitions import Partition
from ingest.pipeline import Pipeline, StoreSession
from ingest.settings import IngestSettings
from ingest.subscriber import Subscriber
from store.clock import PlantClock
from store.directory import Directory
from store.errors import ChainLost, translated
from store.journal import claim_chain

log = structlog.get_logger()


# A network that swallows everything is noticed within half a minute, by the kernel.
HALF_OPEN = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms
}
# A lock that somebody else holds is the store being unavailable, said every 10 s; a transaction whose client has gone
# without a word is ended, so that its locks are not in the way of the next client.
WAITING = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"


class Worker:
    """Serves one partition in threads of its own until it is stopped, fails, or finds that another one took over."""

    def __init__(
        self,
        settings: IngestSettings,
        partition: Partition,
        *,
        clock: PlantClock,
        tells_time: Callable[[], bool],
        on_subscribed: Callable[[], None],
        conninfo: str = "",
    ) -> None:
        """`tells_time`: whether this worker may say now that time passed, should it be up to date."""
        self.partition = partition
        self.failure: str | None = None  # why it cannot go on, and nobody else could either
        self.inbox = Inbox(most=3 * settings.ingest_batch, most_bytes=settings.ingest_inbox_bytes)
        self.subscriber = Subscriber(
            settings,
            self.inbox,
            partition,
            host_us=clock.host_us,
            on_subscribed=on_subscribed,
            on_failure=self._fail,
        )
        self._stop = threading.Event()
        self.pipeline = Pipeline(
            ahead=DecodeAhead(
                self.inbox,
                open_decoder=lambda: open_decoder(settings, conninfo=conninfo),
                most_messages=settings.ingest_batch,
            ),
            open_session=lambda: open_session(settings, chain=partition.name, kind="live", conninfo=conninfo),
            acknowledge=self.subscriber.acknowledge,
            read_clock=clock.read,
            listening=self.subscriber.listening,
            tells_time=tells_time,
            most_refused=settings.ingest_most_refused,
            stop=self._stop,
        )
        self._thread = threading.Thread(target=self._run, name=f"pipeline {partition.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.subscriber.start()
        self._thread.start()

    def stop(self) -> None:
        """End; the broker keeps the session and what is not acknowledged."""
        self._stop.set()
        self.inbox.close()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.subscriber.stop()

    def running(self) -> bool:
        """Whether it still serves its partition."""
        return self._thread.is_alive() and self.failure is None

    def leave_to_others(self, partitions: Sequence[Partition]) -> None:
        """Take no more of what these partitions, whose sessions the broker holds, get as well."""
        self.subscriber.leave_to_others(partitions)

    def _run(self) -> None:
        try:
            self.pipeline.run()
        except ChainLost as lost:
            log.warning("another process took over", partition=self.partition.name, reason=str(lost))
        except Exception as error:
            log.exception("the pipeline failed", partition=self.partition.name)
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self.pipeline.close()

    def _fail(self, why: str) -> None:
        self.failure = why


def open_decoder(settings: IngestSettings, *, conninfo: str = "") -> Decoder:
    """Connect and read the directory. Raises StoreUnavailable."""
    with translated():
        connection = psycopg.connect(
            make_conninfo(conninfo, options=WAITING, **HALF_OPEN),
            autocommit=True,
            application_name="batchwitness ingest",
        )
    directory = Directory()
    directory.read(connection)
    return Decoder(connection=connection, directory=directory, prefix=settings.topic_prefix)


def open_session(settings: IngestSettings, *, chain: str, kind: str, conninfo: str = "") -> StoreSession:
    """The same, and claim the chain. Raises StoreUnavailable."""
    decoder = open_decoder(settings, conninfo=conninfo)
    lease = claim_chain(decoder.connection, name=chain, kind=kind, holder=settings.holder())
    return StoreSession(lease=lease, decoder=decoder)
