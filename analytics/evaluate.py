"""Running the live monitor over a labelled data set and scoring it.

The monitor is the one that watches running batches, fed one reading instant at a time. Labels are opened after the
last alert was written down, by the scorer alone.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
from analytics.template import Further, asking, fitting, shipped
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

    watched: tuple[str, ...]  # batches
    hours: float  # of the longest of them
    readings: int
    template: str | None  # the one whose tags and units the data set has
    families: tuple[str, ...]  # of channels, which share the budget of false alerts
    set_aside: dict[str, str]  # reference batches that were not learned from, with the reason
    cost_us: float  # of one core per reading, from the reading to the alert
    alerts: tuple[BatchAlert, ...]
    score: Score | None

    @property
    def batches(self) -> int:
        """How many batches were watched."""
        return len(self.watched)

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
    also: Collection[Further] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Learn the references, run every monitored batch, then score. Raises DatasetError.

    `also` are families of channels that are watched beside the others, `without` those that are left out. `progress` is
    told how many of how many batches are done.
    """
    data = read_dataset(directory)
    grid = grid_of(data)
    blind = (Blind(phase=None, hours=BLIND_SHARE * grid.hours),)
    template = fitting(data.units, shipped())
    new = (
        learn_new(data.new, grid=grid, tags=data.tags, blind=blind, template=asking(template, also), without=without)
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
        watched=tuple(run.batch for run in data.monitored),
        hours=max(
            (float(times[-1]) for run in data.monitored for times, _ in run.tags.values() if len(times)), default=0.0
        ),
        readings=readings,
        template=None if template is None else template.name,
        families=() if new is None or new.trajectory is None else families_of(new.trajectory),
        set_aside={} if new is None else {part.batch: part.reason for part in new.set_aside},
        cost_us=1e6 * spent_s / max(readings, 1),
        alerts=tuple(alerts),
        score=None if labels is None else score_alerts([run.batch for run in data.monitored], alerts, labels),
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
    phases = sorted((round(phase.from_h * US_PER_H), phase.name) for phase in run.phases)
    for segment in segments_of(run, (*data.tags, *data.assays)):
        ended_us = int(segment.source_times_us[-1])
        while phases and phases[0][0] <= ended_us:
            started_us, name = phases.pop(0)
            monitor.phase(name, started_us)
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
