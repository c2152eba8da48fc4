"""`batchwitness replay`: compute alerts anew from the journal and say whether the record tells the same."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from analytics.alert_replaying import ReplayedRunAlert, ReplayedSignal, replay_alert
from analytics.chart_replaying import ChartDisagreement, ReplayedChart, recorded_charts, replay_chart
from analytics.replaying import Disagreement, Replayed, recorded_runs, replay_run
from analytics.software import software
from batchwitness.connecting import dsn
from store.errors import BatchwitnessError, NotFound, translated

MOST_SHOWN = 20


def run_alert(var: Path, alert: int) -> int:
    """Replay one alert: 0 when it is the same, 1 when it differs, 2 when this version, or any, cannot tell."""
    try:
        with _snapshot(var) as connection:
            found = replay_alert(connection, alert)
    except BatchwitnessError as error:
        Console(stderr=True).print(f"[red]{error}[/red]")
        return 2
    disagreements = found.replayed.disagreements
    said = [*alert_lines(found), *_differing(disagreements)]
    said.append(f"{len(disagreements)} of its fields differ" if disagreements else "the same, bit for bit")
    sys.stdout.write("".join(f"{line}\n" for line in said))
    return 1 if disagreements else 0


def run(var: Path, batch: str | None) -> int:
    """Replay the runs of a batch and the charts it is on, or all: 0 when all agree, 1 when one does not, 2 when it
    could not be done.
    """
    console = Console(stderr=True)
    found: list[Replayed] = []
    charts: list[ReplayedChart] = []
    try:
        with _snapshot(var) as connection:
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


def alert_lines(found: ReplayedRunAlert | ReplayedSignal) -> list[str]:
    """What was computed anew of one alert, from what."""
    alert = found.alert
    said = [f"alert {alert.alert_id}: {alert.kind} ({alert.detector})", f"  {alert.sentence}"]
    by = f"by {software()}"
    if isinstance(found, ReplayedSignal):
        chart, limits = found.replayed, found.limits
        rest_on = f"version {limits.version} of its limits, {limits.kind}, of {len(limits.batches)} batches"
        said += [
            f"  raised by the chart of {chart.subject}, {chart.chart.process}, as alert {alert.ordinal} of {rest_on}",
            f"  computed anew from ordinals 1 to {chart.chart.position} of the intake {by}",
        ]
    else:
        pinned = found.pinned
        said += [
            f"  raised by run {pinned.run} of the monitor of {pinned.batch}, as its alert {alert.ordinal}",
            f"  computed anew from ordinals {pinned.started_ordinal} to {pinned.position} of the intake {by}",
        ]
        if pinned.corrected_ordinal is not None:
            said.append(f"  with what was corrected or had come late by ordinal {pinned.corrected_ordinal}")
        for role, digest in (("new", pinned.digest_new), ("old", pinned.digest_old)):
            shown = "none" if digest is None else f"SHA-256 {digest.hex()}"
            said.append(f"  reference of the {role} process: {shown}")
    return [*said, f"  compared: the alert as it was raised, and changes of it: {max(found.replayed.steps - 1, 0)}"]


def lines(replayed: Replayed) -> list[str]:
    """What is said of one run."""
    recorded = replayed.run
    head = f"{recorded.batch}, run {recorded.run}: {replayed.alerts} alerts in {replayed.steps} steps"
    said = [f"{head}, the same" if not replayed.disagreements else f"{head}, {len(replayed.disagreements)} differ"]
    if recorded.software != software():
        said.append(f"  told by {recorded.software}, computed anew by {software()}")
    return [*said, *_differing(replayed.disagreements)]


def chart_lines(replayed: ReplayedChart) -> list[str]:
    """What is said of one chart."""
    head = f"chart of {replayed.subject}, {replayed.chart.process}: {replayed.alerts} alerts in {replayed.steps} steps"
    said = [f"{head}, the same" if not replayed.disagreements else f"{head}, {len(replayed.disagreements)} differ"]
    return [*said, *_differing(replayed.disagreements)]


@contextmanager
def _snapshot(var: Path) -> Iterator[psycopg.Connection]:
    """With the rights of analytics, in a transaction that cannot write: a monitor that moves on meanwhile is compared
    as far as it had come.
    """
    with translated(), psycopg.connect(dsn(var, "analytics")) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def _differing(disagreements: Sequence[Disagreement | ChartDisagreement]) -> Iterator[str]:
    for one in disagreements[:MOST_SHOWN]:
        yield f"  {_step(one)}, {one.what}:"
        yield f"    recorded {one.recorded}"
        yield f"    computed {one.computed}"
    if len(disagreements) > MOST_SHOWN:
        yield f"  and {len(disagreements) - MOST_SHOWN} more"


def _step(disagreement: Disagreement | ChartDisagreement) -> str:
    if isinstance(disagreement, ChartDisagreement):
        return disagreement.step
    step = "as raised" if disagreement.version == 0 else f"change {disagreement.version}"
    return f"alert {disagreement.alert} of its run, {step}"
