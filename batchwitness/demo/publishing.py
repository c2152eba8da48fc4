"""The publisher process of the demo: started early, because simulating takes a while, told later when to begin."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import orjson

from batchwitness.demo.state import DemoState
from batchwitness.embedded import child
from batchwitness.embedded.stack import Stack

END_WITHIN_S = 10.0


class Publishing:
    """What is left of the live story, published by a process of its own."""

    def __init__(self, stack: Stack, state: DemoState, *, anchor: datetime, rate: float) -> None:
        """Start the process; it simulates and then waits for `begin`."""
        self.anchor = anchor
        self.state = state  # as it was at the start, moved on by what the broker acknowledged
        self.total_messages = 0
        environment = stack.environment("plant")
        arguments = {
            "host": environment["BATCHWITNESS_MQTT_HOST"],
            "port": environment["BATCHWITNESS_MQTT_PORT"],
            "user": environment.get("BATCHWITNESS_MQTT_USER"),
            "password-file": environment.get("BATCHWITNESS_MQTT_PASSWORD_FILE"),
            "seed": state.seed,
            "interval": state.interval_s,
            "end": state.end.isoformat(),
            "rate": rate,
            "anchor": anchor.isoformat(),
            "host-anchor": "-",
            "skip": state.live_messages,
        }
        options = [part for name, value in arguments.items() if value is not None for part in (f"--{name}", str(value))]
        self._process = child.start(
            [sys.executable, "-m", "batchwitness.plant.publisher", "live", *options],
            env=environment,
            output=subprocess.PIPE,
            input_=subprocess.PIPE,
        )

    def begin(self, host_anchor: datetime) -> None:
        """Let plant time run: it is `anchor` at this host time."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died; its status will say why
            self._process.stdin.write(f"{host_anchor.isoformat()}\n".encode())
            self._process.stdin.flush()

    @contextmanager
    def followed(self, say: Callable[[str], None]) -> Iterator[Callable[[], int | None]]:
        """Read what the process says while the block runs; yields a function that gives its status once it ended."""
        reader = threading.Thread(target=self._read, args=[say], name="publisher output")
        reader.start()
        try:
            yield self._process.poll
        finally:
            self.stop()
            reader.join()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_WITHIN_S)
            if self._process.poll() is None:
                child.kill_tree(self._process)

    def _read(self, say: Callable[[str], None]) -> None:
        before = self.state
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                said = orjson.loads(line)
            except orjson.JSONDecodeError:
                say(line.decode(errors="replace").rstrip())
                continue
            if "total_messages" in said:
                self.total_messages = said["total_messages"]
                continue
            self.state = before.model_copy(
                update={
                    "live_messages": before.live_messages + said["published"],
                    "live_readings": before.live_readings + said["readings"],
                    "plant_us": said["plant_us"] or before.plant_us,
                }
            )
