"""Ctrl-C in the middle of the demo, and a second start that tells the rest."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchwitness.embedded import mosquitto
from batchwitness.embedded.child import descendants
from tests.fix_postgres import short_directory
from tests.support import eventually, missing

RATE, MINUTES = "60000", "15"  # so fast that a reading a minute would only measure the machine


@pytest.fixture
def var() -> Iterator[Path]:
    if mosquitto.find() is None:
        missing("mosquitto is not installed (apt-get install mosquitto)")
    directory = short_directory()
    yield directory / "var"
    shutil.rmtree(directory)


@pytest.mark.timeout(600)
def test_Ctrl_C_stops_the_demo_in_order_and_the_second_start_tells_the_rest(var: Path) -> None:
    with _demo(var) as first:
        try:
            eventually(lambda: _tells(first, var) > 500, within_s=240, what="the live part is under way")
            below = descendants(first.pid)
            assert len(below) >= 5, "PostgreSQL, broker and three stages"
            first.send_signal(signal.SIGINT)
            output, _ = first.communicate(timeout=60)
        finally:
            first.kill()
    assert first.returncode == 0, output
    assert "the next start continues with the same data" in output
    assert [pid for pid in below if _runs(pid)] == []
    assert not (var / "postgres" / "cluster" / "postmaster.pid").exists(), "PostgreSQL was not shut down in order"
    before = _said(var)
    assert before["history_messages"] > 0

    with _demo(var) as second:
        try:
            eventually(
                lambda: _tells(second, var) > before["live_messages"],
                within_s=120,
                what="the second start goes on where the first one stopped",
            )
            output, _ = second.communicate(timeout=400)
        finally:
            second.kill()
    after = _said(var)
    assert second.returncode == 0, output
    assert "everything published is stored exactly once" in output
    assert after["history_messages"] == before["history_messages"]
    on_paper = after["paper_places"] - after["paper_put_aside"]
    assert f"{on_paper + after['history_readings'] + after['live_readings']:,} stored" in " ".join(output.split())
    assert after["paper_put_aside"] > 0, "people slip when they copy pages"


def _demo(var: Path) -> "subprocess.Popen[str]":
    """The demo as a person starts it, with a faster plant clock."""
    command = [sys.executable, "-m", "batchwitness", "demo", "--exit", "--var", str(var), "--rate", RATE]
    command += ["--interval", MINUTES]
    return subprocess.Popen(
        [*command, "--api-port", "0", "--mqtt-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def _tells(demo: "subprocess.Popen[str]", var: Path) -> int:
    """How many live messages it has told, as long as it runs."""
    if demo.poll() is not None:
        pytest.fail(f"the demo ended with {demo.returncode}: {demo.communicate()[0]}")
    return _said(var)["live_messages"]


def _said(var: Path) -> dict[str, int]:
    """How far the demo has come by its own notes."""
    file = var / "demo.json"
    if not file.exists():
        return {"history_messages": 0, "history_readings": 0, "live_messages": 0, "live_readings": 0}
    said: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))
    return said


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
