"""The proxy of the tests does to connections what its name says, or the tests that use it prove nothing."""

import socket

import psycopg
import pytest

from batchwitness.embedded.broker import EmbeddedBroker
from batchwitness.embedded.postgres import EmbeddedPostgres
from tests.fix_postgres import Database, short_directory
from tests.fix_proxy import Proxy, Way
from tests.support import eventually


def test_a_cut_ends_a_database_session_and_restore_lets_the_next_one_through(empty_database: Database) -> None:
    directory = short_directory()
    name = ".s.PGSQL.5432"
    with Proxy(empty_database.server.socket_dir / name, directory / name) as proxy:
        through = empty_database.dsn(host=proxy.directory)
        with psycopg.connect(through) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            proxy.cut()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(through)
        proxy.restore()
        with psycopg.connect(through) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    directory.rmdir()


def test_a_stall_keeps_the_connection_and_delivers_what_waited_when_restored() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname()) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port))
        far, _ = server.accept()
        with client, far:
            client.sendall(b"before")
            assert far.recv(100) == b"before"
            proxy.stall()
            client.sendall(b"during")
            far.settimeout(0.1)
            with pytest.raises(TimeoutError):
                far.recv(100)
            proxy.restore()
            far.settimeout(10)
            assert far.recv(100) == b"during"
            assert proxy.connections == 1
        eventually(lambda: proxy.connections == 0, what="the pair is forgotten")


def test_a_stall_of_one_way_lets_the_other_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname()) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port), timeout=0.1)
        far, _ = server.accept()
        with client, far:
            proxy.stall(Way.BACK)
            client.sendall(b"there")
            assert far.recv(100) == b"there"
            far.sendall(b"back")
            with pytest.raises(TimeoutError):
                client.recv(100)
            proxy.restore()
            client.settimeout(10)
            assert client.recv(100) == b"back"


def test_of_a_half_open_connection_only_the_server_knows_that_it_has_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname()) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port), timeout=0.1)
        far, _ = server.accept()
        with client, far:
            proxy.half_open()
            assert far.recv(100) == b""
            client.sendall(b"to nobody")
            with pytest.raises(TimeoutError):
                client.recv(100)
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as another:
                far_again, _ = server.accept()
                with far_again:
                    far_again.sendall(b"passes")
                    assert another.recv(100) == b"passes"
            proxy.restore()
            client.settimeout(10)
            assert client.recv(100) == b""


def test_the_proxy_before_the_broker_leads_to_it(broker: EmbeddedBroker, broker_proxy: Proxy) -> None:
    assert broker_proxy.port != broker.port
    with socket.create_connection(("127.0.0.1", broker_proxy.port), timeout=10) as connection:
        connection.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01x")
        assert connection.recv(4) == b"\x20\x02\x00\x05", "CONNACK of MQTT 3.1.1: not authorised"


def test_a_server_that_is_not_there_ends_the_connection(postgres_server: EmbeddedPostgres) -> None:
    directory = short_directory()
    with (
        Proxy(directory / "nobody-listens", directory / ".s.PGSQL.5432") as proxy,
        pytest.raises(psycopg.OperationalError),
    ):
        psycopg.connect(postgres_server.dsn(host=proxy.directory))
    directory.rmdir()
