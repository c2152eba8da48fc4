"""Brokers that know only one version of MQTT: what ingest speaks with them, and that nothing is lost by it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ingest.versions import UNSUPPORTED_PROTOCOL_VERSION, Version, Versions
from tests.fix_proxy import Proxy
from tests.ingest.conftest import Line, readings
from tests.support import eventually

LEVEL_AT = 8  # of a CONNECT of fewer than 128 bytes: header, length, "MQTT" with its length, then the level
LEVEL_3_1_1 = 4
REFUSED = b"\x20\x02\x00\x01"  # CONNACK, unacceptable protocol version (MQTT 3.1.1, 3.2.2.3)


class OldBroker:
    """Stands before a real broker and takes MQTT 3.1.1 alone, as the brokers do that came before version 5."""

    def __init__(self, target: tuple[str, int], *, answer: bytes) -> None:
        """`answer` is what it says to a CONNECT of another version before it hangs up."""
        self._target = target
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.levels: list[int] = []

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def serve(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            connect = near.recv(65536)
            self.levels.append(connect[LEVEL_AT])
            if connect[LEVEL_AT] != LEVEL_3_1_1:
                near.sendall(self._answer)
                near.close()
                continue
            far = socket.create_connection(self._target)
            far.sendall(connect)
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=_pass, args=(source, sink), daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


def _pass(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@contextmanager
def old_broker(line: Line, answer: bytes) -> Iterator[OldBroker]:
    broker = OldBroker((line.broker.host, line.broker.port), answer=answer)
    thread = threading.Thread(target=broker.serve, daemon=True)
    thread.start()
    yield broker
    broker.close()
    thread.join(10)


@pytest.mark.parametrize("answer", [REFUSED, b""], ids=["refuses", "hangs up"])
def test_a_broker_that_knows_only_3_1_1_is_spoken_to_in_3_1_1(line: Line, answer: bytes) -> None:
    with old_broker(line, answer) as broker:
        with line.ingest(port=broker.port):
            line.plant.publish("BR-01/readings", readings(0))
            eventually(line.stored(1), what="a reading over MQTT 3.1.1")
        assert broker.levels == [5, LEVEL_3_1_1]


def test_ingest_1_over_3_1_1_what_was_not_committed_comes_again(line: Line, database_proxy: Proxy) -> None:
    through_proxy = line.database.dsn("ingest", host=database_proxy.directory)
    with old_broker(line, REFUSED) as broker:
        with line.ingest(port=broker.port, conninfo=through_proxy) as running:
            database_proxy.cut()
            for number in range(60):
                line.plant.publish("BR-01/readings", readings(number))
            eventually(lambda: len(running.inbox) > 0, what="deliveries waiting for the store")
        assert line.ask("SELECT count(*) FROM reading") == 0
        database_proxy.restore()
        with line.ingest(port=broker.port, conninfo=through_proxy):
            eventually(line.stored(60), what="everything, delivered again")


def test_a_retained_message_over_3_1_1_is_not_a_new_reading(line: Line) -> None:
    line.plant.publish("BR-01/readings", readings(0), retain=True)
    with old_broker(line, REFUSED) as broker, line.ingest(port=broker.port):
        line.plant.publish("BR-01/readings", readings(1))
        eventually(line.stored(1), what="the new reading")
    assert line.ask("SELECT to_char(max(source_time) AT TIME ZONE 'UTC', 'SS') FROM reading") == "01"


def test_a_broker_that_spoke_5_is_never_spoken_to_in_3_1_1_because_it_hangs_up() -> None:
    versions = Versions("auto")
    versions.answered(0)
    versions.ended(answered=True)
    for _ in range(3):
        versions.ended(answered=False)
        assert versions.current is Version.V5


def test_after_a_fallback_without_a_word_5_is_tried_again_at_the_next_connection() -> None:
    versions = Versions("auto")
    spoken = []
    for answered in (False, True, False):
        spoken.append(versions.current)
        versions.ended(answered=answered)
    assert spoken == [Version.V5, Version.V3_1_1, Version.V5]


@pytest.mark.parametrize("wanted", list(Version))
def test_a_version_that_was_asked_for_is_kept(wanted: Version) -> None:
    versions = Versions(wanted)
    versions.answered(UNSUPPORTED_PROTOCOL_VERSION)
    versions.ended(answered=False)
    assert versions.current is wanted
