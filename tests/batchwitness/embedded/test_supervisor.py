"""What the supervisor promises: order, readiness, restarts, logs, and that nothing outlives it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from batchwitness.embedded import ports
from batchwitness.embedded import stage as stage_module
from batchwitness.embedded.child import CannotRun
from batchwitness.embedded.stage import Stage, answers, wrote
from batchwitness.embedded.supervisor import AlreadyRunning, State, Supervisor
from tests.support import eventually

SUPERVISE_FROM_A_PROCESS = """
import sys, time
from pathlib import Path
from batchwitness.embedded.stage import Stage
from batchwitness.embedded.supervisor import Supervisor
var = Path(sys.argv[1])
stages = [
    Stage(name, ["/bin/sh", "-c", command], log_file=var / f"{name}.log", is_ready=lambda pid: True)
    for name, command in (("one", "exec sleep 600"), ("two", "trap '' TERM INT HUP; exec sleep 600"))
]
with Supervisor(stages, lock_file=var / "lock") as supervisor:
    print(*[status.pid for status in supervisor.status()], flush=True)
    time.sleep(600)
"""


def shell(var: Path, name: str, command: str, is_ready: Callable[[int], bool] = lambda _pid: True) -> Stage:
    return Stage(name, ["/bin/sh", "-c", command], log_file=var / "log" / f"{name}.log", is_ready=is_ready)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_each_starts_when_the_one_before_is_ready_and_they_stop_in_reverse(tmp_path: Path) -> None:
    story = tmp_path / "story"
    command = (
        "trap 'echo {0} stops >> {1}; exit 0' TERM; echo {0} starts >> {1}; read -r line < {2}/{0}.go;"
        " echo {0} ready >> {1}; echo $$ > {2}/{0}.ready; while :; do read -r line < {2}/never; done"
    )
    stages = []
    for name in ("first", "second"):
        os.mkfifo(tmp_path / f"{name}.go")
        stages.append(shell(tmp_path, name, command.format(name, story, tmp_path), wrote(tmp_path / f"{name}.ready")))
    os.mkfifo(tmp_path / "never")
    supervisor = Supervisor(stages, lock_file=tmp_path / "lock")
    starter = threading.Thread(target=supervisor.start)
    starter.start()
    eventually(lambda: story.exists() and "first starts" in story.read_text(), what="the first starts")
    assert [status.state for status in supervisor.status()] == [State.STARTING, State.WAITING]
    for name in ("first", "second"):
        (tmp_path / f"{name}.go").write_text("go\n")
    starter.join(10)
    assert [status.state for status in supervisor.status()] == [State.RUNNING, State.RUNNING]
    supervisor.stop()
    assert story.read_text().splitlines() == [
        "first starts",
        "first ready",
        "second starts",
        "second ready",
        "second stops",
        "first stops",
    ]
    assert [status.state for status in supervisor.status()] == [State.STOPPED, State.STOPPED]


def test_what_dies_is_started_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    said: list[str] = []
    log = tmp_path / "log" / "frail.log"
    frail_stage = shell(
        tmp_path,
        "frail",
        "echo last words; exec sleep 600",
        lambda _pid: log.exists() and "last words" in log.read_text(),
    )
    stages = [shell(tmp_path, "steady", "exec sleep 600"), frail_stage]
    with Supervisor(stages, lock_file=tmp_path / "lock", say=said.append) as supervisor:
        steady, frail = supervisor.status()
        assert frail.pid is not None
        os.kill(frail.pid, signal.SIGKILL)
        died_at_s = time.monotonic()
        eventually(lambda: supervisor.status()[1].restarts == 1, what="a restart")
        assert 0.4 <= time.monotonic() - died_at_s <= 5.0, "the first pause is half a second"
        eventually(lambda: supervisor.status()[1].state is State.RUNNING, what="it runs again")
        steady_now, frail_now = supervisor.status()
        assert steady_now.pid == steady.pid
        assert frail_now.pid not in (None, frail.pid)
        assert "SIGKILL" in (frail_now.last_end or "")
        assert "last words" in (frail_now.last_end or "")
        eventually(lambda: len(said) == 2, what="both sentences")
    assert "frail is started again in 0.5 s" in said[0]
    assert said[1] == "frail runs again"


def test_the_pause_doubles_for_what_keeps_dying(tmp_path: Path) -> None:
    said: list[str] = []
    ran = tmp_path / "ran"
    frail = shell(tmp_path, "frail", f"test -e {ran} && exit 3; touch {ran}; exec sleep 600", lambda _pid: ran.exists())
    with Supervisor([frail], lock_file=tmp_path / "lock", say=said.append) as supervisor:
        os.kill(supervisor.status()[0].pid or 0, signal.SIGKILL)
        eventually(lambda: any("in 2 s" in sentence for sentence in said), what="a pause of 2 s")
    pauses = [sentence.split(" s:")[0].rpartition(" ")[2] for sentence in said if "started again" in sentence]
    assert pauses == ["0.5", "1", "2"]


def test_a_stage_that_dies_while_starting_stops_everything_and_the_error_quotes_its_log(tmp_path: Path) -> None:
    healthy = shell(tmp_path, "healthy", "exec sleep 600")
    broken = shell(tmp_path, "broken", "echo no such column >&2; exit 7", lambda _pid: False)
    supervisor = Supervisor([healthy, broken], lock_file=tmp_path / "lock")
    with pytest.raises(CannotRun, match=r"broken ended with exit status 7.*\n.*no such column"):
        supervisor.start()
    assert not healthy.alive
    assert not supervisor.running


def test_a_stage_that_never_gets_ready_is_an_error_too(tmp_path: Path) -> None:
    idle = shell(tmp_path, "idle", "exec sleep 600", lambda _pid: False)
    with pytest.raises(CannotRun, match=r"not ready within 0.3 s: idle runs"):
        Supervisor([idle], lock_file=tmp_path / "lock", ready_within_s=0.3).start()
    assert not idle.alive


def test_a_second_supervisor_on_the_same_directory_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with Supervisor([], lock_file=lock):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()};"):
            Supervisor([], lock_file=lock).start()
        with pytest.raises(AlreadyRunning):  # the refused one has not taken the lock's text away
            Supervisor([], lock_file=lock).start()
    with Supervisor([], lock_file=lock) as later:
        assert later.running


def test_the_children_of_a_killed_supervisor_die_and_its_directory_is_free(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE_FROM_A_PROCESS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    children = [int(word) for word in supervisor.stdout.readline().split()]
    assert len(children) == 2
    assert not any(gone(child) for child in children)
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    eventually(lambda: all(gone(child) for child in children), what="the children are gone")
    with Supervisor([], lock_file=tmp_path / "lock") as next_one:
        assert next_one.running


def test_a_stage_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "TERM_WITHIN_S", 0.3)
    deaf = shell(
        tmp_path, "deaf", f"trap '' TERM; echo $$ > {tmp_path}/ready; sleep 600; sleep 600", wrote(tmp_path / "ready")
    )
    with Supervisor([deaf], lock_file=tmp_path / "lock") as supervisor:
        pid = supervisor.status()[0].pid
    assert pid is not None
    assert gone(pid)


def test_a_log_is_kept_small_and_loses_no_line_when_it_is_moved(tmp_path: Path) -> None:
    from batchwitness.embedded.logs import Collector

    lines = [f"line {number:05}" for number in range(5000)]
    process = subprocess.Popen(["/usr/bin/seq", "-f", "line %05g", "0", "4999"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    log = tmp_path / "chatty.log"
    Collector(process.stdout, log, rotate_at_bytes=20_000).wait(10)
    process.wait()
    files = [tmp_path / "chatty.log.2", tmp_path / "chatty.log.1", log]
    assert all(file.stat().st_size < 21_000 for file in files)
    assert [line for file in files for line in file.read_text().splitlines()] == lines


def test_a_port_that_something_else_has_is_refused_before_its_answer_is_taken_for_ours(tmp_path: Path) -> None:
    port = ports.free()
    other = shell(tmp_path, "other", f"exec {sys.executable} -m http.server -b 127.0.0.1 {port}")
    with Supervisor([other], lock_file=tmp_path / "lock"):
        ready = answers(f"http://127.0.0.1:{port}/")
        eventually(lambda: ready(0), what="the other one answers")
        ours = Stage("api", ["sleep", "600"], log_file=tmp_path / "api.log", is_ready=ready, port=port)
        with pytest.raises(CannotRun, match=f"api cannot listen on 127.0.0.1:{port}"):
            ours.start()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = Stage("ghost", ["/no/such/program"], log_file=tmp_path / "ghost.log", is_ready=lambda _pid: True)
    with pytest.raises(CannotRun, match=r"ghost cannot be started: .*/no/such/program"):
        Supervisor([missing], lock_file=tmp_path / "lock").start()
