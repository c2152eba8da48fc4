"""Running the live monitor over a labelled data set and scoring it.

The monitor is the one that watches running batches, fed one reading instant at a time. Labels are opened after the
last alert was written down, by the scorer alone.
"""

import csv
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analytics.dataset import Dataset, DatasetError, read_dataset, read_labels
from analytics.grid import Grid
from analytics.layers import families_of
from analytics.learning import learn_new
from analytics.learning_old import learn_old
from analytics.monitor import BatchMonitor
from analytics.plan import TagCorrespondence
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from analytics.scoring import BatchAlert, Score, score_alerts
from analytics.segment import Segment
from analytics.template import fitting, shipped
from store.model.alert import Alert
from store.model.ids import TagId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.reading import Quality
from store.model.times import US_PER_H

READINGS_PER_CELL = 5  # a median of five is deaf to a single spike
BLIND_SHARE = 0.02  # of a batch's length, declared blind at its start


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All alerts of a data set, and their score where it has labels."""

    batches: int
    readings: int
    template: str | None  # the one whose tags and units the data set has
    families: tuple[str, ...]  # of channels, which share the budget of false alerts
    set_aside: dict[str, str]  # reference batches that were not learned from, with the reason
    cost_us: float  # of one core per reading, from the reading to the alert
    alerts: tuple[BatchAlert, ...]
    score: Score | None

    def to_json(self) -> dict[str, Any]:
        """One flat object: the score's fields, or None for each of them without labels."""
        counted = {
            "batches": self.batches,
            "readings": self.readings,
            "alerts": len(self.alerts),
            "template": self.template,
            "families": list(self.families),
            "set_aside": self.set_aside,
            "cost_us_per_reading": self.cost_us,
        }
        if self.score is None:
            return {**counted, **dict.fromkeys(Score.__slots__)}
        return {**counted, **asdict(self.score)}


