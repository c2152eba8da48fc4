"""The command that evaluates a data set: progress, summary, alerts and the page with pictures."""

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analytics.dataset import DatasetError, read_labels
from analytics.evaluate import Evaluation, evaluate
from analytics.evaluation_report import report_html
from analytics.scoring import BatchAlert
from analytics.template import Further
from store.model.times import US_PER_H


def run(
    directory: Path,
    *,
    as_json: bool = False,
    alerts_file: Path | None = None,
    report_file: Path | None = None,
    ablation: bool = False,
    also: Collection[Further] = (),
) -> int:
    """Evaluate with a progress bar, print, write the alerts and the page with pictures. The exit status."""
    console = Console(stderr=True)
    try:
        result = _with_progress(console, directory, "batches watched", (), also)
        fewer = {
            family: _with_progress(console, directory, f"without {family}", (family,), also)
            for family in (result.families if ablation else ())
        }
    except (DatasetError, OSError) as error:
        console.print(f"[red]{error}[/red]")
        return 2
    if alerts_file is not None:
        write_alerts(alerts_file, result.alerts)
    if report_file is not None:
        page = report_html(result, name=directory.resolve().name, labels=read_labels(directory), fewer=fewer)
        report_file.write_text(page, encoding="utf-8")
    out = Console()
    if as_json:
        said = result.to_json()
        if ablation:
            said["ablation"] = {family: less.to_json() for family, less in fewer.items()}
        out.file.write(json.dumps(said) + "\n")
    else:
        out.print("\n".join([summary(result), *ablation_lines(result, fewer)]), highlight=False)
    return 0


def _with_progress(
    console: Console, directory: Path, what: str, without: Collection[str], also: Collection[Further]
) -> Evaluation:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=None)
        return evaluate(
            directory,
            without=without,
            also=also,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def write_alerts(path: Path, alerts: Sequence[BatchAlert]) -> None:
    """All alerts with their evidence as JSON, or the columns a table can hold as CSV, by the file's ending."""
    if path.suffix == ".json":
        rows = [{"batch": item.batch, **asdict(item.alert)} for item in alerts]
        path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["batch", "kind", "layer", "tags", "raised_h", "onset_h", "ended_h", "score", "limit", "sentence"]
        )
        for item in alerts:
            alert = item.alert
            ended = "" if alert.ended_us is None else f"{alert.ended_us / US_PER_H:.3f}"
            writer.writerow(
                [
                    item.batch,
                    alert.kind.value,
                    alert.detector,
                    " ".join(alert.tags),
                    f"{alert.raised_us / US_PER_H:.3f}",
                    f"{alert.onset_us / US_PER_H:.3f}",
                    ended,
                    repr(alert.score),
                    repr(alert.limit),
                    alert.sentence,
                ]
            )


def ablation_lines(whole: Evaluation, fewer: Mapping[str, Evaluation]) -> list[str]:
    """One line for each family that was left out, for a person."""
    lines = []
    for family, less in fewer.items():
        if whole.score is None or less.score is None:
            lines.append(f"without {family}: {len(less.alerts)} alerts")
            continue
        delay = "" if less.score.delay_median_h is None else f", median delay {less.score.delay_median_h:.1f} h"
        lines.append(
            f"without {family}: {less.score.faulty_detected} of {less.score.faulty_batches} found, "
            f"{less.score.unchanged_alarmed} of {less.score.unchanged_batches} false{delay}"
        )
    return lines


def summary(result: Evaluation) -> str:
    """The evaluation in a few lines for a person."""
    head = f"{result.batches} batches, {result.readings} readings, {len(result.alerts)} alerts"
    head += f", {result.cost_us:.1f} µs a reading"
    if result.template is not None:
        head += f"\ntemplate {result.template}: {', '.join(result.families)}"
    for batch, reason in result.set_aside.items():
        head += f"\nset aside: {batch}, {reason}"
    if result.score is None:
        return f"{head}; no labels, so no score"
    score = result.score
    low, high = (round(100 * bound, 1) for bound in score.intervals["unchanged_alarmed"])
    lines = [
        head,
        f"false: {score.unchanged_alarmed} of {score.unchanged_batches} unchanged batches (95 %: {low} to {high} %)",
    ]
    low, high = (round(100 * bound, 1) for bound in score.intervals["faulty_detected"])
    delay = "" if score.delay_median_h is None else f", median delay {score.delay_median_h:.1f} h"
    lines.append(
        f"found: {score.faulty_detected} of {score.faulty_batches} faulty batches (95 %: {low} to {high} %){delay}"
    )
    for kind, row in score.by_kind.items():
        median = "" if row["delay_median_h"] is None else f", median delay {row['delay_median_h']:.1f} h"
        lines.append(f"  {kind}: {row['detected']} of {row['batches']}{median}")
    return "\n".join(lines)
