"""The live part: a publisher process says what the plant says, the terminal shows progress and alerts as they come."""

import contextlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson
import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from batchwitness.demo.preparation import Preparation
from batchwitness.demo.state import DemoState
from batchwitness.demo.summary import print_alert
from batchwitness.embedded import child
from batchwitness.embedded.child import CannotRun
from batchwitness.embedded.stack import Stack
from store.model.times import from_us
from store.sql import queries

LOOK_EVERY_S = 0.3


class Live:
    """Follows the publisher and the alerts."""

    def __init__(self, stack: Stack, preparation: Preparation, state_file: Path, console: Console) -> None:
        self._stack = stack
        self._preparation = preparation
        self._state_file = state_file
        self._console = console
        self._state = preparation.state
        self._total = 0
        self._last_alert = 0

    def follow(self, connection: psycopg.Connection) -> DemoState:
        """Publish what is left of the story and show what happens meanwhile; returns the state at its end."""
        publisher = self._start()
        reader = threading.Thread(target=self._read, args=[publisher], name="publisher output")
        reader.start()
        try:
            with Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                console=self._console,
            ) as bar:
                task = bar.add_task("the plant warms up", total=None)
                while publisher.poll() is None:
                    self._show(bar, task)
                    self._show_alerts(connection)
                    time.sleep(LOOK_EVERY_S)
                reader.join()
                self._show(bar, task)
            self._show_alerts(connection)
        finally:
            self._end(publisher)
            reader.join()
            self._state.save(self._state_file)
        if publisher.returncode != 0:
            raise CannotRun(f"the demo plant ended with status {publisher.returncode}")
        return self._state

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = self._stack.environment("plant")
        state = self._state
        arguments = {
            "host": environment["BATCHWITNESS_MQTT_HOST"],
            "port": environment["BATCHWITNESS_MQTT_PORT"],
            "user": environment.get("BATCHWITNESS_MQTT_USER"),
            "password-file": environment.get("BATCHWITNESS_MQTT_PASSWORD_FILE"),
            "seed": state.seed,
            "end": state.end.isoformat(),
            "rate": self._preparation.rate,
            "anchor": self._preparation.anchor.isoformat(),
            "host-anchor": self._preparation.host_anchor.isoformat(),
            "skip": state.live_messages,
        }
        options = [part for name, value in arguments.items() if value is not None for part in (f"--{name}", str(value))]
        return child.start(
            [sys.executable, "-m", "batchwitness.plant.publisher", "live", *options],
            env=environment,
            output=subprocess.PIPE,
        )

    def _read(self, publisher: "subprocess.Popen[bytes]") -> None:
        skipped, before = self._state.live_messages, self._state
        assert publisher.stdout is not None
        for line in publisher.stdout:
            try:
                said = orjson.loads(line)
            except orjson.JSONDecodeError:
                self._console.print(line.decode(errors="replace").rstrip(), markup=False)
                continue
            if "total_messages" in said:
                self._total = said["total_messages"]
                continue
            self._state = before.model_copy(
                update={
                    "live_messages": skipped + said["published"],
                    "live_readings": before.live_readings + said["readings"],
                    "plant_us": said["plant_us"] or before.plant_us,
                }
            )

    def _show(self, bar: Progress, task: object) -> None:
        state = self._state
        if state.plant_us is None or not self._total:
            return
        bar.update(
            task,  # type: ignore[arg-type]  # rich's TaskID
            completed=state.live_messages,
            total=self._total,
            description=f"plant time {from_us(state.plant_us):%Y-%m-%d %H:%M}, {state.live_readings:,} readings",
        )
        state.save(self._state_file)

    def _show_alerts(self, connection: psycopg.Connection) -> None:
        rows = connection.execute(queries("demo")["new_alerts"], {"after": self._last_alert}).fetchall()
        for alert_id, batch, kind, tags, phase_time_h, sentence in rows:
            self._last_alert = alert_id
            print_alert(self._console, batch, kind, tags, phase_time_h, sentence)

    def _end(self, publisher: "subprocess.Popen[bytes]") -> None:
        if publisher.poll() is None:
            publisher.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                publisher.wait(10)
            if publisher.poll() is None:
                child.kill_tree(publisher)
