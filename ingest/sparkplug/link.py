"""Keep one connection to the MQTT server, and say there, by STATE, whether what arrives can be committed.

Online means *can commit*. When the store has been away for too long the link says offline and goes on listening; nodes
for which this host is primary then leave and store, the others fill the spool. Back online it comes by a new CONNECT
alone: the will of the old one is older than the death that was published, and nodes would ignore it.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum

import structlog
from prometheus_client import Counter, Gauge

from ingest.sparkplug import state
from ingest.sparkplug.client import Connection
from ingest.sparkplug.settings import SparkplugSettings
from ingest.sparkplug.spool import Arrival, LinkLost, LinkUp, Spool, now_us
from ingest.sparkplug.state import Answer, HostState
from ingest.sparkplug.topic import NAMESPACE
from ingest.versions import Versions

LOOK_EVERY_S = 0.2
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
# Answers to our own name are spaced: two hosts that take each other's name must not fill the network.
REPUBLISH_EVERY_S = 1.0
RECONNECT_EVERY_S = 2.0
ACKNOWLEDGED_WITHIN_S = 2.0
NOT_DATA = ("STATE", "NCMD", "DCMD")  # of other hosts, or our own

log = structlog.get_logger()
received_total = Counter("batchwitness_sparkplug_messages_received", "messages of edge nodes taken from the server")
dropped_total = Counter(
    "batchwitness_sparkplug_messages_dropped", "messages that found no room while the store was away"
)
online_gauge = Gauge("batchwitness_sparkplug_online", "1 while STATE says that this host is online")


class Wish(Enum):
    """What the link should be doing."""

    AWAY = "away"  # another process is the host
    LISTEN = "listen"  # the store cannot be written to
    ONLINE = "online"


class Link:
    """A thread of its own, so that STATE tells the truth also while a commit hangs."""

    def __init__(
        self,
        settings: SparkplugSettings,
        spool: Spool,
        *,
        wish: Callable[[], Wish],
        may_connect: Callable[[], bool],
        on_online: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._wish = wish
        self._may_connect = may_connect
        self._on_online = on_online
        self._state_topic = f"{NAMESPACE}/STATE/{settings.sparkplug_host_id}"
        self._state = HostState()
        self._versions = Versions(settings.mqtt_protocol)
        self._lock = threading.Lock()  # of the state and of what is published about it
        self._connection: Connection | None = None
        self._listening = False  # LinkUp was told, LinkLost not yet
        self._paused = False  # took the birth back because the store was away
        self._reconnect = False
        self._online_since: float | None = None
        self._wait_s = FIRST_WAIT_S
        self._next_try = self._next_republish = self._next_reconnect = float("-inf")
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sparkplug link")

    @property
    def online_for_s(self) -> float | None:
        """For how long STATE has said online over this connection; None while it does not."""
        since = self._online_since
        return None if since is None else time.monotonic() - since

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def command(self, topic: str, payload: bytes) -> bool:
        """Publish a command; False when we are not online: the first thing a host publishes is its birth."""
        with self._lock:
            if self._connection is None or not self._state.online:
                return False
            self._connection.publish_command(topic, payload)
            return True

    def leave(self) -> None:
        """Publish the death, wait for its acknowledgement, and disconnect."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except Exception:
                # Nobody else would notice that STATE is no longer looked after.
                log.exception("the link failed")
                self._close()
            self._wake.wait(LOOK_EVERY_S)
            self._wake.clear()
        self._say_offline(wait=True)
        self._close()

    def _step(self) -> None:
        connection = self._connection
        if connection is not None and connection.ended:
            if connection.answer is not None:
                self._versions.answered(connection.answer)
            self._versions.ended(answered=connection.answer is not None)
            if connection.refusal is not None:
                log.error("the server refuses us", reason=connection.refusal)
            self._close()
            self._try_later()
        match self._wish():
            case Wish.AWAY:
                self._close()  # whoever took over speaks under our name now: no death
            case Wish.LISTEN:
                if self._connection is None:
                    self._connect()
                elif self._state.online:
                    self._say_offline(wait=False)
                    self._paused = True
            case Wish.ONLINE:
                if self._connection is not None and (self._paused or self._reconnect):
                    self._reconnect_now()
                if self._connection is None:
                    self._connect()
                elif self._connection.subscribed and not self._state.online:
                    self._say_online()

    def _connect(self) -> None:
        now = time.monotonic()
        if now < self._next_try or not self._may_connect():
            return
        with self._lock:
            self._paused = self._reconnect = False
            will = state.encode(self._state.connecting(now_us() // 1000))
        connection = Connection(
            self._settings,
            version=self._versions.current,
            will=will,
            heard=self._heard,
            connected=self._connected,
            changed=self._wake.set,
        )
        try:
            connection.open()
        except OSError as error:
            log.warning("no MQTT server", server=self._settings.server, error=str(error))
            self._try_later()
            return
        self._connection = connection

    def _say_online(self) -> None:
        assert self._connection is not None
        with self._lock:
            self._connection.publish_state(state.encode(self._state.born()))
        self._wait_s = FIRST_WAIT_S
        self._online_since = time.monotonic()
        online_gauge.set(1)
        log.info("online", host=self._settings.sparkplug_host_id, server=self._settings.server)
        self._on_online()

    def _say_offline(self, *, wait: bool) -> None:
        if self._connection is None or not self._state.online:
            return
        with self._lock:
            payload = state.encode(self._state.leaving(now_us() // 1000))
        self._online_since = None
        online_gauge.set(0)
        acknowledged = self._connection.publish_state(payload, within_s=ACKNOWLEDGED_WITHIN_S if wait else 0.0)
        log.info("offline", host=self._settings.sparkplug_host_id, acknowledged=acknowledged if wait else None)

    def _reconnect_now(self) -> None:
        now = time.monotonic()
        if self._reconnect and now < self._next_reconnect:
            return
        self._next_reconnect = now + RECONNECT_EVERY_S
        self._close()
        self._next_try = now

    def _close(self) -> None:
        if self._connection is None:
            return
        ours = not self._connection.ended
        self._connection.close()
        self._connection = None
        with self._lock:
            self._state.lost()
        self._online_since = None
        online_gauge.set(0)
        if self._listening:
            self._listening = False
            self._spool.mark(LinkLost(now_us(), ours))

    def _try_later(self) -> None:
        self._next_try = time.monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def _connected(self) -> None:
        self._listening = True
        self._spool.mark(LinkUp(now_us()))

    def _heard(self, topic: str, payload: bytes, *, retained: bool) -> None:
        received_us = now_us()
        if topic == self._state_topic:
            self._heard_own_name(payload, retained=retained, now_ms=received_us // 1000)
            return
        parts = topic.split("/", 3)
        if len(parts) > 1 and (parts[1] == "STATE" or (len(parts) > 2 and parts[2] in NOT_DATA)):
            return
        received_total.inc()
        if not self._spool.put(Arrival(topic, payload, received_us, retained)):
            dropped_total.inc()

    def _heard_own_name(self, payload: bytes, *, retained: bool, now_ms: int) -> None:
        statement = state.decode(payload)
        if statement is None:
            log.warning("a STATE under our name is not one", payload=payload[:200])
            return
        with self._lock:
            before = self._state.absurd_ms
            answer = self._state.heard(statement, retained=retained, now_ms=now_ms)
            if self._state.absurd_ms != before:
                log.error("STATE under our name is far ahead of our clock: nodes that honoured it ignore us until then",
                          timestamp_ms=self._state.absurd_ms, now_ms=now_ms)  # fmt: skip
            match answer:
                case Answer.NOTHING:
                    pass
                case Answer.RECONNECT:
                    log.warning("another host speaks under our name", online=statement.online, retained=retained)
                    self._reconnect = True
                    self._wake.set()
                case Answer.REPUBLISH:
                    now = time.monotonic()
                    if self._connection is not None and now >= self._next_republish:
                        self._next_republish = now + REPUBLISH_EVERY_S
                        self._connection.publish_state(state.encode(self._state.born()))
