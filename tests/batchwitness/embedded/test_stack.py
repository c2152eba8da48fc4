"""What the whole stack promises: one command brings everything up, what is killed comes back, Ctrl-C ends it all."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from batchwitness.embedded.child import CannotRun, descendants
from batchwitness.embedded.database import STAGE_ROLES
from batchwitness.embedded.stack import Stack, embedded_dsn
from batchwitness.embedded.stage import answers
from batchwitness.embedded.supervisor import State
from tests.batchwitness.embedded.test_database import make_roles
from tests.fix_postgres import short_directory
from tests.support import eventually

STUB = (sys.executable, str(Path(__file__).with_name("stub_stage.py")))

UP = """
import sys
from pathlib import Path
from batchwitness.embedded.up import up
from tests.batchwitness.embedded.test_database import make_roles
from tests.batchwitness.embedded.test_stack import STUB
sys.exit(up(Path(sys.argv[1]), migrate=make_roles, api_port=0, mqtt_port=0, command=STUB))
"""


@pytest.fixture
def var() -> Iterator[Path]:
    directory = short_directory()
    yield directory / "var"
    shutil.rmtree(directory)


def stack_in(var: Path, said: list[str] | None = None) -> Stack:
    say = (lambda _sentence: None) if said is None else said.append
    return Stack(var, migrate=make_roles, api_port=0, mqtt_port=0, command=STUB, say=say)


def test_every_stage_signs_in_as_itself_with_no_secret_in_sight_and_killed_ones_come_back(var: Path) -> None:
    said: list[str] = []
    with stack_in(var, said) as stack:
        assert [status.state for status in stack.status()] == [State.RUNNING] * 5
        for name, mqtt in (("ingest", True), ("analytics", False), ("api", False)):
            given = json.loads((var / "log" / f"{name}.log").read_text().splitlines()[0])
            assert given == {"user": [f"batchwitness_{name}"], "mqtt_password": mqtt}
        secrets = [file.read_text().strip() for file in var.glob("*/passwords/*.password")]
        assert len(secrets) == len(STAGE_ROLES) + len(("owner", "superuser", "ingest", "plant", "sparkplug"))
        for status in stack.status():
            exposed = Path(f"/proc/{status.pid}/cmdline").read_text() + Path(f"/proc/{status.pid}/environ").read_text()
            assert not any(secret in exposed for secret in secrets)
        with psycopg.connect(stack.dsn("batchwitness_owner"), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (id int)")
            connection.execute("INSERT INTO kept VALUES (42)")

        before = {status.name: status.pid for status in stack.status()}
        for pid in before.values():
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        eventually(
            lambda: all(status.restarts and status.state is State.RUNNING for status in stack.status()),
            within_s=30,
            what="everything runs again",
        )
        assert answers(f"{stack.api_url}/health")(0)
        assert not {status.pid for status in stack.status()} & set(before.values())
        with psycopg.connect(embedded_dsn(var, "batchwitness_owner")) as connection:
            assert connection.execute("SELECT id FROM kept").fetchall() == [(42,)]
        assert {sentence.split()[0] for sentence in said} == set(before)


def test_with_a_host_id_the_sparkplug_host_is_started_beside_ingest_with_its_rights(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHWITNESS_SPARKPLUG_HOST_ID", "batchwitness")
    with stack_in(var) as stack:
        assert {status.name: status.state for status in stack.status()}["sparkplug"] is State.RUNNING
        given = json.loads((var / "log" / "sparkplug.log").read_text().splitlines()[0])
        assert given == {"user": ["batchwitness_ingest"], "mqtt_password": True}


def test_up_prints_where_everything_listens_and_a_signal_ends_it_in_order_and_twice_in_a_row(var: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-c", UP, str(var)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        printed: list[str] = []
        while not printed or "Ctrl-C" not in printed[-1]:
            line = process.stdout.readline()
            assert line, process.communicate()
            printed.append(line)
        url = re.search(r"http://127\.0\.0\.1:\d+", "".join(printed))
        assert url is not None
        assert answers(f"{url[0]}/health")(0)
        refused = subprocess.run([sys.executable, "-c", UP, str(var)], capture_output=True, text=True)
        assert refused.returncode == 1
        assert f"as process {process.pid}" in refused.stderr
        process.send_signal(number)
        rest, errors = process.communicate(timeout=30)
        assert (process.returncode, rest.split(), errors) == (0, ["stopped"], "")
        assert not answers(f"{url[0]}/health")(0)
        assert "database system is shut down" in (var / "log" / "postgres.log").read_text()


@pytest.mark.parametrize("mode", [0o711, 0o700], ids=["where nobody can enter", "where nobody cannot enter"])
def test_nothing_outlives_a_killed_up_and_the_next_one_starts_on_the_same_data(var: Path, mode: int) -> None:
    var.parent.chmod(mode)
    process = subprocess.Popen([sys.executable, "-c", UP, str(var)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "Ctrl-C" not in (line := process.stdout.readline()):
        assert line, "up ended early"
    children = descendants(process.pid)
    assert len(children) > 5, "PostgreSQL, its own processes, the broker and three stages"
    process.kill()
    process.communicate()
    # Started at once, while the old PostgreSQL may still be shutting down.
    with stack_in(var) as stack:
        assert [status.state for status in stack.status()] == [State.RUNNING] * 5
        assert not {status.pid for status in stack.status()} & set(children)
    eventually(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in children), what="the children are gone")


def test_what_the_migrations_raise_is_passed_on_and_nothing_is_left_running(var: Path) -> None:
    def broken(conninfo: str) -> list[str]:
        with psycopg.connect(conninfo) as connection:
            connection.execute("SELECT no_such_column")
        return []

    stack = Stack(var, migrate=broken, api_port=0, mqtt_port=0, command=STUB)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        stack.start()
    assert not stack.running
    assert not stack.database.alive


def test_asking_for_the_database_of_a_directory_without_one_makes_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no embedded database"):
        embedded_dsn(tmp_path / "var", "batchwitness_readonly")
    assert not (tmp_path / "var").exists()
