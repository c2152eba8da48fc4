"""The live part in the terminal: a progress bar, and alerts as they are raised."""

import time
from pathlib import Path

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from batchwitness.demo.publishing import Publishing
from batchwitness.demo.state import DemoState
from batchwitness.demo.summary import print_alert
from batchwitness.embedded.child import CannotRun
from store.model.times import from_us
from store.sql import queries

LOOK_EVERY_S = 0.3


class Live:
    """Follows the publisher and the alerts."""

    def __init__(self, publishing: Publishing, state_file: Path, console: Console) -> None:
        self._publishing = publishing
        self._state_file = state_file
        self._console = console
        self._told = 0
        self._shown: set[int] = set()  # an alert that changes is told again

    def follow(self, connection: psycopg.Connection) -> DemoState:
        """Show what is published and raised until the story has been told; returns the state then.

        Raises CannotRun when the publisher fails.
        """
        try:
            with (
                self._publishing.followed(lambda line: self._console.print(line, markup=False)) as status,
                Progress(
                    TextColumn("{task.description}"),
                    BarColumn(),
                    TaskProgressColumn(),
                    TimeRemainingColumn(),
                    console=self._console,
                ) as bar,
            ):
                task = bar.add_task("the plant warms up", total=None)
                while status() is None:
                    self._show(bar, task)
                    self._show_alerts(connection)
                    time.sleep(LOOK_EVERY_S)
                ended = status()
        finally:
            self._publishing.state.save(self._state_file)
        self._show_alerts(connection)
        if ended != 0:
            raise CannotRun(f"the demo plant ended with status {ended}")
        return self._publishing.state

    def _show(self, bar: Progress, task: TaskID) -> None:
        state = self._publishing.state
        if state.plant_us is None or not self._publishing.total_messages:
            return
        bar.update(
            task,
            completed=state.live_messages,
            total=self._publishing.total_messages,
            description=f"plant time {from_us(state.plant_us):%Y-%m-%d %H:%M}, {state.live_readings:,} readings",
        )
        state.save(self._state_file)

    def _show_alerts(self, connection: psycopg.Connection) -> None:
        rows = connection.execute(queries("demo")["alerts_told"], {"after": self._told}).fetchall()
        for told, alert_id, batch, kind, tags, phase_time_h, sentence in rows:
            self._told = told
            if alert_id not in self._shown:
                print_alert(self._console, batch, kind, tags, phase_time_h, sentence)
            self._shown.add(alert_id)
