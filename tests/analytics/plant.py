"""A small plant for these tests: two tags whose courses differ from batch to batch, from seeded random numbers."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from analytics.grid import Grid
from analytics.learning import learn_new
from analytics.learning_old import learn_old
from analytics.monitor import BatchMonitor
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from analytics.segment import Segment
from store.model.alert import Alert, AlertKind
from store.model.ids import TagId, UnitId
from store.model.plant import ReportingMode, Tag
from store.model.times import US_PER_H

HOURS = 60
PER_HOUR = 12  # readings of each tag
START_US = 1_795_000_000_000_000
GRID = Grid(width_us=US_PER_H // 2, cells=2 * HOURS)
TAGS = ("dissolved_oxygen", "glucose", "pH")


def run_of(seed: int, *, fault_from_h: float = np.inf, step: float = 0.0) -> CompletedRun:
    """One completed batch; `step` is added to dissolved oxygen from an hour on."""
    rng = np.random.default_rng(seed)
    times_h = np.arange(HOURS * PER_HOUR) / PER_HOUR + 0.01
    growth = 1.0 / (1.0 + np.exp(-(times_h - 30.0 + rng.normal(0, 0.5)) / 6.0))
    oxygen = 60.0 - 20.0 * growth * rng.lognormal(0, 0.03) + rng.normal(0, 0.4, len(times_h))
    oxygen += np.where(times_h >= fault_from_h, step, 0.0)
    glucose = np.round(20.0 - 12.0 * growth * rng.lognormal(0, 0.04) + rng.normal(0, 0.1, len(times_h)), 1)
    acid = 7.2 + rng.normal(0, 0.01, len(times_h)) + 0.01 * rng.normal()
    return CompletedRun(
        batch=f"B-{seed}",
        tags={
            "dissolved_oxygen": (times_h, oxygen),
            "glucose": (times_h, glucose),
            "pH": (times_h, acid),
        },
    )


def new_reference(batches: int = 24, blind_h: float = 2.0) -> ReferenceModel:
    """A reference of the new process from seeds 0, 1, …"""
    blind = [Blind(phase=None, hours=blind_h)]
    return learn_new([run_of(seed) for seed in range(batches)], grid=GRID, tags=TAGS, blind=blind)


def old_run(seed: int) -> CompletedRun:
    """The same process read by hand about every 12 hours, rounded, hand-timed."""
    rng = np.random.default_rng([seed, 1])
    dense = run_of(seed + 5000)
    tags = {}
    hours = np.arange(12.0, HOURS, 12.0) + rng.normal(0, 0.5, HOURS // 12 - 1)
    for name in ("dissolved_oxygen", "glucose"):
        times_h, values = dense.tags[name]
        at = np.searchsorted(times_h, hours)
        tags[name] = (hours, np.round(values[at], 1))
    return CompletedRun(batch=f"OLD-{seed}", tags=tags)


def old_reference(batches: int = 16) -> ReferenceModel:
    """A reference of the old process."""
    return learn_old([old_run(seed) for seed in range(batches)], grid=GRID, tags=("dissolved_oxygen", "glucose"))


def tags_of_unit(names: Sequence[str] = TAGS, *, interval_s: float = 300.0) -> list[Tag]:
    """Periodic tags numbered from 100."""
    return [
        Tag(
            tag_id=TagId(100 + number),
            unit_id=UnitId(1),
            position_id=None,
            name=name,
            measurand=name.replace("_", " "),
            unit_of_measure="1" if name == "pH" else "%",
            physical_low=None,
            physical_high=None,
            reporting_mode=ReportingMode.PERIODIC,
            interval_s=interval_s,
            mapped=True,
        )
        for number, name in enumerate(names)
    ]


def stream_of(run: CompletedRun, names: Sequence[str] = TAGS) -> Segment:
    """All readings of a run as one segment in order of time."""
    times = np.concatenate([run.tags[name][0] for name in names])
    ids = np.concatenate([np.full(len(run.tags[name][0]), 100 + at) for at, name in enumerate(names)])
    values = np.concatenate([run.tags[name][1] for name in names])
    times_us = START_US + np.rint(times * US_PER_H).astype(np.int64)
    order = np.lexsort((ids, times_us))
    return Segment(
        ordinals=np.arange(len(order), dtype=np.int64),
        tag_ids=ids[order].astype(np.int32),
        source_times_us=times_us[order],
        values=values[order],
        qualities=np.full(len(order), 192, np.uint8),
    )


def part(segment: Segment, first: int, last: int) -> Segment:
    """A piece of a segment; its tick belongs to the piece that reaches the end."""
    return Segment(
        ordinals=segment.ordinals[first:last],
        tag_ids=segment.tag_ids[first:last],
        source_times_us=segment.source_times_us[first:last],
        values=segment.values[first:last],
        qualities=segment.qualities[first:last],
        tick=segment.tick if last >= len(segment) else None,
    )


def pieces(segment: Segment, cuts: Sequence[int]) -> list[Segment]:
    """A segment cut at positions."""
    edges = [0, *sorted(cut % (len(segment) + 1) for cut in cuts), len(segment)]
    return [part(segment, first, last) for first, last in pairwise(edges)]


def watching(reference: ReferenceModel, names: Sequence[str], *, lateness_s: int = 0) -> BatchMonitor:
    """A monitor of a batch that begins now, with these tags and a reference of the new process alone."""
    return BatchMonitor.start(
        batch="CT-1",
        start_us=START_US,
        tags=tags_of_unit(names),
        reference_new=reference,
        reference_old=None,
        ranges=(),
        correspondences=(),
        software="test",
        lateness_us=lateness_s * 1_000_000,
    )


def drifts(alerts: Sequence[Alert]) -> list[Alert]:
    """Of alerts those of drift."""
    return [alert for alert in alerts if alert.kind is AlertKind.DRIFT]