def evaluate(
    directory: Path,
    *,
    without: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Learn the references, run every monitored batch, then score. Raises DatasetError.

    `without` are families of channels that are left out. `progress` is told how many of how many batches are done.
    """
    data = read_dataset(directory)
    grid = grid_of(data)
    blind = (Blind(phase=None, hours=BLIND_SHARE * grid.hours),)
    template = fitting(data.units, shipped())
    new = (
        learn_new(data.new, grid=grid, tags=data.tags, blind=blind, template=template, without=without)
        if data.new
        else None
    )
    old = learn_old(data.old, grid=grid, tags=data.tags) if data.old else None
    alerts: list[BatchAlert] = []
    readings = 0
    begun = time.process_time()
    for done, run in enumerate(data.monitored, 1):
        readings += sum(len(times) for times, _ in run.tags.values())
        alerts += [BatchAlert(batch=run.batch, alert=alert) for alert in watch(run, data, new, old)]
        if progress is not None:
            progress(done, len(data.monitored))
    spent_s = time.process_time() - begun
    labels = read_labels(directory)
    return Evaluation(
        batches=len(data.monitored),
        readings=readings,
        template=None if template is None else template.name,
        families=() if new is None or new.trajectory is None else families_of(new.trajectory),
        set_aside={} if new is None else {part.batch: part.reason for part in new.set_aside},
        cost_us=1e6 * spent_s / max(readings, 1),
        alerts=tuple(alerts),
        score=None if labels is None else score_alerts([run.batch for run in data.monitored], alerts, labels),
    )


def run(directory: Path, *, as_json: bool, alerts_file: Path | None, ablation: bool = False) -> int:
    """What the command does: evaluate with a progress bar, print, write the alerts. The exit status."""
    console = Console(stderr=True)
    try:
        result = _with_progress(console, directory, "batches watched", ())
        fewer = {
            family: _with_progress(console, directory, f"without {family}", (family,))
            for family in (result.families if ablation else ())
        }
    except (DatasetError, OSError) as error:
        console.print(f"[red]{error}[/red]")
        return 2
    if alerts_file is not None:
        write_alerts(alerts_file, result.alerts)
    out = Console()
    if as_json:
        said = result.to_json()
        if ablation:
            said["ablation"] = {family: less.to_json() for family, less in fewer.items()}
        out.file.write(json.dumps(said) + "\n")
    else:
        out.print("\n".join([summary(result), *ablation_lines(result, fewer)]), highlight=False)
    return 0


def _with_progress(console: Console, directory: Path, what: str, without: Collection[str]) -> Evaluation:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=None)
        return evaluate(
            directory,
            without=without,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def grid_of(data: Dataset) -> Grid:
    """Cells of five readings over the length of the reference batches; from the references alone."""
    runs = data.new or data.old
    if not runs:
        raise DatasetError("batches.csv names no reference batches")
    times = [run.tags[tag][0] for run in runs for tag in data.tags if tag in run.tags and len(run.tags[tag][0]) > 1]
    if not times:
        raise DatasetError("the reference batches have no readings")
    spacing_h = float(np.median(np.concatenate([np.diff(part) for part in times])))
    width_us = round(READINGS_PER_CELL * spacing_h * 3600.0) * 1_000_000
    hours = max(float(part[-1]) for part in times)
    return Grid(width_us=width_us, cells=max(1, int(hours * US_PER_H) // width_us))


def watch(run: CompletedRun, data: Dataset, new: ReferenceModel | None, old: ReferenceModel | None) -> list[Alert]:
    """The alerts of one batch in their last state, from a live monitor fed one reading instant at a time."""
    monitor = BatchMonitor.start(
        batch=run.batch,
        start_us=0,
        tags=[_tag(number, name, data) for number, name in enumerate((*data.tags, *data.assays))],
        reference_new=new,
        reference_old=old,
        ranges=(),
        correspondences=[TagCorrespondence(new_tag=name, old_tag=name) for name in data.tags],
        software="evaluate",
    )
    latest: dict[int, Alert] = {}
    ended_us = 0
    for segment in segments_of(run, (*data.tags, *data.assays)):
        ended_us = int(segment.source_times_us[-1])
        for alert in monitor.feed(segment):
            latest[alert.ordinal] = alert
    for alert in monitor.close(ended_us):
        latest[alert.ordinal] = alert
    return [latest[ordinal] for ordinal in sorted(latest)]


def segments_of(run: CompletedRun, tags: Sequence[str]) -> list[Segment]:
    """The readings of a run as the journal would hold them: one segment per instant."""
    spoken = [(number, *run.tags[name]) for number, name in enumerate(tags) if name in run.tags]
    times_us = np.rint(np.concatenate([times for _, times, _ in spoken]) * 3600.0).astype(np.int64) * 1_000_000
    ids = np.concatenate([np.full(len(times), number) for number, times, _ in spoken])
    values = np.concatenate([values for _, _, values in spoken])
    order = np.lexsort((ids, times_us))
    times_us, ids, values = times_us[order], ids[order].astype(np.int32), values[order]
    edges = np.flatnonzero(np.diff(times_us)) + 1
    starts, ends = [0, *edges.tolist()], [*edges.tolist(), len(times_us)]
    good = np.full(len(times_us), Quality.GOOD, np.uint8)
    return [
        Segment(
            ordinals=np.full(end - start, number, np.int64),
            tag_ids=ids[start:end],
            source_times_us=times_us[start:end],
            values=values[start:end],
            qualities=good[start:end],
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        if end > start
    ]


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


def _tag(number: int, name: str, data: Dataset) -> Tag:
    times = [run.tags[name][0] for run in data.new or data.old if name in run.tags]
    gaps = np.concatenate([np.diff(part) for part in times]) if times else np.empty(0)
    return Tag(
        tag_id=TagId(number),
        unit_id=UnitId(1),
        position_id=None,
        name=name,
        measurand=name,
        unit_of_measure=data.units[name],
        physical_low=None,
        physical_high=None,
        reporting_mode=ReportingMode.MANUAL if name in data.assays else ReportingMode.PERIODIC,
        interval_s=float(np.median(gaps)) * 3600.0 if len(gaps) else None,
        mapped=True,
    )
