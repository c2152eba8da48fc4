"""Rates of true and false alerts over many simulated plants, with exact intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.grid import Grid
from analytics.learning import learn_new
from analytics.methods.binomial import Rate
from analytics.monitor import BatchMonitor
from analytics.reference import Blind
from analytics.runs import CompletedRun
from analytics.segment import Segment
from analytics.template import Template
from store.model.alert import Alert, AlertKind
from store.model.plant import Tag
from store.model.reading import Quality
from store.model.times import US_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyRun:
    """A run in which something went wrong at a known hour."""

    run: CompletedRun
    kind: str
    start_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantTrial:
    """One plant: what a reference is learned from, and what is then watched."""

    reference: tuple[CompletedRun, ...]
    unchanged: tuple[CompletedRun, ...]
    faulty: tuple[FaultyRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRates:
    """What a monitoring plan does on plants nobody tuned it on."""

    plants: int
    false_alerts: Rate  # unchanged batches with at least one drift alert
    detected: dict[str, Rate]  # by kind: first drift alert after the fault began
    delay_median_h: dict[str, float | None]


def alert_rates(
    trials: Iterable[PlantTrial],
    *,
    grid: Grid,
    tags: Sequence[Tag],
    blind: Sequence[Blind] = (),
    template: Template | None = None,
) -> TrialRates:
    """Learn every plant's reference, watch its other runs with the live monitor, and count.

    `tags` are those of the unit; their names are the runs' keys.
    """
    plants, unchanged, alarmed = 0, 0, 0
    found: dict[str, list[float | None]] = {}
    names = [tag.name for tag in tags]
    for trial in trials:
        plants += 1
        reference = learn_new(trial.reference, grid=grid, tags=names, blind=blind, template=template)

        def first_h(run: CompletedRun) -> float | None:
            monitor = BatchMonitor.start(
                batch=run.batch,
                start_us=0,
                tags=tags,
                reference_new=reference,  # noqa: B023 - called before the next trial
                reference_old=None,
                ranges=(),
                correspondences=(),
                software="trials",
            )
            for phase in run.phases:
                monitor.phase(phase.name, round(phase.from_h * US_PER_H))
            return first_drift_h(monitor.feed(stream_of(run, tags)))

        for run in trial.unchanged:
            unchanged += 1
            alarmed += first_h(run) is not None
        for faulty in trial.faulty:
            raised_h = first_h(faulty.run)
            late_enough = raised_h is not None and raised_h > faulty.start_h
            delay_h = raised_h - faulty.start_h if raised_h is not None and late_enough else None
            found.setdefault(faulty.kind, []).append(delay_h)
    return TrialRates(
        plants=plants,
        false_alerts=Rate.of(alarmed, unchanged),
        detected={
            kind: Rate.of(sum(delay is not None for delay in delays), len(delays))
            for kind, delays in sorted(found.items())
        },
        delay_median_h={
            kind: float(np.median(known)) if (known := [d for d in delays if d is not None]) else None
            for kind, delays in sorted(found.items())
        },
    )


def stream_of(run: CompletedRun, tags: Sequence[Tag]) -> Segment:
    """All readings of a run that starts at 0 µs, one journal entry per instant."""
    spoken = [tag for tag in tags if tag.name in run.tags]
    times_h = np.concatenate([run.tags[tag.name][0] for tag in spoken])
    times_us = np.rint(times_h * US_PER_H).astype(np.int64)
    ids = np.concatenate([np.full(len(run.tags[tag.name][0]), tag.tag_id, np.int32) for tag in spoken])
    values = np.concatenate([run.tags[tag.name][1] for tag in spoken])
    order = np.lexsort((ids, times_us))
    return Segment(
        ordinals=times_us[order],
        tag_ids=ids[order],
        source_times_us=times_us[order],
        values=values[order],
        qualities=np.full(len(order), Quality.GOOD, np.uint8),
    )


def first_drift_h(alerts: Sequence[Alert]) -> float | None:
    """The process hour of a batch that starts at 0 µs at which its first drift alert was raised."""
    return next((alert.raised_us / US_PER_H for alert in alerts if alert.kind is AlertKind.DRIFT), None)
