"""`batchwitness replay`: compute runs and charts anew from the journal and say whether the record tells the same."""

import sys
from pathlib import Path

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from analytics.chart_replaying import ReplayedChart, recorded_charts, replay_chart
from analytics.replaying import Replayed, recorded_runs, replay_run
from analytics.software import software
from batchwitness.connecting import dsn
from store.errors import BatchwitnessError, NotFound, translated

MOST_SHOWN = 20


def run(var: Path, batch: str | None) -> int:
    """Replay the runs of a batch and the charts it is on, or all: 0 when all agree, 1 when one does not, 2 when it
    could not be done.
    """
    console = Console(stderr=True)
    found: list[Replayed] = []
    charts: list[ReplayedChart] = []
    try:
        # With the rights of analytics, in a transaction that cannot write. One snapshot: a monitor that moves on
        # meanwhile is compared as far as it had come.
        with translated(), psycopg.connect(dsn(var, "analytics")) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            runs, on = recorded_runs(connection, batch), recorded_charts(connection, batch)
            if batch is not None and not runs and not on:
                raise NotFound(f"no monitor has watched a batch {batch}, and it is on no chart")
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, console=console) as bar:
                task = bar.add_task("runs replayed", total=len(runs))
                for run_ in runs:
                    found.append(replay_run(connection, run_))
                    bar.advance(task)
                task = bar.add_task("charts replayed", total=len(on))
                for chart in on:
                    charts.append(replay_chart(connection, chart))
                    bar.advance(task)
    except BatchwitnessError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    said = [line for one in found for line in lines(one)] + [line for one in charts for line in chart_lines(one)]
    sys.stdout.write("".join(f"{line}\n" for line in said))
    differing = sum(bool(one.disagreements) for one in found) + sum(bool(one.disagreements) for one in charts)
    alerts = sum(one.alerts for one in found) + sum(one.alerts for one in charts)
    verdict = f"{differing} differ" if differing else "the same, bit for bit"
    sys.stdout.write(f"{len(found)} runs and {len(charts)} charts, {alerts} alerts: {verdict}\n")
    return 1 if differing else 0


def lines(replayed: Replayed) -> list[str]:
    """What is said of one run."""
    recorded = replayed.run
    head = f"{recorded.batch}, run {recorded.run}: {replayed.alerts} alerts in {replayed.steps} steps"
    said = [f"{head}, the same" if not replayed.disagreements else f"{head}, {len(replayed.disagreements)} differ"]
    if recorded.software != software():
        said.append(f"  told by {recorded.software}, computed anew by {software()}")
    for one in replayed.disagreements[:MOST_SHOWN]:
        step = "as raised" if one.version == 0 else f"change {one.version}"
        said += [
            f"  alert {one.alert}, {step}, {one.what}:",
            f"    recorded {one.recorded}",
            f"    computed {one.computed}",
        ]
    if len(replayed.disagreements) > MOST_SHOWN:
        said.append(f"  and {len(replayed.disagreements) - MOST_SHOWN} more")
    return said


def chart_lines(replayed: ReplayedChart) -> list[str]:
    """What is said of one chart."""
    head = f"chart of {replayed.subject}, {replayed.chart.process}: {replayed.alerts} alerts in {replayed.steps} steps"
    said = [f"{head}, the same" if not replayed.disagreements else f"{head}, {len(replayed.disagreements)} differ"]
    for one in replayed.disagreements[:MOST_SHOWN]:
        said += [f"  {one.step}, {one.what}:", f"    recorded {one.recorded}", f"    computed {one.computed}"]
    if len(replayed.disagreements) > MOST_SHOWN:
        said.append(f"  and {len(replayed.disagreements) - MOST_SHOWN} more")
    return said
