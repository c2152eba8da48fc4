"""How many readings a second the live monitor takes through all its layers, and what it finds."""

import time
from pathlib import Path

import numpy as np

from analytics.evaluate import evaluate
from analytics.grid import Grid
from analytics.learning import learn_new
from analytics.reference import Blind, ReferenceModel
from analytics.runs import CompletedRun
from analytics.segment import Segment
from analytics.template import Further, asking
from store.model.times import US_PER_H
from tests.bench.report import report
from tests.bench.watched import monitor_of, tags_named

DATA = Path(__file__).parent.parent / "data" / "indpensim"
TAGS, HOURS, PER_HOUR = 20, 240, 60
GRID = Grid(width_us=US_PER_H // 2, cells=2 * HOURS)
MINUTES_A_SEGMENT = (1, 10, 60)


def bench_detection() -> None:
    """Twenty tags, a reading a minute, half-hour cells, all layers that need no declaration; labelled batches."""
    reference = learn_new(
        [_run(seed) for seed in range(24)],
        grid=GRID,
        tags=_names(),
        blind=[Blind(phase=None, hours=2.0)],
        template=asking(None, tuple(Further)),
    )
    for minutes in MINUTES_A_SEGMENT:
        segments = _segments(_run(100), minutes)
        readings = sum(len(segment) for segment in segments)
        spent_s = min(_watch(reference, segments) for _ in range(3))
        report(
            "detection",
            tags=TAGS,
            layers=[] if reference.trajectory is None else list(reference.trajectory.limits),
            readings_per_segment=TAGS * minutes,
            readings_per_s=round(readings / spent_s),
            us_per_reading=round(1e6 * spent_s / readings, 3),
        )
    began = time.perf_counter()
    result = evaluate(DATA)
    report("evaluate", seconds=round(time.perf_counter() - began, 1), **result.to_json())


def _watch(reference: ReferenceModel, segments: list[Segment]) -> float:
    monitor = monitor_of(reference, tags_named(_names(), interval_s=60.0))
    began = time.process_time()
    for segment in segments:
        monitor.feed(segment)
    return time.process_time() - began


def _run(seed: int) -> CompletedRun:
    rng = np.random.default_rng(seed)
    times_h = np.arange(HOURS * PER_HOUR) / PER_HOUR + 0.001
    courses = np.sin(times_h[:, None] / np.linspace(10, 60, TAGS)) * 5 + rng.normal(0, 0.3, TAGS)
    values = courses + rng.normal(0, 0.2, courses.shape)
    return CompletedRun(
        batch=f"R-{seed}", tags={name: (times_h, values[:, slot]) for slot, name in enumerate(_names())}
    )


def _names() -> list[str]:
    return [f"tag_{number:02d}" for number in range(TAGS)]


def _segments(run: CompletedRun, minutes: int) -> list[Segment]:
    times_us = np.rint(run.tags["tag_00"][0] * US_PER_H).astype(np.int64)
    values = np.array([run.tags[name][1] for name in _names()]).T
    ids = np.arange(TAGS, dtype=np.int32)
    segments = []
    for first in range(0, len(times_us), minutes):
        instants = times_us[first : first + minutes]
        segments.append(
            Segment(
                ordinals=np.repeat(np.arange(first, first + len(instants), dtype=np.int64), TAGS),
                tag_ids=np.tile(ids, len(instants)),
                source_times_us=np.repeat(instants, TAGS),
                values=values[first : first + minutes].ravel(),
                qualities=np.full(len(instants) * TAGS, 192, np.uint8),
            )
        )
    return segments
